"""Hand-made results in the shapes that the verbs print; every figure on a page can be found again here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regard.report import Attention, Customer, Deed, ReportData, Totals

HOSTILE = "<script>alert('x')</script> & \"lamp\" '); } </style>"
"""A name that breaks out of a page which forgets to escape."""


def estimate(mean: float, half: float = 0.02, n: int = 1486) -> dict[str, Any]:
    return {"mean": mean, "interval": [max(mean - half, 0.0) if mean >= 0 else mean - half, mean + half], "n": n}


def metrics(ndcg: float, half: float = 0.02) -> dict[str, Any]:
    stems = {"ndcg": 1.0, "hr": 2.1, "recall": 0.8, "mrr": 1.3, "map": 0.6}
    found = {f"{stem}_at_10": estimate(ndcg * factor, half) for stem, factor in stems.items()}
    return {**found, "novelty_at_10": estimate(7.5), "coverage_at_10": {"mean": 0.41, "interval": None, "n": 1486}}


def evaluation(outcome: str = "better", customers: int = 1486) -> dict[str, Any]:
    baselines = {
        "popularity": metrics(0.069), "recent_popularity": metrics(0.115), "own_frequency": metrics(0.241),
        "own_decayed": metrics(0.262), "last_item_covisit": metrics(0.133), "nearest_customers": metrics(0.257),
        "ease": metrics(0.228),
    }  # fmt: skip
    slices = [
        ("item_age", "never seen before", 96, 0.0), ("history_length", "1", 210, 0.118),
        ("item_popularity", "0-14", 311, 0.142), ("last_behaviour", "view_item", 402, 0.183),
        ("history_length", "2-4", 320, 0.204), ("item_age", "30-89", 420, 0.233),
        ("last_behaviour", "purchase", 1022, 0.301), ("item_popularity", "62+", 905, 0.322),
        ("history_length", "20-49", 288, 0.334), ("item_age", "365+", 880, 0.341),
    ]  # fmt: skip
    return {
        "split": {"kind": "time", "cut": "2024-12-02T00:00:00Z", "days": 30, "mask": "none",
                  "hash": "0123456789abcdef", "customers": customers},
        "model": metrics(0.2914),
        "baselines": baselines,
        "verdict": {"best_baseline": "own_decayed", "outcome": outcome, "words": "as the store keeps them",
                    "difference": {"ndcg_at_10": {"mean": 0.0294, "interval": [0.0181, 0.0412], "n": customers}}},
        "slices": [
            {"by": by, "title": by, "label": label, "n": n, "model": {"ndcg_at_10": estimate(mean, 0.03)},
             "difference": {"ndcg_at_10": estimate(0.012, 0.01)}}
            for by, label, n, mean in slices
        ],
        "robustness": [
            {"change": change, "share": 0.1, "model": metrics(mean), "difference": metrics(mean - 0.2914, 0.006)}
            for change, mean in (("dropped", 0.281), ("shuffled", 0.288))
        ],
        "faithfulness": [
            {"group": group, "n": n,
             "curves": {order: {"drop": [estimate(area)] * 5, "area": estimate(area, 0.05)}
                        for order, area in (("explained", 1.31), ("recency", 0.82), ("random", 0.34))},
             "difference": {"recency": estimate(0.49, 0.06), "random": estimate(0.97, 0.07)}}
            for group, n in (("all", 1211), ("not_latest", 804))
        ],
        "propensity": [
            {"days": 30, "n": 1990, "of": 1990, "positives": 612, "threshold": 0.4,
             "model": {"auroc": estimate(0.781), "ece": estimate(0.021), "log_loss": estimate(0.51)},
             "baselines": {"recency": {"log_loss": estimate(0.55)}},
             "verdict": {"best_baseline": "recency", "outcome": "better", "difference": {}, "words": "-"},
             "reliability": {"predicted": [0.04, 0.11, 0.22, 0.35, 0.52, 0.71], "happened": [0.05, 0.1, 0.25, 0.33, 0.55, 0.68],
                             "count": [332, 332, 332, 332, 331, 331]}}
        ],
    }  # fmt: skip


def ingest_report() -> dict[str, Any]:
    return {
        "number": 1, "at": "2025-01-02T08:00:00Z", "rows": 1_067_371, "accepted": 797_885,
        "files": [
            {"name": "exports/invoices-2009-2010.csv.gz", "rows": 525_461, "rejected": 107_927, "columns": [], "notes": []},
            {"name": "exports/invoices-2010-2011.csv.gz", "rows": 541_910, "rejected": 135_080, "columns": [],
             "notes": ["times without a zone are read as Europe/London"]},
        ],
        "rejected": {"no customer": 242_257, "exact repeat": 709, "unreadable time": 41},
        "counted_once": 26_479, "overlaps": [
            {"files": ["exports/invoices-2009-2010.csv.gz", "exports/invoices-2010-2011.csv.gz"], "rows": 26_479}
        ], "already_there": 0, "repeats_kept": 12_045, "customers": 5_942, "items": 4_646,
        "behaviours": {"purchase": 779_495, "refund": 18_390}, "first": "2009-12-01T07:45:00Z",
        "last": "2011-12-09T12:50:00Z", "clock": "clock", "future": 0, "far": 0, "refunds": 18_390,
        "refunds_matched": 14_902, "not_merchandise": {"POST": 2_122}, "bots": 3, "tables": {}, "tables_unchanged": [],
        "notes": [], "seconds": 9.0,
    }  # fmt: skip


def doctor_report() -> dict[str, Any]:
    def finding(name: str, count: int, of: int, unit: str, advice: str, *examples: str) -> dict[str, Any]:
        return {"name": name, "count": count, "of": of, "unit": unit, "advice": advice,
                "examples": list(examples), "share": count / of}  # fmt: skip

    return {
        "version": 1, "events": 797_885, "rejected": 243_007,
        "findings": [
            finding("no customer", 242_257, 1_040_892, "rows", "not accepted; file, line and text are in rejected/",
                    "invoices-2009-2010.csv.gz:578: 489525,85226C,BLUE PULL BACK RACING CAR,1,2009-12-01 11:49:00,0.55,,United Kingdom"),
            finding("counted once", 26_479, 1_067_371, "rows", "other files had these rows as well; "
                    "rows rejected as unreadable or incomplete are not compared"),
            finding("refunds without a purchase", 3_488, 797_885, "rows",
                    "14,902 of 18,390 refunds match an earlier purchase; others may be older than the first file"),
            finding("exact repeat", 709, 1_040_892, "rows", "not accepted; file, line and text are in rejected/"),
            finding("unreadable time", 41, 1_040_892, "rows", "not accepted; file, line and text are in rejected/"),
            finding("bot-like customers", 3, 5_942, "customers", "far busier than everybody else; kept, and left out of training",
                    "17841: 812 acts on an active day", HOSTILE),
        ],
        "not_merchandise": [["POST", "POSTAGE", "its name, its code has no digits", 2_122], ["M", "Manual", "its name", 801],
                            ["D", "Discount", "its name", 177]],
    }  # fmt: skip


def history(now: datetime, count: int = 46) -> list[Deed]:
    acts = ("view_item", "view_item", "add_to_cart", "purchase", "view_item", "search")
    names = ("Red lamp", "Paper lantern", "Jam jar", HOSTILE, "白瓷茶杯")
    days = [350.0 - 7.5 * number + 3 * (number % 4) for number in range(count)]
    return [
        Deed(behaviour=acts[number % 6], item=None if acts[number % 6] == "search" else f"A{number % 9:02d}",
             name="" if acts[number % 6] == "search" else names[number % 5], time=now - timedelta(days=day))
        for number, day in enumerate(sorted(days, reverse=True))
    ]  # fmt: skip


def answer(customer: str, level: str = "model") -> dict[str, Any]:
    def reason(text: str, effect: float = 0.8) -> dict[str, Any]:
        return {"text": text, "kind": "event", "effect": effect, "behaviour": "purchase", "item": "A01",
                "name": "Red lamp", "time": "2024-11-03T10:00:00+00:00", "times": 2}  # fmt: skip

    items = [
        ("22423", "Regency cakestand 3 tier", 0.081, ["because you bought Red lamp 2 times, last on 3 November 2024"]),
        ("85123A", "White hanging heart t-light holder", 0.054,
         ["because you put it in the basket on 21 December 2024", "because you looked at Paper lantern on 30 November 2024"]),
        ("X<1>", HOSTILE, 0.0312, ["because you bought " + HOSTILE]),
        ("20725", "", 0.0007, []),
    ]  # fmt: skip
    return {
        "customer": customer,
        "items": [
            {"item": item, "name": name, "score": 1.0, "level": level, "probability": chance, "reasons": [reason(w) for w in why]}
            for item, name, chance, why in items
        ],
        "fallback_level": level, "exclude": "none", "model_version": "m1" if level == "model" else None, "notes": [],
    }  # fmt: skip


def propensities(level: str = "model") -> dict[str, Any]:
    found = [
        {"days": days, "probability": chance} for days, chance in ((1, 0.012), (7, 0.083), (30, 0.291), (90, 0.582))
    ]
    return {"customer": "c", "propensities": found, "fallback_level": level, "model_version": "m1"}


@pytest.fixture
def full() -> ReportData:
    """A page with everything on it."""
    now = datetime(2025, 1, 1, 12, tzinfo=UTC)
    events = history(now)
    return ReportData(
        shop="corner-shop", made_at=now, version="0.1.0", time_zone="Europe/London", currency="GBP",
        totals=Totals(events=797_885, customers=5_942, items=4_646, orders=36_969, revenue=16_382_583.31,
                      behaviours={"purchase": 779_495, "refund": 18_390},
                      first=datetime(2009, 12, 1, 7, 45, tzinfo=UTC), last=datetime(2011, 12, 9, 12, 50, tzinfo=UTC)),
        ingests=(ingest_report(),), doctor=doctor_report(), model="m1",
        card={"target": ["purchase"], "steps": 1840, "seed": 0, "settings": {"width": 64, "layers": 2, "dropout": 0.2},
              "hardware": "2 CPU cores", "curve": [{"step": 1}] * 3},
        curve=[{"step": 100 * n, "seconds": 4.2 * n, "loss": 5.2 + 2.4 / n, "ndcg": None if n % 2 else 0.29 - 0.11 / n}
               for n in range(1, 19)],
        evaluation=evaluation(),
        customers=(
            Customer(id="17850", events=events, earlier=120, answer=answer("17850"), intent=propensities()),
            Customer(id=HOSTILE, events=events[-2:], answer=answer("x"), intent=propensities("base rate")),
        ),
        attention=Attention(customer="17850", events=events,
                            weights=[[((n * (h + 3)) % 11 + 1) / 300 for n in range(len(events))] for h in range(4)]),
    )  # fmt: skip

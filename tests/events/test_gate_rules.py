"""Rules over the whole store: who looks like a bot, which refunds belong to a purchase, what is not merchandise; and
what doctor says.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from regard.config import Config
from regard.events.merchandise import words_in
from regard.events.store import Store

DAY = 86_400


def ingest(folder: Path, rows: list[dict[str, object]]) -> Store:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    columns["time"] = pa.array(
        [1_700_000_000_000_000 + 1_000_000 * int(str(t)) for t in columns["time"]], pa.timestamp("us", "UTC")
    )
    store = Store.create(folder / "shop")
    store.ingest(pa.table(columns))
    return store


def views(customer: str, days: int, per_day: int) -> list[dict[str, object]]:
    return [
        {"customer": customer, "behaviour": "view_item", "item": f"i{n % 97}", "time": day * DAY + n * 7}
        for day in range(days)
        for n in range(per_day)
    ]


def test_only_those_far_beyond_the_bulk_are_bots(tmp_path: Path) -> None:
    rows = [row for n in range(60) for row in views(f"c{n}", 3, 2 + n % 9)]
    rows += views("keen", 2, 45) + views("bot", 2, 900)
    # A wholesaler: 300 lines a day, all of one order.
    rows += [
        {"customer": "whole", "behaviour": "purchase", "item": f"i{n}", "time": day * DAY + n, "order": f"o{day}"}
        for day in range(3)
        for n in range(300)
    ]
    store = ingest(tmp_path, rows)
    assert store.bots() == ["bot"]
    (finding,) = (finding for finding in store.doctor().findings if finding.name == "bot-like customers")
    assert finding.examples == ("bot: 900 acts on an active day",)
    assert finding.share == pytest.approx(1 / 63)
    store.undo(1)
    assert store.bots() == []


def test_a_shop_where_everybody_is_busy_has_no_bots(tmp_path: Path) -> None:
    rows = [row for n in range(12) for row in views(f"c{n}", 2, 150 + 10 * n)]
    assert ingest(tmp_path, rows).bots() == []


def test_refunds_need_an_earlier_purchase_of_as_many(tmp_path: Path) -> None:
    def row(customer: str, behaviour: str, time: int, quantity: float, item: str = "pen") -> dict[str, object]:
        return {
            "customer": customer,
            "behaviour": behaviour,
            "item": item,
            "time": time,
            "quantity": quantity,
            "order": f"{customer}{time}",
        }

    store = ingest(
        tmp_path,
        [
            row("a", "purchase", 0, 5),
            row("a", "refund", 9, -2),
            row("a", "refund", 10, -3),
            row("a", "refund", 11, -1),
            row("b", "refund", 0, -1),
            row("b", "purchase", 5, 1),
            row("c", "purchase", 0, 1, "cup"),
            row("c", "refund", 1, -1, "pen"),
        ],
    )
    report = store.history()[0].report
    assert (report["refunds"], report["refunds_matched"]) == (5, 2)
    (finding,) = (finding for finding in store.doctor().findings if finding.name == "refunds without a purchase")
    assert finding.count == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bank Charges", (True, True)),
        ("CARRIAGE", (True, True)),
        ("Manual", (True, True)),
        ("SAMPLES", (True, True)),
        ("AMAZON FEE", (True, True)),
        ("邮费", (True, True)),
        ("补差价专拍", (False, True)),
        ("Dotcomgiftshop Gift Voucher £20.00", (True, True)),
        ("MANUAL COFFEE GRINDER", (False, False)),
        ("SAMPLE BOOK", (False, False)),
        ("RED POST BOX", (False, False)),
        ("CARRIAGE CLOCK", (False, True)),
        ("Versandkosten", (True, True)),
        ("Versandkosten DHL Österreich", (False, True)),
        ("Bearbeitungsgebühr", (True, True)),
        ("Gutschein 20 €", (True, True)),
        ("Frais de port", (True, True)),
        ("Frais d’expédition", (True, True)),
        ("Gastos de envío", (True, True)),
        ("Envío", (True, True)),
        ("Spese di spedizione", (True, True)),
        ("Porto", (False, True)),
        ("Versandtasche A4", (False, False)),
        ("Karton für Versand", (False, False)),
        ("Livraison: un roman", (False, False)),
        ("玻璃杯", (False, False)),
        ("", (False, False)),
    ],
)
def test_words_for_services(text: str, expected: tuple[bool, bool]) -> None:
    assert words_in(text) == expected


def test_services_are_found_by_name_code_and_price_and_the_lists_have_the_last_word(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    names = {f"{n:05d}": f"cup no {n}" for n in range(60)}
    names |= {"POST": "POSTAGE", "00099": "CARRIAGE CLOCK", "D": "", "77777": "运费补差价", "LAMP": "lamp"}
    wild = {"POST", "D"}
    rows = [
        {
            "customer": f"c{n % 20}",
            "behaviour": "purchase",
            "item": item,
            "item_name": name or None,
            "time": n * 1000,
            "order": f"o{n}",
            "price": float(chance.choice([0.5, 400.0])) if item in wild else 3.0,
            "quantity": 1.0,
        }
        for item, name in names.items()
        for n in range(12)
    ]
    store = ingest(tmp_path, rows)
    services = {service.item: service for service in store.services()}
    assert set(services) == {"POST", "D", "77777"}
    assert services["D"].reasons == ("its code has no digits", "its price varies widely")
    assert store.history()[0].report["not_merchandise"] == {"77777": 12, "D": 12, "POST": 12}
    store.config = replace(store.config, merchandise=("D",), not_merchandise=("LAMP",))
    assert {service.item for service in store.services()} == {"POST", "77777", "LAMP"}
    report = store.doctor()
    assert report.not_merchandise[1] == ("LAMP", "lamp", "named in regard.toml", 12)
    assert {row[0] for row in report.not_merchandise} == {"POST", "77777", "LAMP"}
    json.dumps(report.to_json())


def test_an_odd_code_in_twice_the_orders_of_any_product_is_no_product(tmp_path: Path) -> None:
    def row(item: str, order: int) -> dict[str, object]:
        return {
            "customer": f"c{order}",
            "behaviour": "purchase",
            "item": item,
            "time": order * 1000,
            "order": f"o{order}",
            "price": 4.9,
        }

    rows = [row(f"{(n + 7 * order) % 60:05d}", order) for order in range(40) for n in range(10)]
    rows += [row("VKP", order) for order in range(40)] + [row("HAT", order) for order in range(15)]
    (found,) = ingest(tmp_path, rows).services()
    assert (found.item, found.reasons) == ("VKP", ("its code has no digits", "it is in many orders"))


def test_an_ingest_reports_what_is_not_merchandise_as_the_lists_say(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop", Config(merchandise=("POST",), not_merchandise=("LAMP", "nowhere")))
    rows = {"customer": ["ann"] * 3, "behaviour": ["purchase"] * 3, "item": ["POST", "LAMP", "cup"]}
    report = store.ingest(pa.table({**rows, "time": ["2024-01-01"] * 3}))
    assert report.not_merchandise == {"LAMP": 1}
    assert store.doctor().not_merchandise[1] == ("nowhere", "", "named in regard.toml", 0)


def test_doctor_names_free_items_and_purchases_of_nothing(tmp_path: Path) -> None:
    rows = [
        {"customer": "a", "behaviour": "purchase", "item": "pen", "time": 0, "price": 0.0, "quantity": 1.0},
        {"customer": "a", "behaviour": "purchase", "item": None, "time": 5, "price": 1.0, "quantity": 1.0},
    ]
    found = {finding.name: finding.count for finding in ingest(tmp_path, rows).doctor().findings}
    assert found["free items"] == found["purchase or cart without an item"] == 1

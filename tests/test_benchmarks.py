"""The benchmarks run on any file of their formats, and say what they measured."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import logs, next_item, simulated

from regard.errors import InputError


def _sequences(path: Path, customers: int = 120, items: int = 30) -> Path:
    """People who walk round a circle of items, mostly one step at a time: easy for a sequence, hard for popularity."""
    chance = np.random.default_rng(0)
    lines = []
    for customer in range(customers):
        steps = chance.choice([1, 1, 1, 2], size=12)
        lines.append(
            f"c{customer} " + " ".join(f"i{place}" for place in (chance.integers(items) + steps.cumsum()) % items)
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_formats_give_the_same_log(tmp_path: Path) -> None:
    sequences = _sequences(tmp_path / "s.txt", customers=5)
    rows = [line.split() for line in sequences.read_text().splitlines()]
    pairs, gaps = tmp_path / "pairs.txt.gz", tmp_path / "gaps.txt"
    with gzip.open(pairs, "wt") as file:
        file.writelines(f"{customer} {item}\n" for customer, *items in rows for item in items)
    gaps.write_text("".join(f"{' '.join(row)}\t{' '.join('0' for _ in row[1:])}\n" for row in rows))
    found = [
        logs.read([str(path)], form)[0] for path, form in ((sequences, "sequences"), (pairs, "pairs"), (gaps, "gaps"))
    ]
    for log in found:
        assert log.customers.ids.to_pylist() == [row[0] for row in rows]
        assert [log.items.names(log.item[a:b]) for a, b in zip(log.offsets[:-1], log.offsets[1:], strict=True)] == [
            row[1:] for row in rows
        ]
        assert log.clock == "order"


def test_ratings_are_put_in_order(tmp_path: Path) -> None:
    own, prepared, broken = tmp_path / "ratings.dat", tmp_path / "ratings.csv", tmp_path / "broken.dat"
    own.write_text("7::10::5::300\n7::11::3::100\n8::10::4::50\n7::12::1::300\n")
    prepared.write_text("user,pos,movie,rating\n7,0,11,3\n7,1,10,5\n7,2,12,1\n8,0,10,4\n")
    for path in (own, prepared):
        log, _ = logs.read([str(path)], "movielens")
        assert log.items.names(log.item) == ["11", "10", "12", "10"] and log.lengths.tolist() == [3, 1]
    broken.write_text("7::10::5::300\n7::11\n")
    with pytest.raises(InputError, match="7::11"):
        logs.read([str(broken)], "movielens")


def test_items_are_described_by_a_table_and_by_attributes(tmp_path: Path) -> None:
    pairs, items, attributes = tmp_path / "pairs.txt", tmp_path / "items.csv", tmp_path / "attributes.json"
    pairs.write_text("1 a\n1 b\n2 c\n2 a\n")
    items.write_text("item_id,title\na,red lamp\nb,red cup\nc,lamp\n")
    attributes.write_text('{"a": [1, 2], "b": [2], "x": [1]}')
    log, content = logs.read([str(pairs)], "pairs", items=str(items), attributes=str(attributes))
    told = content(log.items, None)
    assert told.names == ("word:lamp", "word:red", "tag:2")
    assert [[told.names[code] for code in told.features[row]] for row in range(3)] == [
        ["word:lamp", "word:red", "tag:2"],
        ["word:red", "tag:2"],
        ["word:lamp"],
    ]
    attributes.write_text("[1, 2]")
    with pytest.raises(InputError, match="attributes"):
        logs.read([str(pairs)], "pairs", attributes=str(attributes))


def test_the_next_item_is_measured_beside_every_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    words = [
        str(_sequences(tmp_path / "s.txt")),
        "--format",
        "sequences",
        "--split",
        "leave-one-out",
        "--json",
        str(out),
    ]
    monkeypatch.setattr(sys, "argv", ["next_item", *words, "--budget", "4"])
    next_item.main()
    found = json.loads(out.read_text())
    assert found["split"]["kind"] == "leave-one-out" and found["split"]["customers"] == 120
    assert {"popularity", "sequential_knn"} <= set(found["baselines"])
    assert found["metrics"]["ndcg_at_10"]["mean"] > found["baselines"]["popularity"]["ndcg_at_10"]["mean"]
    assert found["verdict"]["words"] in capsys.readouterr().out


def test_a_simulated_shop_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.json"
    monkeypatch.setattr(simulated, "SWITCHES", {"remove_time": ("time_matters",)})
    words = [
        "--customers",
        "250",
        "--steps",
        "2",
        "--explained",
        "3",
        "--shops",
        "5",
        "--seeds",
        "2",
        "--json",
        str(out),
    ]
    monkeypatch.setattr(sys, "argv", ["simulated", *words])
    simulated.main()
    result = json.loads(out.read_text())
    (shop,) = result["shops"]
    assert shop["seed"] == 5 and shop["asked"] == shop["ndcg_at_10"]["n"] > 50
    assert shop["cause"]["difference"]["n"] <= 3
    for found in (shop["ablations"]["remove_time"][case] for case in ("matters", "does_not")):
        assert found["drop"]["mean"] == pytest.approx(found["with"]["mean"] - found["without"]["mean"])
    assert result["together"] == {name: shop[name] for name in result["together"]}


RESULTS = Path(simulated.__file__).parent / "results"


def test_what_is_said_of_the_simulated_shops_was_measured() -> None:
    result = json.loads((RESULTS / "simulated.json").read_text(encoding="utf-8"))
    found = result["together"]
    assert len({shop["seed"] for shop in result["shops"]}) >= 2
    assert found["cause"]["difference"]["interval"][0] > 0, "the latest event is as often the cause"
    assert set(found["ablations"]) == set(simulated.SWITCHES)
    for name, cases in found["ablations"].items():
        assert cases["matters"]["drop"]["interval"][0] > 0, name
        assert cases["does_not"]["drop"]["interval"][0] <= 0, name


def _result(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


NOT_REACHED = pytest.mark.xfail(
    strict=True, reason="set out to be reached, and not reached yet: docs/results.md shows what is"
)


@pytest.mark.parametrize(
    ("name", "ndcg", "hits"),
    [
        ("movielens_1m", 0.1857, 0.3159),
        ("online_retail", 0.325, 0.0),
        pytest.param("amazon_beauty", 0.0620, 0.1020, marks=NOT_REACHED),
        pytest.param("amazon_beauty_attributes", 0.0645, 0.1070, marks=NOT_REACHED),
    ],
)
def test_the_next_item_is_found_as_often_as_was_set_out(name: str, ndcg: float, hits: float) -> None:
    found = _result(name)["metrics"]
    assert found["ndcg_at_10"]["mean"] >= ndcg and found["hr_at_10"]["mean"] >= hits


@pytest.mark.parametrize(
    "name",
    [
        "movielens_1m",
        "amazon_beauty",
        "amazon_beauty_attributes",
        "amazon_video_games",
        pytest.param("online_retail", marks=NOT_REACHED),
        pytest.param("taobao_all", marks=NOT_REACHED),
        pytest.param("xmarket_uk", marks=NOT_REACHED),
    ],
)
def test_nothing_that_was_measured_beside_it_is_better(name: str) -> None:
    assert _result(name)["verdict"]["outcome"] == "better"


def test_one_customer_is_answered_in_time() -> None:
    found = _result("topk")
    assert found["items"] == 100_000 and found["same items"] and found["int8, rescored"]["p99_ms"] < 5


def test_training_grows_with_the_log_and_no_faster() -> None:
    found = _result("growth")
    each = [size["us_per_event"] for size in found["growth"]]
    assert [size["events"] for size in found["growth"]] == [100_000, 1_000_000, 10_000_000]
    assert max(each) <= 1.2 * min(each) and found["growth"][-1]["peak_mb"] < 4_000
    short, long = found["histories"]
    assert (short["length"], long["length"]) == (256, 4_096) and long["us_per_event"] <= 2 * short["us_per_event"]


def test_an_epoch_is_forty_times_as_quick() -> None:
    assert _result("versus_speed")["peers"]["rectools_sasrec_softmax"]["ratio"] >= 40


def test_reasons_carry_the_answers_in_three_logs() -> None:
    answers = [
        (name, told)
        for log in ("retail", "taobao", "demo")
        for name, told in _result(f"faithfulness_{log}")["answers"].items()
    ]
    assert {name for name, _ in answers} == {"recommendation", "intent_7d", "churn_30d", "value_90d"}
    for name, told in answers:
        for group in ("all", "not_latest"):
            for order in ("recency", "random"):
                assert told[group]["difference"][order]["interval"][0] > 0, (name, group, order)


@NOT_REACHED
def test_several_behaviours_are_worth_a_fifth_more_than_purchases_alone() -> None:
    every, alone = (_result(f"taobao_{name}") for name in ("all", "purchases"))
    assert every["split"]["hash"] == alone["split"]["hash"] and len(every["steps"]) == len(alone["steps"]) >= 3
    assert every["metrics"]["ndcg_at_10"]["mean"] >= 1.2 * alone["metrics"]["ndcg_at_10"]["mean"]


def test_one_model_ranks_spend_and_returns_and_is_right_in_money() -> None:
    found = _result("value_cdnow")
    assert found["metrics"]["gini"]["mean"] > 0.7205 and found["metrics"]["decile_mape"]["mean"] <= 0.20
    assert found["metrics"]["churn_auroc"]["mean"] > 0.7687
    assert found["differences"]["model"]["churn_auroc"]["interval"][0] > 0


@NOT_REACHED
def test_one_model_ranks_spend_above_everything_beside_it() -> None:
    assert _result("value_cdnow")["differences"]["model"]["gini"]["interval"][0] > 0


@NOT_REACHED
def test_a_shop_with_seasons_is_foretold_as_well_as_by_the_best_of_each_column() -> None:
    found = _result("value_retail")
    change = found["differences"]["model"]
    assert change["gini"]["interval"][1] >= 0 and change["churn_auroc"]["interval"][1] >= 0
    assert change["decile_mape"]["interval"][0] <= 0 and found["metrics"]["ece"]["mean"] <= 0.03


def test_who_buys_tomorrow_is_read_off_order_and_time() -> None:
    found = _result("intent_taobao")
    assert not found["counting_is_enough"] and len(found["cuts"]) >= 3
    assert found["differences"][found["best_baseline"]]["interval"][1] > 0  # no worse than the best beside it


@NOT_REACHED
def test_who_buys_tomorrow_is_ordered_above_everything_beside_it() -> None:
    found = _result("intent_taobao")
    assert found["differences"][found["best_baseline"]]["interval"][0] > 0


@NOT_REACHED
def test_who_buys_tomorrow_is_ordered_better_by_a_hundredth() -> None:
    found = _result("intent_taobao")
    assert found["differences"][found["best_baseline"]]["mean"] >= 0.01


@pytest.mark.parametrize("log", ["demo", "retail"])
def test_segments_are_stable_and_who_does_nothing_stays(log: str) -> None:
    told = _result(f"segments_{log}")["methods"]["states"]
    assert told["jaccard"]["mean"] >= 0.85 and told["stayed"]["mean"] >= 0.90


def test_questions_about_segments_of_ten_million_events_take_a_second() -> None:
    found = _result("segments_speed")
    assert found["events"] == 10_000_000 and found["customers"] >= 100_000
    for name, told in found["questions"].items():
        assert told["fresh"]["median_seconds"] <= 1.0 and told["warm_ms"]["median"] <= 100, name


def test_everybody_has_a_profile_within_a_minute_and_one_within_fifty_milliseconds() -> None:
    found = _result("profiles")
    assert found["customers"] >= 100_000 and sum(found["loading"].values()) + found["batch_seconds"] <= 60
    assert all(told["median_ms"] <= 50 for told in found["one"].values())

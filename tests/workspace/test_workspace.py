from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import regard
from regard.errors import ConfigError, InputError, MissingExtraError, ModelError, UsageError, WorkspaceError
from regard.sequences.view import View
from regard.workspace.learning import seconds


def buyer(shop: regard.Workspace) -> str:
    log = shop.log()
    return log.customers.id(int(np.bincount(log.owner[log.is_behaviour(("purchase",))]).argmax()))


def test_init_and_open(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "new" / "shop")
    assert regard.open(str(tmp_path / "new" / "shop")).history() == shop.history() == []
    with pytest.raises(WorkspaceError, match="a workspace already"):
        regard.init(tmp_path / "new" / "shop")
    with pytest.raises(ConfigError, match="regard init"):
        regard.open(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="is not a workspace"):
        regard.open(tmp_path)


def test_an_empty_shop_answers_politely(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    answer = shop.recommend("C1")
    assert (answer.items, answer.fallback_level) == ((), "new")
    assert answer.notes == ("only 0 of 10: no more items pass the conditions",)
    with pytest.raises(InputError, match="too few to train on"):
        shop.train()


def test_ids_and_arrays_are_the_same_call(shop_folder: Path) -> None:
    shop = regard.open(shop_folder)
    one = buyer(shop)
    alone = shop.recommend(one, n=3)
    assert shop.recommend([one, "nobody"], n=3)[0] == alone
    assert shop.recommend(np.array([one]), n=3) == [alone]
    assert shop.recommend(pd.Series([one]), n=3) == [alone]
    assert shop.recommend(n=3).customer is None


def test_whole_numbers_are_ids(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    shop.ingest(pd.DataFrame({"customer": ["17850"], "item": ["x"], "behaviour": ["purchase"], "time": ["2026-01-01"]}))
    assert [a.customer for a in shop.recommend([17850, 17850.0, " 17850 "])] == ["17850"] * 3
    assert shop.recommend(17850).fallback_level == "counting"


def test_counting_answers_before_any_training(shop_folder: Path) -> None:
    shop = regard.open(shop_folder)
    answer = shop.recommend(buyer(shop), why=True)
    assert (answer.fallback_level, answer.model_version, len(answer.items)) == ("counting", None, 10)
    assert answer.items[0].reasons[0].text.startswith("because you ")
    assert all(item.name for item in answer.items)


def test_training_registers_a_model_that_answers_from_then_on(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    someone = buyer(shop)
    shop.recommend(someone)
    report = shop.train(steps=5)
    assert (report.model, report.card["steps"]) == ("m1", 5)
    assert shop.recommend(someone).model_version == "m1"
    assert shop.train().model == "m2"
    assert regard.open(shop_folder).recommend(someone).model_version == "m2"
    assert regard.open(shop_folder).recommend(someone, model="m1").model_version == "m1"
    with pytest.raises(ModelError, match="there is m2, m1"):
        shop.recommend(someone, model="m9")


def test_a_damaged_model_does_not_stop_older_ones(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    shop.train()
    shop.train()
    (shop_folder / "models" / "m2" / "model.json").write_text('{"items": ["')
    answer = regard.open(shop_folder).recommend("nobody-but-known", events=[shop.log().items.id(0)])
    assert answer.model_version == "m1"
    assert answer.notes[0].startswith("model m2 cannot be read: ")
    with pytest.raises(ModelError, match="damaged"):
        regard.open(shop_folder).recommend("x", model="m2")
    (shop_folder / "models" / "m1" / "model.json").unlink()
    for language, said in (("en", "model {} cannot be read: {}; counting answers"), ("zh", "由 计数 回答")):
        counted = regard.open(shop_folder).recommend(buyer(shop), language=language)
        assert (counted.fallback_level, counted.model_version, len(counted.notes)) == ("counting", None, 2)
        assert counted.notes[0].endswith(said.rpartition("}")[2]) and counted.notes[0].split()[1] == "m2"


def test_a_shop_whose_models_were_deleted_counts(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    shop.train()
    shutil.rmtree(shop_folder / "models")
    shop = regard.open(shop_folder)
    answer = shop.recommend(buyer(shop))
    assert (answer.fallback_level, len(answer.items)) == ("counting", 10)
    assert answer.notes[0].startswith("model m1 cannot be read: ")
    assert shop.explain(buyer(shop)).reasons and shop.similar(shop.log().items.id(0))
    with pytest.raises(ModelError):
        shop.recommend(buyer(shop), model="m1")


Card = dict[str, object]
ENOUGH: list[Card] = [
    {"steps": 10, "epochs": 0.1},
    {"steps": 8, "epochs": 8.0},  # nothing to hold back, eight times through a tiny log
    {"steps": 3, "epochs": 1.0, "curve": [{"step": step} for step in range(1, 10)]},  # six looks in vain
]
TOO_FEW: list[Card] = [
    {"steps": 1, "epochs": 0.33, "curve": [{"step": 1}]},
    {"steps": 9, "epochs": 0.5},
    {"steps": 4, "epochs": 2.0, "curve": [{"step": step} for step in range(1, 7)]},
]


@pytest.mark.parametrize("card", [*ENOUGH, *TOO_FEW])
def test_a_model_that_the_budget_cut_to_nothing_does_not_answer(
    shop_folder: Path, stand_in: None, monkeypatch: pytest.MonkeyPatch, card: Card
) -> None:
    from regard.workspace import learning

    plain = learning._fit
    shop = regard.open(shop_folder)
    shop.train()

    def cut(view: View, *, folder: Path, **how: Any) -> None:
        plain(view, folder=folder, **how)
        told = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps({**told, "card": {**told["card"], **card}}))

    monkeypatch.setattr(learning, "_fit", cut)
    if card in ENOUGH:
        assert shop.train(budget=1).model == "m2"
        return
    with pytest.raises(ModelError, match=rf"enough for {card['steps']} steps? only: nothing was learned") as caught:
        shop.train(budget=1)
    assert caught.value.hint == "give more --budget"
    assert [model.id for model in shop.models.all()] == ["m1"] and not (shop_folder / "models" / "m2").exists()
    assert shop.recommend(buyer(shop)).model_version == "m1"
    assert shop.train(steps=1).model == "m2"  # who asks for so few gets them


def test_a_wrong_seed_is_refused_before_anything_is_trained(shop_folder: Path, stand_in: None) -> None:
    with pytest.raises(UsageError, match="seed is -1"):
        regard.open(shop_folder).train(seed=-1)
    assert not list((shop_folder / "models").glob("*"))


def test_an_interrupted_training_is_taken_up(
    shop_folder: Path, stand_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []

    def killed(view: object, *, folder: Path, resume: bool, **how: object) -> None:
        seen.append((folder.name, (folder / "checkpoint").exists()))
        (folder / "checkpoint").mkdir(exist_ok=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("regard.workspace.learning._fit", killed)
        for resume in (True, True, False):
            with pytest.raises(KeyboardInterrupt):
                regard.open(shop_folder).train(resume=resume)
    assert seen == [("m1", False), ("m1", True), ("m2", False)]
    assert regard.open(shop_folder).recommend("x").model_version is None
    assert regard.open(shop_folder).train().model == "m2"


def test_chances_that_beat_no_simple_rule_carry_a_note(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    shop.train()
    assert shop.intent(buyer(shop), days=[7, 30])[0].notes == ()
    found = [{"days": days, "verdict": {"outcome": how}} for days, how in ((7, "better"), (30, "worse"))]
    shop.models.evaluated("m1", {"verdict": {"outcome": "better"}, "propensity": found})
    assert shop.intent(buyer(shop), days=[7, 30])[0].notes[0].startswith("within 30 days: not shown")


def test_a_model_found_worse_than_counting_does_not_answer(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    shop.train()
    shop.models.evaluated("m1", {"verdict": {"outcome": "worse"}})
    answer = shop.recommend(buyer(shop))
    assert answer.fallback_level == "counting"
    assert answer.notes == ("counted: the last evaluation found model m1 worse than counting",)
    assert shop.recommend("x", language="zh").notes[0] == "以计数回答：上次评估发现模型 m1 不如计数"
    assert shop.recommend(buyer(shop), model="m1").fallback_level == "model"
    shop.train()
    assert shop.recommend(buyer(shop)).model_version == "m2"


def test_new_events_are_seen_at_once(shop_folder: Path) -> None:
    shop = regard.open(shop_folder)
    assert shop.recommend("newcomer").fallback_level == "recent popularity"
    item = shop.log().items.id(0)
    event = pd.DataFrame({"customer": ["newcomer"], "item": [item], "behaviour": ["purchase"], "time": ["2024-05-29"]})
    number = shop.ingest(event).number
    assert shop.recommend("newcomer").fallback_level == "counting"
    shop.undo(number)
    assert shop.recommend("newcomer").fallback_level == "recent popularity"


def test_evaluate_without_a_model(shop_folder: Path) -> None:
    with pytest.raises(ModelError, match="no trained model"):
        regard.open(shop_folder).evaluate()


def test_evaluate_fits_before_the_cut_once_for_each_question_and_keeps_the_verdict(
    shop_folder: Path, stand_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = regard.open(shop_folder)
    shop.train(steps=11)
    fitted: list[tuple[int, int | None, str]] = []
    from regard.workspace import learning

    plain = learning._fit

    def watched(view, **how) -> None:
        fitted.append((view.cut, how.get("steps"), how["mask"]))
        plain(view, **how)

    monkeypatch.setattr("regard.workspace.learning._fit", watched)
    found = shop.evaluate(days=30)
    again = [shop.evaluate(days=30, mask=mask) for mask in (None, "seen", "seen")][-1]
    cut = int(pd.Timestamp(found.split["cut"]).timestamp())
    assert fitted == [(cut, 11, found.split["mask"]), (cut, 11, "seen")]
    assert (shop.log().time.max() - fitted[0][0]) / 86_400 == pytest.approx(30, abs=1)
    assert (found.split["hash"], again.split["mask"]) == (again.split["hash"], "seen")
    assert shop.models.get("m1").evaluation["split"]["mask"] == found.split["mask"]
    assert len(found.baselines) >= 7


def test_an_evaluation_looks_beyond_the_table(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    shop.train()
    found = shop.evaluate(days=30)
    assert [damage.change for damage in found.robustness] == ["dropped", "shuffled"]
    assert [chance.days for chance in found.propensity] == [1, 7, 30]
    assert {"auroc", "average_precision", "log_loss", "brier", "ece", "precision", "recall", "f1"} == set(
        found.propensity[0].model
    ) == set(found.propensity[0].baselines["base_rate"])  # fmt: skip
    assert [reasons.group for reasons in found.faithfulness] == ["all", "not_latest"]
    assert 0 < found.faithfulness[0].n <= found.split["customers"]
    kept = shop.models.get("m1").evaluation
    assert kept == found.to_json()
    assert shop.evaluate(days=30).to_json() == found.to_json()
    page = shop.report("en").read_text("utf-8")
    for heading in ("When the data is a little wrong", "Are the reasons true?", "Are the purchase chances right?"):
        assert heading in page


def test_recommend_all(shop_folder: Path, tmp_path: Path) -> None:
    shop = regard.open(shop_folder)
    batch = shop.recommend_all(tmp_path / "all.parquet", n=2)
    table = pq.read_table(tmp_path / "all.parquet")
    assert table.num_rows == batch.rows == 2 * batch.customers
    someone = buyer(shop)
    mine = [row["item"] for row in table.to_pylist() if row["customer"] == someone]
    assert mine == [item.item for item in shop.recommend(someone, n=2).items]
    with pytest.raises(UsageError, match="Parquet") as caught:
        shop.recommend_all(tmp_path / "all.csv")
    assert caught.value.hint == "name it all.parquet" and not (tmp_path / "all.csv").exists()


def test_filters_and_lists_reach_the_answer(shop_folder: Path) -> None:
    shop = regard.open(shop_folder)
    cheap = shop.recommend("x", n=50, filter="price < 20").items
    prices = dict(zip(*(shop.store.items().column(name).to_pylist() for name in ("item", "price")), strict=True))
    assert cheap and all(prices[item.item] < 20 for item in cheap)
    first = cheap[0].item
    assert first not in [item.item for item in shop.recommend("x", n=50, deny=[first]).items]
    assert [item.item for item in shop.recommend("x", stock={first: 2}).items] == [first]
    with pytest.raises(UsageError, match="one customer"):
        shop.recommend(["a", "b"], events=[first])
    with pytest.raises(TypeError, match=r"_limited\(\) got an unexpected keyword argument 'foo'"):
        shop.recommend("x", foo=1)  # type: ignore[call-overload]


def test_the_other_verbs(shop_folder: Path, stand_in: None) -> None:
    shop = regard.open(shop_folder)
    shop.train()
    someone, item = buyer(shop), shop.log().items.id(0)
    assert shop.similar(item, n=3)[0].item == item
    assert shop.new(days=100).days == 100
    assert shop.trending().days == 7
    assert [p.days for p in shop.intent(someone)[0].propensities] == list(shop.config.horizons)
    top = shop.recommend(someone, n=1).items[0].item
    assert shop.explain(someone).item == top
    assert "不" not in shop.explain(someone, top, language="zh").reasons[0].text
    assert shop.explain(someone, top, language="zh").reasons[0].text.startswith(("您在", "您34次"))
    assert shop.doctor().events == shop.history()[0].report["accepted"]


def test_bots_are_left_out_of_training(shop_folder: Path, stand_in: None, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = regard.open(shop_folder)
    monkeypatch.setattr(type(shop.store), "bots", lambda store, before=None: [buyer(shop)])
    seen = []
    monkeypatch.setattr("regard.workspace.learning._fit", lambda view, **how: seen.append(view.log))
    with pytest.raises(ModelError, match="damaged"):
        shop.train()  # nothing was written
    (log,) = seen
    assert buyer(shop) not in log.customers and log.events > 0


def test_training_without_torch_says_what_to_install(shop_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regard.workspace.learning.importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        regard.open(shop_folder).train()
    assert caught.value.hint == "pip install 'regard[train]'"
    assert not list((shop_folder / "models").glob("*"))


def test_import_is_quick_and_answers_need_no_torch(shop_folder: Path) -> None:
    code = f"""
import sys, regard
assert not {{"numpy", "pyarrow", "duckdb", "torch"}} & set(sys.modules), "import regard is lazy"
shop = regard.open({str(shop_folder)!r})
shop.recommend("x"); shop.recommend("C00001", why=True); shop.similar(shop.log().items.id(0))
shop.trending(); shop.new(); shop.intent("x"); shop.doctor(); shop.history()
assert "torch" not in sys.modules, "torch is for training only"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("text", "value"), [("300", 300), ("300s", 300), ("5m", 300), (" 1.5 h ", 5400), (2.5, 2.5)])
def test_budgets(text: str | float, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "-3", "0", "5 days"])
def test_wrong_budgets(text: str) -> None:
    with pytest.raises(UsageError, match="budget"):
        seconds(text)


def test_a_shop_of_thirty_customers(tmp_path: Path) -> None:
    """Too few to train on, and still everybody gets a full list that says where it comes from."""
    from regard import simulate

    files = simulate.write(
        simulate.shop(simulate.Settings(customers=30, items=30, days=60, bots=0)), tmp_path / "export"
    )
    shop = regard.init(tmp_path / "shop")
    shop.ingest(str(files["events"]), items=str(files["items"]))
    with pytest.raises(InputError, match="regard recommend answers by counting"):
        shop.train()
    everybody = shop.log().customers.ids.to_pylist()
    answers = shop.recommend([*everybody, "newcomer"], n=10, why=True)
    assert {len(answer.items) for answer in answers} == {10}
    assert {answer.fallback_level for answer in answers} >= {"counting", "recent popularity"}
    assert all(item.reasons and item.reasons[0].text for answer in answers for item in answer.items)

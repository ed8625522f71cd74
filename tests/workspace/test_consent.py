"""Consent is obeyed by every verb: the shop answers, learns and counts as one that never had the others' events."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import regard
from regard.errors import ConsentError
from regard.sequences.log import Log
from regard.workspace import reporting
from regard.workspace.data import Data


def _table(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path).to_pandas()


@pytest.fixture(scope="module")
def ingested(export: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """Two workspaces with one customers table, and whom it names without consent; only the first has their events."""
    events, people = _table(export["events"]), _table(export["customers"])
    column = next(name for name in events.columns if "customer" in name)
    keys = sorted(events[column].unique())
    withheld = [str(name) for name in (*keys[::6], events[column].value_counts().index[0])]  # the busiest as well
    people = people.assign(consent="yes")
    own = people[next(name for name in people.columns if "customer" in name)].astype(str)
    people.loc[own.isin(withheld[::2]), "consent"] = "no"
    people.loc[own.isin(withheld[1::2]), "consent"] = None
    folders = tmp_path_factory.mktemp("with") / "shop", tmp_path_factory.mktemp("without") / "shop"
    for folder, there in zip(folders, (events, events[~events[column].astype(str).isin(withheld)]), strict=True):
        regard.init(folder).ingest(there, items=str(export["items"]), customers=people)
    return *folders, withheld


@pytest.fixture
def shops(
    ingested: tuple[Path, Path, list[str]], tmp_path: Path
) -> tuple[regard.Workspace, regard.Workspace, list[str]]:
    """Copies that a test may write to."""
    opened = []
    for number, folder in enumerate(ingested[:2]):
        shutil.copytree(folder, tmp_path / str(number) / "shop")
        opened.append(regard.open(tmp_path / str(number) / "shop"))
    return opened[0], opened[1], ingested[2]


def same(one: Any, other: Any) -> None:
    """Equal to the last bit."""
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.tobytes() == other.tobytes()
    elif dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            same(getattr(one, field.name), getattr(other, field.name))
    elif hasattr(one, "ids"):
        assert one.ids.equals(other.ids)
    elif isinstance(one, dict | list | tuple):
        assert len(one) == len(other)
        for left, right in zip(sorted(one.items()) if isinstance(one, dict) else one, _items(other), strict=True):
            same(left, right)
    else:
        assert one == other or (one != one and other != other)


def _items(value: Any) -> Any:
    return sorted(value.items()) if isinstance(value, dict) else value


Verb = Callable[[regard.Workspace, Path], Any]

VERBS: dict[str, Verb] = {
    "log": lambda shop, _: shop.log(),
    "people": lambda shop, _: Data(shop.store).people(),
    "people before a day": lambda shop, _: Data(shop.store).people(int(np.quantile(shop.log().time, 0.6))),
    "people without anomalies": lambda shop, _: Data(shop.store).people(anomalies=False),
    "content": lambda shop, _: Data(shop.store).content(shop.log().items, None).names,
    "items": lambda shop, _: shop.store.items().to_pylist(),
    "customers": lambda shop, _: shop.store.customers().to_pylist(),
    "target": lambda shop, _: shop.target,
    "beside": lambda shop, _: Data(shop.store).beside(shop.log(), np.full(len(shop.log()), 2_000_000_000)),
    "bots": lambda shop, _: shop.store.bots(),
    "services": lambda shop, _: shop.store.services(),
    "anomalies": lambda shop, _: shop.anomalies(n=30).to_json(),
    "recommend": lambda shop, _: [a.to_json() for a in shop.recommend(some(shop), n=5, why=True)],
    "recommend to a stranger": lambda shop, _: shop.recommend(n=5, why=True).to_json(),
    "recommend_all": lambda shop, folder: pq.read_table(
        shop.recommend_all(folder / "all.parquet", n=3).path
    ).to_pylist(),
    "similar": lambda shop, _: [a.to_json() for a in shop.similar(some_items(shop), n=5)],
    "trending": lambda shop, _: shop.trending(days=30).to_json(),
    "new": lambda shop, _: shop.new(days=60).to_json(),
    "explain": lambda shop, _: shop.explain(some(shop)[0]).to_json(),
    "intent": lambda shop, _: [a.to_json() for a in shop.intent(some(shop), days=[7, 30])],
}


def some(shop: regard.Workspace) -> list[str]:
    log = shop.log()
    return [str(name) for name in log.customers.ids.to_pylist()[:4]]


def some_items(shop: regard.Workspace) -> list[str]:
    log = shop.log()
    return [str(name) for name in log.items.ids.take(np.unique(log.item[log.item >= 0])[:3]).to_pylist()]


@pytest.mark.parametrize("verb", VERBS)
def test_every_answer_is_that_of_a_shop_without_their_events(verb: str, shops: Any, tmp_path: Path) -> None:
    withheld_shop, without, withheld = shops
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    found = VERBS[verb](withheld_shop, tmp_path / "a")
    same(found, VERBS[verb](without, tmp_path / "b"))
    told = set(found.customers.ids.to_pylist()) if isinstance(found, Log) else set()
    if isinstance(found, list) and found and isinstance(found[0], dict):
        told = {str(row.get("customer")) for row in found}
    assert not told & set(withheld)


def test_training_evaluation_and_the_report_are_those_of_a_shop_without_their_events(
    shops: Any, stand_in: None
) -> None:
    models, figures, pages = [], [], []
    for shop in shops[:2]:
        shop = regard.open(shop.folder)
        report = shop.train(steps=5)
        models.append((Path(report.folder) / "model.json").read_bytes())
        figures.append(shop.evaluate(days=30).to_json())
        answering, notes = shop._answering.shop()
        gathered = dataclasses.asdict(reporting.gather(shop.store, shop.models, answering, notes))
        pages.append({name: gathered[name] for name in ("totals", "customers", "attention")})
    assert models[0] == models[1]
    assert json.dumps(figures[0], default=str) == json.dumps(figures[1], default=str)
    assert json.dumps(pages[0], default=str) == json.dumps(pages[1], default=str)


def test_asked_by_id_they_are_refused_in_one_line_that_says_why(shops: Any) -> None:
    shop, _, withheld = shops
    line = f"customer '{withheld[0]}' does not consent to being looked at: nothing is computed about them"
    for ask in (shop.explain, shop.intent, shop.anomalies):
        with pytest.raises(ConsentError) as refused:
            ask(withheld[0])
        assert refused.value.message == line
        assert "regard recommend" in refused.value.hint
    with pytest.raises(ConsentError, match=f"2 customers, such as '{withheld[1]}'"):
        shop.intent([*some(shop), withheld[1], withheld[0]])
    with pytest.raises(ConsentError):
        shop.explain("somebody in no table")


def test_recommend_falls_back_to_what_needs_nothing_of_theirs(shops: Any) -> None:
    shop, _, withheld = shops
    stranger, item = shop.recommend(n=5), some_items(shop)[0]
    for told in ({}, {"events": [item]}, {"interests": [item]}, {"exclude": "seen"}):
        answer = shop.recommend(withheld[0], n=5, **told)
        assert answer.customer == withheld[0]
        assert [i.item for i in answer.items] == [i.item for i in stranger.items]
        assert answer.fallback_level in ("recent popularity", "popularity")
        assert answer.notes[0].startswith(f"customer '{withheld[0]}' does not consent")
    chinese = shop.recommend(withheld[0], language="zh").notes[0]
    assert withheld[0] in chinese and "同意" in chinese
    mixed = shop.recommend([some(shop)[0], withheld[0]], n=5)
    assert mixed[0] == shop.recommend(some(shop)[0], n=5)
    assert mixed[1].fallback_level != mixed[0].fallback_level


def test_consent_that_is_taken_back_ends_the_answers_at_once_and_given_again_brings_them_back(shops: Any) -> None:
    shop, _, _ = shops
    ann = some(shop)[0]
    before = shop.recommend(ann, n=3)
    assert before.fallback_level == "counting"
    shop.ingest(customers=pd.DataFrame({"customer": [ann], "consent": ["no"]}))
    assert shop.recommend(ann, n=3).notes[0].startswith(f"customer '{ann}' does not consent")
    with pytest.raises(ConsentError):
        shop.intent(ann)
    shop.undo(2)
    assert shop.recommend(ann, n=3) == before

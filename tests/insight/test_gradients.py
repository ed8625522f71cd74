"""Long histories are explained by what gradients choose; short ones, and all without PyTorch, by deletion."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import regard
from regard.insight import Shop, explain, gradients, grounds
from regard.insight.explain import effects
from regard.insight.gradients import Gradients
from regard.sequences.split import view_until
from regard.training.fitting import fit


@pytest.fixture(scope="module")
def trained(_ingested: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("trained") / "shop"
    shutil.copytree(_ingested, folder)
    shop = regard.open(folder)
    name, place = shop.models.begin(resume=False)
    fit(view_until(shop.log(), None, target=shop.target), folder=place, steps=5)
    shop.models.add(name, shop.store.version)
    return shop._answering.shop()[0]


def longest(shop: Shop) -> str:
    return shop.log.customers.id(int(shop.log.lengths.argmax()))


def test_a_short_history_is_explained_by_deletion(trained: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "LONG", trained.log.lengths.max())
    item = trained.log.items.id(0)
    assert explain(trained, longest(trained), item).method == "deletion"
    assert grounds(trained, longest(trained), "intent_7d").method == "deletion"


def test_of_a_long_one_gradients_choose_what_is_deleted(trained: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    who, item = longest(trained), trained.log.items.id(0)
    whole = {one.text: one.effect for one in explain(trained, who, item, n=1_000).reasons}
    monkeypatch.setattr(gradients, "LONG", 5)
    monkeypatch.setattr(gradients, "STRONGEST", 12)
    told = explain(trained, who, item, n=1_000)
    assert told.method == "integrated gradients" and 0 < len(told.reasons) <= 12
    for reason in told.reasons:
        assert reason.effect == pytest.approx(whole[reason.text], abs=1e-5)
    strongest = sorted(whole, key=lambda text: -abs(whole[text] or 0))[:3]
    assert {one.text for one in told.reasons} & set(strongest)


def test_without_pytorch_everything_is_deleted(trained: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "LONG", 5)
    monkeypatch.setattr(gradients, "find_spec", lambda name: None)
    assert Gradients.of(trained) is None
    assert explain(trained, longest(trained), trained.log.items.id(0)).method == "deletion"


def test_who_cannot_be_looked_into_is_asked_by_deletion(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "LONG", 0)
    assert Gradients.of(shop) is None and explain(shop, "bob", "tea").method == "deletion"


def test_what_events_add_is_the_score_beyond_that_of_the_baselines(
    trained: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "POINTS", 24)
    found = Gradients.of(trained, baselines=2, seed=1)
    assert found is not None and trained.ranker is not None and len(found.baselines) == 2
    query = trained.log.take(np.array([int(trained.log.lengths.argmax())]))
    asof, code = trained.asof(query), np.array([0])
    told = found.attributions(query, asof, found.item(int(trained.ranker.columns(query.items)[0])))
    sight = found.way.sight(found.scorer.batch(trained.ranker.aligned(query), asof))
    answer = found.item(int(trained.ranker.columns(query.items)[0]))
    low = np.mean([found.way.ends(sight, other, answer)[0] for other in found.baselines])
    own = float(trained.ranker.score(query, asof)[0, code[0]])
    assert told.sum() == pytest.approx(own - low, abs=0.03 * max(1.0, abs(own - low)))
    # The order is much like that of deletion: what adds most is among what is missed most.
    lost = effects(trained.ranker, query, asof, code[None], grouped=False, latest=query.events)
    missed = lost.groups.values[np.argsort(-lost.effect[:, 0], kind="stable")[:10]]
    assert set(np.argsort(-told)[:10].tolist()) & set(missed.tolist())

"""What a place in a segment rests on, what drives an answer in a whole shop, and every refusal in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

import regard
from regard.cli.app import app
from regard.customers.segments import clusters
from regard.customers.segments.rfm import CELLS
from regard.errors import ConsentError, ModelError, UsageError
from regard.insight import patterns as patterning
from regard.sequences.log import Log
from regard.sequences.vocabulary import Vocabulary
from regard.workspace.crowd import moments
from regard.workspace.places import Places
from regard.workspace.segment_registry import Registry

SCHEMA = json.loads((Path(regard.__file__).parent / "schemas" / "explain.json").read_text("utf-8"))
LIGHTS, TEAS = ["lamp", "bulb", "shade", "candle"], ["green", "black", "white", "mint"]


class Seeing:
    """A model whose states say how much of a history is lights and how much tea, in a space that each model turns its own way,
    and whose chances rise with every look.
    """

    def __init__(self, folder: Path) -> None:
        told = json.loads((folder / "seeing.json").read_text())
        self.name, self.card, self.horizon = folder.name, {"steps": 1}, None
        self.view_items, self.behaviours = Vocabulary(told["items"]), tuple(told["behaviours"])
        self.item_vectors = np.zeros((len(self.view_items), 4), np.float32)
        self.turn = np.linalg.qr(np.random.default_rng(told["seed"]).normal(size=(4, 4)))[0]

    def score(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        return np.zeros((len(queries), len(self.view_items)), np.float32)

    def propensity(self, queries: Log, asof: np.ndarray, horizons_days: np.ndarray) -> np.ndarray:
        looks = np.bincount(queries.owner[queries.is_behaviour(("view_item",))], minlength=len(queries))
        return np.tile(1 / (1 + np.exp(3 - 0.5 * looks))[:, None], (1, len(horizons_days))).astype(np.float32)

    def states(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        light = np.isin(self.view_items.ids.to_pylist(), LIGHTS)[queries.item]
        parts = [np.bincount(queries.owner, what, minlength=len(queries)) for what in (light, ~light)]
        bought = np.bincount(queries.owner, queries.is_behaviour(("purchase",)), minlength=len(queries))
        count = np.maximum(queries.lengths, 1)
        seen = np.stack([*(part / count for part in parts), 0.2 * bought / count, 0.1 + 0 * count], axis=1)
        return (seen @ self.turn).astype(np.float32)


def see(shop: regard.Workspace, seed: int = 0) -> None:
    """Register a model that sees."""
    name, folder = shop.models.begin(resume=False)
    log = shop.log()
    told = {"items": log.items.ids.to_pylist(), "behaviours": log.behaviours, "seed": seed}
    (folder / "seeing.json").write_text(json.dumps(told))
    shop.models.add(name, shop.store.version)


def events(customers: int = 60) -> pd.DataFrame:
    """Half the customers like lights, half tea; each has strayed once or twice."""
    random, rows = np.random.default_rng(0), []
    for number in range(customers):
        own, other = (LIGHTS, TEAS) if number % 2 else (TEAS, LIGHTS)
        for place in range(int(random.integers(6, 10))):
            item = str(random.choice(other if place in (1, 4) else own))
            kind = "purchase" if place % 4 == 3 else "view_item"
            day = pd.Timestamp("2026-01-01") + pd.Timedelta(days=int(random.integers(0, 60)), hours=place)
            rows.append((f"C{number}", kind, item, day.strftime("%Y-%m-%dT%H:%M:%SZ"), 5.0))
    return pd.DataFrame(rows, columns=["customer", "behaviour", "item", "time", "price"])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clusters are looked for briefly, and models are those that see."""
    brief = clusters.Settings(counts=(2,), widths=(1,), screen=1, rerun=2, proof=2, finalists=1, members=10)
    monkeypatch.setattr(clusters, "Settings", lambda: brief)
    monkeypatch.setattr("regard.workspace.workspace._load", Seeing)
    yield


@pytest.fixture
def shop(tmp_path: Path, quick: None) -> regard.Workspace:
    shop = regard.init(tmp_path / "shop")
    items = pd.DataFrame({"item": LIGHTS + TEAS, "category": ["lights"] * 4 + ["tea"] * 4})
    shop.ingest(events(), items=items)
    see(shop)
    return shop


def where(shop: regard.Workspace, customer: str) -> str:
    """The cluster of a customer."""
    for card in shop.segments().segments:
        if customer in shop._grouped().members(card.id):
            return card.id
    raise AssertionError(f"{customer} is in no cluster")


def valid(answer: Any) -> dict[str, Any]:
    told = json.loads(json.dumps(answer.to_json()))
    Draft202012Validator(SCHEMA).validate(told)
    return dict(told)


def test_a_place_in_a_cluster_rests_on_the_events_that_are_like_it(shop: regard.Workspace) -> None:
    own = where(shop, "C1")
    told = shop.explain("C1", of=f"segment:{own}")
    valid(told)
    assert told.value > 0 and told.boundary == 0 and told.method == "deletion" and told.model_version == "m1"
    assert told.nearest == where(shop, "C0")
    lost = {reason.item: reason.effect for reason in told.reasons}
    assert max(lost, key=lost.get) in LIGHTS and min(lost, key=lost.get) in TEAS
    assert told.fewest and told.without <= 0 and all(reason.item in LIGHTS for reason in told.fewest)
    assert len(shop.explain("C1", of=f"segment:{own}", n=1).reasons) == 1
    assert shop.explain("C1", of=f"segment:{own}", language="zh").reasons[0].text.startswith("您")


def test_margins_agree_with_the_kept_places_also_after_a_refit_in_a_turned_space(shop: regard.Workspace) -> None:
    shop.segments()
    for seed in (None, 5):
        if seed is not None:
            see(shop, seed)
            shop.segments()
        grouped = shop._grouped()
        fit = grouped._fit()
        places, log = Places.of(fit, grouped.seen), grouped.seen.log
        for cluster in range(len(fit.segments)):
            margin = places.margin(cluster)(log, moments(log))
            assert ((margin > 0) == (fit.segments.label == cluster)).all()  # the second model sees all as the first did
    assert np.abs(places.way[:4] - np.eye(4)).max() > 0.1  # it was turned
    nothing = log.where(np.zeros(log.events, dtype=bool))
    assert (places.margin(0)(nothing, moments(log)) == -1).all()


def test_a_rule_says_what_it_asks_and_what_the_customer_has(shop: regard.Workspace) -> None:
    shop.segments('orders >= 1 and (spend > 2 or segment = "s9") and last_seen >= 2026-01-02', save="buyers")
    told = shop.explain("C3", of="segment:buyers")
    valid(told)
    texts = ["orders >= 1", 'spend > 2 or segment = "s9"', "last_seen >= 2026-01-02"]
    assert [condition.text for condition in told.conditions] == texts and all(c.met for c in told.conditions)
    assert told.conditions[0].fields["orders"] >= 1 and set(told.conditions[1].fields) == {"spend", "segment"}
    cell = shop._grouped().seen.people.profile.column("rfm")[0].as_py()
    name = shop._grouped().seen.people.customers.id(0)
    seen = shop.explain(name, of=f"segment:{cell}")
    assert {"rfm", "orders", "spend"} <= set(valid(seen)["conditions"][0]["fields"])


@pytest.mark.parametrize(
    ("how", "line", "hint"),
    [
        ({"customer": "C1", "of": "segment:s99"}, "no segment 's99'", "there is s1"),
        ({"customer": "nobody", "of": "segment:s1"}, "nothing is known of customer 'nobody'", "regard profile"),
        ({"customer": "C1", "of": "segment:many"}, "'C1' is not in segment 'many'", "not met: customer = \"C5\"; customer is C1"),
        ({"customer": "C1", "of": "segment:gone"}, "nobody is in segment 'gone'", "orders > 9"),
        ({"customer": "C1", "segment": "s1"}, "a customer and a segment at once", "--of segment:s1"),
        ({"customer": "C1", "item": "lamp", "of": "segment:s1"}, "segments are of no item", "--of segment:s1"),
        ({}, "whose answer is to be explained", "name a customer"),
        ({"item": "lamp", "of": "intent_7d"}, "whose answer is to be explained", "name a customer"),
        ({"of": "segment:s1"}, "customer by customer", "name a customer"),
        ({"of": "love_7d"}, "'love_7d' cannot be explained", "intent_7d"),
        ({"of": "intent_7d", "segment": "gone"}, "nobody is in segment 'gone'", "regard segments"),
        ({"of": "intent_7d", "segment": "s99"}, "no segment 's99'", "there is s1"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_one_clear_line(
    shop: regard.Workspace, how: dict[str, str], line: str, hint: str
) -> None:
    shop.segments()
    registry = Registry(shop.folder)
    registry.save("gone", "orders > 9", ["C1"])
    registry.save("many", 'customer = "C5"', ["C1"])
    with pytest.raises(UsageError, match=line) as caught:
        shop.explain(**how)
    assert hint in caught.value.hint and "\n" not in str(caught.value)


def test_who_is_elsewhere_is_told_where(shop: regard.Workspace) -> None:
    own, other = where(shop, "C1"), where(shop, "C0")
    with pytest.raises(UsageError, match=f"'C1' is not in segment '{other}'") as caught:
        shop.explain("C1", of=f"segment:{other}")
    assert caught.value.hint == f"they are in {own}: --of segment:{own}"


def test_without_a_model_only_rules_are_explained(tmp_path: Path, quick: None) -> None:
    shop = regard.init(tmp_path / "untrained")
    shop.ingest(events())
    shop.segments("orders >= 1", save="buyers")
    assert shop.explain("C3", of="segment:buyers").conditions[0].met
    for ask in ({"customer": "C3", "of": "segment:s1"}, {"of": "intent_7d"}):
        with pytest.raises(ModelError) as caught:
            shop.explain(**ask)
        assert "regard train" in caught.value.hint


def test_an_id_may_be_a_number_and_rules_wait_for_no_clusters(tmp_path: Path, quick: None) -> None:
    shop = regard.init(tmp_path / "numbers")
    some = events()
    shop.ingest(some.assign(customer=some["customer"].str[1:]))
    see(shop)
    shop.segments("orders >= 1", save="buyers")
    for id in (3, 3.0, " 3 "):
        assert shop.explain(id, of="segment:buyers").customer == "3"
    assert shop.explain(of="intent_7d", segment="buyers").segment == "buyers"
    assert shop.overlap("buyers", "champions").customers[0] > 0
    assert Registry(shop.folder).fits() == []
    found = shop.segments_of(3)
    assert found.customer == "3" and found.rules == ("buyers",) and len(Registry(shop.folder).fits()) == 1


def test_why_there_are_no_clusters_is_said_in_the_readers_language(tmp_path: Path, quick: None) -> None:
    shop = regard.init(tmp_path / "few")
    some = events()
    shop.ingest(some[some["customer"].isin(sorted(set(some["customer"]))[:12])])
    see(shop)
    told = {"en": "12 customers are too few for clusters (at least 20; rules need none)"}
    told["zh"] = "12 位顾客太少，无法聚类（至少需要 20 位；规则客群不受此限）"
    for language, line in told.items():
        assert line in shop.segments(language=language).notes
        with pytest.raises(UsageError, match="there are no clusters") as caught:
            shop.explain(some["customer"].iloc[0], of="segment:s1", language=language)
        assert caught.value.hint == line


def test_what_drives_a_shop_and_a_segment(shop: regard.Workspace) -> None:
    told = shop.explain(of="intent_7d")
    valid(told)
    assert (told.customers, told.among, told.segment) == (60, 60, None) and told.events == shop.log().events
    by = {one.behaviour: one for one in told.behaviours}
    assert by["view_item"].share == pytest.approx(1) and by["view_item"].lift > 1 and by["purchase"].effect == 0
    assert {one.category for one in told.categories} == {"lights", "tea"}
    own = where(shop, "C1")
    part = shop.explain(of="intent_7d", segment=own)
    valid(part)
    assert part.segment == own and part.customers == len(shop._grouped().members(own)) < 60
    shares = {one.category: one.events for one in part.categories}
    assert shares["lights"] > 0.5 > shares["tea"]


def test_consent_is_obeyed(
    shop: regard.Workspace, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = where(shop, "C1")
    everybody = shop.log().customers.ids.to_pylist()
    withheld = {"C1", "C8", "C33"}
    shop.ingest(
        customers=pd.DataFrame({"customer": everybody, "consent": [name not in withheld for name in everybody]})
    )
    for of in (f"segment:{own}", "segment:champions", "intent_7d"):
        with pytest.raises(ConsentError, match="'C1' does not consent"):
            shop.explain("C1", of=of)
    told = shop.explain(of="intent_7d")
    assert told.among == 57
    assert not withheld & set(shop._grouped().members(own))
    without = regard.init(tmp_path / "without")
    some = events()
    items = pd.DataFrame({"item": LIGHTS + TEAS, "category": ["lights"] * 4 + ["tea"] * 4})
    without.ingest(some[~some["customer"].isin(withheld)], items=items)
    see(without)
    monkeypatch.setattr(patterning, "SAMPLE", 20)  # the same are drawn as if the others had never been
    assert shop.explain(of="intent_7d").to_json() == without.explain(of="intent_7d").to_json()


def test_the_command_line_in_both_languages_and_as_json(shop: regard.Workspace) -> None:
    own, folder = where(shop, "C1"), str(shop.folder)
    shop.segments("orders >= 1", save="buyers")

    def said(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["explain", folder, *words], env={"COLUMNS": "80"})
        assert result.exit_code == code, result.output
        return result.output

    member = said("C1", "--of", f"segment:{own}")
    assert f"in segment {own}" in member and "the margin loses" in member and "would be no member" in member
    chinese = said("C1", "--of", f"segment:{own}", "--lang", "zh")
    assert f"属于客群 {own}" in chinese and "归属度" in chinese and "没有这些事件，就不属于该客群" in chinese
    assert "orders >= 1" in said("C3", "--of", "segment:buyers") and "条件" in said(
        "C3", "--of", "segment:buyers", "--lang", "zh"
    )
    cell = shop.segments_of("C3").rfm
    name = CELLS[cell][1]
    assert f"属于客群 {cell}（{name}）" in said("C3", "--of", f"segment:{cell}", "--lang", "zh")
    whole = said("--of", "intent_7d")
    assert "the whole shop" in whole and "viewed, 30 to 90 days" in " ".join(whole.split()) and "of events" in whole
    part = said("--of", "intent_7d", "--segment", own, "--lang", "zh")
    assert f"客群 {own}" in part and "事件占比" in part and "品类" in part and "浏览" in part
    for words in (("C1", "--of", f"segment:{own}"), ("C3", "--of", "segment:buyers"), ("--of", "intent_7d")):
        Draft202012Validator(SCHEMA).validate(json.loads(said(*words, "--json")))
    assert "name a customer" in said(code=2)


def test_a_member_by_the_place_of_the_fit_before_is_said_to_be_one(
    shop: regard.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = where(shop, "C1")
    monkeypatch.setattr(Places, "margin", lambda self, cluster: lambda histories, asof: np.full(len(histories), -0.1))
    told = shop.explain("C1", of=f"segment:{own}")
    valid(told)
    assert told.fewest is None and told.without is None and "both places count" in told.notes[0]
    assert "两次位置" in shop.explain("C1", of=f"segment:{own}", language="zh").notes[0]


def test_a_margin_can_be_followed_back_to_the_state(shop: regard.Workspace) -> None:
    torch = pytest.importorskip("torch")
    shop.segments()
    see(shop, 5)
    shop.segments()
    grouped = shop._grouped()
    places, log = Places.of(grouped._fit(), grouped.seen), grouped.seen.log
    states = torch.from_numpy(grouped.seen.states.astype(np.float64))
    for cluster in range(2):
        told = places.slope(cluster)(states, None, None).numpy()
        np.testing.assert_allclose(told, places.margin(cluster)(log, moments(log)), atol=1e-4)

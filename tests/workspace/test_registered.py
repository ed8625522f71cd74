"""Registered: a profile names the segments that the registry holds, as soon as they change, and finds none anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import regard
from regard.customers.profile.membership import Memberships
from regard.customers.segments.identity import Segments
from regard.customers.segments.keeping import Fit
from regard.customers.segments.naming import Name
from regard.customers.segments.space import Space
from regard.sequences.vocabulary import Vocabulary
from regard.workspace.registered import registered
from regard.workspace.segment_registry import Registry


def fit(names: list[str], label: list[int]) -> Fit:
    """Two clusters of some customers."""
    states = np.zeros((len(names), 2), dtype=np.float32)
    segments = Segments(
        ids=("s1", "s4"), number=4, space=Space(mean=np.zeros(2, np.float32), axes=np.eye(2, dtype=np.float32)),
        centroids=np.zeros((2, 2), np.float32), stability=np.ones(2), customers=Vocabulary(names), states=states,
        label=np.array(label),
    )  # fmt: skip
    called = (Name(en="cups", zh="杯子", words=()), Name(en="lights", zh="灯具", words=()))
    return Fit(segments=segments, events=np.ones(len(names), dtype=np.int64), names=called, refit=None)


def told(found: Memberships, customers: Vocabulary) -> dict[str, list[str]]:
    names = customers.ids.to_pylist()
    return {name: [found.segments[at].id for at in found.of[row].tolist()] for row, name in enumerate(names)}


@pytest.fixture
def shop(shop_folder: Path) -> regard.Workspace:
    return regard.open(shop_folder)


def test_clusters_and_rules_are_as_they_were_registered(shop: regard.Workspace) -> None:
    registry, customers = Registry(shop.store.folder), Vocabulary(["ann", "bob", "cid", "dan"])
    empty = registered(registry, customers)
    assert empty.segments == () and empty.note == ""
    registry.add(fit(["bob", "ann", "eve"], [1, -1, 0]), model="m1", version=1, report={"number": 4})
    registry.save("gold", "orders > 5", ["cid", "bob", "zoe"])
    found = registered(registry, customers)
    assert told(found, customers) == {"ann": [], "bob": ["s4", "gold"], "cid": ["gold"], "dan": []}
    assert found.known.tolist() == [True, True, True, False]
    assert [(one.kind, one.zh) for one in found.segments] == [
        ("cluster", "杯子"),
        ("cluster", "灯具"),
        ("rule", "gold"),
    ]


def test_the_next_profile_knows_of_a_segment_that_was_just_registered(
    shop: regard.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, other = shop.log().customers.names(np.array([0, 1]))
    assert "segments" not in shop.profile(who).fields
    registry = Registry(shop.store.folder)
    registry.save("gold", "orders > 5", [who])
    monkeypatch.setattr("regard.workspace.profiling.Base", None)  # nothing of the shop is worked out again
    assert [one["id"] for one in shop.profile(who).fields["segments"].value] == ["gold"]
    registry.add(fit([who, other], [0, 1]), model="m1", version=1, report={"number": 4})
    assert shop.profile(who, language="zh").fields["segments"].text == "杯子（s1）、gold"
    assert [one["name"] for one in shop.profile(other).fields["segments"].value] == ["lights"]
    registry.save("gold", "orders > 6", [])
    assert [one["id"] for one in shop.profile(who).fields["segments"].value] == ["s1"]


def test_clusters_that_cannot_be_read_are_said_and_rules_still_told(shop: regard.Workspace) -> None:
    who = shop.log().customers.id(0)
    registry = Registry(shop.store.folder)
    entry = registry.add(fit([who], [0]), model="m1", version=1, report={"number": 4})
    registry.save("gold", "orders > 5", [who])
    (entry.folder / "segments.json").write_text("{}")
    found = shop.profile(who)
    assert [one["id"] for one in found.fields["segments"].value] == ["gold"]
    assert any("cannot be read" in note for note in found.notes)

"""Consent: nothing is computed on, counted of or shown of a customer who has not consented."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.customers.segments.card import cards
from regard.customers.segments.clusters import Settings
from regard.customers.segments.identity import found, refit
from regard.customers.segments.lookalike import expand
from regard.customers.segments.people import People
from regard.customers.segments.rfm import cells, grid
from regard.customers.segments.rules import Rule, counts, members
from regard.customers.segments.tgi import Traits, table
from regard.errors import UsageError
from regard.sequences.ragged import Ragged

QUICK = Settings(counts=(2, 3), widths=(3,), screen=1, rerun=2, proof=2, finalists=1)


def _everything(people: People) -> str:
    """All that segments say of these customers, as one text."""
    label = np.where(people.states[:, 0] > 0, 0, 1)
    traits = Traits.of(people)
    segments = found(people, QUICK)
    again = refit(segments, people, settings=QUICK)
    rule = Rule.of("old", "age > 30")
    rfm = grid(people.value, people.value, people.value)
    told = [
        [card.to_json() for card in cards(people, label, ["a", "b"], traits=traits)],
        [card.to_json() for card in cards(people, segments.label, segments.ids, traits=traits, moves=again.moves)],
        [[row.to_json() for row in rows] for rows in table(traits, label, 2)],
        segments.customers.ids.to_pylist(), segments.of(["hidden0", "c0"]), segments.centroids.tolist(),
        segments.stability.tolist(), again.moves.customers.tolist(), again.stayed,
        dict(counts([rule], people)), members(rule, people).tolist(), [cell.to_json() for cell in cells(rfm.cell, people)],
        expand(people, [*people.customers.ids.to_pylist()[:15], "hidden0"], 20).to_json(),
    ]  # fmt: skip
    return json.dumps(told)


@given(st.integers(0, 1000), st.sampled_from(["first", "last", "among"]))
@settings(max_examples=4, deadline=None)
def test_who_withholds_consent_changes_nothing_and_is_shown_nowhere(seed: int, where: str) -> None:
    random = np.random.default_rng(seed)
    hidden = np.zeros(130, dtype=bool)
    hidden[{"first": np.arange(30), "last": np.arange(100, 130), "among": random.permutation(130)[:30]}[where]] = True
    place = np.where(hidden, np.cumsum(hidden), np.cumsum(~hidden)) - 1
    ids = [f"hidden{n}" if out else f"c{n}" for n, out in zip(place, hidden, strict=True)]
    states = random.normal(size=(130, 5)) + 100 * hidden[:, None]
    words = Ragged.of([random.integers(0, 4, random.integers(0, 5)) for _ in range(130)])
    names = ["category:lights", "brand:acme", "word:lamp", "secret"]
    value, age = random.gamma(2, 10, 130), random.integers(18, 80, 130)
    consent = pa.array([None if out and n % 2 else not out for n, out in enumerate(hidden)], pa.bool_())
    whole = People.of(
        ids,
        states=states,
        words=words,
        word_names=names,
        value=value,
        profile=pa.table({"consent": consent, "age": age}),
    )
    kept = np.flatnonzero(~hidden)
    alone = People.of(
        [ids[n] for n in kept], states=states[kept], words=words.take(kept), word_names=names, value=value[kept],
        profile=pa.table({"consent": [True] * 100, "age": age[kept]}),
    )  # fmt: skip
    assert whole.left_out == 30 and len(whole) == 100
    told = _everything(whole)
    assert "hidden" not in told
    assert told == _everything(alone)


def test_a_rule_about_consent_finds_nobody_without_it() -> None:
    people = People.of(["a", "b", "c"], profile=pa.table({"consent": [True, False, None]}))
    assert members(Rule.of("no", "consent = false or consent is null"), people).tolist() == [False]


@pytest.mark.parametrize("name", ["consent", "Consent"])
def test_the_column_is_obeyed_however_it_is_written(name: str) -> None:
    people = People.of(["a", "b"], profile=pa.table({name: [False, True]}))
    assert people.customers.ids.to_pylist() == ["b"]


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (pa.table({"consent": ["yes", "no"]}), "'consent' is string"),
        (pa.table({"consent": [1, 0]}), "'consent' is int64"),
        (pa.table({"consent": [True, True], "CONSENT": [False, True]}), "2 times"),
        (pa.table({"age": [3]}), "profile has 1 rows, but there are 2 customers"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(profile: pa.Table, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        People.of(["a", "b"], profile=profile)


def test_states_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="finite"):
        People.of(["a"], states=np.array([[np.nan]]))

"""Automation against plain loops: the same rhythm for whoever it is, and a burst of one session whatever lies before it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.sequences.anomalies.acts import Acts
from regard.sequences.anomalies.automation import PAGE, SESSION, Gaps, bursts, fixed_gaps
from regard.sequences.log import Log


def acts_of(gaps: list[list[int]], customers: list[int]) -> Acts:
    """Acts of these customers, each a first one and one after each of the gaps."""
    owner = np.repeat(customers, [len(own) + 1 for own in gaps])
    time = np.concatenate([np.cumsum([0, *own]) for own in gaps])
    rows = np.arange(len(owner))
    return Acts(owner=owner, time=time, start=rows, of_event=rows, count=np.bincount(owner))


def test_a_rhythm_counts_the_same_whatever_number_a_customer_has() -> None:
    people = [[10, 15, 10, 15, 10, 15, 2, 90], np.geomspace(2, 2e6, 200).astype(int).tolist()]
    few, many = (fixed_gaps(Gaps(acts_of(people, codes), shortest=1)) for codes in ([0, 1], [300_000, 300_001]))
    assert few.nats[0] > 0 == few.nats[1] and few.figures["of"].tolist() == [8, 200]
    assert [few.figures[name][0] for name in ("count", "low", "high")] == [6, 10, 15]
    for name in few.figures:
        assert many.figures[name][-2:].tolist() == few.figures[name].tolist()
    assert many.nats[-2:].tolist() == few.nats.tolist() and few.marks.sum() == 6


def test_the_narrower_of_two_equal_windows_is_told() -> None:
    people = [[60] * 12, np.geomspace(2, 2e6, 80).astype(int).tolist()]
    people[1] = [gap for gap in people[1] if not 60 <= gap <= 90]
    found = fixed_gaps(Gaps(acts_of(people, [0, 1]), shortest=1))
    assert [found.figures[name][0] for name in ("count", "of", "low", "high")] == [12, 12, 60, 66]


def highest(lengths: list[int], share: dict[int, float]) -> float:
    """The highest climb within one session, one gap at a time."""
    found = climb = 0.0
    for length in lengths:
        climb = 0.0 if length > SESSION else max(0.0, climb) - np.log(share[length]) - 2
        found = max(found, climb)
    return found


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([0, 1, 1, 7, 60, 600, SESSION, SESSION + 1, 90_000]), max_size=12),
        min_size=1, max_size=8,
    )
)  # fmt: skip
def test_a_burst_is_the_highest_climb_of_a_session(people: list[list[int]]) -> None:
    acts = acts_of(people, list(range(len(people))))
    every = [length for own in people for length in own]
    within = [[length for length in own if length <= SESSION] for own in people]
    within = [own for own in within if own]
    share = {}
    for length in every:
        voices = [sum(other <= length for other in own) / len(own) for own in within]
        all_gaps = sum(other <= length for other in every) / len(every)
        share[length] = min(sum(voices) / max(1, len(voices)), max(all_gaps, 1 - np.exp(-length / PAGE))) or 1.0
    found = bursts(Gaps(acts))
    assert found.nats.tolist() == pytest.approx([highest(own, share) for own in people], abs=1e-9)
    for code, count in enumerate(found.figures["count"].tolist()):
        marked = found.marks[acts.owner == code]
        assert marked.sum() == count and (count == 0) == (found.nats[code] == 0)
        span = acts.time[acts.owner == code][marked]
        assert count == 0 or found.figures["seconds"][code] == span[-1] - span[0]


def test_no_digit_is_lost_in_a_long_log(crowd: Log) -> None:
    acts = Acts.of(crowd)
    alone = bursts(Gaps(acts)).nats
    again = 200
    owner = np.concatenate([acts.owner + turn * len(crowd) for turn in range(again)])
    rows = np.arange(len(owner))
    many = Acts(
        owner=owner, time=np.tile(acts.time, again), start=rows, of_event=rows, count=np.tile(acts.count, again)
    )
    np.testing.assert_allclose(bursts(Gaps(many)).nats.reshape(again, -1), np.tile(alone, (again, 1)), atol=1e-7)

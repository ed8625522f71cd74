from __future__ import annotations

import numpy as np
import pytest

from regard.customers.segments.lookalike import expand, logistic
from regard.customers.segments.people import People
from regard.errors import UsageError
from regard.sequences.ragged import Ragged


def _people(members: int = 60, others: int = 340) -> People:
    """The first `members` differ in one of six directions, and read of lamps."""
    random = np.random.default_rng(0)
    inside = np.arange(members + others) < members
    states = random.normal(size=(members + others, 6)) + 5 * inside[:, None] * np.eye(6)[2]
    words = Ragged.of([[0, 1] if here else [1] for here in inside])
    return People.of(
        [f"c{n}" for n in range(members + others)],
        states=states,
        words=words,
        word_names=["category:lamps", "word:gift"],
    )


def test_the_rest_of_a_group_is_found_from_a_part_of_it() -> None:
    people = _people()
    found = expand(people, [f"c{n}" for n in range(30)], 30)
    alike = [int(like.customer[1:]) for like in found.customers]
    assert len(alike) == 30 and not set(alike) & set(range(30))
    assert sum(n < 60 for n in alike) >= 24
    assert found.recall[found.method] == max(found.recall.values()) > 2 * found.by_chance
    assert "category lamps" in found.customers[0].reasons[0]
    assert (np.diff([like.score for like in found.customers]) <= 0).all()


def test_a_customer_told_twice_counts_once_and_strangers_are_counted() -> None:
    people = _people()
    found = expand(people, ["c1"] * 5 + [f"c{n}" for n in range(20)] + ["nobody"], 10_000)
    assert (found.seed, found.unknown) == (20, 1)
    assert len(found.customers) == len(people) - 20


def test_regression_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    people = _people(80, 320)
    seed = np.arange(80)
    points = people.states - people.states.mean(axis=0)
    points /= points.std(axis=0)
    theirs = LogisticRegression(C=1.0, tol=1e-8, class_weight={1: 1.0, 0: 80 / 320})
    theirs.fit(points, np.arange(400) < 80)
    ours = logistic(people.states, seed, np.random.default_rng(0))
    assert np.allclose(ours, theirs.decision_function(points), atol=0.02)


@pytest.mark.parametrize(
    ("seed", "n", "line"),
    [
        (["c1", "c2"], 5, "only 2 of the seed's 2"),
        (["x"] * 30, 5, "only 0 of the seed's 1"),
        (["c1"], 0, "cannot be found"),
    ],
)
def test_what_cannot_be_expanded_is_one_clear_line(seed: list[str], n: int, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        expand(_people(), seed, n)


def test_without_a_model_there_are_no_lookalikes() -> None:
    with pytest.raises(UsageError, match="needs a trained model"):
        expand(People.of(["a", "b"]), ["a"], 1)

"""The gate's rule, row by row."""

from __future__ import annotations

import numpy as np
import pytest

from regard.evaluation.intervals import Estimate
from regard.evaluation.verdict import judge as verdict
from regard.workspace.gate import MARGIN, judge


class Found:
    """What the gate reads of an evaluation."""

    def __init__(self, difference: float, interval: tuple[float, float], n: int, *, old: float = 0.2) -> None:
        change = Estimate(mean=difference, interval=interval, n=n)
        ours, theirs = (Estimate(mean=value, interval=None, n=n) for value in (old + difference, old))
        self.verdict = verdict("ndcg_at_10", ours, "serving", theirs, {"ndcg_at_10": change}, n)
        self.split = {"days": 7}


@pytest.mark.parametrize(
    ("difference", "interval", "n", "passed", "finding"),
    [
        (0.02, (0.01, 0.03), 500, True, "better"),
        (-0.02, (-0.03, -0.01), 500, False, "worse"),
        (0.001, (-0.01, 0.01), 500, True, "level"),
        (-0.2 * MARGIN + 1e-6, (-0.02, 0.01), 500, True, "level"),
        (-0.2 * MARGIN - 1e-6, (-0.03, 0.01), 500, False, "lower"),
        (0.0, (-0.1, 0.1), 199, True, "few, no lower"),
        (-0.001, (-0.1, 0.1), 199, False, "few, lower"),
        (float("nan"), (0, 0), 0, False, "nobody"),
    ],
)
def test_a_new_model_passes_where_the_rule_says_so(
    difference: float, interval: tuple[float, float], n: int, passed: bool, finding: str
) -> None:
    gate = judge(Found(difference, interval, n), "m1")  # type: ignore[arg-type]
    assert (gate.passed, gate.finding) == (passed, finding)
    for language in ("en", "zh"):
        assert gate.words(language) and gate.to_json(language)["passed"] is passed
    if n:
        assert "m1" in gate.words() and np.isclose(gate.to_json()["difference"]["mean"], difference)


def test_who_is_worse_than_counting_does_not_pass() -> None:
    counting = Found(-0.1, (-0.2, -0.05), 500)
    gate = judge(Found(0.02, (0.01, 0.03), 500), "m1", counting=counting)  # type: ignore[arg-type]
    assert (gate.passed, gate.finding) == (False, "counting")

from __future__ import annotations

from collections.abc import Callable

import pytest

from regard.errors import UsageError
from regard.evaluation.candidates import blocked
from regard.sequences.log import Log


def test_masks_bar_what_they_say(make_log: Callable[..., Log]) -> None:
    log = make_log([[("a", 0, 0), ("b", 1, 1), ("", 2, 1)], [("c", 0, 1)]])
    assert blocked(log, ("purchase",), "none") is None
    target, seen = blocked(log, ("purchase",), "target"), blocked(log, ("purchase",), "seen")
    assert target is not None and seen is not None
    assert [row.tolist() for row in target] == [[0], []]
    assert [row.tolist() for row in seen] == [[0, 1], [2]]


def test_another_mask_is_refused(make_log: Callable[..., Log]) -> None:
    with pytest.raises(UsageError, match="none, target or seen"):
        blocked(make_log([]), ("purchase",), "all")

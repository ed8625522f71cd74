"""What is remembered is what would have been made anew, and nothing that can change is known again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from regard.sequences import remembered as module
from regard.sequences.remembered import Remembered, frozen


def test_frozen_arrays_are_known_again_and_others_are_not() -> None:
    made: list[int] = []

    def double(array: np.ndarray, times: int) -> np.ndarray:
        made.append(times)
        return array * times

    remembered, still, moving = Remembered(), frozen(np.arange(3)), np.arange(3)
    first = remembered(double, still, 2)
    assert remembered(double, still, 2) is first and made == [2]
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 9
    remembered(double, still, 3)
    one = remembered(double, moving, 2)
    moving[0] = 5
    assert remembered(double, moving, 2)[0] == 10 and one[0] == 0
    assert made == [2, 3, 2, 2]


def test_the_least_used_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 40_000)
    remembered, made = Remembered(), []

    def zeros(number: int) -> np.ndarray:
        made.append(number)
        return np.zeros(1_000)  # 8,000 bytes

    for number in (0, 1, 2, 3, 4, 0, 5, 0, 1):
        remembered(zeros, number)
    assert made == [0, 1, 2, 3, 4, 5, 1]
    assert remembered._bytes <= 40_000


def test_an_error_is_not_kept() -> None:
    remembered, tries = Remembered(), []

    def once(word: str) -> str:
        tries.append(word)
        if len(tries) == 1:
            raise ValueError(word)
        return word

    with pytest.raises(ValueError, match="a"):
        remembered(once, "a")
    assert remembered(once, "a") == "a"


def test_many_threads_are_told_the_same() -> None:
    remembered, arrays = Remembered(), [frozen(np.full(50, n)) for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: remembered(np.negative, arrays[n % 20])[0], range(2_000)))
    assert found == [-(n % 20) for n in range(2_000)]

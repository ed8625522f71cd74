"""Likeness: which features of items say the same as another, so that one is enough, and which are no words at all.

Names without blanks are read in pairs of characters, some of which straddle two words: of 经典台灯 these are 经典 and 台灯, and 典台, which is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

SAME = 0.8
"""Share of the items that two features have in common from which they say the same."""

_PAIR = re.compile("[\u4e00-\u9fff]{2}")


def straddling(has: sparse.csr_array, words: Sequence[str]) -> NDArray[np.bool_]:
    """bool [F], pairs of characters of which nearly every item has a commoner pair that ends where they begin, and one that
    begins where they end.

    Args: has: 0/1 [V, F]. words: F of them.

    >>> names = ["红色台灯", "红色杯子", "经典台灯", "经典杯子"]
    >>> words = sorted({name[at : at + 2] for name in names for at in range(3)})
    >>> has = sparse.csr_array(np.array([[float(word in name) for word in words] for name in names]))
    >>> [word for word, out in zip(words, straddling(has, words)) if not out]
    ['台灯', '杯子', '红色', '经典']
    """
    one, other, both, count = _together(has)
    chain = _chains(words)
    linked = np.isin(one * len(words) + other, chain[:, 0] * len(words) + chain[:, 1])
    covered = []
    for here, there in ((other, one), (one, other)):
        some = linked & (count[there] > count[here])
        covered.append(np.bincount(here[some], weights=both[some], minlength=len(words)))
    return np.asarray((np.minimum(*covered) >= SAME * count) & (count > 0))


def alike(has: sparse.csr_array, words: Sequence[str]) -> NDArray[np.int64]:
    """int64, sorted, f x F + g for features of nearly the same items, and for pairs of characters that overlap.

    Args: has: 0/1 [V, F]. words: F of them.
    """
    one, other, both, count = _together(has)
    same = both >= SAME * (count[one] + count[other] - both)
    chain, width = _chains(words), len(words)
    ends = np.concatenate([chain, chain[:, ::-1]])
    return np.unique(np.concatenate([one[same] * width + other[same], ends[:, 0] * width + ends[:, 1]]))


def _together(
    has: sparse.csr_array,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Pairs of different features that share items, how many each pair shares, and how many items each feature has."""
    met = sparse.coo_array(has.T @ has)
    one, other = (np.asarray(part, dtype=np.int64) for part in met.coords)
    apart, both = one != other, np.asarray(met.data, dtype=np.float64)
    return one[apart], other[apart], both[apart], np.asarray(has.sum(axis=0), dtype=np.float64).ravel()


def _chains(words: Sequence[str]) -> NDArray[np.int64]:
    """int64 [C, 2], pairs of characters of which the second begins as the first ends."""
    pairs = [at for at, word in enumerate(words) if len(word) == 2 and _PAIR.match(word)]
    begins: dict[str, list[int]] = {}
    for at in pairs:
        begins.setdefault(words[at][0], []).append(at)
    found = [(at, after) for at in pairs for after in begins.get(words[at][1], ()) if at != after]
    return np.array(found, dtype=np.int64).reshape(-1, 2)

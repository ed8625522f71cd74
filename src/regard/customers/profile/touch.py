"""Touch: by which channel, on which device and where customers act, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.customers.profile.given import Column, Floats, Given

SURE = 1.2816
"""Standard deviations of an 80 % interval."""


def touch(given: Given) -> Iterator[Column]:
    """The commonest channel, device and place of each, with its share."""
    for name in ("channel", "device", "place"):
        names, codes = given.log.context.get(name, ((), np.empty(0, dtype=np.int16)))
        if not names:
            continue
        known = codes >= 0
        cells = given.owner[known] * len(names) + codes[known]
        counts = np.bincount(cells, minlength=len(given) * len(names)).reshape(len(given), len(names))
        best, many = counts.argmax(axis=1), counts.sum(axis=1)
        of = counts[np.arange(len(given)), best]
        share = np.divide(of, many, out=np.full(len(given), np.nan), where=many > 0)
        shown = known & (codes == best[given.owner])
        values = pa.array(names, pa.string()).take(pa.array(best, mask=many == 0))
        covered = given.per_customer(known) / np.maximum(given.log.lengths, 1)
        yield given.column(name, values, shown, coverage=covered, probability=share, interval=wilson(of, many))


def wilson(count: NDArray[Any], of: NDArray[Any]) -> tuple[Floats, Floats]:
    """80 % interval of a share (Wilson, 1927), float64 [Q] each; NaN where there is nothing.

    >>> [round(float(end[0]), 2) for end in wilson(np.array([8]), np.array([10]))]
    [0.6, 0.91]
    """
    n = np.where(of > 0, of, np.nan).astype(np.float64)
    share, z = count / n, SURE**2 / n
    spread = np.sqrt(share * (1 - share) * z + z * z / 4)
    return (share + z / 2 - spread) / (1 + z), (share + z / 2 + spread) / (1 + z)

"""Picking: going down a ranked list by the rules of a scenario, item by item. What the rules mean stands in `scenario`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from regard.events import filter as filters
from regard.insight.scenario import Scenario
from regard.insight.shop import Shop
from regard.sequences.remembered import frozen
from regard.sequences.vocabulary import Vocabulary

Codes = NDArray[np.int64]

AT_ONCE = 256
"""Offered items whose likeness to one another is worked out together; memory only."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rules:
    """A scenario worked out for a catalogue of V items.

    Args:
        allowed: bool [V], those that may stand in a list; None = all.
        factor: float32 [V], on the odds; None = 1 for all.
        pins: position and code, by position.
        caps: for each the value of every item (int32 [V], -1 where it is missing) and how many of one value.
        content, alike: unit rows [V, F] and the cosine that no two items of a list exceed; None = no limit.
    """

    allowed: NDArray[np.bool_] | None = None
    factor: NDArray[np.float32] | None = None
    pins: tuple[tuple[int, int], ...] = ()
    caps: tuple[tuple[NDArray[np.int32], int], ...] = ()
    content: sparse.csr_array | None = None
    alike: float = 1.0

    @classmethod
    def of(cls, scenario: Scenario, shop: Shop) -> Rules:
        """Works the conditions and columns out, once for a scenario; pins on items that the catalogue lacks are left out.

        Raises:
            UsageError: the scenario does not fit the items table.
        """
        content = None if scenario.alike is None else shop.content_matrix
        rules: Rules = shop.remembered(_worked_out, scenario, shop.table, shop.table_row, shop.log.items, content)
        return rules

    @property
    def nbytes(self) -> int:
        """Bytes of what it holds for itself."""
        marks = [self.allowed, self.factor, *(values for values, _ in self.caps)]
        return sum(each.nbytes for each in marks if each is not None)

    @property
    def limits(self) -> bool:
        """Whether going down a list may pass over items."""
        return bool(self.caps) or self.content is not None


class Picking:
    """One list in the making.

    Args:
        n: items wanted. rules: what to obey. stands: whether a code may stand in this list at all, asked for pins.
    """

    def __init__(self, n: int, rules: Rules, stands: Callable[[int], bool]) -> None:
        self._n, self._rules = n, rules
        self._picked: dict[int, None] = {}
        self._full: list[dict[int, int]] = [{} for _ in rules.caps]
        self.pins: list[tuple[int, int]] = []
        """Position and code of the pins that stand."""
        for position, code in rules.pins:
            if position <= n and stands(code) and len(self.offer(np.array([code]))):
                self.pins.append((position, code))

    @property
    def missing(self) -> int:
        """Items that the list still wants."""
        return self._n - len(self._picked)

    def offer(self, codes: Codes) -> Codes:
        """Places in `codes` of what is picked; the best is offered first.

        Args:
            codes: candidates, none of them offered before unless it was passed over or picked: it then is again.
        """
        kept: list[int] = []
        for start in range(0, len(codes), AT_ONCE):
            part = codes[start : start + AT_ONCE]
            alike = self._alike(part)
            for place, code in enumerate(part.tolist()):
                if not self.missing:
                    return np.array(kept, dtype=np.int64)
                if code in self._picked or (alike is not None and alike[place]) or self._capped(code):
                    continue
                kept.append(start + place)
                self._pick(code)
                if alike is not None:
                    alike |= self._like(part, code)
        return np.array(kept, dtype=np.int64)

    def places(self, others: int) -> Codes:
        """Which item stands at each place: the number of one of the `others`, or others + k for the k-th pin of `pins`."""
        order, pinned, free = [], 0, 0
        for place in range(1, others + len(self.pins) + 1):
            if pinned < len(self.pins) and (self.pins[pinned][0] <= place or free == others):
                order.append(others + pinned)
                pinned += 1
            else:
                order.append(free)
                free += 1
        return np.array(order, dtype=np.int64)

    def _capped(self, code: int) -> bool:
        return any(
            values[code] >= 0 and held.get(int(values[code]), 0) >= most
            for (values, most), held in zip(self._rules.caps, self._full, strict=True)
        )

    def _pick(self, code: int) -> None:
        self._picked[code] = None
        for (values, _), held in zip(self._rules.caps, self._full, strict=True):
            held[int(values[code])] = held.get(int(values[code]), 0) + 1

    def _alike(self, codes: Codes) -> NDArray[np.bool_] | None:
        """bool, one per code: whether it is too much like something picked; None where nothing can be."""
        if self._rules.content is None:
            return None
        far = np.zeros(len(codes), dtype=bool)
        for code in self._picked:
            far |= self._like(codes, code)
        return far

    def _like(self, codes: Codes, code: int) -> NDArray[np.bool_]:
        content = self._rules.content
        assert content is not None
        cosine = (content[codes] @ content[[code]].T).toarray()[:, 0]
        return np.asarray(cosine > self._rules.alike + ROUNDING)


ROUNDING = 1e-6
"""What the cosine of two equal rows may be above 1 in float32, so that `alike` 1 bars nothing."""


def _worked_out(
    scenario: Scenario, table: pa.Table, row: Codes, items: Vocabulary, content: sparse.csr_array | None
) -> Rules:
    scenario.check(table.schema)
    allowed = _meets(scenario.filter, table, row) if scenario.filter else np.ones(len(items), dtype=bool)
    allowed[[code for code in items.codes(scenario.exclude).tolist() if code >= 0]] = False
    factor = np.ones(len(items), dtype=np.float32)
    for boost in sorted(scenario.boosts, key=lambda each: (each.when, each.factor)):  # one order, one rounding
        factor[_meets(boost.when, table, row)] *= np.float32(boost.factor)
    codes = items.codes(pin.item for pin in scenario.pins)
    pins = [(pin.position, int(code)) for pin, code in zip(scenario.pins, codes, strict=True) if code >= 0]
    caps = [(_values(cap.column, table, row), cap.most) for cap in scenario.caps]
    if scenario.variant_of:
        caps.append((_values(scenario.variant_of, table, row), 1))
    return Rules(
        allowed=frozen(allowed) if scenario.filter or scenario.exclude else None,
        factor=frozen(factor) if scenario.boosts else None,
        pins=tuple(sorted(pins)),
        caps=tuple(caps),
        content=content,
        alike=1.0 if scenario.alike is None else scenario.alike,
    )


def _meets(condition: str, table: pa.Table, row: Codes) -> NDArray[np.bool_]:
    return np.append(filters.mask(filters.parse(condition), table), False)[row]


def _values(column: str, table: pa.Table, row: Codes) -> NDArray[np.int32]:
    """int32 [V], a number for each value of a column, -1 where an item has none."""
    told = table.column(column).combine_chunks()
    if pa.types.is_dictionary(told.type):
        told = told.dictionary_decode()
    if pa.types.is_floating(told.type):
        told = pc.if_else(pc.is_nan(told), pa.scalar(None, told.type), told)
    codes = told.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.append(codes, -1)[row].astype(np.int32)

"""Given: Q customers as they were at a moment, with everything that the fields are read from. One customer is a batch of one.

Legend: `Q` customers, `N` events, `F` features of items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.customers.profile.base import Base, Foresees
from regard.customers.profile.fields import AHEAD, FIELDS
from regard.insight.history import Ask
from regard.insight.shop import Shop
from regard.model.runtime.facts import Facts
from regard.model.runtime.horizon import Outlook
from regard.sequences.aggregates import Aggregates, aggregate
from regard.sequences.log import DAY, Log
from regard.sequences.pack import local

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """One field of Q customers.

    Args:
        name: of the field. values: [Q], null where nothing can be said.
        evidence: bool [N], the events that show it. coverage: float64 [Q], share of the history that it rests on.
        probability: float64 [Q], that the value is right; None for fields that have none. low, high: float64 [Q], an 80 %
            interval of the value; None for fields without.
        at: seconds when it was found; None = the moment asked about.
    """

    name: str
    values: pa.Array
    evidence: NDArray[np.bool_]
    coverage: Floats
    probability: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None
    at: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """Q customers at a moment.

    Args:
        shop: data and model. base: what everybody of the shop is like at that moment. codes: int64 [Q] customers.
        log: their events up to the moment. at: seconds.
    """

    shop: Shop
    base: Base
    codes: NDArray[np.int64]
    log: Log
    at: int

    @classmethod
    def of(cls, shop: Shop, base: Base, codes: NDArray[np.int64]) -> Given:
        """The customers at the moment of the base."""
        log = shop.log.take(codes)
        if base.at < shop.now and log.clock == "clock":
            log = log.where(log.time <= base.at)
        return cls(shop=shop, base=base, codes=codes, log=log, at=base.at)

    @classmethod
    def now(cls, shop: Shop, base: Base, code: int) -> Given:
        """One customer, with what has arrived since the log was packed; everybody else is as the base has them."""
        log = shop.histories([Ask(customer=shop.log.customers.id(code))])
        at = max(base.at, int(log.time[-1])) if log.events and log.clock == "clock" else base.at
        return cls(shop=shop, base=base, codes=np.array([code]), log=log, at=at)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def timed(self) -> bool:
        """Whether events have times."""
        return self.log.clock == "clock"

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """int64 [N], customer of each event."""
        return self.log.owner

    @cached_property
    def asof(self) -> NDArray[np.int64]:
        """int64 [Q], when each is asked about; the place of the last event where there is no clock."""
        return self.shop.asof(self.log, self.at)

    @cached_property
    def age(self) -> Floats:
        """float64 [N], days since each event; 0 without a clock."""
        return (self.at - self.log.time) / DAY if self.timed else np.zeros(self.log.events)

    @cached_property
    def clock(self) -> NDArray[np.int64]:
        """int64 [N], what the shop's clocks showed at each event, as seconds since their 1970."""
        return local(self.log.time, self.log.time_zone)

    @cached_property
    def bought(self) -> NDArray[np.bool_]:
        """bool [N], events of the target behaviours."""
        return self.log.is_behaviour(self.shop.target)

    @cached_property
    def _facts(self) -> tuple[Foresees, Facts] | None:
        model = self.base.horizon
        return (model, model.facts(self.log, self.asof)) if model is not None and self.timed else None

    @cached_property
    def table(self) -> Aggregates:
        """Aggregates of the customers."""
        if self._facts is not None:
            return self._facts[1].table
        return aggregate(self.log, self.asof, target=self.shop.target)

    def number(self, name: str) -> Floats:
        """float64 [Q], a column of the aggregates."""
        return self.table.column(name).astype(np.float64)

    @cached_property
    def outlook(self) -> Outlook | None:
        """What they will do within AHEAD; None where the model does not say."""
        if self._facts is None:
            return None
        model, facts = self._facts
        return model.outlook(facts, np.array(AHEAD, dtype=np.float64))

    def chances(self, days: Sequence[int]) -> Floats | None:
        """float64 [Q, K], of an order within so many days; None where the model does not say."""
        if self._facts is None:
            return None
        model, facts = self._facts
        return model.chances(facts, np.array(days, dtype=np.float64))

    def per_customer(self, events: NDArray[np.bool_], weights: Floats | None = None) -> Floats:
        """float64 [Q], how many of the marked events (bool [N]) each has, or the sum of their weights (float64 [N])."""
        kept = None if weights is None else weights[events]
        return np.bincount(self.owner[events], weights=kept, minlength=len(self)).astype(np.float64)

    def column(
        self,
        name: str,
        values: pa.Array | NDArray[Any],
        evidence: NDArray[np.bool_] | None = None,
        *,
        coverage: Floats | float | None = None,
        probability: Floats | None = None,
        interval: tuple[Floats, Floats] | None = None,
        at: int | None = None,
    ) -> Column:
        """A field of these customers.

        Args:
            name: a key of FIELDS. values: [Q], NaN, None or null where nothing can be said.
            evidence: bool [N]; None = every event. coverage: [Q]; None = by the evidence.
            probability, interval, at: as in Column.
        """
        assert name in FIELDS
        shown = np.ones(self.log.events, dtype=bool) if evidence is None else evidence
        if coverage is None:
            coverage = self.per_customer(shown) / np.maximum(self.log.lengths, 1)
        low, high = interval or (None, None)
        return Column(
            name=name, values=_array(values), evidence=shown, low=low, high=high, probability=probability, at=at,
            coverage=np.broadcast_to(np.asarray(coverage, dtype=np.float64), (len(self),)),
        )  # fmt: skip


def _array(values: pa.Array | NDArray[Any]) -> pa.Array:
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return pa.array(values, mask=~np.isfinite(values))
    return values if isinstance(values, pa.Array) else pa.array(values)

"""Roster: who is in which segment: clusters, saved rules and RFM cells, for one customer, for one segment, for two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.customers import segments as room
from regard.customers.segments import People, Rule
from regard.customers.segments.keeping import Fit
from regard.customers.segments.rfm import CELLS
from regard.errors import UsageError
from regard.insight.answer import Plain
from regard.workspace.segment_registry import Saved

SEGMENT = "segment"
"""Field of a rule that is the cluster of a customer."""

CELL_FIELDS = ("days_since_last_order", "orders", "spend")
"""What puts a customer into a cell of the RFM grid."""

SHOWN = 20
"""Segments that a hint names."""

NAMED = 80
"""Letters that an error repeats of an unknown id."""


@dataclass(frozen=True, kw_only=True)
class Belonging(Plain):
    """The segments of one customer.

    Args:
        customer: id. cluster: id of the cluster; None for no cluster that is found again, or without a model.
        rules: names of the saved rules that the customer meets. rfm: cell of the RFM grid; None before a first order.
        notes: what the reader should know, one line each.
    """

    customer: str
    cluster: str | None
    rules: tuple[str, ...]
    rfm: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Overlap(Plain):
    """Two segments beside each other.

    Args:
        segments: their ids. customers: of each. both: in the one and the other. everybody: who was looked at.
        shares: of each segment, who is in the other too; None for a segment of nobody.
        lift: `both` beside what it would be if neither said anything of the other; None where it would be nobody.
    """

    segments: tuple[str, str]
    customers: tuple[int, int]
    both: int
    everybody: int
    shares: tuple[float | None, float | None]
    lift: float | None


class Roster:
    """Everybody's segments as of now.

    Clusters may have to be found first, and are asked for where a question needs them alone.

    Args:
        people: N customers. clusters: gives their fit over the same customers, or None and why (see `Clustering.tried`).
        rules: saved, by name.
    """

    def __init__(
        self, people: People, clusters: Callable[[], tuple[Fit | None, list[str]]], rules: Mapping[str, Saved]
    ) -> None:
        self._plain, self._clusters, self.rules = people, clusters, rules

    @cached_property
    def _tried(self) -> tuple[Fit | None, list[str]]:
        return self._clusters()

    @property
    def fit(self) -> Fit | None:
        """The clusters; None where there are none."""
        return self._tried[0]

    @property
    def notes(self) -> list[str]:
        """Why there are none, one line each."""
        return self._tried[1]

    @cached_property
    def people(self) -> People:
        """The customers with the field `segment`, where there are clusters."""
        return with_segment(self._plain, self.fit)

    def asked(self, rule: Rule) -> People:
        """The customers as a rule reads them: with `segment` where it asks for that."""
        return self.people if SEGMENT in rule.fields else self._plain

    def members(self, id: str) -> NDArray[np.bool_]:
        """bool [N], who is in a segment.

        Raises:
            UsageError: there is no such segment, or its rule no longer fits the customers' fields.
        """
        rule = self.rule(id)
        if rule is not None:
            return room.members(rule, self.asked(rule))
        place, fit = self.place(id), self.fit
        assert fit is not None
        return np.asarray(fit.segments.label == place)

    def rule(self, id: str) -> Rule | None:
        """What a saved rule or an RFM cell asks of a customer; None for whatever else the id may be."""
        if id in CELLS:
            return Rule.of(id, f'rfm = "{id}"')
        return Rule.of(id, self.rules[id].rule) if id in self.rules else None

    def place(self, id: str) -> int:
        """The place of a cluster in the fit.

        Raises:
            UsageError: there is no cluster of that id.
        """
        ids = self.fit.segments.ids if self.fit else ()
        if id in ids:
            return ids.index(id)
        have = [*ids, *self.rules, *CELLS]
        raise UsageError(f"no segment '{id[:NAMED]}'", hint=f"there is {', '.join(have[:SHOWN])}")

    def of(self, row: int) -> Belonging:
        """The segments of the customer in a row; notes say why there are no clusters, and which rule no longer fits the fields."""
        one, met, notes = self.people.take(np.array([row])), [], list(self.notes)
        for name, saved in self.rules.items():
            try:
                if room.members(Rule.of(name, saved.rule), one)[0]:
                    met.append(name)
            except UsageError as error:
                notes.append(f"{name}: {error}")
        told = one.profile.slice(0, 1).to_pylist()[0]
        cluster = -1 if self.fit is None else int(self.fit.segments.label[row])
        return Belonging(
            customer=one.customers.id(0),
            cluster=self.fit.segments.ids[cluster] if self.fit is not None and cluster >= 0 else None,
            rules=tuple(met),
            rfm=told.get("rfm"),
            notes=tuple(notes),
        )

    def overlap(self, first: str, second: str) -> Overlap:
        """How many customers two segments share.

        Raises:
            UsageError: as `members`.

        >>> import pyarrow as pa
        >>> people = People.of(["a", "b", "c", "d"], profile=pa.table({"rfm": ["lost", "new", "new", None]}))
        >>> saved = {"c": Saved(name="c", at="", rule='rfm is not null', members=())}
        >>> found = Roster(people, lambda: (None, []), saved).overlap("new", "c")
        >>> found.customers, found.both, found.shares, round(found.lift, 2)
        ((2, 3), 2, (1.0, 0.6666666666666666), 1.33)
        """
        one, other = self.members(first), self.members(second)
        sizes, both = (int(one.sum()), int(other.sum())), int((one & other).sum())
        shares = tuple(both / size if size else None for size in sizes)
        chance = sizes[0] * sizes[1] / max(len(one), 1)
        return Overlap(
            segments=(first, second), customers=sizes, both=both, everybody=len(one), shares=(shares[0], shares[1]),
            lift=both / chance if chance else None,
        )  # fmt: skip


def with_segment(people: People, fit: Fit | None) -> People:
    """The customers with the field `segment`: the id of their cluster. fit: over the same customers."""
    if fit is None or SEGMENT in people.profile.column_names:
        return people
    label = fit.segments.label
    column = pa.array(list(fit.segments.ids), pa.string()).take(pa.array(label, mask=label < 0))
    return replace(people, profile=people.profile.append_column(SEGMENT, column))

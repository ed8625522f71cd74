"""Membership: why a customer is in a segment: which events keep them among its cluster, or what its rule asks of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from regard.customers.segments import Rule, members
from regard.customers.segments.keeping import Fit
from regard.customers.segments.rfm import CELLS
from regard.errors import ModelError, UsageError
from regard.events import filter as filters
from regard.events.filter_text import text
from regard.events.filter_tree import And
from regard.insight.answer import Plain, Reason
from regard.insight.evidence import evidence
from regard.insight.shop import Shop
from regard.workspace.crowd import Crowd, moments
from regard.workspace.places import Places
from regard.workspace.roster import CELL_FIELDS, Roster

KIND = "segment"
"""What answers of this file are asked for by: segment:ID."""


@dataclass(frozen=True, kw_only=True)
class Membership(Plain):
    """Why a customer is in a cluster of encoder states.

    Args:
        customer, of: what was asked about. name: of the segment.
        value: the margin: 1 at this cluster's centre, 0 half way to the centre of the nearest other one, -1 there (see
            `Places.margins`). boundary: 0, below which the customer is no member.
        nearest: the segment behind the nearest border; None where that is none that is offered.
        reasons: the events that move the margin most, largest effect first.
        fewest: events without which they were no member, the fewest that were found; None where no few carry it.
        without: the margin without these. method: how the events were found. model_version: id of the model.
        notes: what the reader should know, one line each.
    """

    customer: str
    of: str
    name: str
    value: float
    boundary: float
    nearest: str | None
    reasons: tuple[Reason, ...]
    fewest: tuple[Reason, ...] | None
    without: float | None
    method: str
    model_version: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Condition(Plain):
    """Args: text: one condition of a rule. fields: what it reads of the customer. met: whether it is true of them."""

    text: str
    fields: dict[str, object]
    met: bool


@dataclass(frozen=True, kw_only=True)
class RuleMembership(Plain):
    """Why a customer meets a rule, or is in a cell of the RFM grid.

    Args:
        customer, of: what was asked about. name: of the segment. rule: its text.
        conditions: the parts of the rule that must all be met; for a cell, what puts a customer into it.
    """

    customer: str
    of: str
    name: str
    rule: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Grouped:
    """The segments of a workspace as they are now, to be asked who is in them.

    Args: seen: everybody. roster: who is in which.
    """

    seen: Crowd
    roster: Roster

    def why(self, shop: Shop, customer: str, id: str, *, n: int = 10) -> Membership | RuleMembership:
        """Why a customer is in a segment.

        Args:
            shop: names and language. customer: id. id: of a cluster, a saved rule or an RFM cell. n: events (groups) named.

        Raises:
            UsageError: there is no such segment, nobody is in it, or the customer is not. ModelError: clusters need a model.
        """
        row = self._row(customer)
        rule = self.roster.rule(id)
        return (
            self._cluster(shop, customer, id, row, n) if rule is None else self._met(customer, rule, row, shop.language)
        )

    def members(self, id: str) -> tuple[str, ...]:
        """The ids of a segment's members.

        Raises:
            UsageError: there is no such segment, or nobody is in it. ModelError: clusters need a model.
        """
        if self.roster.rule(id) is None:
            self._fit()
        found = self.seen.people.customers.names(np.flatnonzero(self.roster.members(id)))
        if not found:
            raise UsageError(f"nobody is in segment '{id}'", hint="regard segments says who is in which")
        return tuple(found)

    def _row(self, customer: str) -> int:
        row = self.seen.people.customers.code(customer)
        if row >= 0:
            return row
        if self.seen.data.log().customers.code(customer) < 0:
            raise UsageError(f"nothing is known of customer '{customer}'", hint="regard profile finds the nearest id")
        raise UsageError(
            f"customer '{customer}' is in no segment: who behaves like a bot is not segmented",
            hint="regard anomalies says why",
        )

    def _fit(self) -> Fit:
        """The clusters of today's customers and model."""
        if self.seen.ranker is None:
            raise ModelError("clusters need a trained model", hint="regard train")
        if self.roster.fit is None:
            raise UsageError("there are no clusters", hint="; ".join(self.roster.notes))
        return self.roster.fit

    def _cluster(self, shop: Shop, customer: str, id: str, row: int, n: int) -> Membership:
        fit = self._fit()
        cluster = self.roster.place(id)
        if not (fit.segments.label == cluster).any():
            raise UsageError(f"nobody is in segment '{id}'", hint="regard segments says who is in which")
        (where,) = fit.segments.of([customer])
        if where != id:
            hint = "they are in no cluster" if where is None else f"they are in {where}: --of segment:{where}"
            raise UsageError(f"customer '{customer}' is not in segment '{id}'", hint=hint)
        places = Places.of(fit, self.seen)
        query = self.seen.log.take(np.array([row]))
        asof = moments(self.seen.log)[[row]]
        asked = replace(shop, log=self.seen.log, ranker=self.seen.ranker)
        found = evidence(
            asked, query, asof, places.margin(cluster), lambda base: 0.0, slope=lambda _: places.slope(cluster), n=n
        )
        nearest = int(places.margins(query, asof, cluster)[0].argmin())
        name, held = fit.names[cluster], found.value <= 0
        return Membership(
            customer=customer,
            of=f"{KIND}:{id}",
            name=name.zh if shop.language == "zh" else name.en,
            value=found.value,
            boundary=found.boundary,
            nearest=fit.segments.ids[nearest] if nearest < len(fit.segments) else None,
            reasons=found.reasons,
            fewest=None if held else found.fewest,
            without=None if held else found.without,
            method=found.method,
            model_version=self.seen.version_of_model,
            notes=(_held(shop.language),) if held else (),
        )

    def _met(self, customer: str, rule: Rule, row: int, language: str) -> RuleMembership:
        people = self.roster.asked(rule)
        met = members(rule, people)
        if not met.any():
            raise UsageError(f"nobody is in segment '{rule.id}'", hint=f"its rule is {rule.text}")
        parts = rule.tree.parts if isinstance(rule.tree, And) else (rule.tree,)
        own = people.take(np.array([row])).profile
        told = []
        for part in parts:
            read = sorted(filters.columns_of(part))
            if rule.id in CELLS:
                read = [name for name in (*read, *CELL_FIELDS) if name in own.column_names]
            fields = {name: _plain(own.column(name)[0].as_py()) for name in read}
            told.append(Condition(text=text(part), fields=fields, met=bool(filters.mask(part, own)[0])))
        if not met[row]:
            lacks = next(condition for condition in told if not condition.met)
            values = ", ".join(f"{name} is {_said(value)}" for name, value in lacks.fields.items())
            raise UsageError(
                f"customer '{customer}' is not in segment '{rule.id}'", hint=f"not met: {lacks.text}; {values}"
            )
        name = CELLS[rule.id][language == "zh"] if rule.id in CELLS else rule.id
        return RuleMembership(
            customer=customer, of=f"{KIND}:{rule.id}", name=name, rule=rule.text, conditions=tuple(told)
        )


def _plain(value: object) -> object:
    """What JSON knows."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _said(value: object) -> str:
    return "unknown" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _held(language: str) -> str:
    """A note about a member whom the newest model alone would place elsewhere (see `segments.identity`)."""
    if language == "zh":
        return "仅按最新模型会在边界之外：上次聚类以来没有新事件，按前后两次位置的平均值归入"
    return "beyond the border by the newest model alone: without a new event since the fit before, both places count"

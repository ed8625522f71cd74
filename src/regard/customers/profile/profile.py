"""Profile: who one customer is, field by field, each with what shows it, how sure it is, as of when, and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from regard.customers.profile import words
from regard.customers.profile.base import Base
from regard.customers.profile.changes import Change, changes
from regard.customers.profile.columns import columns
from regard.customers.profile.fields import FIELDS, Kind
from regard.customers.profile.given import Column, Given
from regard.customers.profile.resting import of_interest, resting
from regard.insight import recommend
from regard.insight.answer import Plain
from regard.insight.history import Ask
from regard.insight.shop import Shop

EVIDENCE = 3
"""Events shown for a field, the latest that show it."""

ITEMS = 5
"""Next best items."""


@dataclass(frozen=True, kw_only=True)
class Evidence(Plain):
    """One event. Args: time: ISO 8601 in the shop's zone, None without a clock. behaviour, item, name: of the event."""

    time: str | None
    behaviour: str
    item: str | None
    name: str


@dataclass(frozen=True, kw_only=True)
class Told(Plain):
    """One field.

    Args:
        title: its name, and text: its value, in the language asked for. group, kind: see `fields`.
        value: a number, a word, a time in ISO 8601, or a list; None where nothing can be said.
        probability: that it is so, where it has one. interval: in four cases out of five the value lies between, or for a
            value that is a word its probability.
        evidence: some of the events that show it, the latest first. events: how many do.
        coverage: share of the customer's history that it rests on. as_of, expires: ISO 8601.
    """

    title: str
    text: str
    group: str
    kind: Kind
    value: Any
    probability: float | None
    interval: tuple[Any, Any] | None
    evidence: tuple[Evidence, ...]
    events: int
    coverage: float
    as_of: str | None
    expires: str | None


@dataclass(frozen=True, kw_only=True)
class Profile(Plain):
    """One customer.

    Args:
        customer: id. as_of: ISO 8601, None without a clock. model_version: id of the model, None where none was used.
        fields: by name, in the order of the page. since: moment with which `changes` compare; None = nothing to compare.
        changes: what is different. notes: what the reader should know, one line each. currency: of money, may be ''.
    """

    customer: str
    as_of: str | None
    model_version: str | None
    fields: Mapping[str, Told]
    since: str | None
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    currency: str = ""
    language: str = field(default="en")


def profile(
    shop: Shop, base: Base, code: int, *, before: Base | None = None, version: str | None = None, currency: str = "",
    notes: Sequence[str] = (),
) -> Profile:  # fmt: skip
    """The profile of one customer: the batch of one.

    Args:
        shop: data and model; its language is that of the words. base: everybody at the moment asked about. code: customer.
        before: everybody at an earlier moment, for what has changed. version: id of the model. currency: of money.
        notes: to stand before those of the profile.
    """
    given = Given.now(shop, base, code)
    reader = _Reader(given, shop.language, currency)
    now = columns(given)
    fields = reader.resting({name: reader.read(column) for name, column in now.items()} | reader.next_items())
    then: Mapping[str, Column] = {}
    if before is not None and given.timed:
        earlier = Given.of(shop, before, np.array([code]))
        then = columns(earlier) if earlier.log.events else {}
    return Profile(
        customer=shop.log.customers.id(code), as_of=reader.moment(given.at), model_version=version, fields=fields,
        since=reader.moment(before.at) if before is not None else None,
        changes=changes(now, then, shop.language, currency), notes=(*notes, *_notes(given)), currency=currency,
        language=shop.language,
    )  # fmt: skip


def _notes(given: Given) -> list[str]:
    language, horizon = given.shop.language, given.base.horizon
    unread = [given.base.segments.note] if given.base.segments is not None and given.base.segments.note else []
    if not given.timed:
        return [*unread, words.no_clock(language)]
    found = unread + ([] if given.shop.model is not None else [words.base_rate(language)])
    if horizon is None:
        return [*found, words.no_horizon(language)]
    replaced = {answer: rule for answer, rule in horizon.answers.items() if rule != "model"}
    return [*found, *(words.replaced(answer, rule, language) for answer, rule in replaced.items())]


class _Reader:
    """Reads the columns of one customer.

    Args: given: the batch of one. language: of the words. currency: of money.
    """

    def __init__(self, given: Given, language: str, currency: str) -> None:
        self._given, self._language, self._currency = given, language, currency
        self._zone = ZoneInfo(given.log.time_zone)

    def read(self, column: Column) -> Told:
        """One field."""
        value, spec = self._here(column.values[0].as_py()), FIELDS[column.name]
        at = self._given.at if column.at is None else column.at
        rows = np.flatnonzero(column.evidence)
        chance = None if column.probability is None else _known(column.probability[0])
        return Told(
            title=words.title(column.name, self._language),
            text=words.said(column.name, value, self._language, self._currency),
            group=spec.group, kind=spec.kind, value=_plain(value), probability=chance, interval=self._interval(column),
            evidence=tuple(self._event(int(row)) for row in rows[::-1][:EVIDENCE]), events=len(rows),
            coverage=float(column.coverage[0]), as_of=self.moment(at), expires=self.moment(at, spec.fresh),
        )  # fmt: skip

    def next_items(self) -> dict[str, Told]:
        """The next best items, as `recommend` gives them."""
        given, name = self._given, "next_items"
        (answer,) = recommend(given.shop, [Ask(customer=given.log.customers.id(0))], n=ITEMS)
        value = [
            {"item": item.item, "name": item.name, "probability": item.probability, "from": item.level}
            for item in answer.items
        ]
        everything = given.column(name, pa.array([None], pa.string()), coverage=1.0)
        return {name: self._with(self.read(everything), name, value)}

    def resting(self, fields: Mapping[str, Told]) -> Mapping[str, Told]:
        """The fields with the share of the next best items that rests on each interest, where a model found these."""
        told = {name: fields[name].value for name in ("interests_long", "interests_short") if name in fields}
        place = self._given.base.feature_place
        named = list(dict.fromkeys((one["kind"], one["word"]) for value in told.values() for one in value or ()))
        items = [one["item"] for one in fields["next_items"].value if one["from"] == "model"]
        share: Mapping[tuple[str, str], float] = {}
        if named and items and self._given.shop.model is not None:
            groups = of_interest(self._given, [place[one] for one in named])
            found = resting(self._given, self._given.shop.codes(items), groups)
            share = {} if found is None else dict(zip(named, found.tolist(), strict=True))
        return {
            name: self._with(
                one, name, [{**each, "of_answer": share.get((each["kind"], each["word"]))} for each in told[name]]
            )
            if told.get(name)
            else one
            for name, one in fields.items()
        }

    def _with(self, told: Told, name: str, value: Any) -> Told:
        """The field with another value."""
        return replace(told, value=value, text=words.said(name, value, self._language, self._currency))

    def moment(self, seconds: float, days: float = 0.0) -> str | None:
        """A moment and so many days, ISO 8601 in the shop's zone; None without a clock."""
        if not self._given.timed or not np.isfinite(seconds):
            return None
        return (datetime.fromtimestamp(int(seconds), UTC) + timedelta(days=days)).astimezone(self._zone).isoformat()

    def _interval(self, column: Column) -> tuple[Any, Any] | None:
        if column.low is None or column.high is None:
            return None
        ends = column.low[0], column.high[0]
        if pa.types.is_timestamp(column.values.type):
            told: tuple[Any, Any] = (self.moment(ends[0]), self.moment(ends[1]))
        else:
            told = (_known(ends[0]), _known(ends[1]))
        return None if told == (None, None) else told

    def _here(self, value: Any) -> Any:
        return value.astimezone(self._zone) if isinstance(value, datetime) else value

    def _event(self, row: int) -> Evidence:
        log = self._given.log
        item = log.items.id(int(log.item[row])) if log.item[row] >= 0 else None
        return Evidence(
            time=self.moment(int(log.time[row])), behaviour=log.behaviours[log.behaviour[row]], item=item,
            name=self._given.shop.name(item) if item else "",
        )  # fmt: skip


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

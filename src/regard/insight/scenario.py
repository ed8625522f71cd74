"""Scenario: a shop's own rules over a ranked list, and exactly what they mean.

A list of n items is made in this order, whatever the order in which the rules are written:

1. **Who may stand in it.** What the question itself allows, and of that what meets `filter` and is not in `exclude`.
2. **Scores.** The odds of an item are multiplied by the factor of every boost whose condition it meets: a model's score,
   the logarithm of odds, grows by the factor's logarithm; a score that counts or weighs is multiplied. A factor above 1
   lifts, one below 1 buries. Nothing is lifted from one level of the answer to a more personal one. The probability that
   is told with an item stays the model's own.
3. **Picking.** The pinned items first, by their position; then the others from the best score down, the lower code first
   among equals, level by level. An item is picked unless a cap on one of its values is full, another variant of its
   product is picked, or it is more alike than `alike` to one that is picked. What is missing in an items column caps
   nothing. So the list is the one that going down a full sort would give, and no cap is ever exceeded, by pins neither.
4. **Places.** A pin stands at its position, counted from 1, or at the end of a list that is shorter; a pin beyond n is not
   shown. The others keep their order around the pins. A pin that may not stand in the list, for instance because its item
   is sold out or the customer has bought it, is left out, and the list closes up.

Before `starts` and from `ends` on, a scenario changes nothing.
"""

from __future__ import annotations

import difflib
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from regard.errors import UsageError
from regard.events import filter as filters

VERSION = 1
"""Of the JSON in which scenarios are kept."""

PLACES = 200
"""The longest list that may be asked for, and so the last position of a pin."""

MANY = {"pins": PLACES, "boosts": 50, "caps": 10, "exclude": 10_000}
"""Rules of a kind at most: more is a mistake, or work for the items table."""

CONDITION = 4_096
"""Characters of a condition at most, as for a filter that comes with a question."""

FACTOR = 1_000.0
"""A boost multiplies odds by no more than this, and divides them by no more: beyond it a pin or a filter is meant."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    """Args: item: id. position: place in the list, from 1."""

    item: str
    position: int


@dataclass(frozen=True, kw_only=True)
class Boost:
    """Args: when: condition on the items table, see `events.filter`. factor: on the odds; below 1 buries."""

    when: str
    factor: float


@dataclass(frozen=True, kw_only=True)
class Cap:
    """Args: column: of the items table, such as category or brand. most: items of one value in a list."""

    column: str
    most: int


@dataclass(frozen=True, kw_only=True)
class Split:
    """Two models share the customers.

    Args:
        model: id of the model that answers the share; the current one answers the others.
        share: of the customers, between 0 and 1. salt: another salt draws other customers.
    """

    model: str
    share: float
    salt: str = ""

    def takes(self, customer: str) -> bool:
        """Whether a customer is in the share: always the same answer, on any machine (the first 8 bytes of SHA-256).

        >>> split = Split(model="m2", share=0.5)
        >>> 450 < sum(split.takes(f"c{n}") for n in range(1000)) < 550
        True
        """
        digest = hashlib.sha256(f"{self.salt}\0{customer}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") < self.share * 2**64


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The rules; see the module. An empty scenario changes nothing.

    Args:
        filter: condition on the items table; '' = none.
        exclude: item ids that never stand in the list. pins: items with a place of their own.
        boosts: what lifts and buries. caps: how many items of one value a list may hold.
        variant_of: column of the items table that names the product of which an item is a variant; '' = none.
        alike: from 0 to 1, the cosine of what is known of two items (words, category ...), which no two items of a list
            exceed; scores stay as they are. None = no limit.
        starts, ends: when it begins and ends to hold; None = always has, always will.
        split: whether two models share the customers.
    """

    filter: str = ""
    exclude: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    boosts: tuple[Boost, ...] = ()
    caps: tuple[Cap, ...] = ()
    variant_of: str = ""
    alike: float | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    split: Split | None = None

    def __post_init__(self) -> None:
        for name, most in MANY.items():
            if len(getattr(self, name)) > most:
                raise UsageError(f"a scenario has {most:,} {name} at most", hint="use a column of the items table")
        for condition in self._conditions:
            if len(condition) > CONDITION:
                raise UsageError(f"a condition has {CONDITION:,} characters at most")
        _distinct("position", [pin.position for pin in self.pins])
        _distinct("item", [pin.item for pin in self.pins])
        _distinct("column", [cap.column for cap in self.caps])
        for pin in self.pins:
            _must(1 <= pin.position <= PLACES, f"a pin's position is 1 to {PLACES}, not {pin.position}")
        for boost in self.boosts:
            inside = math.isfinite(boost.factor) and 1 / FACTOR <= boost.factor <= FACTOR
            _must(inside, f"a factor is {1 / FACTOR:g} to {FACTOR:g}, not {boost.factor:g}", "below 1 buries")
        for cap in self.caps:
            _must(cap.most >= 1, f"a cap on '{cap.column}' of {cap.most} leaves nothing", "filter them out instead")
        _must(self.alike is None or 0 <= self.alike <= 1, f"alike is 0 to 1, not {self.alike}")
        _must(self.split is None or 0 < self.split.share < 1, "a split's share is between 0 and 1")
        for time in (self.starts, self.ends):
            _must(time is None or time.tzinfo is not None, "a time needs its zone", "2026-03-01T08:00:00Z")
        if self.starts is not None and self.ends is not None:
            _must(self.starts < self.ends, "a scenario ends after it starts")

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Scenario:
        """A scenario from its JSON.

        Raises:
            UsageError: an unknown key, a value of another type or out of range; one line that says which.

        >>> Scenario.of({"caps": [{"column": "brand", "most": 2}]}).caps
        (Cap(column='brand', most=2),)
        """
        told = dict(body)
        version = told.pop("version", VERSION)
        _must(version == VERSION, f"a scenario of version {version!r}, this Regard knows {VERSION}", "upgrade regard")
        scenario: Scenario = _read(cls, told, "a scenario")
        return scenario

    def to_json(self) -> dict[str, Any]:
        """Its JSON, only what is set; `of` reads it."""
        plain = {name: _plain(value) for name, value in asdict(self).items() if value not in ("", (), None)}
        return {"version": VERSION, **plain}

    def check(self, schema: pa.Schema) -> None:
        """Say no to a scenario that does not fit the items table.

        Raises:
            UsageError: an unknown column, or one of a kind that the rule cannot use; the hint names the nearest one.
        """
        for condition in self._conditions:
            filters.check(filters.parse(condition), schema)
        for name in [cap.column for cap in self.caps] + [self.variant_of] * bool(self.variant_of):
            if name not in schema.names:
                near = difflib.get_close_matches(name, schema.names, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(schema.names[:12])}"
                raise UsageError(f"no column '{name[:80]}' in the items table", hint=hint)
            type_ = schema.field(name).type
            _must(not pa.types.is_nested(type_), f"column '{name}' is a list: a cap needs one value an item")

    def runs(self, at: datetime) -> bool:
        """Whether it holds at a moment."""
        return (self.starts is None or self.starts <= at) and (self.ends is None or at < self.ends)

    @property
    def _conditions(self) -> list[str]:
        return [self.filter] * bool(self.filter) + [boost.when for boost in self.boosts]


def _distinct(what: str, values: Sequence[object]) -> None:
    twice = next((value for place, value in enumerate(values) if value in values[:place]), None)
    _must(twice is None, f"two rules of one kind for {what} '{twice}'", "keep one of them")


def _must(right: bool, message: str, hint: str = "") -> None:
    if not right:
        raise UsageError(message, hint=hint)


def _read(kind: Any, told: object, what: str) -> Any:
    """A dataclass of this module from what stands for it in JSON."""
    if not isinstance(told, Mapping):
        raise UsageError(f"{what} is an object of JSON, not {type(told).__name__}")
    known = {spec.name: str(spec.type) for spec in fields(kind)}
    for key in told:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
            raise UsageError(f"{what} knows no '{str(key)[:80]}'", hint=hint)
    values = {key: _READERS[known[key]](value, f"'{key}' of {what}") for key, value in told.items()}
    for spec in fields(kind):
        _must(spec.default is not MISSING or spec.name in values, f"{what} needs '{spec.name}'")
    return kind(**values)


def _text(value: object, what: str) -> str:
    _must(isinstance(value, str), f"{what} is a text")
    return str(value)


def _whole(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{what} is a whole number")
    return value


def _number(value: object, what: str) -> float:
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.nan
    _must(math.isfinite(number), f"{what} is a number")
    return number


def _time(value: object, what: str) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        time = datetime.fromisoformat(str(value))
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{what} is a time", hint="2026-03-01T08:00:00Z") from None


def _several(one: Callable[[object, str], Any]) -> Callable[[object, str], tuple[Any, ...]]:
    def read(value: object, what: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise UsageError(f"{what} is a list")
        return tuple(one(part, f"{what}, entry {place}") for place, part in enumerate(value, start=1))

    return read


def _or_none(one: Callable[[object, str], Any]) -> Callable[[object, str], Any]:
    return lambda value, what: None if value is None else one(value, what)


_READERS: dict[str, Callable[[object, str], Any]] = {
    "str": _text,
    "int": _whole,
    "float": _number,
    "float | None": _or_none(_number),
    "datetime | None": _or_none(_time),
    "tuple[str, ...]": _several(_text),
    "tuple[Pin, ...]": _several(lambda value, what: _read(Pin, value, what)),
    "tuple[Boost, ...]": _several(lambda value, what: _read(Boost, value, what)),
    "tuple[Cap, ...]": _several(lambda value, what: _read(Cap, value, what)),
    "Split | None": _or_none(lambda value, what: _read(Split, value, what)),
}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value

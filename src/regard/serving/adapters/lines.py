"""What the shapes share: renaming fields, one record per product of an event, and clocks that are off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from regard.events.live.record import Refusal, raw_of
from regard.events.schema import FIELDS

Record = dict[str, Any] | Refusal
"""What an adapter makes: an event or an identification as `record.check` reads them, or why it could not."""

Names = Mapping[str, tuple[str, ...]]
"""Field of the schema -> what the shape calls it; an earlier name beats a later one."""

MOST = 1_000
"""Products of one event. The largest orders of wholesale exports have some hundreds of lines; more is no basket."""

ITEM_FIELDS = frozenset({"item_name", "category", "brand"})
"""Fields that describe an item: without one, a page's name and category must not be taken for them."""

NUMBERS = frozenset(field.name for field in FIELDS if field.type == pa.float64())


def refused(reason: str, record: object) -> list[Record]:
    """A record that could not be read, with what was sent.

    >>> refused("not an object", 17)
    [Refusal(reason='not an object', raw='17')]
    """
    return [Refusal(reason=reason, raw=raw_of(record))]


def first(given: Mapping[str, Any], *names: str) -> Any:
    """The first value that is there, None without one.

    >>> first({"userId": "", "user_id": "C42"}, "userId", "user_id")
    'C42'
    """
    return next((given[name] for name in names if given.get(name) not in (None, "")), None)


def renamed(given: Mapping[str, Any], names: Names, *, strict: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that the schema has, by its names, and the rest as it was sent.

    Args:
        given: what was sent.
        names: the shape's names of fields.
        strict: take what stands under a field's name for that field, so that the check can refuse what it cannot read.
            Not so for events that the shape does not define: there a `value` may well be a colour.

    >>> renamed({"sku": "pen", "price": 2.5, "colour": "red"}, {"item": ("product_id", "sku"), "price": ("price",)})
    ({'item': 'pen', 'price': 2.5}, {'colour': 'red'})
    >>> renamed({"value": "blue"}, {"value": ("value",)}, strict=False)
    ({}, {'value': 'blue'})
    """
    fields, taken = {}, set()
    for field, theirs in names.items():
        for name in theirs:
            if given.get(name) not in (None, "") and (strict or _fits(field, given[name])):
                fields[field] = given[name]
                taken.add(name)
                break
    if "item" not in fields:
        for field in ITEM_FIELDS & fields.keys():
            taken -= set(names[field])
            del fields[field]
    return fields, {str(name): value for name, value in given.items() if name not in taken and value is not None}


def line_per_product(event: dict[str, Any], products: Iterable[object], names: Names) -> list[Record]:
    """One record per product; ids are the event's with '/0', '/1' ... behind it, so that a repeat of it is one of each.

    What is said of the whole (its value, its tax, its coupon) stands in the first line's `extra`, under `event`: in each
    line it would be counted as often as there are lines. Of a single product it is that product's.

    >>> order = {"customer": "C42", "behaviour": "purchase", "event_id": "m1", "value": 5}
    >>> for line in line_per_product(order, [{"id": "pen"}, {"id": "ink"}], {"item": ("id",)}):
    ...     line["event_id"], line["item"], line.get("extra")
    ('m1/0', 'pen', {'event': {'value': 5}})
    ('m1/1', 'ink', None)
    """
    products = list(products)
    if len(products) > MOST:
        return refused("too many products", event)
    if len(products) == 1 and isinstance(products[0], Mapping):
        return [_one(event, products[0], names)]
    shared = {name: value for name, value in event.items() if name not in ("value", "extra", "event_id", "quantity")}
    whole = dict(event.get("extra") or {})
    whole.update({name: event[name] for name in ("value", "quantity") if name in event})
    made: list[Record] = []
    for number, product in enumerate(products):
        if not isinstance(product, Mapping):
            made += refused("a product is not an object", {**event, "product": product})
            continue
        fields, rest = renamed(product, names)
        if number == 0 and whole:
            rest["event"] = whole
        made.append(with_extra({**shared, **fields, **_numbered(event, number)}, rest))
    return made


def with_extra(fields: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    """A record of these fields, what is left over in `extra`.

    >>> with_extra({"customer": "C42"}, {"colour": "red"}), with_extra({"customer": "C42"}, {})
    ({'customer': 'C42', 'extra': {'colour': 'red'}}, {'customer': 'C42'})
    """
    return {**fields, "extra": rest} if rest else fields


def micros(value: object) -> int | None:
    """A time as microseconds since 1970 UTC, None for what is none: RFC 3339, or seconds or milliseconds since 1970.

    >>> micros("2023-11-14T22:13:20Z"), micros(1_700_000_000_000), micros("yesterday")
    (1700000000000000, 1700000000000000, None)
    """
    try:
        if isinstance(value, str) and len(value) < _LONGEST:
            time = datetime.fromisoformat(value.strip().upper())
            return (time - _EPOCH) // timedelta(microseconds=1) if time.tzinfo else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _ABSURD:
            return round(value * (1_000_000 if abs(value) < _SECONDS else 1_000))
    except (ValueError, OverflowError):
        pass
    return None


def seconds(time_us: int) -> float:
    """Microseconds since 1970 as `record.check` reads a number.

    >>> seconds(1_700_000_000_250_000)
    1700000000.25
    """
    return time_us / 1_000_000


def _one(event: dict[str, Any], product: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The line of a single product: what is said of the event is said of it."""
    fields, rest = renamed(product, names)
    if "price" in fields:
        # A shop's total has postage and tax in it; the line's own price says more about what the item brought.
        event = {**event}
        if "value" in event and "value" not in fields:
            rest["event"] = {"value": event.pop("value")}
    both = {**(event.get("extra") or {}), **rest}
    bare = {name: value for name, value in event.items() if name not in ("extra", "event_id")}
    return with_extra({**bare, **fields, **_numbered(event, 0)}, both)


def _fits(field: str, value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number or (isinstance(value, str) and field not in NUMBERS)


def _numbered(event: dict[str, Any], number: int) -> dict[str, Any]:
    given = event.get("event_id")
    if isinstance(given, (str, int)) and not isinstance(given, bool):
        return {"event_id": f"{given}/{number}"}
    return {} if given is None else {"event_id": given}


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 64
_SECONDS, _ABSURD = 1e11, 1e14
"""As in `record`: numbers below are seconds, from there milliseconds."""

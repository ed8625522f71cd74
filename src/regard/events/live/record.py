"""One record as it was sent -> a checked event, or a refusal with one reason; by the rules by which files are read."""

from __future__ import annotations

import hashlib
import json
import math
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pyarrow as pa

from regard.events.clean import LARGEST
from regard.events.clean_time import EARLIEST
from regard.events.gate import FUTURE, NO_BEHAVIOUR, NO_CUSTOMER
from regard.events.names import MISSING, behaviour_of
from regard.events.schema import FIELDS

Words = tuple[tuple[str, str], ...]
"""(word of the shop, behaviour) pairs: the shop's own additions, as `Config.behaviours` has them."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much of a record is a fact about a customer; beyond it, it is a mistake or an attack.

    Args:
        name: characters of an id, a behaviour or a short label. The longest ids seen in exports are web addresses.
        text: characters of a review, a query or an item's description. A long review has 5,000.
        extra: bytes of the JSON of all unknown fields. A thousand events in memory then stay under 20 MB.
        raw: characters of a refused record that are kept. More is cut: it can be looked at, not sent again.
        lead: microseconds that a time may be ahead of this machine's clock: a day covers every time zone mistake.
    """

    name: int = 512
    text: int = 10_000
    extra: int = 16_384
    raw: int = 65_536
    lead: int = 86_400_000_000


LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A record that may be kept.

    Args:
        customer: who did it.
        behaviour: what was done.
        item: what it was done to, or None.
        time_us: when, microseconds since 1970 UTC.
        event_id: its id; a new one where none was sent.
        row: the other fields of the schema that have a value, as a JSON object; `extra` in it is text.
    """

    customer: str
    behaviour: str
    item: str | None
    time_us: int
    event_id: str
    row: str

    @property
    def digest(self) -> bytes:
        """16 bytes that stand for the id: two of ten billion ids are the same with a chance of 10^-19."""
        return hashlib.sha256(self.event_id.encode()).digest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A record that may not.

    Args:
        reason: why, one of few so that they can be counted.
        raw: the record as JSON, as much of it as is kept.
    """

    reason: str
    raw: str


Record = Event | Refusal
"""What a record can turn out to be."""


class RefusedError(Exception):
    """Carries the reason out of a reader."""


def check(
    record: object, *, now_us: int, arrived_us: int | None = None, own: Words = (), limits: Limits = LIMITS
) -> Record:
    """Check one record.

    Names are those of `schema.FIELDS`; what is not known goes to `extra`. A text of blanks, or one that spells 'nothing
    here' (`names.MISSING`), is missing, and so is null. An event without an id gets one that nobody can send again.

    Args:
        record: of JSON-like values; a Refusal, by whoever translated the record from another shape, stays one.
        now_us: this machine's clock, microseconds since 1970 UTC; a day beyond it is the future.
        arrived_us: when it arrived, the time of a record without one; None = now.
        own: the shop's own words for behaviours.
        limits: how long texts may be.

    >>> event = check({"customer": "C42", "behaviour": "加购", "item": 17, "price": "2.50"}, now_us=1_700_000_000_000_000)
    >>> event.behaviour, event.item, event.row
    ('add_to_cart', '17', '{"price":2.5}')
    >>> check({"behaviour": "view_item"}, now_us=0)
    Refusal(reason='no customer', raw='{"behaviour": "view_item"}')
    """
    if isinstance(record, Refusal):
        return record
    try:
        if not isinstance(record, Mapping):
            raise RefusedError("not an object")
        return _event(record, now_us, now_us if arrived_us is None else arrived_us, own, limits)
    except RefusedError as refused:
        return Refusal(reason=str(refused), raw=raw_of(record, limits=limits))


def _event(record: Mapping[str, Any], now_us: int, arrived_us: int, own: Words, limits: Limits) -> Event:
    fields: dict[str, Any] = {}
    for name, read in READERS.items():
        given = record.get(name)
        if given is not None and (value := read(name, given, limits)) is not None:
            fields[name] = value
    if "customer" not in fields:
        raise RefusedError(NO_CUSTOMER)
    if "behaviour" not in fields:
        raise RefusedError(NO_BEHAVIOUR)
    time_us = fields.pop("time", arrived_us)
    if time_us > now_us + limits.lead:
        raise RefusedError(FUTURE)
    behaviour = _named(fields.pop("behaviour"), own)
    if behaviour == "purchase" and fields.get("quantity", 0.0) < 0:
        behaviour = "refund"
    if extra := _extra(record, limits):
        fields["extra"] = extra
    return Event(
        customer=fields.pop("customer"),
        behaviour=behaviour,
        item=fields.pop("item", None),
        time_us=time_us,
        event_id=fields.pop("event_id", None) or str(uuid.uuid4()),
        row=json.dumps(fields, ensure_ascii=False, separators=(",", ":")),
    )


@lru_cache(maxsize=4_096)
def _named(word: str, own: Words) -> str:
    return behaviour_of(word, dict(own)) or word


def _text(name: str, value: Any, limits: Limits) -> str | None:
    """A text without blanks around it; an id that was sent as a number is its digits."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64:
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if not isinstance(value, str):
        raise RefusedError(f"unreadable {name}")
    text = value.strip(_BLANK)
    if text in MISSING:
        return None
    if len(text) > (limits.text if name in _LONG else limits.name):
        raise RefusedError(f"{name} is too long")
    if "\0" in text or not _encodes(text):
        raise RefusedError(f"unreadable {name}")
    return text


def _number(name: str, value: Any, limits: Limits) -> float | None:
    if isinstance(value, str):
        value = value.strip(_BLANK)
        if value in MISSING:
            return None
        if len(value) > limits.name or not _NUMBER.fullmatch(value):
            raise RefusedError(f"unreadable {name}")
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RefusedError(f"unreadable {name}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RefusedError(f"{name} is not finite")
    if abs(number) > LARGEST[name]:
        raise RefusedError(f"absurd {name}")
    return number


def _whole(name: str, value: Any, limits: Limits) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise RefusedError(f"unreadable {name}")
    return value


def _time(name: str, value: Any, limits: Limits) -> int | None:
    """RFC 3339, or seconds or milliseconds since 1970, told apart by their size."""
    if isinstance(value, str):
        text = value.strip(_BLANK)
        if text in MISSING:
            return None
        if len(text) > limits.name or not _RFC_3339.fullmatch(text):
            raise RefusedError("time without a zone" if _ZONELESS.fullmatch(text[:64]) else "unreadable time")
        try:
            micros = (datetime.fromisoformat(text.upper()) - _EPOCH) // timedelta(microseconds=1)
        except (ValueError, OverflowError):
            raise RefusedError("unreadable time") from None
    elif isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _ABSURD:
        raise RefusedError("unreadable time")
    else:
        micros = round(value * (1_000_000 if abs(value) < _SECONDS else 1_000))
    if micros < _EARLIEST:
        raise RefusedError("absurd time")
    return micros


def _extra(record: Mapping[str, Any], limits: Limits) -> str:
    """What the schema has no field for, as one JSON object; '' for nothing."""
    given = record.get("extra")
    if given is not None and not isinstance(given, Mapping):
        raise RefusedError("extra is not an object")
    unknown = {name: value for name, value in record.items() if name not in READERS and name != "extra"}
    if given and unknown.keys() & given.keys():
        raise RefusedError("extra repeats a field")
    unknown.update(given or {})
    if not unknown:
        return ""
    try:
        text = json.dumps(unknown, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise RefusedError("extra is not JSON") from None
    if not _encodes(text):
        raise RefusedError("extra is not JSON")
    if len(text.encode()) > limits.extra:
        raise RefusedError("extra is too long")
    return text


def raw_of(record: object, *, limits: Limits = LIMITS) -> str:
    """A refused record as JSON, as much of it as is kept; '' for what is none."""
    try:
        return json.dumps(record)[: limits.raw]
    except (TypeError, ValueError, RecursionError):
        return ""


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates, which JSON can spell and UTF-8 cannot
        return False
    return True


_BLANK = " \t\r\n\v\f\u00a0\u2007\u202f\u3000\ufeff\u200b"
_LONG = frozenset({"query", "text", "item_name", "category", "campaign"})
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_ZONELESS = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[-+]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = (datetime.fromisoformat(EARLIEST).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_SECONDS, _ABSURD = 1e11, 1e14
"""Numbers below are seconds; from there milliseconds (since 1973), up to the year 5138."""

_BY_TYPE: dict[pa.DataType, Callable[[str, Any, Limits], Any]] = {
    pa.string(): _text, pa.float64(): _number, pa.int64(): _whole, pa.timestamp("us", tz="UTC"): _time
}  # fmt: skip
READERS = {field.name: _BY_TYPE[field.type] for field in FIELDS if field.name != "extra"}
"""Field -> what reads its value; raises RefusedError."""

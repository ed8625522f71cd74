"""Looking: what a person wants to see of a workspace beside answers: who is there, what one did, what is on sale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regard.errors import InputError
from regard.events import filter as filters
from regard.insight import words
from regard.insight.history import Ask
from regard.insight.shop import Shop
from regard.report.data import Deed, Totals
from regard.sequences.log import DAY, Log
from regard.sequences.pack import days

if TYPE_CHECKING:
    from regard.workspace.answering import Answering
    from regard.workspace.data import Data

DRAWN = 40
"""Events of a picture of attention: more could not be told apart on a screen."""

FOUND = 50
"""Customers that a search hands out at most."""

VALUES = 40
"""Words of a text field that are offered where a rule is put together; a field of more is free text."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """One customer of a search. Args: events: how many. last: when the latest was, None without a clock."""

    customer: str
    events: int
    last: datetime | None


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What one customer did.

    Args:
        customer: id. events: the latest, oldest first. earlier: how many came before these. wanted: target events among all.
    """

    customer: str
    events: tuple[Deed, ...]
    earlier: int
    wanted: int


@dataclass(frozen=True, kw_only=True)
class Look:
    """Where the model looked when asked what comes next; a picture, not a reason (see `model.runtime.picture`).

    Args:
        events: the latest, oldest first. now: the question's share of each. between: (event, earlier event, share) of the
            strongest links. earlier: the question's share of events before these. unread: of no event.
        model: id.
    """

    events: tuple[Deed, ...]
    now: tuple[float, ...]
    between: tuple[tuple[int, int, float], ...]
    earlier: float
    unread: float
    model: str


@dataclass(frozen=True, kw_only=True)
class Ware:
    """One item of the catalogue.

    Args:
        item: id. row: of the items table, {} where it has none. customers: who ever wanted it. recent: lately.
        since: when it was first touched. sold: whether it is merchandise, and may be recommended.
    """

    item: str
    row: dict[str, Any]
    customers: int
    recent: int
    since: datetime | None
    sold: bool

    @property
    def name(self) -> str:
        """Its title, '' where unknown."""
        return str(self.row.get("item_name") or "")


@dataclass(frozen=True, kw_only=True)
class Stock:
    """A page of the catalogue.

    Args:
        items: on this page. found: how many fit the search. all: in the catalogue. sold: of them merchandise.
        gaps: column -> items of which it is not known. columns: of the items table, but the id. unlisted: items with no row in it.
    """

    items: tuple[Ware, ...]
    found: int
    all: int
    sold: int
    gaps: dict[str, int]
    columns: tuple[str, ...]
    unlisted: int


@dataclass(frozen=True, kw_only=True)
class Day:
    """One calendar day. Args: events: of any kind. wanted: target events among them."""

    day: date
    events: int
    wanted: int


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of rules. Args: kind: 'number', 'text', 'truth' or 'time'. values: of a text field with few."""

    name: str
    kind: str
    values: tuple[str, ...] = ()


def find(shop: Shop, text: str, n: int) -> tuple[Found, ...]:
    """Customers whose id holds the text, the same id first, then those that begin with it; those with the most events first.

    Args: shop: the data. text: '' finds the customers who did most recently something. n: at most.
    """
    log, ids = shop.log, shop.log.customers.ids
    lengths = log.lengths
    if not text:
        latest = np.zeros(len(log), dtype=np.int64)
        some = np.flatnonzero(lengths)
        latest[some] = log.time[log.offsets[1:][some] - 1]
        rows = some[np.argsort(-latest[some], kind="stable")[:n]]
        return tuple(_found(log, int(row)) for row in rows)
    hit = np.flatnonzero(pc.match_substring(ids, text, ignore_case=True).to_numpy(zero_copy_only=False))
    hit = hit[lengths[hit] > 0]
    names = [str(name).casefold() for name in ids.take(pa.array(hit[:100_000])).to_pylist()]
    low = text.casefold()
    order = sorted(
        range(len(names)), key=lambda at: (names[at] != low, not names[at].startswith(low), -lengths[hit[at]])
    )
    return tuple(_found(log, int(hit[at])) for at in order[:n])


def _found(log: Log, row: int) -> Found:
    last = int(log.time[log.offsets[row + 1] - 1])
    when = words.local(last, log.time_zone) if log.clock == "clock" else None
    return Found(customer=log.customers.id(row), events=int(log.lengths[row]), last=when)


def deeds(shop: Shop, history: Log, first: int = 0) -> tuple[Deed, ...]:
    """The events of one history from `first` on, with the items' names."""
    timed = history.clock == "clock"
    told = []
    for row in range(first, history.events):
        item = history.items.id(int(history.item[row])) if history.item[row] >= 0 else None
        told.append(
            Deed(
                behaviour=history.behaviours[history.behaviour[row]],
                item=item,
                name=shop.name(item) if item else "",
                time=words.local(int(history.time[row]), history.time_zone) if timed else None,
            )
        )
    return tuple(told)


def timeline(shop: Shop, customer: str, n: int) -> Timeline:
    """The latest n events of a customer.

    Raises:
        InputError: nobody has that id.
    """
    history = _history(shop, customer)
    first = max(0, history.events - n)
    wanted = int(history.is_behaviour(shop.target).sum())
    return Timeline(customer=customer, events=deeds(shop, history, first), earlier=first, wanted=wanted)


def _history(shop: Shop, customer: str) -> Log:
    history = shop.histories([Ask(customer=customer)])
    if not history.events:
        near = find(shop, customer[:4], 1)
        hint = f"did you mean '{near[0].customer}'?" if near else "look at the events that have come in"
        raise InputError(f"no customer '{customer[:80]}'", hint=hint)
    return history


def look(shop: Shop, customer: str, n: int = DRAWN) -> Look | None:
    """Where the model looked over a customer's latest events; None where no model of ours answers.

    Raises:
        InputError: nobody has that id.
    """
    model: Any = shop.model
    history = _history(shop, customer)
    if model is None or shop.ranker is None or shop.ranker.version is None or not hasattr(model, "pictures"):
        return None
    asked = shop.ranker.aligned(history)
    if not asked.events:
        return None
    (picture,) = model.pictures(asked, shop.asof(history))
    first = max(0, len(picture.now) - n)
    return Look(
        events=deeds(shop, asked, asked.events - len(picture.now) + first),
        now=tuple(float(share) for share in picture.now[first:]),
        between=_strongest(picture.between[first:, first:]),
        earlier=float(picture.now[:first].sum()),
        unread=picture.unread,
        model=shop.ranker.version,
    )


def _strongest(between: NDArray[np.float32], each: int = 2) -> tuple[tuple[int, int, float], ...]:
    """The `each` strongest links of every event that are more than an even look at all earlier ones would be."""
    links = []
    for row in range(1, len(between)):
        even = float(between[row, :row].sum()) / row
        best = np.argsort(-between[row, :row], kind="stable")[:each].tolist()
        links += [(row, place, float(between[row, place])) for place in best if between[row, place] > even]
    return tuple(links)


def daily(shop: Shop, n: int) -> tuple[Day, ...]:
    """The last n days up to the latest event, in the shop's zone; nothing without a clock."""
    log = shop.log
    if log.clock != "clock" or not log.events:
        return ()
    recent = np.flatnonzero(log.time > shop.now - (n + 2) * DAY)
    day = days(log.time[recent], log.time_zone).astype(np.int64)
    last = int(day.max())
    place = day - (last - n + 1)
    inside = place >= 0
    counts = np.bincount(place[inside], minlength=n)
    wanted = np.bincount(place[inside & shop.wanted[recent]], minlength=n)
    first = date(1970, 1, 1) + timedelta(days=last - n + 1)
    return tuple(Day(day=first + timedelta(days=at), events=int(counts[at]), wanted=int(wanted[at])) for at in range(n))


def wares(shop: Shop, text: str, filter: str, *, first: int, n: int) -> Stock:
    """A page of the catalogue, what is wanted most first.

    Args:
        shop: the data. text: in an id or a title, '' for any. filter: condition on item columns, '' for none.
        first: items to leave out. n: items of a page.

    Raises:
        UsageError: the filter is none, or names an unknown column.
    """
    log, table, rows = shop.log, shop.table, shop.table_row
    keep = np.ones(len(log.items), dtype=bool)
    if text:
        keep &= _named(shop, text)
    if filter:
        fits = np.append(filters.mask(filters.parse(filter), table), False)
        keep &= fits[rows]
    codes = np.flatnonzero(keep)
    codes = codes[np.lexsort((codes, -shop.popularity[codes], -shop.recent_popularity[codes]))]
    columns = [name for name in table.column_names if name != "item"]
    listed = int((rows >= 0).sum())
    return Stock(
        items=tuple(ware(shop, int(code)) for code in codes[first : first + n]),
        found=len(codes),
        all=len(log.items),
        sold=int(log.merchandise.sum()),
        gaps={name: table.column(name).null_count for name in columns},
        columns=tuple(columns),
        unlisted=len(log.items) - listed,
    )


def _named(shop: Shop, text: str) -> NDArray[np.bool_]:
    def holds(column: Any) -> NDArray[np.bool_]:
        hit = pc.match_substring(column.cast(pa.string()), text, ignore_case=True)
        return np.asarray(hit.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)

    found = holds(shop.log.items.ids)
    if "item_name" in shop.table.column_names:
        titled = np.append(holds(shop.table.column("item_name").combine_chunks()), False)
        found = found | titled[shop.table_row]
    return found


def ware(shop: Shop, code: int) -> Ware:
    """One item by its code."""
    at, seen = int(shop.table_row[code]), int(shop.first_seen[code])
    known = shop.log.clock == "clock" and seen != np.iinfo(np.int64).max
    row = shop.table.slice(at, 1).to_pylist()[0] if at >= 0 else {}
    return Ware(
        item=shop.log.items.id(code),
        row={name: value for name, value in row.items() if name != "item" and value is not None},
        customers=int(shop.popularity[code]),
        recent=int(shop.recent_popularity[code]),
        since=words.local(seen, shop.log.time_zone) if known else None,
        sold=bool(shop.log.merchandise[code]),
    )


def fields(table: pa.Table) -> tuple[Field, ...]:
    """The fields that rules can test, of a table with one row a customer or an item."""
    tests: tuple[tuple[str, Callable[[pa.DataType], bool]], ...] = (
        ("number", pa.types.is_integer), ("number", pa.types.is_floating), ("truth", pa.types.is_boolean),
        ("time", pa.types.is_date), ("time", pa.types.is_timestamp), ("text", pa.types.is_string),
        ("text", pa.types.is_large_string),
    )  # fmt: skip
    told = []
    for name in table.column_names:
        kind = next((kind for kind, test in tests if test(table.schema.field(name).type)), "")
        if kind and name not in ("customer", "item"):
            told.append(Field(name=name, kind=kind, values=_values(table.column(name)) if kind == "text" else ()))
    return tuple(told)


def _values(column: pa.ChunkedArray) -> tuple[str, ...]:
    distinct = pc.unique(column.drop_null())
    return tuple(sorted(map(str, distinct.to_pylist()))) if len(distinct) <= VALUES else ()


class Looked:
    """The verbs of a workspace that show what is in it."""

    _answering: Answering
    _data: Data

    def find(self, text: str = "", n: int = FOUND) -> tuple[Found, ...]:
        """Customers by a part of their id; without one, those who did something most recently."""
        return find(self._answering.shop()[0], text.strip(), n)

    def timeline(self, customer: str | int, n: int = 200) -> Timeline:
        """What a customer did, with the newest events.

        Raises:
            InputError: nobody has that id. ConsentError: the customer has not consented.
        """
        name = str(customer).strip()
        self._data.must_consent([name])
        return timeline(self._answering.shop()[0], name, n)

    def look(self, customer: str | int, n: int = DRAWN) -> Look | None:
        """Where the model looked over a customer's events: a picture, not a reason. None without a model.

        Raises:
            InputError: nobody has that id. ConsentError: the customer has not consented.
        """
        name = str(customer).strip()
        self._data.must_consent([name])
        return look(self._answering.shop()[0], name, n)

    def daily(self, n: int = 60) -> tuple[Day, ...]:
        """Events a day over the last n days of the log, oldest first; nothing without a clock."""
        return daily(self._answering.shop()[0], n)

    def totals(self) -> Totals:
        """The shop in figures."""
        from regard.workspace.reporting import totals

        return totals(self._answering.shop()[0], datetime.now(UTC))

    def catalogue(self, text: str = "", *, filter: str = "", first: int = 0, n: int = FOUND) -> Stock:
        """The items, what is wanted most first.

        Raises:
            UsageError: the filter is none, or names an unknown column.
        """
        return wares(self._answering.shop()[0], text.strip(), filter.strip(), first=max(first, 0), n=n)

    def ware(self, item: str) -> Ware:
        """One item.

        Raises:
            UsageError: it is not in the catalogue.
        """
        shop, _ = self._answering.shop()
        return ware(shop, int(shop.codes([item])[0]))

    def item_fields(self) -> Sequence[Field]:
        """What filters of items can test."""
        return fields(self._answering.shop()[0].table)

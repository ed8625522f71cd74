"""A whole shop, chunk by chunk: the log as a shop would export it, and the truth that no shop has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regard.simulate import catalogue, drawing, people
from regard.simulate.catalogue import Catalogue
from regard.simulate.cause import BEHAVIOURS, KINDS, PURCHASE, REFUND, REVIEW, SEARCH, VIEW
from regard.simulate.chance import Chance
from regard.simulate.drawing import Acts
from regard.simulate.people import People
from regard.simulate.settings import Settings
from regard.simulate.words import DEPARTMENTS, PLACES, REVIEWS

_DAY = 86_400
_CELLS = 4_000_000
"""Customers x items in memory at once."""

_TEXT, _NUMBER, _TIME = pa.string(), pa.float64(), pa.timestamp("us", tz="UTC")


def _schema(**types: pa.DataType) -> pa.Schema:
    return pa.schema(list(types.items()))


TABLES: dict[str, pa.Schema] = {
    "events": _schema(
        customer=_TEXT, behaviour=_TEXT, item=_TEXT, time=_TIME, event_id=_TEXT, order=_TEXT,
        quantity=_NUMBER, price=_NUMBER, session=_TEXT, query=_TEXT, channel=_TEXT, device=_TEXT, place=_TEXT,
        rating=_NUMBER, text=_TEXT,
    ),
    "customers": _schema(customer=_TEXT, joined=pa.date32(), place=_TEXT, newsletter=pa.bool_()),
    "causes": _schema(customer=_TEXT, event_id=_TEXT, item=_TEXT, time=_TIME, kind=_TEXT, cause_event_id=_TEXT),
    "future": _schema(customer=_TEXT, order=_TEXT, item=_TEXT, time=_TIME, kind=_TEXT, cause_event_id=_TEXT),
    "interests": _schema(customer=_TEXT, category=_TEXT, share=_NUMBER),
    "traits": _schema(
        customer=_TEXT, bot=pa.bool_(), visits=_NUMBER, buying=_NUMBER, sensitivity=_NUMBER, active=pa.bool_()
    ),
    "propensities": _schema(customer=_TEXT, days=pa.int32(), probability=_NUMBER, bought=pa.bool_()),
}  # fmt: skip
"""What a shop yields for each customer. The first two are what a shop knows; the others are the truth.

- `causes`: every purchase of the log, why (`cause.KINDS`), and the event that caused it, missing for season and
  impulse.
- `future`: purchases after the log's end, likewise; a cause may lie after the end too and is then in no log.
- `interests`: the share of each category in what the customer likes to look at.
- `traits`: bot or not, expected spells of visits a day, chance that a visit ends in an order, price sensitivity,
  still there at the end.
- `propensities`: the chance of an order within so many days after the log's end, and whether there was one.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shop:
    """A shop to be read table by table; nothing is kept, so a shop of any size can be streamed.

    Args:
        settings: what was asked for.
        catalogue: the items as arrays.

    >>> drawn = shop(Settings(customers=20, items=40, days=60))
    >>> drawn.table("causes").column_names
    ['customer', 'event_id', 'item', 'time', 'kind', 'cause_event_id']
    """

    settings: Settings
    catalogue: Catalogue

    @property
    def items(self) -> pa.Table:
        """item, item_name, category, brand, price, description, added, stock."""
        return self.catalogue.table()

    @property
    def relations(self) -> pa.Table:
        """The truth about pairs of items: kind ('substitute' or 'complement'), item, other."""
        return self.catalogue.relations()

    def chunks(self, customers: int | None = None) -> Iterator[dict[str, pa.Table]]:
        """The TABLES of so many customers at a time, in the order of the customers; bots last. The size of a chunk
        changes no value."""
        size = customers or max(16, min(4096, _CELLS // len(self.catalogue)))
        chance = Chance(self.settings.seed)
        for start in range(0, self.settings.customers, size):
            index = np.arange(start, min(start + size, self.settings.customers))
            yield _chunk(index, self.catalogue, self.settings, chance)
        yield _bots(self.catalogue, self.settings, chance)

    def table(self, name: str) -> pa.Table:
        """One of TABLES, whole, in memory."""
        return pa.concat_tables([chunk[name] for chunk in self.chunks()])

    def tables(self) -> dict[str, pa.Table]:
        """All of TABLES, whole, in memory, drawn once."""
        chunks = list(self.chunks())
        return {name: pa.concat_tables([chunk[name] for chunk in chunks]) for name in TABLES}


def shop(settings: Settings | None = None) -> Shop:
    """Draw a shop whose truth is known, so that what a model claims can be checked against what was the case.

    Args:
        settings: what kind of shop; the defaults are the demo's.
    """
    settings = settings or Settings()
    return Shop(settings=settings, catalogue=catalogue.draw(settings, Chance(settings.seed)))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """Events of a chunk in their final order: N rows.

    Args:
        act: int [N] row of Acts that it is, or that it answers (refund, review).
        owner, nth, behaviour, time: int [N]. number: int [N] of the event within its customer.
        of_act: int [acts] the row that is the act, -1 for a line that was merged.
    """

    act: NDArray[np.int64]
    owner: NDArray[np.int64]
    behaviour: NDArray[np.int64]
    time: NDArray[np.int64]
    number: NDArray[np.int64]
    of_act: NDArray[np.int64]


def _chunk(index: NDArray[np.int64], stock: Catalogue, settings: Settings, chance: Chance) -> dict[str, pa.Table]:
    folk = people.draw(settings, chance, index)
    acts = drawing.draw(folk, stock, settings, chance)
    rows = _arrange(acts, index, settings, chance)
    names = customer_ids(index, settings)
    tables = {"events": _events(rows, acts, folk, names, stock, settings, chance)}
    tables |= _purchases(rows, acts, names, stock, settings)
    tongue = ("en", "zh").index(settings.language)
    departments = [department.name[tongue] for department in DEPARTMENTS]
    count = len(index)
    each = names.take(np.repeat(np.arange(count), len(departments)))
    tables["customers"] = _customers(folk, names, settings, chance)
    tables["interests"] = _table("interests", each, departments * count, folk.interests.ravel())
    active = (folk.left > settings.days) & (folk.joined < settings.days)
    tables["traits"] = _table(
        "traits", names, np.zeros(count, dtype=bool), folk.rate, folk.buying, folk.sensitivity, active
    )
    horizons = []
    for days in settings.horizons:
        buyers = acts.owner[(acts.behaviour == PURCHASE) & _between(acts.time, settings, days)]
        probability, came = people.propensity(folk, settings, days), np.isin(np.arange(count), buyers)
        horizons.append(_table("propensities", names, np.full(count, days), probability, came))
    tables["propensities"] = pa.concat_tables(horizons)
    return tables


def _arrange(acts: Acts, index: NDArray[np.int64], settings: Settings, chance: Chance) -> _Rows:
    """Acts and what follows from them, refunds and reviews, by customer and time."""
    real = np.flatnonzero(acts.quantity > 0)
    sold = real[acts.behaviour[real] == PURCHASE] if settings.behaviours_matter else real[:0]
    address = index[acts.owner[sold]], acts.nth[sold], acts.line[sold]
    back = chance.uniform("refund", *address) < settings.refunds
    told = ~back & (chance.uniform("review", *address) < settings.reviews)
    wait = ((2 + 12 * chance.uniform("wait", *address)) * _DAY).astype(np.int64)
    act = np.concatenate([real, sold[back], sold[told]])
    behaviour = np.concatenate([acts.behaviour[real], np.full(back.sum(), REFUND), np.full(told.sum(), REVIEW)])
    time = np.concatenate([acts.time[real], acts.time[sold[back]] + wait[back], acts.time[sold[told]] + wait[told]])
    owner = acts.owner[act]
    order = np.lexsort((behaviour, act, time, owner))
    act, behaviour, time, owner = act[order], behaviour[order], time[order], owner[order]
    of_act = np.full(len(acts.owner), -1)
    itself = (behaviour != REFUND) & (behaviour != REVIEW)
    of_act[act[itself]] = np.flatnonzero(itself)
    number = np.arange(len(owner)) - np.searchsorted(owner, owner)
    return _Rows(act=act, owner=owner, behaviour=behaviour, time=time, number=number, of_act=of_act)


def _events(
    rows: _Rows, acts: Acts, folk: People, names: pa.Array, stock: Catalogue, settings: Settings, chance: Chance
) -> pa.Table:
    keep = np.flatnonzero(rows.time < settings.days * _DAY)
    act, owner, behaviour = rows.act[keep], rows.owner[keep], rows.behaviour[keep]
    tongue = ("en", "zh").index(settings.language)
    item, nth = acts.item[act], acts.nth[act]
    money = np.isin(behaviour, (PURCHASE, REFUND))
    address = folk.index[owner], nth
    place = np.array([word[tongue] for word, _ in PLACES])[folk.place[owner]]
    opinion = np.clip(np.floor(5.9 - 1.1 * chance.exponential("stars", *address, acts.line[act])), 1, 5).astype(
        np.int64
    )
    wording = (chance.uniform("wording", *address, acts.line[act]) * 2).astype(np.int64)
    texts = np.array([[word[tongue] for word in pair] for pair in REVIEWS])[opinion - 1, wording]
    sold = _ids(names.take(owner), nth, "-")
    return _table(
        "events",
        names.take(owner),
        pa.array(BEHAVIOURS).take(behaviour),
        pa.array(stock.ids.tolist()).take(pa.array(item, mask=item < 0)),
        _stamps(rows.time[keep], settings),
        _ids(names.take(owner), rows.number[keep], "."),
        _only(pc.binary_join_element_wise("O", sold, ""), money),
        pa.array(np.where(behaviour == REFUND, -1.0, 1.0) * acts.quantity[act], mask=~money),
        pa.array(stock.price[item], mask=item < 0),
        _only(pc.binary_join_element_wise("S", sold, ""), (behaviour != REFUND) & (behaviour != REVIEW)),
        _queries(acts.department[act], behaviour, stock, settings, chance.uniform("words", *address)),
        np.where(folk.app[owner], "app", "web"),
        np.where(folk.phone[owner] | folk.app[owner], "phone", "desktop"),
        place,
        pa.array(opinion.astype(np.float64), mask=behaviour != REVIEW),
        pa.array(texts, mask=behaviour != REVIEW),
    )


def _queries(
    department: NDArray[np.int64],
    behaviour: NDArray[np.int64],
    stock: Catalogue,
    settings: Settings,
    chance: NDArray[np.float64],
) -> pa.Array:
    """What was searched for: a department by name, or one of its kinds."""
    tongue = ("en", "zh").index(settings.language)
    words = [[place.name[tongue], *(kind.name[tongue] for kind in place.kinds)] for place in DEPARTMENTS]
    width = min(len(part) for part in words)
    chosen = np.array([part[:width] for part in words])[department, (chance * width).astype(np.int64)]
    return pa.array(chosen, mask=behaviour != SEARCH)


def _purchases(rows: _Rows, acts: Acts, names: pa.Array, stock: Catalogue, settings: Settings) -> dict[str, pa.Table]:
    """Why each purchase was made: of the log, and of the days after it."""
    every = np.flatnonzero(rows.behaviour == PURCHASE)
    ids = pa.array(stock.ids.tolist())

    def told(chosen: NDArray[np.int64]) -> tuple[pa.Array, ...]:
        act = rows.act[chosen]
        because = acts.because[act]
        row = rows.of_act[because]
        why = _only(_ids(names.take(rows.owner[row]), rows.number[row], "."), because >= 0)
        return ids.take(acts.item[act]), _stamps(rows.time[chosen], settings), pa.array(KINDS).take(acts.kind[act]), why

    past = every[rows.time[every] < settings.days * _DAY]
    later = every[_between(rows.time[every], settings, max(settings.horizons))]
    who, whose = names.take(rows.owner[past]), names.take(rows.owner[later])
    order = pc.binary_join_element_wise("O", _ids(whose, acts.nth[rows.act[later]], "-"), "")
    return {
        "causes": _table("causes", who, _ids(who, rows.number[past], "."), *told(past)),
        "future": _table("future", whose, order, *told(later)),
    }


def _customers(folk: People, names: pa.Array, settings: Settings, chance: Chance) -> pa.Table:
    tongue = ("en", "zh").index(settings.language)
    return _table(
        "customers",
        names,
        [settings.start + dt.timedelta(days=int(day)) for day in np.floor(folk.joined)],
        np.array([word[tongue] for word, _ in PLACES])[folk.place],
        chance.uniform("newsletter", folk.index) < 0.4,
    )


def _bots(stock: Catalogue, settings: Settings, chance: Chance) -> dict[str, pa.Table]:
    """Crawlers: on three days each, a few hundred views at a second or two, of anything."""
    count = round(settings.bots * settings.customers)
    index = settings.customers + np.arange(count)
    names = customer_ids(index, settings)
    days = np.sort((chance.uniform("crawl day", index[:, None], np.arange(3)) * settings.days), axis=1)
    steps = np.arange(150)
    address = index[:, None, None], np.arange(3)[:, None], steps
    start = np.floor(days)[:, :, None] * _DAY + 3600 * (1 + 8 * np.arange(3))[:, None]
    pace = np.cumsum(1 + (2 * chance.uniform("crawl pace", *address)).astype(np.int64), axis=2)
    time = (start + pace).astype(np.int64).ravel()
    item = (chance.uniform("crawl item", *address) * len(stock)).astype(np.int64).ravel()
    owner, number = np.repeat(np.arange(count), 3 * len(steps)), np.tile(np.arange(3 * len(steps)), count)
    who, nothing = names.take(owner), pa.nulls(len(owner))
    session = pc.binary_join_element_wise("S", _ids(who, number // len(steps), "-"), "")
    events = _table(
        "events", who, pa.array(BEHAVIOURS).take(np.full(len(owner), VIEW)), pa.array(stock.ids.tolist()).take(item),
        _stamps(time, settings), _ids(who, number, "."), nothing, nothing, stock.price[item], session, nothing,
        np.full(len(owner), "web"), np.full(len(owner), "desktop"), nothing, nothing, nothing,
    )  # fmt: skip
    zero, no = np.zeros(count), np.zeros(count, dtype=bool)
    empty = {name: schema.empty_table() for name, schema in TABLES.items()}
    return {**empty, "events": events, "traits": _table("traits", names, ~no, zero, zero, zero, no)}


def customer_ids(index: NDArray[np.int64], settings: Settings) -> pa.Array:
    """'C' and the customer's number, as wide as the last one needs."""
    width = max(5, len(str(2 * settings.customers)))
    return pc.binary_join_element_wise("C", pc.utf8_lpad(pa.array(index + 1).cast(_TEXT), width, "0"), "")


def _ids(names: pa.Array, number: NDArray[np.int64], joint: str) -> pa.Array:
    return pc.binary_join_element_wise(names, pa.array(number + 1).cast(_TEXT), joint)


def _only(values: pa.Array, where: NDArray[np.bool_]) -> pa.Array:
    return pc.if_else(pa.array(where), values, pa.scalar(None, _TEXT))


def _stamps(seconds: NDArray[np.int64], settings: Settings) -> pa.Array:
    origin = int(dt.datetime.combine(settings.start, dt.time(), dt.UTC).timestamp())
    return pa.array((origin + seconds) * 1_000_000).cast(_TIME)


def _between(time: NDArray[np.int64], settings: Settings, days: int) -> NDArray[np.bool_]:
    return (time >= settings.days * _DAY) & (time < (settings.days + days) * _DAY)


def _table(name: str, *columns: object) -> pa.Table:
    schema = TABLES[name]
    arrays = [column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.array(column) for column in columns]
    return pa.table([array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema)

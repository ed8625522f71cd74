"""What customers do on their visits: looks, carts and favourites from taste, orders from what was done before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.simulate import catalogue as catalogue_
from regard.simulate import cause, people
from regard.simulate.catalogue import Catalogue
from regard.simulate.cause import CART, FAVOURITE, PURCHASE, SEARCH, SELECT, VIEW, History
from regard.simulate.chance import Chance
from regard.simulate.people import People, Visits
from regard.simulate.settings import Settings

_DAY = 86_400
_SEARCHES = 0.2
"""Share of visits that begin with a search."""

_COMES_TO_BUY = 0.5
"""Share of orders placed before anything is looked at in that visit."""

_STAYS = 0.75
"""Chance that the next look is in the same department, where order matters: interest drifts."""

_SEASONAL = 0.25
"""Chance, at the height of a season, that a new interest is the season's."""

_CALLED = 0.5
"""Where behaviours do not matter: share of looks that answer a call as purchases do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Acts:
    """N events of looking, searching and buying, sorted by customer and time; lines of an order share the moment.

    Args:
        owner: int [N] row of the customer. visit: int [N] row of the visit. nth: int [N] number of the visit within
            the customer.
        behaviour: int [N] code in cause.BEHAVIOURS. item: int [N], -1 for searches. department: int [N] of the
            interest followed.
        time: int [N] seconds from the log's first midnight.
        line: int [N] number of the line within the order, 0 elsewhere.
        quantity: int [N] units; 0 for a line that was merged into an earlier line of its order on the same item.
        kind: int [N] code in cause.KINDS, -1 where nothing was drawn from calls. because: int [N] row of the
            causing event, or -1.
    """

    owner: NDArray[np.int64]
    visit: NDArray[np.int64]
    nth: NDArray[np.int64]
    behaviour: NDArray[np.int64]
    item: NDArray[np.int64]
    department: NDArray[np.int64]
    time: NDArray[np.int64]
    line: NDArray[np.int64]
    quantity: NDArray[np.int64]
    kind: NDArray[np.int64]
    because: NDArray[np.int64]


def draw(folk: People, catalogue: Catalogue, settings: Settings, chance: Chance) -> Acts:
    """Everything that these customers do, to the end of the longest horizon."""
    when = people.visits(folk, settings, chance)
    nth = np.arange(len(when.owner)) - np.searchsorted(when.owner, when.owner)
    visit, key, line, behaviour = _plan(folk, when, nth, settings, chance)
    owner = when.owner[visit]
    moment = np.cumsum(np.append(True, (np.diff(visit) != 0) | (np.diff(key) != 0))[: len(visit)]) - 1
    time = _times(folk, when, nth, visit, moment, chance)
    address = folk.index[owner], nth[visit], key
    look = folk.index[owner], nth[visit], key // 8  # the rows of one look share the address, and so the item
    department, item = _looks(folk, catalogue, settings, chance, owner, look, time)
    item[(behaviour == SEARCH) | (behaviour == PURCHASE)] = -1
    acts = Acts(
        owner=owner, visit=visit, nth=nth[visit], behaviour=behaviour, item=item,
        department=department, time=time, line=line,
        quantity=np.where(behaviour == PURCHASE, 1 + chance.poisson("quantity", 0.25, *address, line), 1),
        kind=np.full(len(visit), -1), because=np.full(len(visit), -1),
    )  # fmt: skip
    called = behaviour == PURCHASE
    if not settings.behaviours_matter:
        called = called | ((behaviour != SEARCH) & (chance.uniform("called", *address) < _CALLED))
    luck = chance.uniform("answer", *(part[:, None] for part in (*address, line)), np.arange(2))
    _answer(acts, called, moment, luck, when, catalogue, settings)
    return acts


def _plan(
    folk: People, when: Visits, nth: NDArray[np.int64], settings: Settings, chance: Chance
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows (visit, key, line, behaviour) in order: search at key -1, look j at 8 j + 2 to 4, an order before look j at
    8 j."""
    address = folk.index[when.owner], nth
    looks = 1 + chance.poisson("looks", settings.looks, *address)
    searches = np.flatnonzero(chance.uniform("searches", *address) < _SEARCHES)
    orders = np.flatnonzero(chance.uniform("orders", *address) < folk.buying[when.owner])
    place = np.where(
        chance.uniform("to buy", *address) < _COMES_TO_BUY, 0, np.floor(chance.uniform("place", *address) * (looks + 1))
    ).astype(np.int64)
    lines = 1 + chance.poisson("lines", settings.lines, *address)[orders]

    look, number = np.repeat(np.arange(len(looks)), looks), _within(looks)
    toss = chance.uniform("toss", folk.index[when.owner[look]], nth[look], number)
    parts = [
        (searches, np.full(len(searches), -1), np.full(len(searches), SEARCH)),
        (np.repeat(orders, lines), np.repeat(8 * place[orders], lines), np.full(int(lines.sum()), PURCHASE)),
    ]
    if settings.behaviours_matter:  # a look is a view, with a click in a list before it or a cart or favourite after it
        second = np.select([toss < 0.16, toss < 0.22, toss < 0.35], [CART, FAVOURITE, SELECT], -1)
        more = np.flatnonzero(second >= 0)
        parts.append((look, 8 * number + 3, np.full(len(look), VIEW)))
        parts.append((look[more], 8 * number[more] + np.where(second[more] == SELECT, 2, 4), second[more]))
    else:
        parts.append((look, 8 * number + 3, np.select([toss < 0.16, toss < 0.22], [CART, FAVOURITE], VIEW)))
    visit, key, behaviour = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    line = np.zeros(len(visit), dtype=np.int64)
    line[behaviour == PURCHASE] = _within(lines)
    order = np.lexsort((line, key, visit))
    return visit[order], key[order], line[order], behaviour[order]


def _times(
    folk: People,
    when: Visits,
    nth: NDArray[np.int64],
    visit: NDArray[np.int64],
    moment: NDArray[np.int64],
    chance: Chance,
) -> NDArray[np.int64]:
    """int [N], seconds; every moment of a customer is later than the one before, also where two visits overlap."""
    starts = np.flatnonzero(np.append(True, np.diff(moment) != 0))[: len(moment)]
    visit = visit[starts]
    owner = when.owner[visit]
    head = np.searchsorted(visit, visit)
    number = np.arange(len(starts))
    step = 4 + (35 * chance.exponential("step", folk.index[owner], nth[visit], number - head)).astype(np.int64)
    total = np.cumsum(step)
    at = when.time[visit] + total - total[head]
    apart = owner << 40  # customers are kept apart, so that the running maximum stays within each
    return np.asarray((np.maximum.accumulate(at + apart - number) + number - apart)[moment])


def _looks(
    folk: People,
    catalogue: Catalogue,
    settings: Settings,
    chance: Chance,
    owner: NDArray[np.int64],
    address: tuple[NDArray[np.int64], ...],
    time: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int [N] department followed and int [N] item looked at; rows of one look share the address and so the item."""
    stocked = np.diff(catalogue.bounds) > 0
    shares = np.cumsum(folk.interests * stocked, axis=1)
    department = (chance.uniform("department", *address)[:, None] * shares[owner, -1:] > shares[owner]).sum(axis=1)
    if settings.time_matters and settings.order_matters:
        in_season = _in_season(time, catalogue, settings)
        turned = chance.uniform("in season", *address) < _SEASONAL * in_season.max(axis=1)
        department = np.where(turned, np.argmax(in_season, axis=1), department)
    if settings.order_matters:
        stays = chance.uniform("stays", *address) < _STAYS
        stays[np.flatnonzero(np.append(True, np.diff(owner) != 0))[: len(owner)]] = False
        department = department[np.maximum.accumulate(np.where(stays, 0, np.arange(len(owner))))]
    liked = people.tastes(folk, catalogue)
    before = np.concatenate([np.zeros((len(folk), 1)), liked], axis=1)
    low, high = catalogue.bounds[department], catalogue.bounds[department + 1]
    mark = chance.uniform("item", *address)
    mark = before[owner, low] + mark * (before[owner, high] - before[owner, low])
    item = _search_rows(liked, owner, low, high - 1, mark)
    noisy = chance.uniform("noise", *address) < settings.noise
    popular = np.searchsorted(np.cumsum(catalogue.popularity), chance.uniform("popular", *address)).clip(
        max=len(catalogue) - 1
    )
    return department, np.where(noisy, popular, item)


def _answer(
    acts: Acts,
    called: NDArray[np.bool_],
    moment: NDArray[np.int64],
    luck: NDArray[np.float64],
    when: Visits,
    catalogue: Catalogue,
    settings: Settings,
) -> None:
    """Fill in item, kind and because of the rows that are `called`: first occasions of all customers, then second
    ones, and so on.

    An occasion is an order, or one look; all its lines are drawn from what was done before it, none from one
    another.
    """
    rows = np.flatnonzero(called)
    if not len(rows):
        return
    fresh = np.append(True, np.diff(moment[rows]) != 0)
    first = rows[fresh]  # first row of each occasion
    heads = np.append(np.flatnonzero(fresh), len(rows))
    owner = acts.owner[first]
    turn = np.arange(len(first)) - np.searchsorted(owner, owner)
    begins = np.searchsorted(acts.owner, owner)
    gap = _pause(acts, when)
    in_season = _in_season(acts.time[first], catalogue, settings)
    beside = cause.uncaused(in_season, settings)
    customers = int(acts.owner[-1]) + 1
    owned = np.zeros((customers, len(catalogue)), dtype=bool)
    last = np.full((customers, len(catalogue)), -1, dtype=np.int64)
    order = np.argsort(turn, kind="stable")
    for some in np.split(order, np.cumsum(np.bincount(turn))[:-1]):
        lengths = first[some] - begins[some]
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        pair = np.repeat(begins[some], lengths) + _within(lengths)
        who, at = acts.owner[pair], np.repeat(first[some], lengths)
        item = acts.item[pair]
        history = History(
            item=item,
            behaviour=acts.behaviour[pair],
            rank=moment[at] - moment[pair] - 1,
            elapsed=(acts.time[at] - acts.time[pair]) / _DAY,
            pause=gap[acts.visit[at]],
            owned=owned[who, item],
            complement_owned=owned[who, catalogue.complement[item]],
            latest=(last[who, item] == pair) | (not settings.behaviours_matter),
        )
        asked = np.repeat(heads[some], heads[some + 1] - heads[some]) + _within(heads[some + 1] - heads[some])
        lines, place = rows[asked], np.repeat(np.arange(len(some)), heads[some + 1] - heads[some])
        weights = cause.calls(history, catalogue, settings)
        reply = cause.answer(weights, bounds, beside[some], in_season[some], history, catalogue, place, luck[lines])
        acts.item[lines], acts.kind[lines] = reply.item, reply.kind
        acts.because[lines] = np.where(reply.pair >= 0, np.append(pair, -1)[reply.pair], -1)
        _merge(acts, lines)
        bought = lines[(acts.behaviour[lines] == PURCHASE) & (acts.quantity[lines] > 0)]
        owned[acts.owner[bought], acts.item[bought]] = True
        last[acts.owner[bought], acts.item[bought]] = bought


def _merge(acts: Acts, lines: NDArray[np.int64]) -> None:
    """Two lines of an order on one item are one line of more units."""
    order = lines[np.lexsort((lines, acts.item[lines], acts.visit[lines], acts.behaviour[lines] != PURCHASE))]
    same = (
        (np.diff(acts.item[order]) == 0) & (np.diff(acts.visit[order]) == 0) & (acts.behaviour[order[1:]] == PURCHASE)
    )
    again = order[1:][same & (acts.behaviour[order[:-1]] == PURCHASE)]
    kept = order[np.maximum.accumulate(np.where(np.isin(order, again), 0, np.arange(len(order))))]
    np.add.at(acts.quantity, kept[np.isin(order, again)], acts.quantity[again])
    acts.quantity[again], acts.item[again] = 0, -1


def _pause(acts: Acts, when: Visits) -> NDArray[np.float64]:
    """float [S], days between the end of the visit before and the start of this one; 0 for a first visit."""
    used, start = np.unique(acts.visit, return_index=True)
    end = np.append(start[1:], len(acts.visit)) - 1
    pause = np.zeros(len(when.owner))
    known = when.owner[used[1:]] == when.owner[used[:-1]]
    pause[used[1:]] = np.where(known, acts.time[start[1:]] - acts.time[end[:-1]], 0) / _DAY
    return pause


def _in_season(time: NDArray[np.int64], catalogue: Catalogue, settings: Settings) -> NDArray[np.float64]:
    day = np.arange(int(time.max(initial=0)) // _DAY + 1)
    whole = catalogue_.season((settings.start.timetuple().tm_yday - 1 + day).astype(np.float64)) * (
        np.diff(catalogue.bounds) > 0
    )
    return np.asarray(whole[time // _DAY])


def _search_rows(
    running: NDArray[np.float64],
    row: NDArray[np.int64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    mark: NDArray[np.float64],
) -> NDArray[np.int64]:
    """First column in low..high of the named row whose running sum exceeds the mark; all rows halved at once."""
    low, high = low.copy(), high.copy()
    for _ in range(int(running.shape[1]).bit_length()):
        middle = (low + high) // 2
        beyond = running[row, middle] > mark
        high = np.where(beyond, middle, high)
        low = np.where(beyond, low, np.minimum(middle + 1, high))
    return low


def _within(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2 ... within each of the runs of these lengths."""
    return np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)

"""Outcomes: did it work? What customers did with the items that they were shown, by scenario and model, with intervals.

An event counts for the list in which its customer was last shown its item before it, if that was at most some days ago;
nothing else of the list counts. Customers without an id, and those who have not consented since, are not followed.

Beside the orders of what was shown stands what the same items would have sold in the same time at the rate at which
customers bought them who were not shown them. That is the simplest comparison and no proof: lists are made for those who are
likelier to buy anyway. Two models that share a scenario's customers by chance are compared as such, and only their
difference says which is better.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.evaluation.intervals import Estimate, estimates, percentile_interval, resampled_means
from regard.evaluation.verdict import SMALL
from regard.insight.answer import Plain
from regard.insight.history import Ask
from regard.insight.shop import Shop
from regard.sequences.log import DAY, Log
from regard.workspace.answering import Answering
from regard.workspace.data import Data
from regard.workspace.impressions import Impression, Impressions
from regard.workspace.outcome_words import compared, no_causes, unnoted

METRICS = ("views", "carts", "orders", "revenue")
VIEWS, CARTS = ("view_item", "select_item"), ("add_to_cart",)
BLOCK = 20_000
"""Customers whose histories are held at a time."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One metric of one group. Args: total: over all its customers. per_customer: mean, interval and n, as everywhere."""

    total: float
    per_customer: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Group:
    """The lists of one scenario that one model made.

    Args:
        scenario: its name, '' for none. model: id, None where counting or popularity answered.
        answers: lists shown, to whomever. customers: those who can be followed. items: shown to them, each as often as it was.
        views, carts, orders, revenue: of what was shown. buyers: share of the customers with an order.
        orders_otherwise: expected at the rate of customers who were not shown the items; None without such customers.
    """

    scenario: str
    model: str | None
    answers: int
    customers: int
    items: int
    views: Measured
    carts: Measured
    orders: Measured
    revenue: Measured
    buyers: dict[str, Any]
    orders_otherwise: float | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two models that shared the customers of a scenario by chance.

    Args:
        scenario: its name. first, second: ids of the models. customers: of each; who was shown both models is of neither.
        metric: per customer. difference: second minus first. interval: 95 %, None for fewer than two customers.
        outcome: 'better', 'worse' (the second), 'open' (no difference shown) or 'small' (too few customers to judge).
        text: the same in one line.
    """

    scenario: str
    first: str
    second: str
    customers: tuple[int, int]
    metric: str
    difference: float
    interval: tuple[float, float] | None
    outcome: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Outcomes(Plain):
    """What came of what was shown.

    Args:
        since, until: the lists of this period, RFC 3339. days: for which an event counts after its item was shown.
        groups: by scenario and model. differences: of models that share customers. unnoted: lists that could not be noted.
        notes: what the reader should know.
    """

    since: str
    until: str
    days: int
    groups: tuple[Group, ...]
    differences: tuple[Difference, ...]
    unnoted: int
    notes: tuple[str, ...]


def outcomes(
    data: Data, answering: Answering, impressions: Impressions, *, since: int, until: int, days: int, scenario: str | None,
    language: str,
) -> Outcomes:  # fmt: skip
    """What came of the lists that were shown from `since` to before `until`.

    Args:
        data, answering, impressions: of the workspace. since, until: seconds since 1970 UTC.
        days: 1 to 60, for which an event counts. scenario: its name; None = all. language: 'en' or 'zh', of texts.

    Raises:
        UsageError: the log has no clock, or the period or the days are off.
    """
    if not 1 <= days <= 60 or since >= until:
        raise UsageError("days are 1 to 60, and the period ends after it begins", hint="--days 7")
    shop, _ = answering.shop(language=language)
    if shop.log.clock != "clock":
        raise UsageError("outcomes need events with times", hint="this log has only an order of events")
    span = {"since_us": since * 1_000_000, "until_us": until * 1_000_000}
    shown = _read(shop, data, impressions.read(**span, scenario=scenario))
    end = min(until + days * DAY, int(time.time()) + 1)
    values, otherwise = _followed(shop, shown, since, end, days)
    lost = impressions.unnoted(**span)
    differences = _differences(shown, values, language)
    return Outcomes(
        since=_said(since),
        until=_said(until),
        days=days,
        groups=tuple(_group(shown, values, otherwise, code) for code in range(len(shown.groups))),
        differences=differences,
        unnoted=lost,
        notes=((unnoted(lost, language),) if lost else ()) + (() if differences else (no_causes(language),)),
    )


@dataclass(eq=False)
class _Shown:
    """Lists as arrays: one row for each time that an item was shown to a customer who can be followed."""

    groups: list[tuple[str, str | None]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    shared: set[int] = field(default_factory=set)
    people: list[str] = field(default_factory=list)
    owner: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    item: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    at: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    group: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def members(self, code: int) -> Ints:
        """Customers of a group."""
        return np.unique(self.owner[self.group == code])


def _read(shop: Shop, data: Data, lists: Iterable[Impression]) -> _Shown:
    shown, codes, people = _Shown(), {}, {}  # type: ignore[var-annotated]
    rows: list[tuple[int, int, int, int]] = []
    for one in lists:
        code = codes.setdefault((one.scenario, one.model), len(codes))
        if code == len(shown.answers):
            shown.answers.append(0)
        shown.answers[code] += 1
        if one.share < 1:
            shown.shared.add(code)
        who = one.customer or one.anonymous
        if who is not None:
            owner, at = people.setdefault(who, len(people)), one.at_us // 1_000_000
            rows += [(owner, item, at, code) for item in shop.log.items.codes(item for item, _ in one.items).tolist()]
    shown.groups = list(codes)
    told = np.array(rows, dtype=np.int64).reshape(-1, 4)
    owners = data.owners(people)
    shown.people = list(dict.fromkeys(owner for owner in owners.values() if owner is not None))
    place = {name: number for number, name in enumerate(shown.people)}
    table = np.array([place.get(owners[name] or "", -1) for name in people], dtype=np.int64)
    owner = table[told[:, 0]] if len(told) else told[:, 0]
    kept = (owner >= 0) & (told[:, 1] >= 0)
    shown.owner, shown.item, shown.at, shown.group = owner[kept], told[kept, 1], told[kept, 2], told[kept, 3]
    return shown


def _followed(
    shop: Shop, shown: _Shown, since: int, end: int, days: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each customer did with what each group showed them, [people, groups, METRICS], and by group the orders that would
    be expected otherwise, NaN where nobody can say.
    """
    values = np.zeros((len(shown.people), len(shown.groups), len(METRICS)))
    for start in range(0, len(shown.people), BLOCK):
        names = shown.people[start : start + BLOCK]
        histories = shop.histories([Ask(customer=name) for name in names])
        here = (shown.owner >= start) & (shown.owner < start + len(names))
        _credit(shop, shown, np.flatnonzero(here), histories, start, end, days * DAY, values)
    return values, _otherwise(shop, shown, since, end, days * DAY)


def _credit(
    shop: Shop, shown: _Shown, rows: Ints, log: Log, start: int, end: int, window: int, values: NDArray[np.float64]
) -> None:  # fmt: skip
    """Add the events of some customers to the group that last showed them the item."""
    events = np.flatnonzero((log.item >= 0) & (log.time < end))
    width = len(shop.log.items)
    owner = np.concatenate([shown.owner[rows] - start, log.owner[events]])
    key = owner * width + np.concatenate([shown.item[rows], log.item[events]])
    at = np.concatenate([shown.at[rows], log.time[events]])
    happened = np.arange(len(key)) >= len(rows)
    order = np.lexsort((happened, at, key))
    last = np.maximum.accumulate(np.where(happened[order], -1, np.arange(len(order))))
    before = order[np.maximum(last, 0)]
    credited = happened[order] & (last >= 0) & (key[before] == key[order]) & (at[order] - at[before] <= window)
    event, group = events[order[credited] - len(rows)], shown.group[rows[before[credited]]]
    who = log.owner[event] + start
    wanted = log.is_behaviour(shop.target)[event]
    for metric, names in enumerate((VIEWS, CARTS)):
        some = log.is_behaviour(names)[event]
        np.add.at(values, (who[some], group[some], metric), 1)
    bought = np.unique(np.stack([who[wanted], group[wanted], log.basket[event][wanted]]), axis=1)
    np.add.at(values, (bought[0], bought[1], 2), 1)
    money = np.nan_to_num(log.value[event][wanted].astype(np.float64))
    np.add.at(values, (who[wanted], group[wanted], 3), money)


def _otherwise(shop: Shop, shown: _Shown, since: int, end: int, window: int) -> NDArray[np.float64]:
    """By group, the orders expected in the time that followed each showing, at the rate of those who were not shown the item."""
    log, width = shop.log, len(shop.log.items)
    expected = np.full(len(shown.groups), np.nan)
    during = np.flatnonzero((log.time >= since) & (log.time < end) & (log.item >= 0))
    active = np.unique(log.owner[during])
    codes = log.customers.codes(shown.people)[shown.owner] if len(shown.owner) else shown.owner
    pairs = np.unique(codes[codes >= 0] * width + shown.item[codes >= 0])
    bought = during[shop.wanted[during]]
    unshown = bought[~np.isin(log.owner[bought] * width + log.item[bought], pairs)]
    orders = np.unique(np.stack([log.item[unshown], log.owner[unshown], log.basket[unshown]]), axis=1)[0]
    told = np.bincount(pairs[np.isin(pairs // width, active)] % width, minlength=width)
    time_left = (len(active) - told) * max(end - since, 1)
    rate = np.divide(np.bincount(orders, minlength=width), time_left, out=np.full(width, np.nan), where=time_left > 0)
    order = np.lexsort((shown.at, shown.item, shown.owner))
    owner, item, at = shown.owner[order], shown.item[order], shown.at[order]
    following = np.full(len(order), end)
    same = (owner[1:] == owner[:-1]) & (item[1:] == item[:-1])
    following[:-1][same] = at[1:][same]
    lasts = np.clip(following - at, 0, window) * rate[item]
    for code in range(len(shown.groups)):
        own = lasts[shown.group[order] == code]
        if len(own) and not np.isnan(own).any():
            expected[code] = own.sum()
    return expected


def _group(shown: _Shown, values: NDArray[np.float64], otherwise: NDArray[np.float64], code: int) -> Group:
    people = shown.members(code)
    own = values[people, code]
    table = np.column_stack([own, own[:, 2] > 0])
    found = estimates(table) if len(people) else [Estimate(mean=float("nan"), interval=None, n=0)] * table.shape[1]
    metrics = {
        name: Measured(total=float(own[:, place].sum()), per_customer=found[place].to_json())
        for place, name in enumerate(METRICS)
    }
    scenario, model = shown.groups[code]
    return Group(
        scenario=scenario,
        model=model,
        answers=shown.answers[code],
        customers=len(people),
        items=int((shown.group == code).sum()),
        **metrics,
        buyers=found[-1].to_json(),
        orders_otherwise=None if np.isnan(otherwise[code]) else float(otherwise[code]),
    )


def _differences(shown: _Shown, values: NDArray[np.float64], language: str) -> tuple[Difference, ...]:
    found = []
    for scenario in dict.fromkeys(name for name, _ in shown.groups):
        sides = [code for code in sorted(shown.shared) if shown.groups[code][0] == scenario and shown.groups[code][1]]
        if len(sides) == 2:
            first, second = sorted(sides, key=lambda code: str(shown.groups[code][1]))
            found += [_difference(shown, values, first, second, metric, language) for metric in range(len(METRICS))]
    return tuple(found)


def _difference(
    shown: _Shown, values: NDArray[np.float64], first: int, second: int, metric: int, language: str
) -> Difference:  # fmt: skip
    one, other = shown.members(first), shown.members(second)
    both = np.intersect1d(one, other)
    sides = [values[np.setdiff1d(people, both), code, metric] for people, code in ((one, first), (other, second))]
    count = (len(sides[0]), len(sides[1]))
    means = [float(side.mean()) if len(side) else float("nan") for side in sides]
    interval = None
    if min(count) > 1:
        drawn = [resampled_means(side[:, None], seed=seed)[:, 0] for seed, side in enumerate(sides)]
        interval = percentile_interval(drawn[1] - drawn[0])
    outcome = "small" if min(count) < SMALL or interval is None else "open"
    if outcome == "open" and interval is not None and not interval[0] <= 0 <= interval[1]:
        outcome = "better" if interval[0] > 0 else "worse"
    names = str(shown.groups[first][1]), str(shown.groups[second][1])
    return Difference(
        scenario=shown.groups[first][0],
        first=names[0],
        second=names[1],
        customers=count,
        metric=METRICS[metric],
        difference=means[1] - means[0],
        interval=interval,
        outcome=outcome,
        text=compared(METRICS[metric], names, (means[0], means[1]), interval, outcome, language),
    )


def _said(seconds: int) -> str:
    return f"{np.datetime64(seconds, 's')}Z"

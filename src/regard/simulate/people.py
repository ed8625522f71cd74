"""Customers: what they like, what they can pay, when they come; and how likely each is to buy after the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from regard.simulate.catalogue import Catalogue
from regard.simulate.chance import Chance
from regard.simulate.settings import Settings
from regard.simulate.words import BRANDS, DEPARTMENTS, PLACES

_WEEK = np.array([1.0, 0.9, 0.9, 0.95, 1.05, 1.15, 1.25])
"""Visits by weekday, Monday first."""

_HOURS = np.array(
    [4, 2, 1, 1, 1, 2, 4, 8, 12, 14, 15, 16, 18, 16, 15, 15, 16, 19, 24, 30, 34, 30, 20, 10], dtype=np.float64
)
"""Visits by hour of the day: people shop in the evening."""

_LONGEST_SPELL = 12
"""Follow-up visits of one spell; the chance of more is below one in ten thousand."""


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """C customers and their latent traits.

    Args:
        index: int [C] number of the customer in the shop.
        rate: float [C] spells of visits a day, before season.
        joined: float [C] day of the first possible visit, from the log's first day; negative before it.
        left: float [C] day of leaving for good.
        asleep: float [C, 2] first and last day of a dormant spell; both infinite for none.
        buying: float [C] chance that a visit ends in an order.
        interests: float [C, departments], rows sum to 1.
        brands: float [C, brands] factor on how often a brand is looked at.
        sensitivity: float [C] how strongly high prices put off: a look's weight is exp(-sensitivity x depth).
        place: int [C]. app: bool [C], uses the app. phone: bool [C].
    """

    index: NDArray[np.int64]
    rate: NDArray[np.float64]
    joined: NDArray[np.float64]
    left: NDArray[np.float64]
    asleep: NDArray[np.float64]
    buying: NDArray[np.float64]
    interests: NDArray[np.float64]
    brands: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    place: NDArray[np.int64]
    app: NDArray[np.bool_]
    phone: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.index)


def draw(settings: Settings, chance: Chance, index: NDArray[np.int64]) -> People:
    """The customers with these numbers."""
    early = chance.uniform("early", index) < 0.6
    joined = np.where(early, -700.0, settings.days) * chance.uniform("joined", index)
    sleeps = chance.uniform("sleeps", index) < settings.dormant
    begin = np.where(sleeps, settings.days * chance.uniform("asleep", index), np.inf)
    asleep = np.stack([begin, begin + 40 + 80 * chance.uniform("awake", index)], axis=1)
    odds = np.log(settings.buying / (1 - settings.buying)) if settings.buying else -np.inf
    tastes = chance.gamma("interest", 0.3, index[:, None], np.arange(len(DEPARTMENTS))) + 1e-3
    return People(
        index=index,
        rate=chance.gamma("rate", 2.0, index) / 2.0 / settings.visits_gap,
        joined=joined,
        left=np.maximum(joined, 0.0) + settings.lifetime * chance.exponential("left", index),
        asleep=asleep,
        buying=special.expit(odds + 0.5 * chance.normal("buying", index)),
        interests=tastes / tastes.sum(axis=1, keepdims=True),
        brands=np.exp(0.8 * chance.normal("brand taste", index[:, None], np.arange(len(BRANDS)))),
        sensitivity=chance.gamma("sensitivity", 2.0, index) / 2.0,
        place=np.searchsorted(np.cumsum([share for _, share in PLACES]), chance.uniform("place", index)).clip(
            max=len(PLACES) - 1
        ),
        app=chance.uniform("app", index) < 0.35,
        phone=chance.uniform("phone", index) < 0.6,
    )


def tastes(people: People, catalogue: Catalogue) -> NDArray[np.float64]:
    """float [C, V], running sums over the items of how much each is to the customer's liking; departments count
    through `interests`."""
    liking = catalogue.popularity * people.brands[:, catalogue.brand]
    return np.cumsum(liking * np.exp(-people.sensitivity[:, None] * catalogue.depth), axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Visits:
    """S visits, sorted by customer and time.

    Args:
        owner: int [S] row of the customer.
        time: int [S] seconds from the log's first midnight.
    """

    owner: NDArray[np.int64]
    time: NDArray[np.int64]


def visits(people: People, settings: Settings, chance: Chance) -> Visits:
    """When customers come, to the end of the longest horizon: spells of visits at the pace of the seasons, in each a
    few visits.

    Spells are a Poisson process thinned by dormancy; a visit is followed by another one of its spell with chance
    `follow_up`, after an exponential time. Both are free of memory, which is what makes `propensity` exact.
    """
    pace = _pace(settings)
    done = np.concatenate([[0.0], np.cumsum(pace)])
    days = np.arange(len(done), dtype=np.float64)
    begin = np.interp(people.joined, days, done)
    expected = people.rate * (np.interp(people.left, days, done) - begin)
    most = np.ceil(expected + 8 * np.sqrt(expected) + 8).astype(np.int64)
    number = np.arange(int(most.max()))
    ticks = np.cumsum(chance.exponential("spell", people.index[:, None], number), axis=1)
    row, spell = np.nonzero((ticks < expected[:, None]) & (number < most[:, None]))
    start = np.interp(begin[row] + ticks[row, spell] / people.rate[row], done, days)
    awake = (start < people.asleep[row, 0]) | (start >= people.asleep[row, 1])
    row, spell, start = row[awake], spell[awake], start[awake]

    address = people.index[row][:, None], spell[:, None], np.arange(_LONGEST_SPELL)
    goes_on = np.logical_and.accumulate(chance.uniform("goes on", *address) < settings.follow_up, axis=1)
    later = start[:, None] + np.cumsum(settings.follow_up_days * chance.exponential("follows", *address), axis=1)
    when = np.concatenate([start[:, None], np.where(goes_on, later, np.inf)], axis=1)
    real = (when < people.left[row][:, None]) & (when < len(pace))
    place, nth = np.nonzero(real)
    day = np.floor(when[place, nth])
    minute = chance.uniform("minute", people.index[row[place]], spell[place], nth)
    hour = np.interp(minute, np.concatenate([[0.0], np.cumsum(_HOURS) / _HOURS.sum()]), np.arange(25.0))
    time = ((day + hour / 24.0) * 86_400).astype(np.int64)
    order = np.lexsort((time, row[place]))
    return Visits(owner=row[place][order], time=time[order])


def propensity(people: People, settings: Settings, days: int) -> NDArray[np.float64]:
    """float [C], the true chance of an order in the `days` after the log's end, given the traits and who is still
    there at the end.

    Orders come in spells that are a marked Poisson process, so the spells that hold an order within the window are
    Poisson too. Its mean adds spells that begin in the window and those under way at its start; the day of leaving,
    of which nothing is known but the mean, is summed out. Visits fall on whole days, so the sums over days are
    exact up to a spell's first day being counted from its middle.
    """
    pace, end = _pace(settings), settings.days
    grid = np.arange(len(pace))
    awake = (grid + 0.5 < people.asleep[:, :1]) | (grid + 0.5 >= people.asleep[:, 1:])
    starts = people.rate[:, None] * pace * awake * np.clip(grid + 1 - people.joined[:, None], 0.0, 1.0)
    buys, goes_on, speed = people.buying[:, None], settings.follow_up, 1.0 / settings.follow_up_days
    fades = speed * (1.0 - (1.0 - buys) * goes_on)
    under_way = starts[:, :end] @ (goes_on * np.exp(-speed * (1.0 - goes_on) * (end - grid[:end] - 0.5)))
    window = np.arange(1, days + 1)
    later = (
        speed * buys / fades * (1.0 - np.exp(-fades * window))
    )  # chance that a spell under way at day 0 orders by day w
    begun = speed * buys / fades * (1.0 - np.exp(-fades * (window - 0.5)))
    fresh = starts[:, end : end + days]
    ordering = np.stack(
        [(fresh[:, :w] * (buys + (1.0 - buys) * goes_on * begun[:, w - 1 :: -1][:, :w])).sum(axis=1) for w in window],
        axis=1,
    )
    none = np.exp(-(ordering + under_way[:, None] * later))
    stays = np.exp(-window / settings.lifetime)
    leaves = np.append(1.0, stays[:-1]) - stays
    chance_of_none = (none * leaves).sum(axis=1) + none[:, -1] * stays[-1]
    return np.where((people.left > end) & (people.joined < end), 1.0 - chance_of_none, 0.0)


def _pace(settings: Settings) -> NDArray[np.float64]:
    """float [days + horizon], visits of each day against an average one: weekday, and more before the year's end."""
    day = np.arange(settings.days + max(settings.horizons))
    weekday = (settings.start.weekday() + day) % 7
    of_year = settings.start.timetuple().tm_yday - 1 + day
    return np.asarray(_WEEK[weekday] * (1.0 + 0.25 * np.cos(2 * np.pi * (of_year - 340) / 365.25)))

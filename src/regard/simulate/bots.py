"""Scripted bots, written into a real log: each does one thing that a script does, and all else as the shop's own customers do.

What a bot acts on, how many acts it has and when it begins are drawn from the log's customers, so that it is told from them
by its script alone; jitter keeps the script from being exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from regard.errors import UsageError

SCRIPTS: tuple[str, ...] = ("fixed_gaps", "bursts", "all_hours", "one_item", "copies")
"""What bots do: act by the clock, act many times within seconds, act by day and by night alike, act on one item, repeat what
another did."""

NEED_CLOCK: frozenset[str] = frozenset({"fixed_gaps", "bursts", "all_hours"})
"""Scripts about time, which a log of mere order cannot hold."""

LEAST_ACTS = 12
"""Acts of the customers that bots are drawn after: three or four acts are no pattern of anything."""

_PERIODS = (60.0, 43_200.0)
"""Seconds between the acts of a bot with fixed gaps, drawn evenly on a logarithmic scale: from a minute to half a day."""

_BURST = (8, 25)
"""Acts of one burst."""

_PACE = (1.0, 8.0)
"""Seconds between the acts of a burst: as fast as pages load."""

_AWAKE = (2.0, 7.0)
"""Days over which a bot that never sleeps acts: one alone would be anybody's long day."""

_FAMILY = 5
"""Bots that repeat the same customer."""

_DAY = 86_400


class Events(Protocol):
    """What is read of a log: of `regard.sequences.Log` or anything like it, as described there."""

    @property
    def customers(self) -> Any: ...
    @property
    def offsets(self) -> NDArray[np.int64]: ...
    @property
    def item(self) -> NDArray[np.int32]: ...
    @property
    def time(self) -> NDArray[np.int64]: ...
    @property
    def basket(self) -> NDArray[np.int32]: ...
    @property
    def behaviour(self) -> NDArray[np.int16]: ...
    @property
    def clock(self) -> Any: ...


L = TypeVar("L", bound=Events)


@dataclass(frozen=True, kw_only=True)
class Bots:
    """Bots to be injected.

    Args:
        script: one of SCRIPTS.
        count: bots.
        jitter: 0 = exact. Share by which gaps vary up and down, and share of the acts that are somebody else's.
        seed: another seed, other bots.
    """

    script: str
    count: int = 50
    jitter: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.script not in SCRIPTS:
            raise UsageError(f"unknown script '{self.script}'", hint=", ".join(SCRIPTS))
        if self.count < 1 or not 0 <= self.jitter < 1 or self.seed < 0:
            raise UsageError("bots need a count from 1 on, a jitter from 0 to below 1, and a seed from 0 on")


def inject(log: L, bots: Bots) -> L:
    """The log with the bots behind its customers, named 'bot:SCRIPT:NUMBER'.

    Args:
        log: a `regard.sequences.Log`.
        bots: which.

    Raises:
        UsageError: the script needs a clock and the log has none; nobody in the log has LEAST_ACTS acts.
    """
    if bots.script in NEED_CLOCK and log.clock != "clock":
        raise UsageError(f"bots with {bots.script} need a log with a clock", hint="leave this script out")
    real = _Real(log)
    if not len(real.busy):
        raise UsageError(f"nobody in the log has {LEAST_ACTS} acts: there is nothing to draw bots after")
    chance = np.random.default_rng((bots.seed, SCRIPTS.index(bots.script)))
    plans = [_plan(real, bots, number, chance) for number in range(bots.count)]
    lengths = np.array([len(plan.model) for plan in plans])
    model, moment, own = (
        np.concatenate([getattr(plan, name) for plan in plans]) for name in ("model", "moment", "own")
    )
    sizes = np.ones(len(model), dtype=np.int64) if bots.script == "one_item" else real.size[model]
    act = np.repeat(np.arange(len(model)), sizes)
    rows = real.start[model][act] + _within(sizes)
    item = np.asarray(log.item)[rows]
    if bots.script == "one_item":
        loop = np.repeat(chance.choice(real.known, bots.count), lengths)
        item = np.where(own, item, loop)
    else:
        other = own[act]
        rows[other] = real.like(rows[other], chance)
        item[other] = np.asarray(log.item)[rows[other]]
    # A basket holds an item once.
    once = np.sort(np.unique(act * (int(item.max(initial=0)) + 2) + item, return_index=True)[1])
    rows, item, act = rows[once], item[once], act[once]
    return _behind(
        log, rows, item, moment[act], np.repeat(np.arange(bots.count), lengths)[act], _within(lengths)[act], bots
    )


def _behind(
    log: L, rows: NDArray[np.int64], item: NDArray[np.int32], moment: NDArray[np.int64], owner: NDArray[np.int64],
    basket: NDArray[np.int64], bots: Bots,
) -> L:  # fmt: skip
    """The log and behind it events like its `rows`, with these items, moments, owners and baskets."""
    counts = np.bincount(owner, minlength=bots.count)
    moment = {"clock": moment, "order": _within(counts), "none": 0 * moment}[log.clock]
    added: dict[str, NDArray[Any]] = {"item": item, "time": moment, "basket": basket.astype(np.int32)}
    names = [f"bot:{bots.script}:{number}" for number in range(bots.count)]
    whole = cast(Any, log)
    found = replace(
        whole,
        customers=type(whole.customers)([*whole.customers.ids.to_pylist(), *names]),
        offsets=np.concatenate([log.offsets, log.offsets[-1] + np.cumsum(counts)]),
        context={name: (words, np.append(codes, codes[rows])) for name, (words, codes) in whole.context.items()},
        **{
            name: np.append(getattr(log, name), added[name] if name in added else getattr(whole, name)[rows])
            for name in ("item", "time", "basket", "behaviour", "quantity", "value")
        },
    )
    return cast(L, found)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plan:
    """What one bot does: acts of the log that it is modelled on, int [A]; when, int [A] rising; where it acts on its own,
    bool [A], and not by its script.
    """

    model: NDArray[np.int64]
    moment: NDArray[np.int64]
    own: NDArray[np.bool_]


class _Real:
    """The acts of the log's customers: an act is a basket."""

    def __init__(self, log: Events) -> None:
        lengths = np.diff(log.offsets)
        owner = np.repeat(np.arange(len(lengths)), lengths)
        new = np.ones(len(owner), dtype=bool)
        new[1:] = (owner[1:] != owner[:-1]) | (log.basket[1:] != log.basket[:-1])
        self.start = np.flatnonzero(new)
        self.size = np.diff(np.append(self.start, len(owner)))
        self.time = np.asarray(log.time)[self.start]
        self.known = np.asarray(log.item)[np.asarray(log.item) >= 0]
        behaviour = np.asarray(log.behaviour)
        self.behaviour = behaviour
        self.of_behaviour = {int(code): np.flatnonzero(behaviour == code) for code in np.unique(behaviour)}
        self.bounds = np.append(0, np.cumsum(np.bincount(owner[self.start], minlength=len(lengths))))
        self.busy = np.flatnonzero(np.diff(self.bounds) >= LEAST_ACTS)
        self.tick = max(1, int(np.gcd.reduce(np.unique(self.time)))) if log.clock == "clock" else 1
        self.first, self.last = int(self.time.min(initial=0)), int(self.time.max(initial=0))
        ends = self.time[self.bounds[1:][self.busy] - 1]
        self.done = self.busy[ends <= np.median(ends)] if len(ends) else self.busy

    def acts(self, customer: int) -> NDArray[np.int64]:
        """The acts of one customer, in order."""
        return np.arange(self.bounds[customer], self.bounds[customer + 1])

    def like(self, rows: NDArray[np.int64], chance: np.random.Generator) -> NDArray[np.int64]:
        """For each event another of the same behaviour, by chance: what everybody acts on, in nobody's order."""
        found = np.array(rows)
        for code, those in self.of_behaviour.items():
            here = np.flatnonzero(self.behaviour[rows] == code)
            found[here] = chance.choice(those, len(here))
        return found


def _plan(real: _Real, bots: Bots, number: int, chance: np.random.Generator) -> _Plan:
    model = real.acts(int(chance.choice(real.busy)))
    count, begin = len(model), int(chance.choice(real.time))
    if bots.script == "copies":
        family = np.random.default_rng((bots.seed, len(SCRIPTS), number // _FAMILY))
        model = real.acts(int(family.choice(real.done)))
        return _Plan(model=model, moment=_after(real, model, chance), own=chance.random(len(model)) < bots.jitter)
    if bots.script == "one_item":
        return _Plan(model=model, moment=real.time[model], own=chance.random(count) < bots.jitter)
    gaps = _gaps(bots, count, chance)
    moments = begin + np.cumsum(gaps * min(1.0, (real.last - real.first) / gaps.sum()))
    moments -= max(0.0, moments[-1] - real.last)  # nobody acts after the log's end
    moments = np.sort(moments // real.tick * real.tick).astype(np.int64)
    return _Plan(model=model, moment=moments, own=np.ones(count, dtype=bool))


def _gaps(bots: Bots, count: int, chance: np.random.Generator) -> NDArray[np.float64]:
    if bots.script == "fixed_gaps":
        period = np.exp(chance.uniform(*np.log(_PERIODS)))
        return np.asarray(period * (1 + bots.jitter * chance.uniform(-1, 1, count)))
    if bots.script == "all_hours":
        return np.asarray(chance.exponential(_DAY * chance.uniform(*_AWAKE) / count, count))
    gaps = chance.uniform(*_PACE) * (1 + bots.jitter * chance.uniform(-1, 1, count))
    begins = np.cumsum(chance.integers(*_BURST, size=count))
    rests = begins[begins < count]
    gaps[rests] = _DAY * chance.exponential(1.0, len(rests))
    return np.asarray(gaps)


def _after(real: _Real, source: NDArray[np.int64], chance: np.random.Generator) -> NDArray[np.int64]:
    """Moments of a copy: as much later than the source as the log goes on."""
    later = real.time[source] + int(chance.uniform(0, real.last - int(real.time[source[-1]])))
    return np.sort(later // real.tick * real.tick)


def _within(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... in each group."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)

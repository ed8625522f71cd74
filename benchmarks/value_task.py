"""What a benchmark of customer value asks: a log cut in two, who is asked about, and what they spent afterwards."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import logs
from regard.errors import InputError
from regard.sequences.log import DAY, Log
from regard.sequences.purchases import money_of, orders_of
from regard.sequences.split import ContentOf, last_cut, midnight, no_content, view_until
from regard.sequences.view import View
from regard.sequences.vocabulary import Vocabulary
from regard.workspace.targets import targets

FORMATS = ("cdnow", "retail", "events")


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What B customers did in a period.

    Args:
        returned: bool [B], an order. spend: float64 [B] money, refunds taken off; a refund of earlier orders is no negative spend.
    """

    returned: NDArray[np.bool_]
    spend: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A question of the next H days and its answer.

    Args:
        view: the calibration period: all that anybody may learn from.
        queries: histories of the Q customers with an order in it. asof: int64 [Q], the cut.
        actual: what they did in the H days from the cut on.
        calibration_days: days of the period, or since the log begins. holdout_days: H.
    """

    view: View
    queries: Log
    asof: NDArray[np.int64]
    actual: Outcome
    calibration_days: int
    holdout_days: int

    @property
    def cut(self) -> int:
        """Seconds."""
        assert self.view.cut is not None
        return self.view.cut

    def to_json(self) -> dict[str, Any]:
        """kind, cut, calibration_days, holdout_days, customers, returned, spend, hash."""
        names = self.queries.customers.ids.to_pylist()
        lines = "".join(f"{name}\t{spent:.2f}\n" for name, spent in sorted(zip(names, self.actual.spend, strict=True)))
        return {
            "kind": "time",
            "cut": datetime.fromtimestamp(self.cut, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "calibration_days": self.calibration_days,
            "holdout_days": self.holdout_days,
            "customers": len(self.queries),
            "returned": int(self.actual.returned.sum()),
            "spend": round(float(self.actual.spend.sum()), 2),
            "hash": hashlib.sha256(lines.encode()).hexdigest()[:16],
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files, how to read them, how to split."""
    parser.add_argument("files", nargs="+")
    parser.add_argument("--format", choices=FORMATS, default="events")
    parser.add_argument("--map", action="append", default=[], help="field=column, for --format events and retail")
    parser.add_argument("--target", default="", help="the behaviour that counts as buying; by rule if empty")
    parser.add_argument("--calibration-days", type=int, required=True, help="days to learn from, before the holdout")
    parser.add_argument(
        "--holdout-days", type=int, required=True, help="the last days of the log, which are asked about"
    )


def read(wish: argparse.Namespace) -> Task:
    """The task of the parsed arguments.

    Raises:
        InputError, RegardError: the files are not of the format, have no clock, or nobody bought in the calibration period.
    """
    overrides = dict(pair.split("=", 1) for pair in wish.map)
    content: ContentOf = no_content
    if wish.format == "cdnow":
        log = read_cdnow(wish.files)
    else:
        log, content = logs.read(wish.files, wish.format, overrides=overrides)
    named = [log.behaviours[code] for code in np.unique(log.behaviour)]
    target = targets(named, tuple(wish.target.split(",")) if wish.target else ())
    return split(
        log, target=target, calibration_days=wish.calibration_days, holdout_days=wish.holdout_days, content_of=content
    )


def split(
    log: Log,
    *,
    target: tuple[str, ...],
    calibration_days: int,
    holdout_days: int,
    content_of: ContentOf = no_content,
) -> Task:
    """The last days of a log as the question, the days before them as what may be learned from.

    Raises:
        RegardError: the log has no clock.
        InputError: nobody bought in the calibration period.
    """
    cut = last_cut(log, holdout_days)
    start = midnight(cut, log.time_zone, days=-calibration_days)
    view = view_until(log.where(log.time >= start), cut, target=target, content_of=content_of)
    people = np.unique(orders_of(view.log, target).owner)
    if not len(people):
        raise InputError("nobody bought in the calibration period", hint="take more --calibration-days")
    queries = view.log.take(people)
    after = outcome(log, cut, midnight(cut, log.time_zone, days=holdout_days), target)
    codes = log.customers.codes(queries.customers.ids.to_pylist())
    return Task(
        view=view,
        queries=queries,
        asof=np.full(len(people), cut, dtype=np.int64),
        actual=Outcome(returned=after.returned[codes], spend=after.spend[codes]),
        calibration_days=min(calibration_days, -(-(cut - int(log.time.min())) // DAY)),
        holdout_days=holdout_days,
    )


def outcome(log: Log, start: int, end: int, target: tuple[str, ...]) -> Outcome:
    """What each customer of a log did from `start` (seconds) on and before `end`."""
    period = log.where((log.time >= start) & (log.time < end))
    orders = np.bincount(orders_of(period, target).owner, minlength=len(log))
    net = np.bincount(period.owner, weights=money_of(period, target), minlength=len(log))
    return Outcome(returned=orders > 0, spend=np.maximum(net, 0.0))


def read_cdnow(files: Sequence[str]) -> Log:
    """Purchases in columns customer, (number in the sample,) day as YYYYMMDD, units, dollars; those of one day are one.

    The files name no item: all are one, so that an order can be somebody's wish.

    Raises:
        InputError: a line is not of the format.
    """
    customers, numbers = [], []
    lines = (pair for path in files for pair in enumerate(Path(path).read_text(encoding="utf-8").splitlines()))
    for number, line in lines:
        cells = line.split()
        if not cells or (number == 0 and not cells[0].isdigit()):
            continue  # the header
        try:
            customer, *_, day, units, dollars = cells
            numbers.append((date.fromisoformat(day).toordinal(), float(units), float(dollars)))
        except ValueError:
            raise InputError(f"'{line[:60]}' is not a purchase: customer, day, units, dollars") from None
        customers.append(customer)
    if not customers:
        raise InputError(f"{' '.join(files)}: no purchases", hint="lines are: customer YYYYMMDD units dollars")
    names, owner = np.unique(np.array(customers), return_inverse=True)
    table = np.array(numbers)
    days = table[:, 0].astype(np.int64) - date(1970, 1, 1).toordinal()
    keys, group = np.unique(np.stack([owner, days]), axis=1, return_inverse=True)
    many, spent = (np.bincount(group, weights=table[:, column]) for column in (1, 2))
    offsets = np.searchsorted(keys[0], np.arange(len(names) + 1)).astype(np.int64)
    count = keys.shape[1]
    return Log(
        customers=Vocabulary(names.tolist()),
        items=Vocabulary(["cd"]),
        behaviours=("purchase",),
        offsets=offsets,
        item=np.zeros(count, dtype=np.int32),
        behaviour=np.zeros(count, dtype=np.int16),
        time=keys[1] * DAY,
        basket=(np.arange(count) - offsets[keys[0]]).astype(np.int32),
        quantity=many.astype(np.float32),
        value=spent.astype(np.float32),
        merchandise=np.ones(1, dtype=np.bool_),
    )

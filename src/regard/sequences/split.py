"""Splits: a log cut into what fitting may see and questions with known answers. Definitions: docs/concepts.md, 'Splits'."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from regard.errors import RegardError
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.retell import retell, taken_out
from regard.sequences.view import Content, Split, View
from regard.sequences.vocabulary import Vocabulary

ContentOf = Callable[[Vocabulary, int | None], Content]
"""(items, before) -> what was known of these items before that second; None = all that is known."""

REPEAT_SHARE = 0.05
"""Above this share of repeats among the training targets nothing is masked: people here buy things again."""


def no_content(items: Vocabulary, before: int | None) -> Content:
    """ContentOf for logs of bare ids."""
    return Content.empty(len(items))


def midnight(seconds: int, zone: str, days: int = 0) -> int:
    """Start of the calendar day that holds `seconds`, moved by `days` calendar days (summer time respected).

    >>> midnight(1_700_000_000, "UTC"), midnight(1_700_000_000, "UTC", days=-1)
    (1699920000, 1699833600)
    """
    local = datetime.fromtimestamp(seconds, ZoneInfo(zone))
    start = datetime(local.year, local.month, local.day) + timedelta(days=days)
    return int(start.replace(tzinfo=ZoneInfo(zone)).timestamp())


def view_until(log: Log, cut: int | None, *, target: tuple[str, ...], content_of: ContentOf = no_content) -> View:
    """All that was known before `cut` (seconds; None = everything): events, and only the customers, items and words in them."""
    kept = (log if cut is None else log.where(log.time < cut)).seen()
    return View(log=kept, target=target, cut=cut, content=content_of(kept.items, cut))


def default_mask(view: View) -> str:
    """'none' where more than REPEAT_SHARE of the targets repeat an earlier one of the same customer, else 'target'."""
    log, rows = view.log, np.flatnonzero(view.targets)
    if len(rows) == 0:
        return "target"
    pair = log.owner[rows] * len(log.items) + log.item[rows]
    order = np.argsort(pair, kind="stable")
    again = (pair[order][1:] == pair[order][:-1]) & (log.basket[rows][order][1:] != log.basket[rows][order][:-1])
    return "none" if again.sum() > REPEAT_SHARE * len(rows) else "target"


def last_cut(log: Log, days: int) -> int:
    """The midnight that starts the `days`-th last day of the log.

    Raises:
        RegardError: the log has no clock or no events.
    """
    if log.clock != "clock" or log.events == 0:
        raise RegardError("a time split needs events with a clock", hint="use the leave-one-out split")
    return midnight(int(log.time.max()), log.time_zone, days=1 - days)


def time_split(
    log: Log,
    *,
    target: tuple[str, ...],
    content_of: ContentOf = no_content,
    days: int = 30,
    cut: int | None = None,
    mask: str | None = None,
) -> Split:
    """First-basket task: what is in each returning customer's first basket after the cut?

    Args:
        log: the whole log. target: behaviours that count as wanting. content_of: item content as of a time.
        days: length of the test period in calendar days.
        cut: seconds; the default is `last_cut(log, days)`. Events from `cut` on that lie after the period still count as answers.
        mask: 'none', 'target' or 'seen'; None = by `default_mask`.

    Raises:
        RegardError: the log has no clock.
    """
    cut = last_cut(log, days) if cut is None else cut
    view = view_until(log, cut, target=target, content_of=content_of)
    wanted = log.is_behaviour(target) & np.append(log.merchandise, False)[log.item]
    owner = log.owner
    past = np.bincount(owner[wanted & (log.time < cut)], minlength=len(log)) > 0
    future = np.flatnonzero(wanted & (log.time >= cut) & past[owner])
    first = np.full(len(log), np.iinfo(np.int32).max, dtype=np.int64)
    np.minimum.at(first, owner[future], log.basket[future])
    rows = future[log.basket[future] == first[owner[future]]]
    customers, group = np.unique(owner[rows], return_inverse=True)
    return _split(
        "time", log, view, customers, group, log.item[rows], queries=_histories(view, log, customers),
        asof=np.full(len(customers), cut, dtype=np.int64), mask=mask, days=days,
    )  # fmt: skip


def leave_one_out(
    log: Log,
    *,
    target: tuple[str, ...],
    content_of: ContentOf = no_content,
    part: str = "test",
    mask: str | None = "seen",
    asked: NDArray[np.bool_] | None = None,
) -> Split:
    """Each customer's last event is the test, the one before it the validation; fitting sees all but these two.

    Args:
        log, target, content_of, mask: as in `time_split`; only events of a target behaviour are asked about.
        part: 'test' (the history asked with includes the validation event) or 'validation'.
        asked: bool, the log's customers to ask about; fitting sees everything of the others. None = all.
    """
    wanted = np.flatnonzero(log.is_behaviour(target) & np.append(log.merchandise, False)[log.item])
    owner = log.owner
    count = np.bincount(owner[wanted], minlength=len(log))
    place = np.cumsum(count)[owner[wanted]] - 1 - np.arange(len(wanted))  # 0 = the customer's last target event
    known = (count >= 3) & (True if asked is None else asked)
    answer = wanted[known[owner[wanted]] & (place == (0 if part == "test" else 1))]
    held = wanted[known[owner[wanted]] & (place == 1)]  # everything from the validation event on is unseen by fitting
    start = np.full(len(log), log.events, dtype=np.int64)
    start[owner[held]] = held
    train = np.arange(log.events) < start[owner]
    start[owner[answer]] = answer
    history = np.arange(log.events) < start[owner]
    view = view_until(log.where(train), None, target=target, content_of=content_of)
    queries = log.where(history).take(owner[answer]).like(view.log)
    return _split(
        "leave-one-out", log, view, owner[answer], np.arange(len(answer)), log.item[answer],
        queries=queries, asof=queries.time[queries.offsets[1:] - 1], mask=mask, days=None,
    )  # fmt: skip


def held_out(
    log: Log,
    answers: Mapping[str, Sequence[str]],
    *,
    target: tuple[str, ...],
    content_of: ContentOf = no_content,
    mask: str | None = None,
) -> Split:
    """The whole log is history; the answers (customer id -> item ids) come from elsewhere. Customers without history are left out.

    Where the histories asked with end as if their answers had been taken out of the middle (see `taken_out`), the view's are retold so.
    """
    end = int(log.time.max()) + 1 if log.clock == "clock" and log.events else None
    view = view_until(log, end, target=target, content_of=content_of)
    names = [customer for customer in answers if answers[customer] and customer in view.log.customers]
    pairs = [(group, item) for group, customer in enumerate(names) for item in dict.fromkeys(answers[customer])]
    queries = view.log.take(view.log.customers.codes(names))
    if end is not None and taken_out(view.log, queries, target=target):
        view = replace(view, log=retell(view.log, target=target), cut=end + 1)
    targets = Ragged.from_groups(
        np.array([g for g, _ in pairs], dtype=np.int64), view.log.items.codes([i for _, i in pairs]), len(names)
    )
    return Split(
        kind="held-out", view=view, queries=queries, asof=queries.time[queries.offsets[1:] - 1], targets=targets,
        mask=mask or default_mask(view), days=None, hash=_digest((names[g], item) for g, item in pairs),
    )  # fmt: skip


def _split(
    kind: str, log: Log, view: View, customers: NDArray[np.int64], group: NDArray[np.int64], items: NDArray[np.int32], *,
    queries: Log, asof: NDArray[np.int64], mask: str | None, days: int | None,
) -> Split:  # fmt: skip
    pairs = np.unique(np.stack([group, items.astype(np.int64)]), axis=1)
    names, ids = log.customers.names(customers[pairs[0]]), log.items.names(pairs[1])
    targets = Ragged.from_groups(pairs[0], view.log.items.codes(ids), len(customers))
    return Split(
        kind=kind, view=view, queries=queries, asof=asof, targets=targets,
        mask=mask or default_mask(view), days=days, hash=_digest(zip(names, ids, strict=True)),
    )  # fmt: skip


def _histories(view: View, log: Log, customers: NDArray[np.int64]) -> Log:
    """What the view knows of these customers (codes of `log`)."""
    return view.log.take(view.log.customers.codes(log.customers.names(customers)))


def _digest(pairs: object) -> str:
    lines = sorted(f"{customer}\t{item}\n" for customer, item in pairs)  # type: ignore[attr-defined]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]

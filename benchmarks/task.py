"""What a benchmark of the next item asks: files, how they are read and split. Arguments and rules that the benchmarks share."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import logs
from regard.events.names import behaviour_of
from regard.sequences.log import Log
from regard.sequences.split import ContentOf, held_out, leave_one_out, midnight, time_split
from regard.sequences.view import Split
from regard.workspace.targets import targets


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A log and its questions.

    Args:
        log: what was read. split: the test. validation: questions inside the split's view, on which baselines choose.
    """

    log: Log
    split: Split
    validation: Split

    @property
    def behaviours(self) -> list[str]:
        """Those that occur."""
        return [self.log.behaviours[code] for code in np.unique(self.log.behaviour)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files, how to read them, how to split."""
    parser.add_argument("files", nargs="+")
    parser.add_argument("--format", choices=logs.FORMATS, default="events")
    parser.add_argument("--map", action="append", default=[], help="field=column, for --format events")
    parser.add_argument("--split", choices=("time", "leave-one-out", "held-out"), default="time")
    parser.add_argument("--answers", help="CSV of customer, item: the held-out answers")
    parser.add_argument("--items", help="a table of items, as `regard ingest --items` reads them")
    parser.add_argument("--attributes", help="JSON: item -> list of attributes")
    parser.add_argument(
        "--target", default="", help="behaviours that count as wanting, comma-separated; by rule if empty"
    )
    parser.add_argument(
        "--behaviours", type=_behaviours, default=(), help="read only these, comma-separated; all by default"
    )
    parser.add_argument("--days", type=int, default=30, help="length of the test period of a time split")
    parser.add_argument("--mask", choices=("none", "target", "seen"))


def read(wish: argparse.Namespace) -> Task:
    """The task of the parsed arguments.

    Raises:
        InputError, RegardError: the files are not of the format, or cannot be split so.
    """
    overrides = dict(pair.split("=", 1) for pair in wish.map)
    log, content = logs.read(wish.files, wish.format, overrides=overrides, items=wish.items, attributes=wish.attributes)
    if wish.behaviours:
        log = log.where(log.is_behaviour(wish.behaviours))
    target = targets([log.behaviours[code] for code in np.unique(log.behaviour)], wish.target)
    split, validation = _splits(log, content, target, wish)
    return Task(log=log, split=split, validation=validation)


def command(module: str) -> str:
    """What was run, files by their names alone."""
    words = [Path(word).name if Path(word).is_file() else word for word in sys.argv[1:]]
    if "--json" in words:
        del words[words.index("--json") : words.index("--json") + 2]
    return shlex.join(["python", "-m", module, *words])


def _splits(log: Log, content: ContentOf, target: tuple[str, ...], wish: argparse.Namespace) -> tuple[Split, Split]:
    if wish.split == "time":
        split = time_split(log, target=target, content_of=content, days=wish.days, mask=wish.mask)
        assert split.view.cut is not None
        earlier = midnight(split.view.cut, log.time_zone, days=-wish.days)
        return split, time_split(
            split.view.log, target=target, content_of=content, days=wish.days, cut=earlier, mask=split.mask
        )
    if wish.split == "held-out":
        if not wish.answers:
            raise SystemExit("--split held-out needs --answers FILE")
        split = held_out(log, logs.answers(wish.answers), target=target, content_of=content, mask=wish.mask)
        return split, leave_one_out(split.view.log, target=target, content_of=content, mask=split.mask)
    mask = wish.mask or "seen"
    whole = leave_one_out(log, target=target, content_of=content, mask=mask)
    return whole, leave_one_out(log, target=target, content_of=content, mask=mask, part="validation")


def _behaviours(text: str) -> tuple[str, ...]:
    """Behaviours by their own or anybody's usual names, such as purchase or buy."""
    return tuple(behaviour_of(word) or word.strip() for word in text.split(","))

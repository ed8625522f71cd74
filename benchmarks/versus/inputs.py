"""What both commands take: a file, a split as `benchmarks.next_item` makes it, and peers."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import numpy as np

from benchmarks import logs
from benchmarks.next_item import _splits
from benchmarks.versus.recipes import PEERS
from regard.errors import InputError
from regard.sequences.view import Split
from regard.training.trial import of_split
from regard.workspace.targets import targets


def parser(about: str | None) -> argparse.ArgumentParser:
    """Options of files, splits and peers."""
    found = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("files", nargs="+")
    found.add_argument("--format", choices=logs.FORMATS, default="events")
    found.add_argument("--map", action="append", default=[], help="field=column, for --format events")
    found.add_argument("--split", choices=("time", "leave-one-out"), default="leave-one-out")
    found.add_argument("--target", default="", help="behaviours that count as wanting; by rule if empty")
    found.add_argument("--days", type=int, default=30, help="length of the test period of a time split")
    found.add_argument("--mask", choices=("none", "target", "seen"))
    found.add_argument("--peers-python", required=True, help="the Python in which the peers are installed")
    found.add_argument("--length", type=int, default=50, help="events that every network reads")
    found.add_argument("--json", help="where the result goes")
    return found


def peers(text: str) -> list[str]:
    """Names of peers, comma-separated.

    Raises:
        argparse.ArgumentTypeError: there is none, or one is unknown.
    """
    names = [word.strip() for word in text.split(",") if word.strip()]
    if unknown := [name for name in names or [""] if name not in PEERS]:
        raise argparse.ArgumentTypeError(f"no peer is called '{unknown[0]}'; there are {', '.join(PEERS)}")
    return names


def splits(wish: argparse.Namespace) -> tuple[Split, Split, Split]:
    """The test, the questions of its validation, and those of them that settings are chosen by, ours and the peers' alike.

    Raises:
        InputError: there are too few questions to choose by.
    """
    overrides = dict(pair.split("=", 1) for pair in wish.map)
    log, content = logs.read(wish.files, wish.format, overrides=overrides)
    target = targets([log.behaviours[code] for code in np.unique(log.behaviour)], wish.target)
    test, validation = _splits(log, content, target, wish)
    assert validation is not None
    held = of_split(validation)
    if held is None:
        raise InputError(f"only {len(validation)} customers to choose settings by", hint="take a longer log")
    return test, validation, held.split


def command(module: str) -> str:
    """What was run, files by their names alone."""
    words = [Path(word).name if Path(word).is_file() else word for word in sys.argv[1:]]
    if "--json" in words:
        del words[words.index("--json") : words.index("--json") + 2]
    return shlex.join(["python", "-m", module, *words])

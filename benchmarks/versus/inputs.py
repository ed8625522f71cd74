"""What both commands take: a file, a split as `benchmarks.next_item` makes it, and peers."""

from __future__ import annotations

import argparse

from benchmarks import task
from benchmarks.versus.recipes import PEERS
from regard.errors import InputError
from regard.sequences.view import Split
from regard.training.trial import of_split


def parser(about: str | None) -> argparse.ArgumentParser:
    """Options of files, splits and peers."""
    found = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    task.add_arguments(found)
    found.set_defaults(split="leave-one-out")
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
    found = task.read(wish)
    held = of_split(found.validation)
    if held is None:
        raise InputError(f"only {len(found.validation)} customers to choose settings by", hint="take a longer log")
    return found.split, found.validation, held.split

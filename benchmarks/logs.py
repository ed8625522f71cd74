"""Logs for benchmarks: published file formats as packed arrays. Nothing here knows a data set by name."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from regard.config import Config
from regard.errors import InputError
from regard.events.store import Store
from regard.sequences.content import read_content
from regard.sequences.log import Log
from regard.sequences.pack import read_log
from regard.sequences.split import ContentOf, no_content
from regard.sequences.view import Content
from regard.sequences.vocabulary import Vocabulary

FORMATS = ("events", "sequences", "pairs", "gaps")


def read(files: Sequence[str], format: str, *, overrides: dict[str, str] | None = None) -> tuple[Log, ContentOf]:
    """A log and what is known of its items.

    Args:
        files: paths. format: 'events' (anything `regard ingest` reads), 'sequences' (a line per customer: id, then items in
            order), 'gaps' (the same, a tab, and seconds since the previous event) or 'pairs' (customer item, in order).
        overrides: field -> column, for 'events'.

    Raises:
        InputError: a line is not of the format.
    """
    if format == "events":
        return _ingested(files, overrides or {})
    rows: list[tuple[str, list[str]]] = []
    if format == "pairs":
        rows = _paired(files)
    else:
        for line in _lines(files):
            customer, *items = line.split("\t")[0].split()
            rows.append((customer, items))
    return pack(rows), no_content


def pack(rows: Sequence[tuple[str, Sequence[str]]]) -> Log:
    """Customers' items in order as a log of purchases without a clock; every event its own basket."""
    lengths = np.array([len(items) for _, items in rows], dtype=np.int64)
    names, codes = np.unique(np.concatenate([np.asarray(items, dtype=str) for _, items in rows]), return_inverse=True)
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    unknown = np.full(len(place), np.nan, dtype=np.float32)
    return Log(
        customers=Vocabulary([customer for customer, _ in rows]),
        items=Vocabulary(names.tolist()),
        behaviours=("purchase",),
        offsets=offsets,
        item=codes.astype(np.int32),
        behaviour=np.zeros(len(place), dtype=np.int16),
        time=place,
        basket=place.astype(np.int32),
        quantity=unknown,
        value=unknown,
        merchandise=np.ones(len(names), dtype=bool),
        clock="order",
    )


def answers(path: str) -> dict[str, list[str]]:
    """Held-out answers: a CSV (or .gz) whose first two columns are customer and item, with a header."""
    found: dict[str, list[str]] = {}
    with _open(path) as file:
        for row in list(csv.reader(file))[1:]:
            if len(row) < 2:
                raise InputError(f"{path}: a line of answers has fewer than two columns")
            found.setdefault(row[0], []).append(row[1])
    return found


def _ingested(files: Sequence[str], overrides: dict[str, str]) -> tuple[Log, ContentOf]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "shop", Config())
        store.ingest(list(files), overrides=overrides)
        log = read_log(store)
        names = log.items
        known = {None: read_content(store, names, None)}

        def content(items: Vocabulary, before: int | None) -> Content:
            return known[None].take(names.codes(items.ids.to_pylist()))

        # The arrays are mapped from files that go with the folder: take copies.
        return log.take(np.arange(len(log))), content


def _paired(files: Iterable[str]) -> list[tuple[str, list[str]]]:
    rows: dict[str, list[str]] = {}
    for line in _lines(files):
        parts = line.split()
        if len(parts) < 2:
            raise InputError(f"'{line[:40]}' is not a pair of customer and item")
        rows.setdefault(parts[0], []).append(parts[1])
    return list(rows.items())


def _lines(files: Iterable[str]) -> Iterable[str]:
    for path in files:
        with _open(path) as file:
            yield from (line.rstrip("\n") for line in file if line.strip())


def _open(path: str) -> io.TextIOWrapper:
    return gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else Path(path).open(encoding="utf-8")

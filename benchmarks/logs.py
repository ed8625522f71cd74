"""Logs for benchmarks: published file formats as packed arrays. Nothing here knows a data set by name."""

from __future__ import annotations

import atexit
import csv
import gzip
import io
import json
import tempfile
from collections.abc import Iterable, Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np
import pyarrow as pa

from regard.config import Config
from regard.errors import InputError
from regard.events.store import Store
from regard.sequences.content import features_of, read_content
from regard.sequences.log import Log
from regard.sequences.pack import read_log
from regard.sequences.ragged import Ragged
from regard.sequences.split import ContentOf, no_content
from regard.sequences.view import Content
from regard.sequences.vocabulary import Vocabulary

FORMATS = ("events", "retail", "sequences", "pairs", "gaps", "movielens")


def read(
    files: Sequence[str],
    format: str,
    *,
    overrides: dict[str, str] | None = None,
    items: str | None = None,
    attributes: str | None = None,
) -> tuple[Log, ContentOf]:
    """A log and what is known of its items.

    Args:
        files: paths. format: 'events' (anything `regard ingest` reads) and 'retail' (the same, of invoices), 'sequences' (a
            line per customer: id, then items in order), 'gaps' (the same, a tab, and seconds since the previous event), 'pairs'
            (customer item, in order) or 'movielens' (ratings in order of their time or position).
        overrides: field -> column, for 'events'. items: a table of items, of any kind that `regard ingest` reads.
        attributes: JSON, item -> list of attributes.

    Raises:
        InputError: a line is not of the format.
    """
    if format in ("events", "retail"):
        log, told = _ingested(files, overrides or {}, items)
    else:
        log, told = pack(_rows(files, format)), _described(items, overrides or {})
    tags = None if attributes is None else _attributes(attributes)

    def content(names: Vocabulary, before: int | None) -> Content:
        known = told(names, before)
        return known if tags is None else joined(known, features_of(tags, names))

    return log, content


def joined(left: Content, right: Content) -> Content:
    """Both bags of every item."""
    both = [[*a, *(b + len(left.names))] for a, b in zip(left.features, right.features, strict=True)]
    return Content((*left.names, *right.names), Ragged.of(both))


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


def _ingested(files: Sequence[str], overrides: dict[str, str], items: str | None) -> tuple[Log, ContentOf]:
    store = _store()
    store.ingest(list(files), overrides=overrides, items=items)
    return read_log(store), lambda names, before: read_content(store, names, before)


def _described(items: str | None, overrides: dict[str, str]) -> ContentOf:
    if items is None:
        return no_content
    store = _store()
    store.ingest(items=items, overrides=overrides)
    return lambda names, before: read_content(store, names, before)


def _store() -> Store:
    """A store that lasts as long as the process: logs are mapped from its files, content is read from it when asked for."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Store.create(Path(folder.name) / "shop", Config())


def _attributes(path: str) -> pa.Table:
    """A table of items and their attributes as tags."""
    with _open(path) as file:
        try:
            found = json.load(file)
        except json.JSONDecodeError as error:
            raise InputError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(tags, list) for tags in found.values()):
        raise InputError(f"{path} is not an object of items, each with a list of attributes")
    tags = ["|".join(str(tag) for tag in tags) for tags in found.values()]
    return pa.table({"item": pa.array(list(found), pa.string()), "tags": pa.array(tags, pa.string())})


def _rows(files: Sequence[str], format: str) -> list[tuple[str, list[str]]]:
    if format == "pairs":
        return _paired(files)
    if format == "movielens":
        return _rated(files)
    rows = []
    for line in _lines(files):
        customer, *items = line.split("\t")[0].split()
        rows.append((customer, items))
    return rows


def _paired(files: Iterable[str]) -> list[tuple[str, list[str]]]:
    rows: dict[str, list[str]] = {}
    for line in _lines(files):
        parts = line.split()
        if len(parts) < 2:
            raise InputError(f"'{line[:40]}' is not a pair of customer and item")
        rows.setdefault(parts[0], []).append(parts[1])
    return list(rows.items())


_RATED = {"user": 0, "item": 1, "order": 3}
"""Columns of MovieLens' own files, which have no header."""

_CALLED = {
    "user": ("user", "userid"),
    "item": ("movie", "movieid", "item", "itemid"),
    "order": ("timestamp", "time", "pos"),
}
"""Names of the same columns where there is one."""


def _rated(files: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Ratings as users' items in order; of one moment, in order of the file."""
    found: dict[str, list[tuple[float, str]]] = {}
    place: dict[str, int] = {}
    for line in _lines(files):
        cells = line.split("::") if "::" in line else line.split("\t") if "\t" in line else line.split(",")
        if not place:
            place = _RATED
            if not cells[0].strip().isdigit():
                head = [cell.strip().lower().replace("_", "") for cell in cells]
                place = {
                    name: next((head.index(word) for word in words if word in head), -1)
                    for name, words in _CALLED.items()
                }
                continue
        try:
            user, item, order = (cells[place[name]] for name in ("user", "item", "order"))
            found.setdefault(user, []).append((float(order), item))
        except (IndexError, ValueError):
            raise InputError(f"'{line[:40]}' is not a rating: user, item, rating, time") from None
    return [(user, [item for _, item in sorted(rated, key=itemgetter(0))]) for user, rated in found.items()]


def _lines(files: Iterable[str]) -> Iterable[str]:
    for path in files:
        with _open(path) as file:
            yield from (line.rstrip("\n") for line in file if line.strip())


def _open(path: str) -> io.TextIOWrapper:
    return gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else Path(path).open(encoding="utf-8")

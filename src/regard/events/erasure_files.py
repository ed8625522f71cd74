"""The files of an erasure: caches, report pages, saved segments, the server's own tables, and the log of SQLite."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

from regard.events.catalog import connected, opened, said
from regard.events.engine import disk_errors, make_durable
from regard.events.erased import Erasing
from regard.events.inventory import FILES, SERVER_NAME, TABLES
from regard.events.naming import pattern_of

_TEXTS = 1 << 24
"""Bytes of a page beyond which it is deleted without being read: no report is that large."""

_OF_CUSTOMERS = ("states", "label", "events")
"""Arrays of a fit of segments that have a row for each customer."""


def clean(folder: Path, one: Erasing) -> None:
    """Delete or rewrite every file that may name a customer, and add to `removed` what it was."""
    with disk_errors():
        one.removed["cache"] = _caches(folder)
        for files in FILES:
            if files.becomes == "deleted where it names them":
                one.removed[files.pattern.partition("/")[0]] = _pages(folder, files.pattern, one.ids)
        one.removed["segments"] = sum(
            _fit(path, one.own) for path in folder.glob("models/*/segments/*/customers.parquet")
        )
    server = folder / SERVER_NAME
    if server.exists():
        one.removed["replies"] = _replies(server, one.ids)


def overwriting(path: Path) -> None:
    """From here on deleted rows are overwritten; once, what was deleted before that is, too."""
    with opened(path) as link:
        if link.execute("SELECT 1 FROM facts WHERE name = 'overwrites'").fetchone() is None:
            link.execute("VACUUM")
            link.execute("INSERT INTO facts VALUES ('overwrites', 'since') ON CONFLICT DO NOTHING")


def cut(link: sqlite3.Connection) -> bool:
    """Bring the log into the file and cut it to nothing; False while somebody reads from it."""
    return bool(link.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)


def _caches(folder: Path) -> int:
    count = 0
    kept = [files.pattern for files in FILES if files.pattern.startswith("cache/") and files.becomes == "kept"]
    for path in (folder / "cache").glob("*"):
        name = f"cache/{path.name}"
        # What an engine has spilt goes with the engine.
        if any(fnmatch(name, pattern) for pattern in kept) or path.name.startswith("spill-"):
            continue
        count += 1
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return count


def _pages(folder: Path, pattern: str, ids: list[str]) -> int:
    """Delete the files of a pattern that name a customer; returns how many they were."""
    found, count = pattern_of(ids), 0
    for path in folder.rglob("*"):
        if path.is_file() and fnmatch(str(path.relative_to(folder)), pattern) and _names(path, ids, found):
            path.unlink(missing_ok=True)
            count += 1
    return count


def _names(path: Path, ids: list[str], found: re.Pattern[str]) -> bool:
    if path.suffix == ".parquet":
        try:
            file = pq.ParquetFile(path)
            columns = [name for name in ("customer", "other") if name in file.schema_arrow.names]
            wanted = pa.array(ids, pa.string())
            return any(
                pc.any(pc.is_in(batch[name], wanted)).as_py()
                for batch in file.iter_batches(columns=columns)
                for name in columns
            )
        except pa.ArrowInvalid:  # half written, by whoever died of it
            return True
    return path.stat().st_size > _TEXTS or bool(found.search(path.read_text(encoding="utf-8", errors="replace")))


def _fit(path: Path, ids: list[str]) -> int:
    """Rewrite a fit of segments without some customers; returns how many they were."""
    table = pq.read_table(path)
    keep = pc.invert(pc.is_in(table["customer"], pa.array(ids, pa.string())))
    gone = int(table.num_rows - pc.sum(keep).as_py()) if table.num_rows else 0
    if not gone:
        return 0
    where = path.with_name("segments.safetensors")
    if where.exists():
        arrays, mask = load_file(where), np.asarray(keep.to_numpy(), dtype=bool)
        # The arrays go first: killed in between, they are the shorter ones and stay.
        if len(arrays["label"]) == table.num_rows:
            short = {name: array[mask] if name in _OF_CUSTOMERS else array for name, array in arrays.items()}
            fresh = where.with_name(f"{where.name}.new")
            save_file({name: np.ascontiguousarray(array) for name, array in short.items()}, fresh)
            make_durable(fresh, where)
    fresh = path.with_name(f"{path.name}.new")
    pq.write_table(table.filter(keep), fresh)
    make_durable(fresh, path)
    return gone


def _replies(path: Path, ids: list[str]) -> int:
    """Delete the server's remembered answers that name a customer."""
    (table,) = (table for table in TABLES if table.file == SERVER_NAME and table.raw)
    found = pattern_of(ids)
    with said(path), closing(connected(path)) as link:
        if link.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table.name,)).fetchone() is None:
            return 0
        rows = link.execute(f"SELECT rowid, {table.raw} FROM {table.name} WHERE {table.raw} IS NOT NULL")
        gone = [(row,) for row, body in rows if found.search(bytes(body).decode("utf-8", "replace"))]
        link.executemany(f"DELETE FROM {table.name} WHERE rowid = ?", gone)
        cut(link)
    return len(gone)

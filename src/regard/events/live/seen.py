"""Ids that count once: those of the tail in SQLite, those of sealed events in a few immutable files of sorted digests.

In a table of its own every id of millions would cost a page of the disk, since digests come in no order. A file is
written in order, at sealing, as a part of the manifest like any other: fsync, rename, one transaction. It stays when the
ingest is undone: a sender's repeat must not bring back what was taken back. A new file takes up the older ones that are
not much larger, so that there are few and every id is rewritten few times.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from regard.errors import WorkspaceError
from regard.events.catalog import Part, opened
from regard.events.engine import disk_errors, make_durable

FOLDER = "ids"

GROWTH = 4
"""A file is at least so many times as large as all that are newer: 10 million ids after seals of 10,000 lie in five."""

CHUNK = 1 << 20
"""Ids in memory at a time when files are merged, 16 bytes each."""

PAUSE = 0.02
"""Seconds between transactions that delete: SQLite's lock has no queue, and the writer looks for it only so often."""

_DIGEST = np.dtype([("high", "<u8"), ("low", "<u8")])
"""A digest of 16 bytes as two numbers, its first bytes the high ones; files are sorted by the first number."""

_RESTORE = "restore it from a backup: without it, what is sent again would count twice"


class Seen:
    """The ids of a workspace's sealed events, for one thread.

    Args:
        folder: the workspace.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._version = -1
        self._files: dict[str, NDArray[np.void]] = {}

    def known(self, link: sqlite3.Connection, digests: Sequence[bytes]) -> set[bytes]:
        """Those of some ids that stand for a sealed event.

        Args:
            link: of the catalogue, in the transaction that enters what is not known.
            digests: 16 bytes each, as `record.Event.digest`.

        Raises:
            WorkspaceError: a file is missing or damaged. Nothing can be entered then, since it could count twice.
        """
        version = int(link.execute("SELECT coalesce(max(version), 0) FROM versions").fetchone()[0])
        if version != self._version:
            self._open(link)
            self._version = version
        if not digests or not self._files:
            return set()
        asked = np.unique(_read(b"".join(digests)))
        there = np.zeros(len(asked), dtype=np.bool_)
        with disk_errors():
            for ids in self._files.values():
                there |= _among(ids, asked)
        found = asked[there]
        return {bytes(digest) for digest in _bytes(found).reshape(-1, 16)} if len(found) else set()

    def _open(self, link: sqlite3.Connection) -> None:
        """Map what the newest version has; what it had already stays as it was opened."""
        first, files = self._version < 0, {}
        for part in parts(link):
            ids = self._files.get(part.path)
            # A file that came while this process lives was digested by the seal that wrote it, a moment ago.
            files[part.path] = opened_ids(self._folder, part, whole=first) if ids is None else ids
        self._files = files


def parts(link: sqlite3.Connection) -> list[Part]:
    """The files of ids of the newest version, the oldest first."""
    kept = link.execute("SELECT 1 FROM sqlite_master WHERE name = 'digests'").fetchone()
    if not kept:
        return []
    rows = link.execute(
        "SELECT path, ingest, rows, bytes, sha256 FROM parts JOIN digests USING (path)"
        " WHERE kind = 'ids' AND removed IS NULL ORDER BY parts.rowid"
    )
    return [
        Part(path=path, kind="ids", ingest=ingest, rows=count, bytes=size, columns=("digest",), digest=digest)
        for path, ingest, count, size, digest in rows
    ]


def opened_ids(folder: Path, part: Part, *, whole: bool) -> NDArray[np.void]:
    """A file of ids, mapped.

    Args:
        folder: the workspace. part: of the manifest.
        whole: read it through and compare it with what was written; False = look at its size.

    Raises:
        WorkspaceError: it is missing, or is not what it was.
    """
    path = folder / part.path
    with disk_errors():
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise WorkspaceError(f"{part.path} is missing", hint=_RESTORE) from None
        if size != part.bytes or (whole and _digest(path) != part.digest):
            why = "its content has changed" if size == part.bytes else f"{size} bytes instead of {part.bytes}"
            raise WorkspaceError(f"{part.path} is damaged: {why}", hint=_RESTORE)
        return np.memmap(path, _DIGEST, mode="r")


def gathered(catalog: Path, ingest: int, last: int) -> tuple[list[Part], list[str]]:
    """Write the ids of the tail to a file that counts for nothing until the catalogue says so.

    Args:
        catalog: path of the catalogue.
        ingest: number of the ingest that seals them.
        last: seq of the last event that is sealed.

    Returns:
        The new file, none where there are no ids; paths of the older files that it takes the place of.

    Raises:
        WorkspaceError: the disk is full, an older file is damaged.
    """
    folder = catalog.parent
    fresh = _path(folder, ingest)
    with opened(catalog) as link, disk_errors():
        (folder / FOLDER).mkdir(exist_ok=True)
        older = parts(link)
        rows = _exported(link, last, fresh)
    if rows == 0:
        fresh.unlink()
        return [], []
    taken: list[Part] = []
    while older and older[-1].rows < GROWTH * (rows + sum(part.rows for part in taken)):
        taken.append(older.pop())
    written = fresh
    with disk_errors():
        if taken:
            written = _path(folder, ingest)
            files = [opened_ids(folder, part, whole=True) for part in taken]
            rows = _merged([*files, np.memmap(fresh, _DIGEST, mode="r")], written)
            fresh.unlink()
        final = written.with_suffix("")
        make_durable(written, final)
        part = Part(
            path=f"{FOLDER}/{final.name}", kind="ids", ingest=ingest, rows=rows, bytes=final.stat().st_size,
            columns=("digest",), digest=_digest(final),
        )  # fmt: skip
    return [part], [part.path for part in taken]


def _path(folder: Path, ingest: int) -> Path:
    return folder / FOLDER / f"ids-{ingest:06d}-{uuid.uuid4().hex[:12]}.ids.new"


def _exported(link: sqlite3.Connection, last: int, path: Path) -> int:
    """Write the ids of the tail up to a seq, as the table has them in order; returns how many."""
    count = 0
    rows = link.execute("SELECT digest FROM seen WHERE seq <= ? ORDER BY digest", (last,))
    with path.open("wb") as sink:
        while chunk := rows.fetchmany(CHUNK // 16):
            sink.write(_read(b"".join(digest for (digest,) in chunk)).data)
            count += len(chunk)
    return count


def _merged(files: Sequence[NDArray[np.void]], path: Path) -> int:
    """Write several sorted files as one, an id once, in memory for about `CHUNK` ids; returns how many."""
    # Digests are spread evenly, so that equal pieces of their range hold about as many each.
    pieces = sum(len(ids) for ids in files) // CHUNK + 1
    edges = np.array([2**64 * piece // pieces for piece in range(1, pieces)], dtype=np.uint64)
    cuts = [np.concatenate([[0], np.searchsorted(ids["high"], edges), [len(ids)]]) for ids in files]
    with path.open("wb") as sink:
        return sum(_sorted_into(sink, piece) for piece in _pieces(files, cuts))


def _pieces(files: Sequence[NDArray[np.void]], cuts: Sequence[NDArray[np.int64]]) -> Iterator[NDArray[np.void]]:
    for piece in range(len(cuts[0]) - 1):
        yield np.concatenate([ids[cut[piece] : cut[piece + 1]] for ids, cut in zip(files, cuts, strict=True)])


def _sorted_into(sink: BinaryIO, ids: NDArray[np.void]) -> int:
    ids = ids[np.lexsort((ids["low"], ids["high"]))]
    fresh = np.ones(len(ids), dtype=np.bool_)
    fresh[1:] = (ids["high"][1:] != ids["high"][:-1]) | (ids["low"][1:] != ids["low"][:-1])
    sink.write(ids[fresh].data)
    return int(fresh.sum())


def _among(ids: NDArray[np.void], asked: NDArray[np.void]) -> NDArray[np.bool_]:
    """bool, which of some digests are in a file."""
    found = np.zeros(len(asked), dtype=np.bool_)
    place = np.searchsorted(ids["high"], asked["high"])
    left = np.flatnonzero(place < len(ids))
    while len(left):  # twice, unless different ids share their first half
        here, wanted = ids[place[left]], asked[left]
        alike = here["high"] == wanted["high"]
        found[left] |= alike & (here["low"] == wanted["low"])
        place[left] += 1
        left = left[alike & ~found[left] & (place[left] < len(ids))]
    return found


def _read(digests: bytes) -> NDArray[np.void]:
    """Digests, one after the other, as records."""
    return np.frombuffer(digests, ">u8").astype("<u8").view(_DIGEST)


def _bytes(ids: NDArray[np.void]) -> NDArray[np.uint8]:
    return ids.view("<u8").astype(">u8").view(np.uint8)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def clear(catalog: Path, *, rows: int) -> None:
    """Delete what the parts and the files of ids hold from the live tables, a little at a time: live events are waiting.

    Args:
        catalog: path of the catalogue.
        rows: of one transaction.
    """
    with opened(catalog) as link:
        gone, sealed = link.execute("SELECT min(seq), max(seq) FROM sealed").fetchone()
        delete = "DELETE FROM tail WHERE seq IN (SELECT seq FROM tail WHERE seq <= ? ORDER BY seq LIMIT ?)"
        while link.execute(delete, (gone, rows)).rowcount == rows:
            time.sleep(PAUSE)
        until, page = b"", "SELECT max(digest) FROM (SELECT digest FROM seen WHERE digest > ? ORDER BY digest LIMIT ?)"
        while (end := link.execute(page, (until, rows)).fetchone()[0]) is not None:
            link.execute("DELETE FROM seen WHERE digest > ? AND digest <= ? AND seq <= ?", (until, end, sealed))
            until = end
            time.sleep(PAUSE)

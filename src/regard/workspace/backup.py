"""Backup: a workspace as it was at one moment, made while it is used; and back again, into a folder of its own.

An archive is a folder: copies of the two databases as of one transaction each, the parts that the catalogue's newest
version names, complete models, segments, settings; and a manifest with the SHA-256 of every file, written last, which makes
it a backup. Caches and reports are made anew from the rest.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from regard.config import CONFIG_NAME
from regard.errors import UsageError, WorkspaceError
from regard.events.catalog import CATALOG_NAME, SHARED, Catalog, said
from regard.events.engine import disk_errors
from regard.events.store import Store

FORMAT = 1
"""Version of the archive's layout; a newer one is refused."""

MANIFEST = "backup.json"

SERVER_NAME = "server.sqlite"

_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What a backup holds.

    Args:
        folder: where it is. at: when, ISO 8601 UTC. version: of the store. files: how many. bytes: of all of them.
    """

    folder: str
    at: str
    version: int
    files: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self)


def backup(store: Store, to: Path, *, link: bool = False) -> Archive:
    """Back a workspace up; events come in and questions are answered meanwhile.

    Args:
        store: the workspace's store. to: folder that is not there yet.
        link: share the immutable parts with the workspace by hard links where the file system can: it takes no time and no
            space, and a broken disk takes both.

    Raises:
        UsageError: `to` is there already, or lies within the workspace.
        WorkspaceError: a part is missing or damaged, the disk is full.

    >>> import tempfile
    >>> store = Store.create(tempfile.mkdtemp() + "/shop")
    >>> archive = backup(store, Path(tempfile.mkdtemp()) / "monday")
    >>> archive.version, verify(Path(archive.folder)) == archive
    (0, True)
    """
    if to.exists():
        raise UsageError(f"{to} is there already", hint="name a folder that does not exist yet")
    if store.folder.resolve() in to.resolve().parents:
        raise UsageError(f"{to} lies within the workspace", hint="put the backup elsewhere, best on another disk")
    fresh = to.with_name(f".{to.name}.part")
    with disk_errors(), store.readers() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # nothing that the copy names is collected meanwhile
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        try:
            version = _take(store.folder, fresh, link=link)
            told: dict[str, Any] = {
                "format": FORMAT,
                "layout": layout(fresh / CATALOG_NAME),
                "at": _now(),
                "version": version,
                "files": _marks(fresh),
            }
            _against_catalogue(fresh, told["files"])
            (fresh / MANIFEST).write_text(json.dumps(told, indent=1), encoding="utf-8")
            _sync_all(fresh)
            fresh.rename(to)
            _sync(to.parent)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    return _archive(to, told)


def verify(archive: Path) -> Archive:
    """Read every file of a backup and compare it with the manifest.

    Raises:
        WorkspaceError: it is no backup, comes from a newer Regard, or a file is missing or differs.
    """
    told = _manifest(archive)
    with disk_errors():
        found = _marks(archive)
    for name, mark in told["files"].items():
        if found.get(name) != mark:
            raise WorkspaceError(f"{archive}: {name} is missing or damaged", hint="use another backup")
    if strange := set(found) - set(told["files"]):
        raise WorkspaceError(f"{archive}: {min(strange)} does not belong to it", hint="use another backup")
    for name in (CATALOG_NAME, SERVER_NAME):
        if name in told["files"]:
            _sound(archive / name)
    return _archive(archive, told)


def restore(archive: Path, folder: Path) -> Archive:
    """Make a workspace of a backup.

    Args:
        archive: the backup; it is verified first. folder: must not be there yet.

    Raises:
        UsageError: the folder is there already.
        WorkspaceError: the backup is damaged, the disk is full; there is no folder then.
    """
    if folder.exists():
        raise UsageError(f"{folder} is there already", hint="name a folder that does not exist yet")
    found = verify(archive)
    files = _manifest(archive)["files"]
    fresh = folder.with_name(f".{folder.name}.part")
    with disk_errors():
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        try:
            for name in files:
                _copy(archive / name, fresh / name)
            for name in ("events", "rejected", "tables", "cache"):
                (fresh / name).mkdir(exist_ok=True)
            if _marks(fresh) != files:
                raise WorkspaceError(f"{folder} is not what {archive} holds", hint="look whether the disk is in order")
            _ = Store.open(fresh).history()
            for name in (CATALOG_NAME, SERVER_NAME):
                for log in fresh.glob(f"{name}-*"):
                    log.unlink()
            _sync_all(fresh)
            fresh.rename(folder)
            _sync(folder.parent)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    return found


def _take(folder: Path, to: Path, *, link: bool) -> int:
    """Copy everything but the manifest; returns the version of the store."""
    _copy_database(folder / CATALOG_NAME, to / CATALOG_NAME)
    if (folder / SERVER_NAME).is_file():
        _copy_database(folder / SERVER_NAME, to / SERVER_NAME)
        (to / SERVER_NAME).chmod(0o600)
    _copy(folder / CONFIG_NAME, to / CONFIG_NAME)
    catalog = Catalog(to)
    for name in sorted(catalog.paths()):
        try:
            _copy(folder / name, to / name, link=link)
        except FileNotFoundError:
            raise WorkspaceError(f"{folder / name} is missing", hint="restore an older backup") from None
    for name in _models(to / CATALOG_NAME):
        source = folder / "models" / name
        for path in sorted(source.rglob("*")) if source.is_dir() else ():
            inner = path.relative_to(source)
            if path.is_file() and "checkpoint" not in inner.parts:
                _copy(path, to / "models" / name / inner)
    version = catalog.version()
    for name in (CATALOG_NAME, SERVER_NAME):
        for log in to.glob(f"{name}-*"):
            log.unlink()
    return version


def layout(path: Path) -> int:
    """Version of a catalogue's tables."""
    with said(path), closing(sqlite3.connect(path)) as link:
        return int(link.execute("PRAGMA user_version").fetchone()[0])


def _models(path: Path) -> list[str]:
    with said(path), closing(sqlite3.connect(path)) as link:
        there = link.execute("SELECT 1 FROM sqlite_master WHERE name = 'models'").fetchone()
        return [name for (name,) in link.execute("SELECT id FROM models ORDER BY rowid")] if there else []


def _copy_database(source: Path, to: Path) -> None:
    """One transaction's view of a database that others write to, in a file without a log beside it."""
    with said(source), closing(sqlite3.connect(source, timeout=30)) as link, closing(sqlite3.connect(to)) as copy:
        link.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.commit()
    with closing(sqlite3.connect(to)) as copy:
        copy.execute("PRAGMA journal_mode=WAL")  # as the workspace has it; kept in the file itself


def _sound(path: Path) -> None:
    with said(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as link:
        if link.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise WorkspaceError(f"{path} is damaged", hint="use another backup")


def _against_catalogue(folder: Path, marks: dict[str, dict[str, Any]]) -> None:
    """A part that is not what was written is found now, and not when the backup is needed."""
    catalog = Catalog(folder)
    for part in catalog.parts(
        catalog.version(), "events", "covered", "rejected", "items", "customers", "edges", "scores"
    ):
        mark = marks[part.path]
        if mark["bytes"] != part.bytes or (part.digest and mark["sha256"] != part.digest):
            raise WorkspaceError(f"{part.path} is damaged", hint="restore an older backup, or ingest its files again")
    for log in folder.glob(f"{CATALOG_NAME}-*"):
        log.unlink()


def _manifest(archive: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((archive / MANIFEST).read_text(encoding="utf-8"))
        number, of, files = int(told["format"]), int(told["layout"]), dict(told["files"])
        _ = told["at"], told["version"]
    except (OSError, ValueError, KeyError, TypeError):
        raise WorkspaceError(f"{archive} is no backup", hint="name a folder that regard admin backup made") from None
    if number > FORMAT or of > SHARED:
        raise WorkspaceError(f"{archive} was made by a newer Regard", hint="upgrade regard")
    for name in files:
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts:
            raise WorkspaceError(f"{archive}: {name} lies outside of it", hint="use another backup")
    return told


def _archive(folder: Path, told: dict[str, Any]) -> Archive:
    sizes = [mark["bytes"] for mark in told["files"].values()]
    return Archive(
        folder=str(folder), at=told["at"], version=told["version"], files=len(sizes), bytes=sum(sizes)
    )  # fmt: skip


def _marks(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and digest of every file in a folder but the manifest, by its path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / MANIFEST:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": digest}
    return found


def _copy(source: Path, to: Path, *, link: bool = False) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if link:
        try:
            os.link(source, to)
            return
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                raise
    with source.open("rb") as read, to.open("wb") as write:
        shutil.copyfileobj(read, write, _BLOCK)


def _sync_all(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

"""Ids: each counts once for good, whether it is in the tail, in a file or in several, and nothing is taken where that is unknown."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.errors import WorkspaceError
from regard.events.catalog import opened
from regard.events.live import seal as sealing
from regard.events.live import seen
from regard.events.live.seal import seal
from regard.events.live.writer import Writer
from regard.events.store import Store


def send(writer: Writer, *ids: object) -> list[str]:
    records = [{"customer": "ann", "behaviour": "view_item", "event_id": str(name)} for name in ids]
    return [result.status for result in writer.submit(records).result(30)]


def files(store: Store) -> list[int]:
    """Ids in each file, the oldest first."""
    with opened(store.catalog.path) as link:
        return [part.rows for part in seen.parts(link)]


def in_table(store: Store) -> int:
    with opened(store.catalog.path) as link:
        return int(link.execute("SELECT count(*) FROM seen").fetchone()[0])


def sealed(tmp_path: Path, *ids: str) -> Store:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as writer:
        send(writer, *ids)
        seal(store)
    return store


def test_sealed_ids_leave_the_table_for_a_file_and_stay_known_when_the_ingest_is_undone(tmp_path: Path) -> None:
    store = sealed(tmp_path, "a", "b")
    assert (files(store), in_table(store)) == ([2], 0)
    store.undo(1)
    with Writer(store) as writer:
        assert send(writer, "a", "b", "c") == ["repeated", "repeated", "accepted"]
        assert in_table(store) == 1
    assert files(store) == [2]
    assert store.catalog.parts(store.version, "events") == []


def test_files_merge_so_that_there_are_few(tmp_path: Path) -> None:
    store, sizes = Store.create(tmp_path / "shop"), []
    with Writer(store) as writer:
        for number in range(30):
            send(writer, *(f"{number}-{n}" for n in range(10)))
            seal(store)
            sizes.append(files(store))
        assert all(sum(size) == 10 * (number + 1) for number, size in enumerate(sizes))
        assert all(older >= seen.GROWTH * newer for size in sizes for older, newer in pairwise(size))
        assert max(map(len, sizes)) <= 3
        assert set(send(writer, *(f"{number}-{n}" for number in range(30) for n in range(10)))) == {"repeated"}
    with store.writing():  # what was merged is collected
        assert len(list((store.folder / seen.FOLDER).iterdir())) == len(sizes[-1])


def test_a_writer_at_work_sees_what_other_processes_seal(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    with Writer(store) as one, Writer(Store.open(store.folder)) as other:
        send(one, "a")
        seal(Store.open(store.folder))
        assert send(other, "a", "b") == ["repeated", "accepted"]
        seal(store)
        assert send(one, "a", "b") == ["repeated", "repeated"]


def test_ids_that_could_not_be_deleted_yet_count_once_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.create(tmp_path / "shop")

    def full(*given: object, **named: object) -> None:
        raise WorkspaceError("the disk is full")

    with Writer(store) as writer, monkeypatch.context() as patch:
        patch.setattr(sealing, "clear", full)
        for name in "abc":
            send(writer, name)
            assert seal(store) is not None
        assert in_table(store) == 3
        assert send(writer, *"abc") == ["repeated"] * 3
    with Writer(store) as writer:
        send(writer, "d")
        seal(store)
        assert (sum(files(store)), in_table(store)) == (4, 0)
        assert send(writer, *"abcd") == ["repeated"] * 4


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-16]), "16 bytes instead of 32"),
        (lambda path: path.write_bytes(bytes(32)), "its content has changed"),
    ],
)
def test_without_its_ids_nothing_is_taken(tmp_path: Path, harm: object, why: str) -> None:
    store = sealed(tmp_path, "a", "b")
    (file,) = (store.folder / seen.FOLDER).iterdir()
    whole = file.read_bytes()
    harm(file)  # type: ignore[operator]
    with Writer(store) as writer:
        for _ in range(2):
            with pytest.raises(WorkspaceError, match=why) as told:
                send(writer, "new")
            assert "restore it from a backup" in told.value.hint
        with pytest.raises(WorkspaceError) as told:
            store.doctor()
        assert told.value.hint == "restore it from a backup"
        file.write_bytes(whole)
        assert send(writer, "a", "new") == ["repeated", "accepted"]
        file.write_bytes(bytes(32))
        with pytest.raises(WorkspaceError, match="its content has changed"):  # it would go into a new file
            seal(store)
        file.write_bytes(whole)
        assert seal(store) is not None


def digests(numbers: Sequence[int]) -> list[bytes]:
    return [hashlib.sha256(b"%d" % number).digest()[:16] for number in numbers]


@given(st.lists(st.sets(st.integers(0, 60), max_size=20), min_size=1, max_size=4), st.sampled_from([1, 7, 1_000]))
def test_a_merged_file_knows_what_its_files_knew(
    tmp_path_factory: pytest.TempPathFactory, sets: list[set[int]], chunk: int
) -> None:
    kept, many = seen.CHUNK, [np.sort(seen._read(b"".join(sorted(digests(sorted(one)))))) for one in sets]
    seen.CHUNK = chunk
    path = tmp_path_factory.mktemp("ids") / "all.ids"
    try:
        rows = seen._merged(many, path)
    finally:
        seen.CHUNK = kept
    known = set().union(*sets)
    merged = np.fromfile(path, seen._DIGEST)
    assert rows == len(merged) == len(known)
    assert np.all(np.diff(merged["high"].astype(object)) >= 0)
    asked = seen._read(b"".join(digests(range(61))))
    assert seen._among(merged, asked).tolist() == [number in known for number in range(61)]
    assert bytes(seen._bytes(asked[:1])) == digests([0])[0]


def test_ids_that_share_their_first_half_are_told_apart() -> None:
    def one(low: int) -> bytes:
        return b"\xff" * 8 + low.to_bytes(8, "big")

    ids = seen._read(b"".join([bytes(16), one(5), one(1), one(3)]))
    asked = seen._read(b"".join([one(3), one(2), one(5), bytes(16), bytes(15) + b"\1"]))
    assert seen._among(ids, asked).tolist() == [True, False, True, True, False]

"""Erasure: nothing of the customer is left in any file, nobody else loses anything, and what was taken out stays out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from regard.errors import UsageError, WorkspaceError
from regard.events import catalog, erasure
from regard.events.export import export
from regard.events.live.compaction import compact
from regard.events.live.seal import seal
from regard.events.live.tail import Tail
from regard.events.live.writer import Writer
from regard.events.store import Store
from regard.sequences.pack import read_log

WHO, DEVICE = "Käthe-42", "device-77"
LATER = 4_000_000_000_000_000
"""Microseconds: no test runs then."""


def act(customer: str, at: int, item: str = "pen", **more: Any) -> dict[str, Any]:
    return {"customer": customer, "behaviour": "purchase", "item": item, "time": 1_700_000_000 + at, **more}


def send(store: Store, *records: Any) -> list[str]:
    with Writer(store) as writer:
        return [result.status + result.reason for result in writer.submit(records).result(30)]


def items(store: Store) -> dict[str, list[str]]:
    log = read_log(store)
    names = [log.items.id(item) for item in log.item]
    return {log.customers.id(at): names[log.offsets[at] : log.offsets[at + 1]] for at in range(len(log))}


def where(store: Store, *names: str) -> set[str]:
    """Files whose bytes hold a name; Parquet is read, since it is compressed."""
    found = set()
    for path in store.folder.rglob("*"):
        if not path.is_file():
            continue
        data = path.read_bytes()
        if path.suffix == ".parquet":
            data += str(pq.read_table(path).to_pylist()).encode()
        if any(name.encode() in data for name in names):
            found.add(str(path.relative_to(store.folder)))
    return found


def full(folder: Path) -> Store:
    """A store that holds a customer wherever it can."""
    store = Store.create(folder)
    file = folder.parent / "events.csv"
    file.write_text(
        "customer,item,behaviour,time\n"
        + "".join(f"{who},i{at},purchase,2023-11-1{at}T10:00:00Z\n" for who in (WHO, "ann", "bob") for at in range(3))
        + f"{WHO},i7,purchase,never\n"
    )
    other = folder.parent / "again.csv"
    other.write_text(file.read_text().replace("\nann,i0", "\nann,i9"))
    store.ingest(
        [str(file)],
        customers=pa.table({"customer": [WHO, "ann"], "city": ["Ulm", "Bonn"]}),
        edges=pa.table({"customer": ["ann", WHO, "ann"], "other": [WHO, "bob", "bob"], "kind": ["kin"] * 3}),
        scores=pa.table({"customer": [WHO, "bob"], "risk": [0.5, 0.1]}),
    )
    store.ingest([str(other)])
    send(
        store, *(act(WHO, at, "cup") for at in range(5)), act(DEVICE, 5, "hat"), act("ann", 6, "cup"),
        {"kind": "identify", "customer": WHO, "anonymous": DEVICE, "traits": {"city": "Rom", "consent": True}},
        {"customer": WHO, "note": 1}, {"customer": "ann", "note": 1}, {"userId": WHO},
    )  # fmt: skip
    assert seal(store) is not None
    send(store, act(WHO, 7, "bag"), act(DEVICE, 8, "mug"), act("bob", 9, "mug"))
    reports = store.folder / "reports"
    reports.mkdir()
    (reports / "a.html").write_text(f"<td>{WHO}</td>")
    (reports / "b.html").write_text(f"<td>{WHO}7</td>")
    (reports / "jobs").mkdir()
    for name, who in (("j1", WHO), ("j2", "ann")):
        pq.write_table(
            pa.table({"customer": [who, "bob"], "items": [["pen"]] * 2}), reports / "jobs" / f"{name}.parquet"
        )
    fit = store.folder / "models" / "m1" / "segments" / "1"
    fit.mkdir(parents=True)
    pq.write_table(pa.table({"customer": [WHO, "ann"]}), fit / "customers.parquet")
    rows = {"states": np.eye(2, dtype=np.float32), "label": np.array([3, 4]), "events": np.array([7, 8])}
    save_file({**rows, "mean": np.ones(5)}, fit / "segments.safetensors")
    read_log(store)
    return store


def test_nothing_of_the_customer_is_left_and_nothing_of_the_others_is_gone(tmp_path: Path) -> None:
    store = full(tmp_path / "shop")
    before = items(store)
    told = export(store, WHO)
    assert where(store, DEVICE) >= {"catalog.sqlite"}
    proof = erasure.erase(store, WHO)
    assert proof.done and proof.version == store.version
    assert where(store, WHO, DEVICE) == {"reports/b.html"}
    assert (store.folder / "reports" / "b.html").exists() and (
        store.folder / "reports" / "jobs" / "j2.parquet"
    ).exists()
    fit = load_file(store.folder / "models" / "m1" / "segments" / "1" / "segments.safetensors")
    assert (fit["label"].tolist(), fit["states"].tolist(), fit["mean"].shape) == ([4], [[0, 1]], (5,))
    after = items(store)
    assert set(before) - set(after) == {WHO}
    assert {name: after[name] for name in after} == {name: before[name] for name in after}
    assert "customer" in store.customers().column_names and store.customers()["customer"].to_pylist() == ["ann"]
    assert store.edges()["other"].to_pylist() == ["bob"] and store.scores()["customer"].to_pylist() == ["bob"]
    with Tail.open(store.catalog.path) as tail:
        assert [one.customer for one in tail.newest(10)] == ["bob"]
        assert [one.raw for one in tail.refused(10)] == ['{"customer": "ann", "note": 1}']
    # What the proof counts is what the export had shown.
    counted = {place: len(rows) for place, rows in told["places"].items()}
    assert {place: proof.removed.get(place) for place in counted} == counted
    assert store.doctor().events == sum(map(len, after.values()))
    assert not any(told["places"].values()) or not any(export(store, WHO)["places"].values())
    again = erasure.erase(store, WHO)
    assert (again.number, again.digest, set(again.removed) - {"cache"}) == (2, proof.digest, set())
    assert WHO not in str(erasure.proofs(store))
    store.undo(1)
    assert set(items(store)) == {"ann", "bob"}


def test_what_was_before_stays_out_and_what_comes_after_begins_anew(tmp_path: Path) -> None:
    store = full(tmp_path / "shop")
    export_again = tmp_path / "events.csv"
    erasure.erase(store, WHO)
    assert send(store, act(WHO, 99), {"kind": "identify", "customer": WHO, "time": 1_700_000_000, "traits": {"a": 1}}) == [
        "refusederased", "refusederased"
    ]  # fmt: skip
    report = store.ingest([str(export_again)], customers=pa.table({"customer": [WHO, "cat"], "city": ["Ulm", "Ulm"]}))
    assert report.rejected["erased"] == 3 and report.tables == {"customers": 1}
    assert "customers: 1 row of customers who were erased, left out" in report.notes
    assert WHO not in items(store) and store.customers()["customer"].to_pylist() == ["ann", "cat"]
    kept = [part for part in store.catalog.parts(store.version, "rejected") if part.ingest == report.number]
    with store.reading() as (engine, _):
        engine.over("kept", kept)
        assert [raw for (raw,) in engine.rows("SELECT raw FROM kept")] == [f"{WHO},i7,purchase,never"]
    assert send(store, {**act(WHO, 0, "ring"), "time": None}) == ["accepted"]
    assert seal(store) is not None
    assert items(store)[WHO] == ["ring"]
    assert erasure.erase(store, WHO).removed == {"events": 1, "rejected": 1, "cache": 1, "tail": 1}
    assert WHO not in items(store)


def test_of_a_shared_device_only_their_own_goes(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    send(store, *(act("tablet", at, f"i{at}") for at in range(0, 50, 10)))
    for who, at in (("ann", 5), ("bob", 25)):
        send(store, {"kind": "identify", "customer": who, "anonymous": "tablet", "time": 1_700_000_000 + at})
    assert seal(store) is not None
    with pytest.raises(UsageError, match="another customer"):
        erasure.erase(store, "tablet")
    assert erasure.erase(store, "ann").removed["events"] == 3
    assert items(store) == {"bob": ["i30", "i40"]}
    assert send(store, act("tablet", 10), act("tablet", 45, "i45")) == ["refusederased", "accepted"]


def test_hidden_at_once_while_another_writer_is_at_work(tmp_path: Path) -> None:
    store = full(tmp_path / "shop")
    version = store.version
    with Store.open(store.folder).writing():
        proof = erasure.erase(store, WHO, patience=0.2)
        assert not proof.done and proof.removed["tail"] > 0 and proof.version is None
        assert WHO not in items(store) and DEVICE not in items(store)
        assert WHO not in store.customers()["customer"].to_pylist()
        assert store.people(version, [WHO])[WHO].said is False
        assert WHO not in str(store.doctor().to_json())
        assert send(store, {**act(WHO, 0, "ring"), "time": None}) == ["accepted"]
    assert seal(store) is not None  # finishes it first, and keeps what came since
    assert items(store)[WHO] == ["ring"]
    (proof,) = erasure.proofs(store)
    assert proof.done and store.people(version, [WHO])[WHO].said is False  # who read before it must not ask
    assert store.people(store.version, [WHO])[WHO].said is None


def test_a_seal_that_read_before_it_and_commits_after_it_brings_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from regard.events.live import seal as sealing

    store = full(tmp_path / "shop")
    enter = sealing.enter

    def slow(*given: Any, **named: Any) -> Any:
        assert not erasure.erase(store, WHO, patience=0).done
        return enter(*given, **named)

    monkeypatch.setattr(sealing, "enter", slow)
    with pytest.raises(WorkspaceError, match="seal it again"):
        seal(store)
    monkeypatch.undo()
    assert seal(store) is not None
    assert WHO not in items(store) and erasure.proofs(store)[0].done and where(store, WHO) == {"reports/b.html"}


def test_parts_of_many_seals_are_rewritten_and_each_seal_is_still_undone_by_itself(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    for at in range(4):
        send(store, act("ann", at, f"i{at}"), *([act(WHO, at, "cup")] if at < 3 else []))
        assert seal(store) is not None
    assert compact(store).after == 1
    assert erasure.erase(store, WHO).removed["events"] == 3
    store.undo(2)
    assert items(store) == {"ann": ["i0", "i2", "i3"]}
    assert where(store, WHO) == set()


def test_old_rows_are_overwritten_in_a_catalogue_that_did_not_use_to(tmp_path: Path) -> None:
    store = full(tmp_path / "shop")
    with catalog.opened(store.catalog.path) as link:
        link.execute("PRAGMA secure_delete=OFF")
        link.execute("DELETE FROM facts WHERE name = 'overwrites'")
        link.execute("CREATE TABLE scratch (customer TEXT)")
        link.executemany("INSERT INTO scratch VALUES (?)", [(WHO,)] * 1_000)
        link.execute("DROP TABLE scratch")
    erasure.erase(store, WHO)
    assert "catalog.sqlite" not in where(store, WHO)


STOP = """
import os, signal, sys
from regard.events import catalog, erasure, erasure_files, erasure_parts
from regard.events.store import Store
at = int(sys.argv[2])
steps = 0
def die(name):
    global steps
    steps += 1
    print(name, flush=True)
    if steps == at:
        os.kill(os.getpid(), signal.SIGKILL)
def around(module, name):
    inner = getattr(module, name)
    def outer(*given, **named):
        die(f"before {name}")
        found = inner(*given, **named)
        die(f"after {name}")
        return found
    setattr(module, name, outer)
for module, names in (
    (erasure, ("_begin", "_note", "_rewrite", "_prove", "_cut")), (erasure_parts, ("rewritten",)),
    (erasure_files, ("clean", "_fit", "_caches", "_pages", "cut")), (Store, ("collect",)), (catalog, ("_apply",)),
):
    for name in names:
        around(module, name)
store = Store.open(sys.argv[1])
steps = 0
erasure.erase(store, sys.argv[3])
print("done", flush=True)
"""


@pytest.mark.slow
def test_killed_between_any_two_steps_it_never_was_or_is_finished_at_the_next_open(tmp_path: Path) -> None:
    whole = full(tmp_path / "whole")
    before = items(whole)
    step, ended = 0, False
    while not ended:
        step += 1
        folder = tmp_path / str(step)
        shutil.copytree(whole.folder, folder)
        run = subprocess.run(
            [sys.executable, "-c", STOP, str(folder), str(step), WHO], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        ended = run.returncode != -signal.SIGKILL
        assert not ended or run.stdout.endswith("done\n"), run.stderr
        store = Store.open(folder)
        found = items(store)
        if WHO in found:
            assert found == before and not erasure.proofs(store)
        else:
            assert erasure.proofs(store)[0].done, run.stdout
            assert where(store, WHO, DEVICE) == {"reports/b.html"}, run.stdout
            assert found == {name: rows for name, rows in before.items() if name != WHO}
        shutil.rmtree(folder)
    assert step > 15

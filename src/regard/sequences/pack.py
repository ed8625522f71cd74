"""Packing: the store's events as a Log, memory-mapped from cache/, built in one pass with memory for a few hundred
thousand rows.

The engine streams events sorted by customer and time; every batch is cut at the last customer boundary, its baskets
are found, repeated lines merged, and the columns appended to .npy files. A finished folder appears under its name at
once or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regard.errors import WorkspaceError
from regard.events.catalog import Part
from regard.events.engine import Engine, cache_of, disk_errors
from regard.events.schema import BASKET_BEHAVIOURS, Clock
from regard.events.store import Store, utc
from regard.sequences.log import DAY, Log, baskets_of
from regard.sequences.vocabulary import Vocabulary

FORMAT = 1
"""Raised when the packed files change their meaning; older ones are then packed anew."""

CONTEXT = ("channel", "device", "place")
_COLUMNS: dict[str, Any] = {
    "item": np.int32,
    "behaviour": np.int16,
    "time": np.int64,
    "basket": np.int32,
    "quantity": np.float32,
    "value": np.float32,
}
_HEADER = 128
"""Bytes of a .npy header of one dimension."""
_QUARTER = 900
"""Seconds: all changes of civil time happen on a quarter of an hour."""


def read_log(store: Store, *, behaviours: Sequence[str] | None = None, until: int | None = None) -> Log:
    """The events of a store as arrays; bot-like customers are in it (`store.bots()` names them).

    All lines of a basket carry the time of its first event and stand where that stands. Lines of one item in one
    basket are one event: quantities and values summed, since a basket is a set.

    Args:
        store: the workspace's store.
        behaviours: keep only these; None = all.
        until: seconds since 1970 UTC; only events before it, and merchandise as the rule would have judged then.
            None = all.

    Raises:
        WorkspaceError: a part is missing or damaged, or the disk is full.
    """
    log, version = _cached(store)
    gone = store.withdrawn(version)
    if gone:
        codes = log.customers.codes(sorted(gone))
        log = log.take(np.setdiff1d(np.arange(len(log)), codes))
    services = {service.item for service in store.services(before=None if until is None else utc(until))}
    codes = log.items.codes(sorted(services))
    merchandise = np.ones(len(log.items), dtype=np.bool_)
    merchandise[codes[codes >= 0]] = False
    log = replace(log, merchandise=merchandise)
    if behaviours is None and until is None:
        return log
    keep = np.ones(log.events, dtype=np.bool_) if until is None else log.time < until
    return log.where(keep if behaviours is None else keep & log.is_behaviour(tuple(behaviours)))


def _cached(store: Store) -> tuple[Log, int]:
    """The packed log, and the version that it is of."""
    key = json.dumps([FORMAT, store.clock, store.config.time_zone])
    with store.reading() as (engine, version), disk_errors():
        name = f"log-{version:06d}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        cache = cache_of(store.folder)
        folder = cache / name
        # A read-only workspace may have brought a packed log along.
        for place in (folder, store.folder / "cache" / name):
            if (log := _load(place)) is not None:
                return log, version
        temporary = Path(tempfile.mkdtemp(prefix="spill-", dir=cache))
        try:
            _pack(engine, store.catalog.parts(version, "events"), temporary, store.clock, store.config.time_zone)
            for old in cache.glob("log-*"):
                shutil.rmtree(old, ignore_errors=True)
            # Another reader may have packed the same version meanwhile; its folder is as good.
            with contextlib.suppress(OSError):
                temporary.rename(folder)
            log = _load(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    if log is None:
        raise WorkspaceError(f"{folder} was deleted while it was read", hint="run the same command again")
    return log, version


def _pack(engine: Engine, parts: Sequence[Part], folder: Path, clock: Clock, zone: str) -> None:
    held = set(engine.scan("events", parts))
    items = engine.table("SELECT DISTINCT item FROM events WHERE item IS NOT NULL ORDER BY item")["item"]
    packer = _Packer(folder, items.combine_chunks(), clock, zone, [name for name in CONTEXT if name in held])
    for batch in _whole_customers(engine.sequences(parts, _select(held, clock))):
        packer.add(batch)
    packer.finish()


def _select(held: set[str], clock: Clock) -> dict[str, str]:
    """SQL of what is packed; what the log does not have is not asked for."""
    select = {"customer": "customer", "item": "item", "behaviour": "behaviour"}
    if clock == "clock":
        select["time"] = "epoch_us(time) // 1000000"
    if "order" in held:
        # 63 bits of a hash stand for the order id; two orders of one customer would have to collide.
        select["order"] = 'CASE WHEN "order" IS NULL THEN -1 ELSE (hash("order") >> 1)::BIGINT END'
    sign = "CASE behaviour WHEN 'refund' THEN -1 ELSE 1 END"
    if "quantity" in held:
        select["quantity"] = (
            "coalesce(CASE behaviour WHEN 'refund' THEN -abs(quantity) ELSE quantity END, 'NaN')::FLOAT"
        )
    if held & {"value", "price"}:
        units = (
            f"CASE WHEN behaviour IN ('purchase', 'refund') THEN {sign} * abs(coalesce(quantity, 1)) ELSE quantity END"
        )
        given = "CASE behaviour WHEN 'refund' THEN -abs(value) ELSE value END"
        select["value"] = f"coalesce({given}, price * {units}, 'NaN')::FLOAT"
    return select | {name: name for name in CONTEXT if name in held}


def _whole_customers(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows, cut so that no customer is in two batches."""
    carry: list[pa.RecordBatch] = []
    for batch in batches:
        names = batch.column("customer")
        starts = np.flatnonzero(_changes(names))
        if carry and names[0] != carry[-1].column("customer")[-1]:
            starts = np.append(0, starts)
        if len(starts) == 0:
            carry.append(batch)
            continue
        last = int(starts[-1])
        whole = [*carry, batch.slice(0, last)]
        yield pa.concat_batches(whole)
        carry = [batch.slice(last)]
    if carry:
        yield pa.concat_batches(carry)


def _changes(names: pa.Array) -> NDArray[np.bool_]:
    """bool, True where a value differs from the one before it; False for the first."""
    changed = np.zeros(len(names), dtype=np.bool_)
    if len(names) > 1:
        changed[1:] = pc.not_equal(names.slice(1), names.slice(0, len(names) - 1)).to_numpy(zero_copy_only=False)
    return changed


def _places(column: pa.Array, ids: pa.Array) -> NDArray[np.int32]:
    """int32 codes of text over a vocabulary, -1 for missing; every distinct text is looked up once."""
    encoded = column.dictionary_encode()
    table = np.append(pc.index_in(encoded.dictionary, ids).to_numpy(zero_copy_only=False), -1).astype(np.int32)
    places: NDArray[np.int32] = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return table[places]


class _Coder:
    """Text -> codes in the order of first sight, over many batches."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}

    def encode(self, column: pa.Array) -> NDArray[np.int32]:
        """int32, -1 for missing."""
        encoded = column.dictionary_encode()
        table = np.array(
            [self.codes.setdefault(name, len(self.codes)) for name in encoded.dictionary.to_pylist()] + [-1], np.int32
        )
        places: NDArray[np.int32] = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return table[places]

    @property
    def names(self) -> list[str]:
        return list(self.codes)


class _Column:
    """A .npy file that grows; its header is written when its length is known."""

    def __init__(self, path: Path, dtype: Any) -> None:
        self.dtype, self.length = np.dtype(dtype), 0
        self.stream: IO[bytes] = path.open("wb")
        self.stream.write(b"\0" * _HEADER)

    def add(self, values: NDArray[Any]) -> None:
        """Append values."""
        self.stream.write(np.ascontiguousarray(values, dtype=self.dtype).data)
        self.length += len(values)

    def finish(self) -> None:
        """Write the header and close."""
        self.stream.seek(0)
        header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": (self.length,)}
        np.lib.format.write_array_header_1_0(self.stream, header)
        self.stream.close()


class _Packer:
    """Turns batches of whole customers into the columns of a Log.

    Args:
        folder: where the files go.
        items: ids of the V items, in the order of their codes.
        clock: what times mean.
        zone: IANA zone of calendar days.
        context: names of the context columns.
    """

    def __init__(self, folder: Path, items: pa.Array, clock: Clock, zone: str, context: Sequence[str]) -> None:
        self.folder, self.items, self.clock, self.zone = folder, items, clock, zone
        self.behaviours = _Coder()
        self.context = {name: _Coder() for name in context}
        self.columns = {name: _Column(folder / f"{name}.npy", dtype) for name, dtype in _COLUMNS.items()}
        self.columns |= {name: _Column(folder / f"{name}.npy", np.int16) for name in context}
        self.customers: list[pa.Array] = []
        self.lengths: list[NDArray[np.int64]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Pack the customers of one batch."""
        if batch.num_rows == 0:
            return
        fresh = _changes(batch.column("customer"))
        owner = np.cumsum(fresh, dtype=np.int64)
        columns = self._columns(batch)
        grouped = np.flatnonzero(self._is_grouped()[columns["behaviour"]])
        head = np.arange(batch.num_rows)
        head[grouped] = grouped[self._baskets(batch, owner, columns, grouped)]
        rows = merge_lines(head, grouped, columns)
        # Baskets become contiguous; where they are so already, as nearly everywhere, a stable sort is one pass.
        rows = rows[np.argsort(head[rows], kind="stable")]
        head, owner = head[rows], owner[rows]
        lengths = np.bincount(owner)
        starts = np.cumsum(lengths) - lengths
        number = np.cumsum(np.append(False, head[1:] != head[:-1]))
        written = {name: column[rows] for name, column in columns.items()}
        written["basket"] = number - number[starts][owner]
        written["time"] = columns["time"][head] if self.clock == "clock" else np.zeros(len(rows), np.int64)
        if self.clock == "order":
            written["time"] = np.arange(len(rows)) - starts[owner]
        for name, column in self.columns.items():
            column.add(written[name])
        self.customers.append(batch.column("customer").take(pa.array(np.append(0, np.flatnonzero(fresh)))))
        self.lengths.append(lengths)

    def finish(self) -> None:
        """Write vocabularies and headers."""
        for column in self.columns.values():
            column.finish()
        lengths = np.concatenate([np.zeros(1, np.int64), *self.lengths])
        np.save(self.folder / "offsets.npy", np.cumsum(lengths))
        customers = pa.concat_arrays(self.customers) if self.customers else pa.array([], pa.string())
        for name, ids in (("customers", customers), ("items", self.items)):
            with pa.OSFile(str(self.folder / f"{name}.arrow"), "wb") as sink:
                table_of = pa.table({"id": ids})
                with pa.ipc.new_file(sink, table_of.schema) as writer:
                    writer.write_table(table_of)
        about = {
            "behaviours": self.behaviours.names, "context": {name: coder.names for name, coder in self.context.items()},
            "clock": self.clock, "time_zone": self.zone,
        }  # fmt: skip
        (self.folder / "log.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")

    def _columns(self, batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
        there, rows = batch.schema.names, batch.num_rows
        columns: dict[str, NDArray[Any]] = {
            "item": _places(batch.column("item"), self.items),
            "behaviour": self.behaviours.encode(batch.column("behaviour"))
        }  # fmt: skip
        columns |= {name: coder.encode(batch.column(name)) for name, coder in self.context.items()}
        columns["time"] = batch.column("time").to_numpy() if "time" in there else np.zeros(rows, np.int64)
        for name in ("quantity", "value"):
            columns[name] = batch.column(name).to_numpy() if name in there else np.full(rows, np.nan, np.float32)
        return columns

    def _is_grouped(self) -> NDArray[np.bool_]:
        return np.array([name in BASKET_BEHAVIOURS for name in self.behaviours.names])

    def _baskets(
        self,
        batch: pa.RecordBatch,
        owner: NDArray[np.int64],
        columns: dict[str, NDArray[Any]],
        grouped: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        day = days(columns["time"][grouped], self.zone) if self.clock == "clock" else None
        order = batch.column("order").to_numpy()[grouped] if "order" in batch.schema.names else None
        return find_baskets(owner[grouped], columns["behaviour"][grouped], tuple(self.behaviours.names), day, order)


def days(time: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """int64, the calendar day (days since 1970-01-01) of times in seconds since 1970 UTC, in a zone.

    >>> days(np.array([1_700_000_000, 1_700_010_000]), "Asia/Shanghai").tolist()
    [19676, 19676]
    """
    return local(time, zone) // DAY


def local(time: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """int64, times in seconds since 1970 UTC as seconds that the clocks of a zone show since their 1970.

    >>> (local(np.array([1_700_000_000]), "Asia/Shanghai") % 86_400 // 3_600).tolist()
    [6]
    """
    if zone == "UTC":
        return time
    quarters, place = np.unique(time // _QUARTER, return_inverse=True)
    there = ZoneInfo(zone)
    shifts = [
        int((datetime.fromtimestamp(int(quarter) * _QUARTER, there).utcoffset() or timedelta()).total_seconds())
        for quarter in quarters
    ]
    return np.asarray(time + np.array(shifts, dtype=np.int64)[place])


def find_baskets(
    owner: NDArray[np.integer[Any]],
    behaviour: NDArray[np.integer[Any]],
    behaviours: tuple[str, ...],
    day: NDArray[np.integer[Any]] | None,
    order: NDArray[np.integer[Any]] | None,
) -> NDArray[np.int64]:
    """`baskets_of`, asked only about the first line of every run of like lines: in real logs a basket is one run.

    Arguments and result as in `regard.sequences.log.baskets_of`, which is the plain reference.
    """
    if len(owner) == 0:
        return np.empty(0, dtype=np.int64)
    alone = ~np.array([name in BASKET_BEHAVIOURS for name in behaviours] + [False])[behaviour]
    if order is not None:
        alone |= (order < 0) if day is None else False
    elif day is None:
        alone[:] = True
    same = ~alone[1:] & ~alone[:-1] & (owner[1:] == owner[:-1]) & (behaviour[1:] == behaviour[:-1])
    if order is not None:
        same &= order[1:] == order[:-1]
    if day is not None:
        same &= (day[1:] == day[:-1]) if order is None else ((day[1:] == day[:-1]) | (order[1:] >= 0))
    heads = np.flatnonzero(np.append(True, ~same))
    found = baskets_of(
        owner[heads],
        behaviour[heads],
        behaviours,
        None if day is None else day[heads],
        None if order is None else order[heads],
    )
    return np.repeat(heads[found], np.diff(np.append(heads, len(owner))))


def merge_lines(
    head: NDArray[np.int64], grouped: NDArray[np.int64], columns: dict[str, NDArray[Any]]
) -> NDArray[np.int64]:
    """Rows that stay when lines of one item in one basket become one; their sums are put into the first of them.

    Args:
        head: int64 [N] first row of each row's basket.
        grouped: rows that are lines of baskets.
        columns: changed in place: 'quantity' and 'value' of a row that stays are the sums over its lines, NaN
            where all are unknown.

    Returns:
        int64, the rows that stay, rising.
    """
    rows = np.arange(len(head), dtype=np.int64)
    item = columns["item"]
    lines = grouped[item[grouped] >= 0]
    lines = lines[np.lexsort((lines, item[lines], head[lines]))]
    new = np.ones(len(lines), dtype=np.bool_)
    new[1:] = (head[lines][1:] != head[lines][:-1]) | (item[lines][1:] != item[lines][:-1])
    if new.all():
        return rows
    first = np.flatnonzero(new)
    for name in ("quantity", "value"):
        values = columns[name] = np.array(columns[name])
        known = ~np.isnan(values[lines])
        sums = np.add.reduceat(np.where(known, values[lines], 0.0), first)
        values[lines[first]] = np.where(np.add.reduceat(known.astype(np.int64), first) > 0, sums, np.nan)
    keep = np.ones(len(head), dtype=np.bool_)
    keep[lines[~new]] = False
    return rows[keep]


def _load(folder: Path) -> Log | None:
    """The packed log, None when it is not there, or not any more."""
    try:
        about = json.loads((folder / "log.json").read_text(encoding="utf-8"))
        names = [*_COLUMNS, "offsets", *about["context"]]
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r" if _size(folder, name) else None) for name in names
        }
        ids = {
            name: pa.ipc.open_file(pa.memory_map(str(folder / f"{name}.arrow"))).read_all()["id"]
            for name in ("customers", "items")
        }
    except FileNotFoundError:
        return None
    items = Vocabulary(ids["items"].combine_chunks())
    return Log(
        customers=Vocabulary(ids["customers"].combine_chunks()),
        items=items,
        behaviours=tuple(about["behaviours"]),
        offsets=arrays["offsets"],
        merchandise=np.ones(len(items), dtype=np.bool_),
        clock=about["clock"],
        time_zone=about["time_zone"],
        context={name: (tuple(words), arrays[name]) for name, words in about["context"].items()},
        **{name: arrays[name] for name in _COLUMNS},
    )


def _size(folder: Path, name: str) -> int:
    # An array without elements cannot be mapped.
    return (folder / f"{name}.npy").stat().st_size - _HEADER

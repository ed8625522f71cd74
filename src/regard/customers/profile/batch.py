"""Batch: everybody's profile into one Parquet file, a block of customers at a time."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from regard.customers.profile.base import Base
from regard.customers.profile.columns import columns
from regard.customers.profile.fields import FIELDS
from regard.customers.profile.given import Column, Floats, Given
from regard.customers.profile.quality import moments
from regard.errors import InputError
from regard.files import complete
from regard.insight.answer import Plain
from regard.insight.shop import Shop
from regard.model.runtime.runtime import cores
from regard.progress import Progress, Silent

EVENTS = 400_000
"""Events of a block, and so some hundred MB: the fastest blocks are those whose arrays stay near the processor."""

CUSTOMERS = 8_192
"""Customers of a block at most."""


@dataclass(frozen=True, kw_only=True)
class Written(Plain):
    """What was written. Args: path: the file. customers: rows. fields: names. model_version: None = no model."""

    path: str
    customers: int
    fields: tuple[str, ...]
    model_version: str | None


def blocks(lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rows of customers who have events, in blocks of at most CUSTOMERS and about EVENTS.

    >>> [block.tolist() for block in blocks(np.array([3, 0, 390_000, 20_000, 5]))]
    [[0, 2], [3, 4]]
    """
    rows = np.flatnonzero(lengths)
    part = np.maximum(np.cumsum(lengths[rows]) // EVENTS, np.arange(len(rows)) // CUSTOMERS)
    return np.split(rows, np.flatnonzero(np.diff(part)) + 1) if len(rows) else []


def table(shop: Shop, base: Base, codes: NDArray[np.int64]) -> pa.Table:
    """One row a customer: a column for every field, and beside it what it has of `_probability`, `_low`, `_high` and `_coverage`.

    Args: shop: data and model. base: everybody at the moment asked about. codes: int64 [Q].
    """
    given = Given.of(shop, base, codes)
    found: dict[str, pa.Array] = {"customer": given.log.customers.ids}
    if given.timed:
        found["as_of"] = moments(np.full(len(given), float(base.at)))
    for name, column in columns(given).items():
        found |= _flat(name, column)
    return pa.table(found)


def _flat(name: str, column: Column) -> Mapping[str, pa.Array]:
    flat: dict[str, pa.Array] = {name: column.values}
    times = pa.types.is_timestamp(column.values.type)
    for ending, part in (("low", column.low), ("high", column.high), ("probability", column.probability)):
        if part is not None and not (ending == "probability" and name in _CHANCES):
            flat[f"{name}_{ending}"] = moments(part) if times and ending != "probability" else _numbers(part)
    flat[f"{name}_coverage"] = _numbers(column.coverage)
    return flat


_CHANCES = tuple(name for name in FIELDS if name.startswith(("churn_", "intent_")))
"""Fields whose value is the probability."""


def _numbers(part: Floats) -> pa.Array:
    return pa.array(part.astype(np.float32), mask=~np.isfinite(part))


def write(
    shop: Shop, base: Base, path: Path, *, version: str | None = None, progress: Progress | None = None
) -> Written:
    """The profile of every customer of the log, streamed into `path` block by block, on all cores.

    The file appears when it is complete. Days after which a field expires stand in the metadata of its column.

    Args: shop, base: as in `table`. path: the Parquet file. version: id of the model. progress: told of every block.

    Raises:
        InputError: there is nobody. WorkspaceError: the file cannot be written.
    """
    progress = progress or Silent()
    parts = blocks(base.log.lengths)
    if not parts:
        raise InputError("there is no customer to profile", hint="regard ingest takes events in")
    progress.start("profiling", total=float(sum(map(len, parts))))
    writer, schema = None, pa.schema([])
    with complete(path) as beside:
        with ThreadPoolExecutor(cores()) as pool:  # the encoder and most array code run without Python's lock
            for made in pool.map(lambda part: table(shop, base, part), parts):
                if writer is None:
                    schema = _dated(made.schema)
                    writer = pq.ParquetWriter(beside, schema, compression="zstd")
                writer.write_table(made.cast(schema))
                progress.advance(float(made.num_rows))
        assert writer is not None
        writer.close()
    customers = sum(map(len, parts))
    progress.finish(f"{customers:,} customers")
    fields = tuple(name for name in schema.names if name in FIELDS)
    return Written(path=str(path), customers=customers, fields=fields, model_version=version)


def _dated(schema: pa.Schema) -> pa.Schema:
    """The schema with the days for which each field holds, and how it is found."""
    return pa.schema(
        [
            field.with_metadata({"fresh_days": f"{FIELDS[field.name].fresh:g}", "kind": FIELDS[field.name].kind})
            if field.name in FIELDS
            else field
            for field in schema
        ]
    )

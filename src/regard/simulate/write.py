"""A simulated shop as files, such as a shop's own export would be."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

from regard.errors import UsageError
from regard.progress import Progress, Silent
from regard.simulate.shop import TABLES, Shop

FORMATS = ("csv.gz", "parquet")


def write(
    shop: Shop, folder: str | Path, *, format: str = "csv.gz", progress: Progress | None = None
) -> dict[str, Path]:
    """Write the log, items.csv, customers.csv, and the truth under truth/ as Parquet; streamed, so the size does not
    matter.

    Args:
        shop: what to write.
        folder: made if need be; files of the same names are replaced.
        format: 'csv.gz' or 'parquet', of the events.
        progress: told of customers drawn.

    Returns:
        Name of the table -> its file: 'events', 'items', 'customers', 'relations' and the rest of TABLES.
    """
    if format not in FORMATS:
        raise UsageError(f"unknown format '{format}'", hint=" or ".join(FORMATS))
    progress = progress or Silent()
    folder = Path(folder)
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    files = {name: truth / f"{name}.parquet" for name in (*TABLES, "relations")}
    files |= {
        "events": folder / f"events.{format}",
        "items": folder / "items.csv",
        "customers": folder / "customers.csv",
    }
    pv.write_csv(shop.items, files["items"])
    pq.write_table(shop.relations, files["relations"])
    progress.start("simulating", total=float(shop.settings.customers))
    count = 0
    with ExitStack() as stack:
        sinks = {name: _sink(stack, files[name], schema) for name, schema in TABLES.items()}
        for chunk in shop.chunks():
            for name, table in chunk.items():
                sinks[name](table)
            count += chunk["events"].num_rows
            progress.advance(float(chunk["customers"].num_rows))
    progress.finish(f"{count:,} events")
    return files


def _sink(stack: ExitStack, path: Path, schema: pa.Schema) -> Callable[[pa.Table], Any]:
    if path.suffix == ".parquet":
        return stack.enter_context(pq.ParquetWriter(path, schema)).write_table  # type: ignore[no-any-return]
    fields = [pa.field(f.name, pa.timestamp("s", tz="UTC")) if pa.types.is_timestamp(f.type) else f for f in schema]
    plain = pa.schema(fields)
    target: Any = path
    if path.suffix == ".gz":  # without name and time inside, the same shop is the same bytes
        raw = stack.enter_context(path.open("wb"))
        target = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0))
    writer = stack.enter_context(pv.CSVWriter(target, plain))
    return lambda table: writer.write_table(table.cast(plain))

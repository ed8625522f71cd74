"""Batch: everybody's recommendations into one Parquet file, a block of customers at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from regard.files import complete
from regard.insight.answer import Answer, Plain
from regard.insight.history import Ask
from regard.insight.recommend import blocks, recommend
from regard.insight.shop import Shop
from regard.progress import Progress, Silent

SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("customer", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("item", pa.string(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("probability", pa.float32()),
        pa.field("level", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
    ]
)
"""One row per customer and place; `rank` from 1; `reason` is the first one, null unless asked for."""


EXPLAINED = 64
"""Customers in a block where reasons are asked for: each costs some hundred scorings, and progress should be seen."""


@dataclass(frozen=True, kw_only=True)
class Batch(Plain):
    """What was written.

    Args:
        path: the file. customers, rows: how many. exclude: the rule used. model_version: None = no model.
    """

    path: str
    customers: int
    rows: int
    exclude: str
    model_version: str | None


def recommend_all(
    shop: Shop,
    path: Path,
    *,
    n: int = 10,
    exclude: str = "",
    allowed: NDArray[np.bool_] | None = None,
    why: bool = False,
    progress: Progress | None = None,
) -> Batch:
    """The top n of every customer of the log, streamed into `path`; memory holds one block of customers.

    The file appears when it is complete: it is written beside its place and moved there.

    Args:
        shop, n, exclude, allowed, why: as in `recommend`. path: the Parquet file. progress: told of every block.

    Raises:
        WorkspaceError: the file cannot be written.
    """
    progress = progress or Silent()
    rule = shop.exclude(exclude)
    customers, rows = np.flatnonzero(shop.log.lengths > 0), 0
    progress.start("recommending", total=len(customers))
    with complete(path) as beside, pq.ParquetWriter(beside, SCHEMA, compression="zstd") as writer:
        for block in blocks(len(customers), len(shop.log.items), EXPLAINED if why else 1024):
            asks = [Ask(customer=name) for name in shop.log.customers.names(customers[block])]
            answers = recommend(shop, asks, n=n, exclude=rule, allowed=allowed, why=why)
            table = _table(answers)
            writer.write_table(table)
            rows += table.num_rows
            progress.advance(len(asks))
    progress.finish(f"{rows:,} rows")
    version = shop.ranker.version if shop.ranker else None
    return Batch(path=str(path), customers=len(customers), rows=rows, exclude=rule, model_version=version)


def _table(answers: list[Answer]) -> pa.Table:
    flat = [(answer, rank, item) for answer in answers for rank, item in enumerate(answer.items, start=1)]
    return pa.table(
        {
            "customer": [answer.customer for answer, _, _ in flat],
            "rank": [rank for _, rank, _ in flat],
            "item": [item.item for _, _, item in flat],
            "score": [item.score for _, _, item in flat],
            "probability": [item.probability for _, _, item in flat],
            "level": [item.level for _, _, item in flat],
            "reason": [item.reasons[0].text if item.reasons else None for _, _, item in flat],
        },
        schema=SCHEMA,
    )

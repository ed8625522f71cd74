"""DuckDB connections of ours: in memory, and silent, since standard output belongs to the caller."""

from __future__ import annotations

from typing import Any

import duckdb


def connect(**settings: Any) -> duckdb.DuckDBPyConnection:
    """An in-memory connection that draws no progress bar of its own, which DuckDB otherwise prints to standard output.

    >>> connect(threads=1).execute("SELECT 1").fetchall()
    [(1,)]
    """
    connection = duckdb.connect(":memory:", config=settings)
    connection.execute("SET enable_progress_bar = false")
    return connection

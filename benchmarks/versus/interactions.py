"""Interactions in the shapes that peers take."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.versus.problem import Rows


def matrix(rows: Rows, items: int) -> Any:
    """Sparse float32 [rows, items]: how often each has each."""
    cells = (np.ones(len(rows.values), dtype=np.float32), (rows.owner, rows.values))
    return sparse.csr_matrix(cells, shape=(len(rows.offsets) - 1, items))


def dataset(train: Rows) -> Any:
    """A data set of RecTools; it orders by date, so each event is a second after the one before."""
    import pandas as pd
    from rectools import Columns  # type: ignore[import-not-found]
    from rectools.dataset import Dataset  # type: ignore[import-not-found]

    table = {
        Columns.User: train.owner,
        Columns.Item: train.values,
        Columns.Weight: 1.0,
        Columns.Datetime: pd.to_datetime(np.arange(len(train.values)), unit="s"),
    }
    return Dataset.construct(pd.DataFrame(table))

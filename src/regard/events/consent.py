"""Consent: who may be looked at. This is the one place that decides; the store's readers obey it, everything else asks it.

A customers table with a column `consent` (see `names.TABLE_COLUMNS`) makes consent a condition for everybody: whoever
does not say yes in the latest table that has the column and names them is left out, whether they said no, said nothing,
or are in no such table. A shop without such a column has asked nobody, and looks at all. A later table without the
column changes nobody's consent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.events.catalog import Part
from regard.events.engine import Engine
from regard.events.names import CONSENT_WORDS
from regard.events.read_sql import quoted

CONSENT = "consent"
"""Column that says whether a customer may be looked at: true or false."""


def said_sql(cell: str) -> str:
    """SQL of what a text cell says: true for yes, NULL for nothing, false for everything else."""
    return f"(lower({cell}) IN ({_listed(CONSENT_WORDS[True])}))"


def odd_sql(cell: str) -> str:
    """SQL of whether a text cell says neither yes nor no."""
    return f"(lower({cell}) NOT IN ({_listed(CONSENT_WORDS[True] | CONSENT_WORDS[False])}))"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words))


def obey(engine: Engine, parts: Sequence[Part]) -> None:
    """From here on the engine's views of events hold consenting customers alone; everybody where nobody was asked.

    Args:
        engine: its `among` becomes the name of a table with one row for each of them.
        parts: customers tables, the oldest first.
    """
    asked = [part for part in parts if CONSENT in part.columns]
    if not asked:
        return
    views = []
    for number, part in enumerate(asked):
        engine.over(f"consents {number}", [part])
        # A part from before consent was recognised holds text, or numbers.
        said = said_sql(f"{CONSENT}::VARCHAR")
        views.append(f"SELECT customer, {said} AS said, {number} AS nth FROM {quoted(f'consents {number}')}")
    engine.rows(
        f"CREATE OR REPLACE TABLE consenting AS SELECT customer FROM ({' UNION ALL '.join(views)})"
        " GROUP BY customer HAVING coalesce(arg_max(coalesce(said, false), nth), false)"
    )
    engine.among = "consenting"


def kept(engine: Engine, table: pa.Table, ends: Sequence[str] = ("customer",)) -> pa.Table:
    """The rows of a table that speak of nobody who does not consent, in the same order, without the column that says so.

    Args:
        engine: as `obey` left it. ends: columns that name customers.
    """
    if not engine.among:
        return table
    known = engine.table(f"SELECT customer FROM {quoted(engine.among)}")["customer"]
    for end in ends:
        table = table.filter(pc.is_in(table[end], known))
    return table.drop_columns([name for name in table.column_names if name.casefold() == CONSENT])


def consenting(profile: pa.Table) -> NDArray[np.bool_]:
    """bool [N], customers that may be looked at; all of them where there is no column `consent`.

    Args:
        profile: N rows, one a customer.

    Raises:
        UsageError: the column is not of true and false, or is there twice.

    >>> consenting(pa.table({"consent": [True, False, None]})).tolist()
    [True, False, False]
    """
    places = [place for place, name in enumerate(profile.column_names) if name.casefold() == CONSENT]
    if not places:
        return np.ones(profile.num_rows, dtype=bool)
    column = profile.column(places[0])
    if len(places) > 1 or not pa.types.is_boolean(column.type):
        what = f"is there {len(places)} times" if len(places) > 1 else f"is {column.type}"
        raise UsageError(f"column '{CONSENT}' {what}", hint="one column of true and false")
    return np.asarray(pc.fill_null(column, False).to_numpy(), dtype=bool)

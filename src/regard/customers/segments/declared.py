"""Declared: what a customers table says, as columns that rules can test: yes and no are told from other text, and days."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from regard.sequences.vocabulary import Vocabulary

TRUTHS: tuple[tuple[str, str], ...] = (("true", "false"), ("yes", "no"), ("y", "n"), ("是", "否"), ("有", "无"))
"""Pairs of yes and no, in lower case. A column is of one of them as a whole; 1 and 0 stay numbers, as they may be counts."""

DOUBTFUL = frozenset({"no", "n", "y"})
"""Words that alone make no column of yes and no: NO is Norway too, and a letter may be a class."""

_DAY = re.compile(r"(\d{4})(?:年(\d{1,2})月(\d{1,2})[日号]|-(\d\d)-(\d\d))")


def columns(customers: Vocabulary, table: pa.Table, taken: Collection[str]) -> dict[str, pa.Array]:
    """The columns of a customers table, one row a customer, null for whoever it does not name.

    Args:
        customers: ids of N customers. table: column `customer` and others. taken: names of fields that are not declared;
            a column of the same name gets a `_`.

    >>> told = pa.table({"customer": ["bob", "cem"], "member": ["yes", "no"], "Orders": [3, 4]})
    >>> found = columns(Vocabulary(["ann", "bob"]), told, ["orders"])
    >>> {name: column.to_pylist() for name, column in found.items()}
    {'member': [None, True], 'Orders_': [None, 3]}
    """
    places = Vocabulary(table.column("customer").combine_chunks()).codes(customers.ids.to_pylist())
    rows = pa.array(places, mask=places < 0)
    folded = {name.casefold() for name in taken}
    return {
        f"{name}_" if name.casefold() in folded else name: typed(table.column(name).combine_chunks()).take(rows)
        for name in table.column_names
        if name != "customer"
    }


def typed(column: pa.Array) -> pa.Array:
    """A column of text as true and false, or as days, where all that it says is that; any other column as it is.

    >>> typed(pa.array(["Yes", None, "no"])).to_pylist(), typed(pa.array(["是", "否"])).to_pylist()
    ([True, None, False], [True, False])
    >>> str(typed(pa.array(["2024年3月1日"]))[0]), typed(pa.array(["NO", "NO"])).to_pylist(), typed(pa.array(["1", "0"])).type
    ('2024-03-01', ['NO', 'NO'], DataType(string))
    """
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    coded = pc.dictionary_encode(column)
    levels = [str(level) for level in coded.dictionary.to_pylist()]
    for read in (_truths, _days):
        told = read(levels)
        if told is not None:
            return told.take(coded.indices)
    return column


def _truths(levels: list[str]) -> pa.Array | None:
    """What each level says, true or false; None where they are not of one pair, or leave it in doubt."""
    words = [level.strip().lower() for level in levels]
    said = set(words)
    pair = next((pair for pair in TRUTHS if said and said <= set(pair)), None)
    if pair is None or (len(said) == 1 and said <= DOUBTFUL):
        return None
    return pa.array([word == pair[0] for word in words], pa.bool_())


def _days(levels: list[str]) -> pa.Array | None:
    """The day that each level names, in Chinese or as 2024-03-01; None where one does not."""
    found = [_DAY.fullmatch(level.strip()) for level in levels]
    if not found or None in found:
        return None
    try:
        return pa.array([dt.date(*(int(part) for part in day.groups() if part)) for day in found if day], pa.date32())
    except ValueError:  # such as 2024年13月1日
        return None

"""What a reader's SQL is put together from: quoted names, bound values, relations."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def quoted(name: str) -> str:
    """An identifier as SQL text: the one place where names become SQL.

    >>> print(quoted('a "b" c'))
    "a ""b"" c"
    """
    return '"' + name.replace('"', '""') + '"'


def literal(path: Path | None) -> str:
    """A path that DuckDB takes for this one file: without this, 'a[1].csv' would be a pattern that reads 'a1.csv'.

    >>> literal(Path("a[1].csv"))
    'a[[]1].csv'
    """
    return glob.escape(str(path))


@dataclass
class Binder:
    """Collects the values of a statement under names that its text refers to.

    >>> binder = Binder()
    >>> binder("x'y"), binder.values
    ('$v0', {'v0': "x'y"})
    """

    values: dict[str, Any] = field(default_factory=dict)

    def __call__(self, value: Any) -> str:
        for name, known in self.values.items():
            if type(known) is type(value) and known == value:
                return f"${name}"
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def of(self, sql: str) -> dict[str, Any]:
        """The values that `sql` refers to; DuckDB takes no others."""
        return {name: self.values[name] for name in re.findall(r"\$(\w+)", sql) if name in self.values}


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Rows of a source, ready to be selected from.

    Args:
        sql: a FROM item that yields `line`, `broken` (reason or NULL) and the columns named in `cells`.
        cells: column of the source -> SQL expression of its value.
        types: column -> DuckDB type of that expression.
        raw: SQL expression of the row as text, for the rejected.
    """

    sql: str
    cells: dict[str, str]
    types: dict[str, str]
    raw: str

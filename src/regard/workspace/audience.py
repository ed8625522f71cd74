"""Audience: lists of customers as files: a seed that is read, members that are written."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from regard.errors import InputError
from regard.events.duck import connect
from regard.events.names import COLUMNS, plain
from regard.events.read_source import open_source
from regard.events.read_table import read_table
from regard.files import complete

FORMULA = "=+-@\t\r\n＝＋－＠"
"""First characters of a cell that a spreadsheet would run."""


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before what would begin one.

    >>> safe("=cmd()"), safe("C1")
    ("'=cmd()", 'C1')
    """
    return f"'{cell}" if cell[:1] and cell[0] in FORMULA else cell


def plainly(cell: str) -> str:
    """The cell before `safe`.

    >>> plainly("'-5"), plainly("'tHooft")
    ('-5', "'tHooft")
    """
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in FORMULA else cell


def joined(reasons: Iterable[str], language: str) -> str:
    """Reasons in one cell."""
    return ("；" if language == "zh" else "; ").join(reasons)


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str | float]]) -> int:
    """Write a CSV for people and programs: UTF-8 with a mark by which spreadsheets know it, texts made `safe`.

    Returns:
        Rows written.

    Raises:
        WorkspaceError: the file cannot be written.
    """
    count = 0
    with complete(path) as beside, beside.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in row])
            count += 1
    return count


def seed(path: Path) -> list[str]:
    """Customers of a file: a table with a column that is recognised as the customer, or ids alone, one a line.

    Args:
        path: of any kind that `regard ingest` reads.

    Raises:
        InputError: it is no such file.
    """
    ids = _alone(path)
    if ids is None:
        connection = connect()
        try:
            read_table(connection, open_source(path), kind="customers", overrides={}, table="seed")
            ids = [str(name) for (name,) in connection.execute("SELECT customer FROM seed").fetchall()]
        finally:
            connection.close()
    if not ids:
        raise InputError(f"{path} names no customer", hint="one id a line, or a table with a column customer")
    return [plainly(name) for name in ids]


def _alone(path: Path) -> list[str] | None:
    """The ids of a file that holds nothing else, without a header that names them; None for any other file."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    cells = [row[0].strip() for row in rows if row and row[0].strip()]
    if any(len(row) > 1 for row in rows) or any(mark in cell for cell in cells for mark in "\t;|{"):
        return None
    named = bool(cells) and any(plain(cells[0]) in tier for tier in COLUMNS["customer"])
    return list(dict.fromkeys(cells[named:]))

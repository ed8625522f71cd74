"""The inventory names every table that the code makes and every file that a workspace has."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import get_args

import regard
from regard.events.catalog import Kind, opened
from regard.events.inventory import FILES, PARTS, SERVER_NAME, TABLES
from regard.events.live.writer import Writer
from regard.events.store import Store

SOURCE = Path(regard.__file__).parent
MADE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+) \(")


def test_every_table_that_the_code_makes_is_in_it() -> None:
    made: dict[str, str] = {}
    for path in SOURCE.rglob("*.py"):
        for name in MADE.findall(path.read_text(encoding="utf-8")):
            made[name] = str(path.relative_to(SOURCE))
    duck = {"drops", "rejects"}  # of the query engine, in memory
    known = {table.name for table in TABLES}
    missing = {name: path for name, path in made.items() if name not in known | duck}
    assert not missing, f"say in events/inventory.py what becomes of these when a customer is erased: {missing}"
    assert known - made.keys() <= {"sqlite_sequence"}, "tables that nobody makes"


def test_a_table_that_names_customers_says_what_becomes_of_them() -> None:
    for table in TABLES:
        assert table.personal or table.kept or not (table.customers or table.raw), table.name
        assert table.holds
    assert {parts.kind for parts in PARTS} == set(get_args(Kind))
    names = [(table.file, table.name) for table in TABLES]
    assert len(names) == len(set(names))


def test_every_file_and_table_of_a_workspace_is_in_it(shop_folder: Path) -> None:
    store = Store.open(shop_folder)
    with Writer(store) as writer:
        writer.submit([{"customer": "x", "behaviour": "purchase"}, {"kind": "identify", "customer": "x"}]).result(30)
    for path in shop_folder.rglob("*"):
        name = str(path.relative_to(shop_folder))
        if path.is_file():
            assert any(fnmatch(name, files.pattern) for files in FILES), name
    with opened(store.catalog.path) as link:
        found = {name for (name,) in link.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert found <= {table.name for table in TABLES if table.file != SERVER_NAME}

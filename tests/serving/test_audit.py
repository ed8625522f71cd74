"""Audit: no entry can be changed, taken out or put in between without being found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from regard.errors import WorkspaceError
from regard.serving.audit import Audit
from regard.serving.vault import Vault


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Audit]:
    with closing(Vault(tmp_path)) as vault:
        written = Audit(vault)
        for number in range(5):
            written.write("cli", "key.create", f"rgd_{number}", scopes=["读"])
        yield written


def test_it_tells_the_latest_first_and_page_by_page(audit: Audit) -> None:
    assert [entry.number for entry in audit.newest(2)] == [5, 4]
    assert [entry.number for entry in audit.newest(2, before=4)] == [3, 2]
    assert audit.newest(1)[0].detail == {"scopes": ["读"]}
    assert audit.verify() == 5


@pytest.mark.parametrize(
    "meddle",
    [
        "UPDATE audit SET who = 'nobody' WHERE number = 2",
        "UPDATE audit SET detail = '{}' WHERE number = 5",
        "UPDATE audit SET at_us = at_us + 1 WHERE number = 1",
        "DELETE FROM audit WHERE number = 3",
        "DELETE FROM audit WHERE number = 1",
        "INSERT INTO audit SELECT 6, at_us, who, what, about, detail, hash FROM audit WHERE number = 5",
        "UPDATE audit SET number = 9 WHERE number = 5",
    ],
)
def test_whoever_meddles_is_found(audit: Audit, tmp_path: Path, meddle: str) -> None:
    with closing(sqlite3.connect(tmp_path / "server.sqlite")) as link, link:
        link.execute(meddle)
    with pytest.raises(WorkspaceError, match="entry"):
        audit.verify()


def test_an_entry_is_part_of_what_it_tells_of(audit: Audit, tmp_path: Path) -> None:
    from regard.serving.audit import enter

    with closing(Vault(tmp_path)) as vault, pytest.raises(RuntimeError), vault.change() as link:
        enter(link, "cli", "key.create")
        raise RuntimeError
    assert audit.verify() == 5

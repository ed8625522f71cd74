"""A file appears when it is complete, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from regard.errors import WorkspaceError
from regard.files import complete


def test_a_file_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(ValueError, match="half"), complete(path) as beside:
        beside.write_text("new")
        raise ValueError("half")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with complete(path) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    line = r"x/a.csv cannot be written: No such file.*\(check the folder"
    with pytest.raises(WorkspaceError, match=line), complete(tmp_path / "x" / "a.csv") as beside:
        beside.write_text("new")
    (tmp_path / "folder").mkdir()
    with pytest.raises(WorkspaceError, match="folder cannot be written"), complete(tmp_path / "folder") as beside:
        beside.write_text("new")
    assert list((tmp_path / "folder").iterdir()) == [] and not list(tmp_path.glob("*.part"))

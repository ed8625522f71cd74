"""Reading: files, globs and tables in; staged events out."""

from __future__ import annotations

from regard.events.read_source import Source, expand_sources, open_source
from regard.events.read_stage import Staged, stage
from regard.events.read_table import Table, read_table

__all__ = ["Source", "Staged", "Table", "expand_sources", "open_source", "read_table", "stage"]

"""The live tables of catalog.sqlite: events that no part holds yet, the ids that count once, what was refused.

They stand beside the manifest and not in it, so that LAYOUT stays what it is: a Regard that knows nothing of them reads
the workspace as before.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from regard.events.catalog import opened

_TABLES = """
CREATE TABLE IF NOT EXISTS tail (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, received_us INTEGER NOT NULL, customer TEXT NOT NULL,
    behaviour TEXT NOT NULL, item TEXT, time_us INTEGER NOT NULL, event_id TEXT NOT NULL, row TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS tail_customer ON tail (customer, time_us, seq);
CREATE TABLE IF NOT EXISTS seen (digest BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refused (
    number INTEGER PRIMARY KEY AUTOINCREMENT, received_us INTEGER NOT NULL, reason TEXT NOT NULL, raw TEXT NOT NULL,
    replayed INTEGER
);
CREATE TABLE IF NOT EXISTS sealed (version INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
INSERT INTO sealed SELECT iif(gone, (SELECT coalesce(max(version), 0) FROM versions), 0), gone FROM (
    SELECT coalesce(
        (SELECT min(seq) - 1 FROM tail), (SELECT seq FROM sqlite_sequence WHERE name = 'tail'), 0
    ) AS gone
) WHERE NOT EXISTS (SELECT 1 FROM sealed);
INSERT INTO facts VALUES ('clock', 'clock')
    ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value = ''
"""
"""tail.seq = order of arrival, never used twice; tail.row = the other fields as JSON; seen.digest = see `record.Event`;
refused.replayed = when it was sent again, microseconds since 1970 UTC; sealed: from this version on, the parts hold every
event up to this seq. There is always a row of it, and no event of the tail is older than its first one; a tail from
before it was kept has lost what was sealed already. Live events have times, so a store that knew nothing of time until
now has a clock from here on.
"""


def prepare(path: Path) -> None:
    """Make the live tables of a catalogue in one transaction, unless they stand already.

    Raises:
        WorkspaceError: the catalogue is missing, damaged, busy or read-only, the disk is full.
    """
    with opened(path) as link:
        if there(link):
            return
        link.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.split(";"):
            link.execute(statement)
        link.execute("COMMIT")


def there(link: sqlite3.Connection) -> bool:
    """Whether a catalogue has the live tables."""
    return link.execute("SELECT 1 FROM sqlite_master WHERE name = 'sealed'").fetchone() is not None

"""The live tables of catalog.sqlite: events that no part holds yet, their ids, what was refused.

They stand beside the manifest and not in it, so that LAYOUT stays what it is: a Regard that knows nothing of them reads
the workspace as before.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from regard.events.catalog import opened

LIVE = 3
"""Version of the tables below; those of an older one are brought up when the next writer or sealer opens them."""

_TABLES = f"""
CREATE TABLE IF NOT EXISTS tail (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, received_us INTEGER NOT NULL, customer TEXT NOT NULL,
    behaviour TEXT NOT NULL, item TEXT, time_us INTEGER NOT NULL, event_id TEXT NOT NULL, row TEXT NOT NULL
);
DROP INDEX IF EXISTS tail_customer;
CREATE INDEX IF NOT EXISTS tail_by_customer ON tail (customer);
CREATE TABLE IF NOT EXISTS seen (digest BLOB PRIMARY KEY, seq INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
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
INSERT INTO facts VALUES ('live', '{LIVE}') ON CONFLICT (name) DO UPDATE SET value = excluded.value;
INSERT INTO facts VALUES ('clock', 'clock')
    ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value = ''
"""
"""tail.seq = order of arrival, never used twice; tail.row = the other fields as JSON. The index ends with seq, as all do; with
the time in it as well, more would be written for every event, and again when it leaves.

seen = ids of what no file of ids holds yet (`seen`): the digest as in `record.Event`, seq of the event, or for what is no
event of the next one; 0 for those that were kept here for good until there were such files. refused.replayed = when it
was sent again, microseconds since 1970 UTC.

sealed: from this version on, the parts hold every event up to this seq. There is always a row, and no event above the
first one's seq is missing from the tail; a tail from before it was kept has lost what was sealed already.

Live events have times, so a store that knew nothing of time until now has a clock from here on.
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
        columns = {name for (name,) in link.execute("SELECT name FROM pragma_table_info('seen')")}
        if columns == {"digest"}:
            link.execute("ALTER TABLE seen ADD COLUMN seq INTEGER NOT NULL DEFAULT 0")
        for statement in _TABLES.split(";"):
            link.execute(statement)
        link.execute("COMMIT")


def there(link: sqlite3.Connection) -> bool:
    """Whether a catalogue has the live tables as they are today."""
    row = link.execute("SELECT value FROM facts WHERE name = 'live'").fetchone()
    return row is not None and int(row[0]) >= LIVE


def readable(link: sqlite3.Connection) -> bool:
    """Whether a catalogue has live tables that can be read, be they as they are today or not."""
    return link.execute("SELECT 1 FROM sqlite_master WHERE name = 'sealed'").fetchone() is not None


def last_seq(link: sqlite3.Connection) -> int:
    """Seq of the event that arrived last, whether it is still in the tail or not; 0 before the first."""
    row = link.execute("SELECT seq FROM sqlite_sequence WHERE name = 'tail'").fetchone()
    return int(row[0]) if row else 0

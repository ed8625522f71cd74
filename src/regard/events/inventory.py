"""Inventory: every place where a workspace keeps anything, and what becomes of what it holds of a customer who is erased.

Export and erasure go by it, and a test walks the workspace and fails at a place that is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from regard.events.catalog import CATALOG_NAME, Kind

SERVER_NAME = "server.sqlite"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a SQLite file.

    Args:
        name: of the table. holds: what, in words.
        customers: columns that name customers; none where it holds nothing of them.
        time: column of microseconds since 1970, by which events of a shared id are told apart; '' = all of an id's rows.
        raw: a column of text that may name a customer anywhere; '' = there is none.
        kept: why rows stay, '' where they go.
        file: in which it lies.
    """

    name: str
    holds: str
    customers: tuple[str, ...] = ()
    time: str = ""
    raw: str = ""
    kept: str = ""
    file: str = CATALOG_NAME

    @property
    def personal(self) -> bool:
        """Whether it says anything of a customer that goes with them."""
        return bool((self.customers or self.raw) and not self.kept)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Parquet parts of the manifest; they are rewritten without the customer's rows.

    Args: kind: of the parts. holds: what, in words. by: how a row names a customer.
    """

    kind: Kind
    holds: str
    by: Literal["event", "id", "ends", "raw", "nobody"]


@dataclass(frozen=True, kw_only=True)
class Files:
    """Other files of the workspace.

    Args:
        pattern: of their paths from the workspace on, as `fnmatch` reads it.
        holds: what, in words.
        becomes: what happens to them when a customer is erased.
    """

    pattern: str
    holds: str
    becomes: Literal["deleted", "rewritten", "deleted where it names them", "kept"]


MODELS = "learned from everybody, with nobody's id or row in them; the next training is without the erased"
"""What models hold."""

_PROOF = "numbers and digests, by which what was erased stays out"
_COUNTS = "counts and settings, of nobody in particular"

TABLES: tuple[Table, ...] = (
    Table(name="tail", holds="events that came live and are in no part yet", customers=("customer",), time="time_us"),
    Table(name="refused", holds="live records that were refused, as they were sent", raw="raw"),
    Table(name="traits", holds="what was said of customers live", customers=("customer",), time="time_us"),
    Table(name="consents", holds="what customers said of being looked at", customers=("customer",), time="time_us"),
    Table(name="aliases", holds="which ids are whose", customers=("customer", "anonymous")),
    Table(name="bots", holds="customers who act like robots", customers=("customer",)),
    Table(name="segment_members", holds="who met a saved rule", customers=("customer",)),
    Table(name="impressions", holds="lists that were shown", customers=("customer", "anonymous"), time="at_us"),
    Table(name="erasing", holds="the ids of an erasure that is under way", kept="until it is finished"),
    Table(name="erased", holds="digests of who was erased", kept=_PROOF),
    Table(name="erasures", holds="proofs of erasures", kept=_PROOF),
    Table(name="seen", holds="digests of ids of events", kept="a sender's repeat must not bring back what was erased"),
    *(
        Table(name=name, holds=_COUNTS)
        for name in (
            "versions", "ingests", "parts", "digests", "facts", "sealed", "models", "model_service", "model_switches",
            "segment_fits", "segment_rules", "scenarios", "impressions_lost", "jobs", "holds", "sqlite_sequence",
        )
    ),
    Table(name="replies", file=SERVER_NAME, holds="answers that a repeated request gets again", raw="body"),
    Table(name="audit", file=SERVER_NAME, holds="who changed what in the workspace; ids, sealed by a chain of hashes",
          kept="an entry that could be taken out would prove nothing; an erasure is in it by its number"),
    *(
        Table(name=name, file=SERVER_NAME, holds="who may use the server; nothing of customers")
        for name in ("keys", "people", "sessions", "sqlite_sequence")
    ),
)  # fmt: skip

PARTS: tuple[Parts, ...] = (
    Parts(kind="events", holds="accepted events", by="event"),
    Parts(kind="covered", holds="events that an earlier ingest had brought already", by="event"),
    Parts(kind="rejected", holds="rows that were not accepted, as they were written", by="raw"),
    Parts(kind="customers", holds="customers tables", by="id"),
    Parts(kind="scores", holds="scores from outside", by="id"),
    Parts(kind="edges", holds="who is linked with whom", by="ends"),
    Parts(kind="items", holds="items tables", by="nobody"),
    Parts(kind="ids", holds="digests of ids of events", by="nobody"),
)

FILES: tuple[Files, ...] = (
    Files(pattern="regard.toml", holds="settings", becomes="kept"),
    Files(pattern=f"{CATALOG_NAME}*", holds="the tables above; its pages are overwritten, its log cut", becomes="rewritten"),
    Files(pattern=f"{SERVER_NAME}*", holds="the tables above, likewise", becomes="rewritten"),
    Files(pattern="events/*", holds="parts", becomes="rewritten"),
    Files(pattern="rejected/*", holds="parts", becomes="rewritten"),
    Files(pattern="tables/*", holds="parts", becomes="rewritten"),
    Files(pattern="ids/*", holds="digests of ids of events", becomes="kept"),
    Files(pattern="cache/*.lock", holds="who writes and who reads", becomes="kept"),
    Files(pattern="cache/*", holds="packed events, counts, tables of customers: made anew when asked", becomes="deleted"),
    Files(pattern="reports/*", holds="report pages; what long work has written: answers and profiles of everybody",
          becomes="deleted where it names them"),
    Files(pattern="models/*/segments/*", holds="the states and segments of customers", becomes="rewritten"),
    Files(pattern="models/*", holds=MODELS, becomes="kept"),
)  # fmt: skip

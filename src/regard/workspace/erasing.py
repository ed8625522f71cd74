"""Erasing: the part of a workspace that answers for one person: what is kept of them, and that nothing is any longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regard.errors import UsageError
from regard.workspace.served import Served

if TYPE_CHECKING:
    from regard.events.erasure import Proof
    from regard.events.store import Store


PATIENCE = 60.0
"""Seconds for which an erasure waits for another writer before it says that it is not done: as long as a seal may take."""


class Erasing(Served):
    """The verbs about one person's data, beside those that gather it."""

    store: Store

    def erase(self, customer: str | int, *, patience: float = PATIENCE) -> Proof:
        """Take a customer out of the workspace, with every id that was joined to them; it cannot be taken back.

        They are hidden from the first moment on. Where another command is writing for long, the proof says that it is not done
        (`done` is ''), and whoever writes next finishes it. What they did before stays out, however it is sent again; what
        they do afterwards begins anew.

        Args:
            customer: id; nobody need have it.
            patience: seconds to wait for another writer.

        Raises:
            UsageError: the id was joined to another customer, or is empty.
            WorkspaceError: the workspace is read-only or damaged, the disk is full.

        >>> import tempfile, regard, pyarrow
        >>> shop = regard.init(tempfile.mkdtemp() + "/shop")
        >>> events = {"customer": ["ann", "bob"], "item": ["lamp"] * 2, "behaviour": ["purchase"] * 2, "time": ["2026-03-01"] * 2}
        >>> _ = shop.ingest(pyarrow.table(events))
        >>> shop.erase("ann").removed["events"], shop.log().customers.ids.to_pylist()
        (1, ['bob'])
        """
        from regard.events import erasure

        name = _named(customer)
        self.impressions.flush()  # what they were shown a moment ago is kept before it is looked for
        return erasure.erase(self.store, name, patience=patience)

    def erasures(self) -> list[Proof]:
        """What was erased so far, the first first; no proof names anybody."""
        from regard.events import erasure

        return erasure.proofs(self.store)

    def export(self, customer: str | int) -> dict[str, Any]:
        """Everything that is kept of a customer, place by place, plain JSON values; also of one who does not consent.

        Args:
            customer: id; an id that was joined to another customer has nothing of its own.

        Raises:
            WorkspaceError: a part is missing or damaged.
        """
        from regard.events.export import export

        return export(self.store, _named(customer))

    def separate(self, anonymous: str | int, customer: str | int) -> None:
        """Take an identification back: the id and the customer have the histories that they would have without it.

        Raises:
            UsageError: they were never joined.
            WorkspaceError: another command is writing.
        """
        from regard.events.live import people

        people.part(self.store, _named(anonymous), _named(customer))


def _named(customer: object) -> str:
    if name := str(customer).strip():
        return name
    raise UsageError("an empty id", hint="name the customer")

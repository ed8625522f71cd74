"""Data: what answering and learning read of a store, and nothing more. Who has not consented is not in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.config import Config
from regard.errors import ConsentError
from regard.sequences.aggregates import Aggregates
from regard.sequences.anomalies import Anomalies, judge
from regard.sequences.arrivals import Arrived
from regard.sequences.log import Log
from regard.sequences.view import Content
from regard.sequences.vocabulary import Vocabulary
from regard.workspace.arriving import Arriving
from regard.workspace.targets import targets

if TYPE_CHECKING:
    from regard.events.store import Store
    from regard.sequences.attributes import Attributes


@dataclass(frozen=True)
class _Consent:
    """Who consents by the customers tables.

    Args:
        version: of the store, the newest of which this is known. since: at which it was worked out.
        asked: tables with the column. ids: of who does; None where nobody was asked.
    """

    version: int
    since: int
    asked: tuple[str, ...]
    ids: Vocabulary | None

    def given(self, customer: str) -> bool:
        """Whether a customer may be looked at who has said nothing since."""
        return self.ids is None or customer in self.ids


class Data:
    """The events of one workspace as arrays.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._arriving = Arriving(store.catalog.path)
        self._known: _Consent | None = None
        self.held: int | None = None
        """The version from which answers come, whatever happens to the store; None = always the newest."""
        self._beside: tuple[int, Attributes | None] | None = None

    @property
    def version(self) -> int:
        """Changes with every ingest and undo."""
        return self._arriving.version()

    def arrived(self, version: int, log: Log) -> Arrived:
        """What gives the events of customers that are not theirs in the log of this version."""
        return self._arriving.since(version, log)

    @property
    def config(self) -> Config:
        """The workspace's settings."""
        return self._store.config

    def log(self) -> Log:
        """Every event of whoever may be looked at."""
        from regard.sequences.pack import read_log

        return read_log(self._store)

    def people(self, cut: int | None = None, *, anomalies: bool = True) -> Log:
        """The events of everybody but bot-like customers: what is learned from and judged on.

        Args:
            cut: seconds since 1970 UTC; who is bot-like and what is merchandise is then judged by the events before it
                alone, so that nothing that came later can leave anybody or anything out. None = by all events.
            anomalies: False leaves out whoever `anomalies` flags as well.
        """
        from regard.events.store import utc

        log = self._sold(cut)
        out = _named(log.customers, self._store.bots(before=None if cut is None else utc(cut)))
        if not anomalies:
            out = out | judge(log, before=cut).flagged
        return log.where(~out[log.owner]) if out.any() else log

    def anomalies(self, cut: int | None = None) -> Anomalies:
        """Every customer's anomalies, by the events before the cut; None = by all events."""
        return judge(self._sold(cut), before=cut)

    def _sold(self, cut: int | None) -> Log:
        """Every event, and what was merchandise by the events before the cut."""
        from regard.events.store import utc

        log = self.log()
        if cut is None:
            return log
        services = [service.item for service in self._store.services(before=utc(cut))]
        return replace(log, merchandise=~_named(log.items, services))

    def content(self, items: Vocabulary, before: int | None) -> Content:
        """What was known of these items before that second; None = all that is known."""
        from regard.sequences.content import read_content

        return read_content(self._store, items, before)

    def about(self, log: Log, target: tuple[str, ...]) -> Attributes | None:
        """What the tables say of customers beside their events, and `log` of those they are linked with; None where nothing.

        Sensitive columns are not in it unless regard.toml switches them on, and nobody is who does not consent.
        """
        from regard.sequences.attributes import read_attributes

        return read_attributes(self._store, log, target)

    def beside(self, queries: Log, asof: NDArray[np.int64]) -> Aggregates:
        """`about` as models ask for it, of everything that is known now."""
        version = self.version
        if self._beside is None or self._beside[0] != version:
            log = self.people()
            self._beside = version, self.about(log, self.target(log))
        known = self._beside[1]
        if known is not None:
            return known(queries, asof)
        return Aggregates(names=(), values=np.empty((len(queries), 0), dtype=np.float32))

    def items(self) -> pa.Table:
        """One row an item."""
        return self._store.items()

    def withheld(self, customers: Iterable[str]) -> set[str]:
        """Those of these customers, known or not, who have not consented (see `events.consent`): of them nothing is here."""
        return {name for name, owner in self.owners(customers).items() if owner is None}

    def owners(self, names: Iterable[str]) -> dict[str, str | None]:
        """Whose each id is now; None for one of whom nothing may be looked at."""
        consent = self._consent()
        read = consent.version if self.held is None else self.held
        people = self._arriving.people(consent.since, names, read=read)
        return {
            name: None
            if person.said is False or (person.said is None and not consent.given(person.customer))
            else person.customer
            for name, person in people.items()
        }

    def withdrawn(self, version: int) -> set[str]:
        """The ids that may no longer be looked at, of those that might at a version."""
        return self._arriving.withdrawn(version)

    def _consent(self) -> _Consent:
        """Who consents by the tables; worked out anew when one that asks for it comes or goes, not at every seal."""
        version, known = self.version, self._known
        if known is None or known.version != version:
            asked = self._store.asked(version)
            if known is None or known.asked != asked:
                told = self._store.consenting() if asked else None
                known = _Consent(version, version, asked, None if told is None else Vocabulary(told))
            self._known = known = replace(known, version=version)
        return known

    def must_consent(self, customers: Iterable[str]) -> None:
        """Refuse a question about customers who have not all consented.

        Raises:
            ConsentError: somebody has not.
        """
        asked = list(dict.fromkeys(customers))
        withheld = self.withheld(asked)
        if not withheld:
            return
        name = next(name for name in asked if name in withheld)
        who = f"customer '{name}' does" if len(asked) == 1 else f"{len(withheld):,} customers, such as '{name}', do"
        raise ConsentError(
            f"{who} not consent to being looked at: nothing is computed about them",
            hint="regard recommend answers with what is popular" if len(asked) == 1 else "ask without them",
        )

    def target(self, log: Log) -> tuple[str, ...]:
        """The target behaviours by rule (see `targets.targets`); purchases for a store without events."""
        if log.events == 0:
            return self.config.targets or ("purchase",)
        acts = set(log.behaviour[log.item >= 0].tolist())
        return targets([name for code, name in enumerate(log.behaviours) if code in acts], self.config.targets)


def _named(vocabulary: Vocabulary, ids: list[str]) -> NDArray[np.bool_]:
    """bool, one per word of the vocabulary: whether it is among the ids."""
    found = np.zeros(len(vocabulary) + 1, dtype=bool)
    found[vocabulary.codes(ids)] = True
    return found[:-1]

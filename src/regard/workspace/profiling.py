"""Profiling: the profile of one customer of a workspace, or of everybody; what everybody is like is looked at once."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable
from pathlib import Path

from regard.customers.profile import Base, Profile, Written, profile, write
from regard.customers.profile.base import Foresees
from regard.errors import InputError, ModelError, UsageError
from regard.events.store import Store
from regard.insight.history import Ask
from regard.insight.ranker import Model
from regard.insight.shop import Shop
from regard.progress import Progress
from regard.sequences.log import DAY
from regard.workspace.answering import Answering
from regard.workspace.data import Data
from regard.workspace.models import Models
from regard.workspace.registered import registered
from regard.workspace.segment_registry import Registry

AGO = 7
"""Days before the moment with which a profile is compared."""

NEAREST = 200_000
"""Ids among which the nearest to an unknown one is looked for: more would take longer than reading the answer."""


class Profiling:
    """Keeps what everybody is like until the store or the model changes.

    Args:
        store: the workspace's. data: its events. models: the registry. answering: makes the shop. load: reads a model's folder.
    """

    def __init__(
        self, store: Store, data: Data, models: Models, answering: Answering, load: Callable[[Path], Model]
    ) -> None:
        self._data, self._models, self._answering, self._load = data, models, answering, load
        self._registry = Registry(store.folder)
        self._kept: tuple[int, object, Base, Base | None] | None = None
        self._stamp: tuple[object, ...] | None = None

    def one(self, customer: str, *, model: str | None = None, language: str | None = None) -> Profile:
        """The profile of one customer, beside what it was a week ago.

        Raises:
            InputError: nobody has that id. ConsentError: the customer has not consented. ModelError: the model is missing.
        """
        self._data.must_consent([customer])
        shop, notes = self._answering.shop(model=model, language=language)
        code = shop.log.customers.code(customer)
        if code < 0 or not shop.log.lengths[code]:
            raise _new(customer) if shop.histories([Ask(customer=customer)]).events else _unknown(shop, customer)
        base, before = self._bases(shop)
        return profile(
            shop,
            base,
            code,
            before=before,
            version=self._version(shop),
            currency=self._data.config.currency,
            notes=notes,
        )

    def everybody(self, path: Path, *, model: str | None = None, progress: Progress) -> Written:
        """Everybody's profile into a Parquet file.

        Raises:
            UsageError: the file's name does not end in .parquet. WorkspaceError: it cannot be written.
        """
        if path.suffix.lower() != ".parquet":
            better = path.with_suffix(".parquet").name
            raise UsageError(f"{path} would be a Parquet file under another name", hint=f"name it {better}")
        shop, _ = self._answering.shop(model=model)
        return write(shop, self._bases(shop)[0], path, version=self._version(shop), progress=progress)

    def _version(self, shop: Shop) -> str | None:
        return shop.ranker.version if shop.ranker else None

    def _bases(self, shop: Shop) -> tuple[Base, Base | None]:
        """Everybody now, and AGO days ago where the log goes back so far."""
        version, scorer = self._data.version, shop.ranker.scorer if shop.ranker else None
        if self._kept is None or self._kept[0] != version or self._kept[1] is not scorer:
            horizon, silence = self._horizon(shop), self._data.config.session_gap
            anomalies, then = self._data.anomalies(), shop.now - AGO * DAY
            base = Base(shop=shop, at=shop.now, anomalies=anomalies, horizon=horizon, session_gap=silence).warm()
            timed = shop.log.clock == "clock" and bool((shop.log.time <= then).any())
            before = Base(shop=shop, at=then, horizon=horizon, session_gap=silence).warm() if timed else None
            self._kept, self._stamp = (version, scorer, base, before), None
        stamp = self._registry.stamp()
        if self._stamp != stamp:
            segments = registered(self._registry, shop.log.customers)
            self._kept, self._stamp = (*self._kept[:2], self._kept[2].with_segments(segments), self._kept[3]), stamp
        return self._kept[2], self._kept[3]

    def _horizon(self, shop: Shop) -> Foresees | None:
        """Of the model that answers; of the newest that has one where counting answers, which foresees nothing."""
        found: Foresees | None = getattr(shop.model, "horizon", None)
        if found is not None or shop.model is not None:
            return found
        for entry in self._models.in_order():
            with contextlib.suppress(ModelError):
                found = found or getattr(self._load(entry.folder), "horizon", None)
        return found


def _new(customer: str) -> InputError:
    return InputError(
        f"the first events of customer '{customer}' have just arrived", hint="ask again when they are sealed"
    )


def _unknown(shop: Shop, customer: str) -> InputError:
    ids = shop.log.customers.ids.slice(0, NEAREST).to_pylist()
    if not ids:
        return InputError(f"no customer '{customer}'", hint="there are no events yet: regard ingest takes them in")
    near = difflib.get_close_matches(customer, ids, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"ids here look like '{ids[0]}'"
    return InputError(f"no customer '{customer}'", hint=hint)

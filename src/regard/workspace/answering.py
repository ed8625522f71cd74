"""Answering: the shop as insight wants it, with the best model that can be read; kept until the store changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock, RLock
from typing import Any

from regard.errors import ModelError
from regard.insight import words
from regard.insight.history import Ask
from regard.insight.ranker import Model, Ranker
from regard.insight.recommend import recommend
from regard.insight.shop import Shop
from regard.workspace import canary
from regard.workspace.data import Data
from regard.workspace.models import Models, Registered

Load = Callable[[Path], Model]
"""Reads a model's folder; `regard.model.runtime.load` unless a test says otherwise."""

KEPT = 3
"""Models held in memory: the one in service, the one before it, and one that is compared with them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Seen:
    """What answers are read off, as of one look.

    Args:
        version: of the store. plain: the shop without a ranker. entries: the models that may answer, in turn.
        shops: by ranker and language. broken: why a model could not be read, by id.
    """

    version: int
    plain: Shop
    entries: tuple[Registered, ...]
    shops: dict[tuple[int, str], tuple[Ranker | None, Shop]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


class Answering:
    """Builds the Shop that answers, and says what a reader should know about it.

    Args:
        data: the events. models: the registry. load: reads a model's folder.
    """

    def __init__(self, data: Data, models: Models, load: Load) -> None:
        self._data, self._models, self._load = data, models, load
        self._seen: _Seen | None = None
        self._rankers: dict[str, Ranker] = {}
        self._building, self._reading, self._shelf = RLock(), RLock(), Lock()
        self._held = False

    def hold(self) -> None:
        """From here on answers come from what `refresh` found, whatever happens to the store."""
        self.refresh()
        self._held = True
        self._data.held = self._seen.version if self._seen else None

    def let_go(self) -> None:
        """From here on every question looks for a newer version."""
        self._held, self._data.held = False, None

    def shop(self, *, model: str | None = None, language: str | None = None) -> tuple[Shop, tuple[str, ...]]:
        """The shop with a ranker, and notes for whoever reads its answers.

        Args:
            model: id of a model that must be used; None = the one in service, or the newest readable one; counting where
                it was found better, or where none can be read.
            language: 'en' or 'zh', of reasons; None = the workspace's.

        Raises:
            ModelError: the named model is missing or damaged.
        """
        seen = self._seen
        if seen is None or not self._held:
            with self._building:
                self._seen = seen = self._look(self._seen)
        language = language or self._data.config.language
        ranker, notes = self._ranker(seen, model, language)
        return _with(seen, ranker, language), notes

    def refresh(self) -> str | None:
        """Read the store and the models anew where they have moved on; questions are answered from the old ones meanwhile.

        A model that came into service since and that cannot be read, or does not pass the canary check here, is taken
        out of service: the one before it answers on, also after a restart.

        Returns:
            Why the new model was taken back, None where nothing was.
        """
        with self._building:
            before = self._seen
            seen, why = self._look(before), None
            new = next(iter(seen.entries), None)
            old = next(iter(before.entries), None) if before else None
            if new is not None and new.state == "serving" and (old is None or old.id != new.id):
                why = self._try(seen, new, old)
                if why is not None and any(entry.state == "previous" for entry in seen.entries):
                    self._models.roll_back(why=why)
                    seen = replace(seen, entries=tuple(self._models.in_order()))
            ranker, _ = self._ranker(seen, None, "en")
            _warm(_with(seen, ranker, self._data.config.language))
            self._seen = seen
            if self._held:
                self._data.held = seen.version
        return why

    def _try(self, seen: _Seen, new: Registered, old: Registered | None) -> str | None:
        """Why a model must not answer, None where it may; afterwards it is in memory and warm."""
        try:
            shop = _with(seen, self._of(new), "en")
            beside = None
            if old is not None and old.id in self._rankers:
                beside = _with(seen, self._rankers[old.id], "en")
            canary.check(shop, beside)
        except ModelError as error:
            return error.message
        return None

    def _look(self, before: _Seen | None) -> _Seen:
        entries = tuple(self._models.in_order())
        if before is not None and before.version == self._data.version and not self._gone(before):
            return replace(before, entries=entries, broken={})
        while True:
            version = self._data.version
            plain = self._plain(version)
            if version == self._data.version:  # else the log may be of either, and the tail would hide or double events
                return _Seen(version=version, plain=plain, entries=entries)

    def _gone(self, before: _Seen) -> bool:
        """Whether anybody in the log may no longer be looked at."""
        gone = self._data.withdrawn(before.version)
        return bool(gone) and any(name in before.plain.log.customers for name in gone)

    def _plain(self, version: int) -> Shop:
        log = self._data.log()
        return Shop.of(
            log,
            target=self._data.target(log),
            content_of=self._data.content,
            table=self._data.items(),
            language=self._data.config.language,
            arrived=self._data.arrived(version, log),
        )

    def _ranker(self, seen: _Seen, name: str | None, language: str) -> tuple[Ranker | None, tuple[str, ...]]:
        if name is not None:
            known = next((entry for entry in seen.entries if entry.id == name), None)
            return self._of(known or self._models.get(name)), ()
        for entry in seen.entries:
            if worse(entry):
                return self._counting(seen), (words.worse(entry.id, language),)
            if entry.id in seen.broken:
                continue
            try:
                ranker = self._of(entry)
            except ModelError as error:
                seen.broken[entry.id] = error.message
                continue
            return ranker, tuple(words.unreadable(lost, why, entry.id, language) for lost, why in seen.broken.items())
        instead = "计数" if language == "zh" else "counting"
        notes = (words.unreadable(lost, why, instead, language) for lost, why in seen.broken.items())
        return self._counting(seen), tuple(notes)

    def _of(self, entry: Registered) -> Ranker:
        ranker = self._kept(entry.id)
        if ranker is None:
            with self._reading:  # whoever asks for a model that is in memory does not wait for this
                ranker = self._kept(entry.id)
                if ranker is None:
                    model = self._load(entry.folder)
                    ranker = Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version=entry.id)
                    self._keep(ranker, entry.id)
        return ranker

    def _kept(self, name: str) -> Ranker | None:
        with self._shelf:
            ranker = self._rankers.pop(name, None)
            if ranker is not None:
                self._rankers[name] = ranker  # the latest asked for is the last to go
            return ranker

    def _keep(self, ranker: Ranker, name: str) -> None:
        with self._shelf:
            self._rankers[name] = ranker
            gone = [self._rankers.pop(old) for old in list(self._rankers)[:-KEPT]]
        for old in gone:
            self._forget(old)

    def _forget(self, ranker: Ranker) -> None:
        shops = self._seen.shops if self._seen else {}
        for key, (of, _) in list(shops.items()):
            if of is ranker:
                shops.pop(key, None)

    def _counting(self, seen: _Seen) -> Ranker | None:
        for ranker, _ in list(seen.shops.values()):
            if ranker is not None and ranker.version is None:
                return ranker
        return Ranker.counting(seen.plain.log, seen.plain.target)


def _warm(shop: Shop) -> None:
    """Do now what the first questions would wait for: read the model, look things up, answer somebody."""
    shop.warm()
    warm = getattr(shop.ranker.scorer, "warm", None) if shop.ranker else None
    if warm is not None:
        warm()
    known = [Ask(customer=shop.log.customers.id(0))] if len(shop.log) else []
    recommend(shop, [Ask(), *known], n=1)


def worse(entry: Registered) -> bool:
    """Whether the last evaluation found the model worse than its best baseline, the whole interval below zero."""
    return bool((entry.evaluation or {}).get("verdict", {}).get("outcome") == "worse")


def unproven(entry: Registered) -> set[int]:
    """The horizons, in days, whose chances the last evaluation did not find better than a simple rule."""
    found = (entry.evaluation or {}).get("propensity", ())
    return {horizon["days"] for horizon in found if horizon["verdict"]["outcome"] not in ("better", "alone")}


def _with(seen: _Seen, ranker: Ranker | None, language: str) -> Shop:
    """The shop with this ranker; what any of the shops has worked out, all of them know."""
    key = (id(ranker), language)
    kept = seen.shops.get(key)
    if kept is None:
        kept = seen.shops[key] = ranker, replace(seen.plain, ranker=ranker, language=language)
        for old in list(seen.shops)[: -2 * KEPT]:
            seen.shops.pop(old, None)
    shop = kept[1]
    for _, other in list(seen.shops.values()):
        if other is not shop:
            vars(shop).update(_worked_out(other))
    return shop


def _worked_out(shop: Shop) -> dict[str, Any]:
    """What was computed of a shop: none of it depends on the ranker or the language."""
    return {name: value for name, value in list(vars(shop).items()) if name not in Shop.__dataclass_fields__}

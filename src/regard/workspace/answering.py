"""Answering: the shop as insight wants it, with the best model that can be read; kept until the store changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any

from regard.errors import ModelError
from regard.insight import words
from regard.insight.ranker import Model, Ranker
from regard.insight.shop import Shop
from regard.workspace.data import Data
from regard.workspace.models import Models, Registered

Load = Callable[[Path], Model]
"""Reads a model's folder; `regard.model.runtime.load` unless a test says otherwise."""


@dataclass(kw_only=True, eq=False)
class Built:
    """A shop, and what it was built of.

    Args:
        version: of the store. models: the registry, the newest first. shop: as it was asked last: what it has computed is
            kept by the next, which may have another ranker or language.
    """

    version: int
    models: tuple[Registered, ...]
    shop: Shop


class Answering:
    """Builds the Shop that answers, and says what a reader should know about it.

    Args:
        data: the events. models: the registry. load: reads a model's folder.
    """

    def __init__(self, data: Data, models: Models, load: Load) -> None:
        self._data, self._models, self._load = data, models, load
        self._built: Built | None = None
        self._held = False
        self._building = RLock()
        self._rankers: dict[str, Ranker] = {}

    def hold(self) -> None:
        """From here on answers come from what `refresh` found, whatever happens to the store."""
        self.refresh()
        self._held = True

    def let_go(self) -> None:
        """From here on every question looks for a newer version."""
        self._held = False

    def refresh(self) -> None:
        """Read the store and the models anew where they have moved on; questions are answered from the old ones meanwhile."""
        with self._building:
            built = self._anew()
            self._shop(built, None, self._data.config.language)  # a model is read now, and not by the first who asks
            self._built = built

    def shop(self, *, model: str | None = None, language: str | None = None) -> tuple[Shop, tuple[str, ...]]:
        """The shop with a ranker, and notes for whoever reads its answers.

        Args:
            model: id of a model that must be used; None = the newest readable one; counting where it was found better,
                or where none can be read.
            language: 'en' or 'zh', of reasons; None = the workspace's.

        Raises:
            ModelError: the named model is missing or damaged.
        """
        built = self._built
        if built is None or not self._held:
            with self._building:
                built = self._built = self._anew()
        return self._shop(built, model, language or self._data.config.language)

    def _anew(self) -> Built:
        """What is there now; the shop of before where the store has not moved."""
        models, built = tuple(self._models.all()), self._built
        if built is not None and built.version == self._data.version:
            return replace(built, models=models)
        while True:
            version = self._data.version
            shop = self._plain(version)
            if version == self._data.version:  # else the log may be of either, and the tail would hide or double events
                return Built(version=version, models=models, shop=shop)

    def _shop(self, built: Built, model: str | None, language: str) -> tuple[Shop, tuple[str, ...]]:
        shop = built.shop
        ranker, notes = self._ranker(built, model, language)
        if shop.ranker is not ranker or shop.language != language:
            shop = built.shop = replace_keeping(shop, ranker=ranker, language=language)
        return shop, notes

    def _plain(self, version: int) -> Shop:
        log = self._data.log()
        return Shop.of(
            log,
            target=self._data.target(log),
            content_of=self._data.content,
            table=self._data.items(),
            language=self._data.config.language,
            arrived=self._data.arrived(version),
        )

    def _ranker(self, built: Built, name: str | None, language: str) -> tuple[Ranker | None, tuple[str, ...]]:
        if name is not None:
            known = next((entry for entry in built.models if entry.id == name), None)
            return self._of(known or self._models.get(name)), ()
        broken: list[tuple[str, str]] = []
        for entry in built.models:
            if worse(entry):
                return self._counting(built.shop), (words.worse(entry.id, language),)
            try:
                ranker = self._of(entry)
            except ModelError as error:
                broken.append((entry.id, error.message))
                continue
            return ranker, tuple(words.unreadable(lost, why, entry.id, language) for lost, why in broken)
        instead = "计数" if language == "zh" else "counting"
        return self._counting(built.shop), tuple(words.unreadable(lost, why, instead, language) for lost, why in broken)

    def _of(self, entry: Registered) -> Ranker:
        ranker = self._rankers.get(entry.id)
        if ranker is None:
            model = self._load(entry.folder)
            ranker = Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version=entry.id)
            self._rankers[entry.id] = ranker
        return ranker

    def _counting(self, shop: Shop) -> Ranker | None:
        if shop.ranker is not None and shop.ranker.version is None:
            return shop.ranker
        return Ranker.counting(shop.log, shop.target)


def worse(entry: Registered) -> bool:
    """Whether the last evaluation found the model worse than its best baseline, the whole interval below zero."""
    return bool((entry.evaluation or {}).get("verdict", {}).get("outcome") == "worse")


def unproven(entry: Registered) -> set[int]:
    """The horizons, in days, whose chances the last evaluation did not find better than a simple rule."""
    found = (entry.evaluation or {}).get("propensity", ())
    return {horizon["days"] for horizon in found if horizon["verdict"]["outcome"] not in ("better", "alone")}


def replace_keeping(shop: Shop, **changes: Any) -> Shop:
    """A changed shop that keeps what was computed already: none of it depends on the ranker or the language."""
    changed = replace(shop, **changes)
    kept = {name: value for name, value in vars(shop).items() if name not in Shop.__dataclass_fields__}
    vars(changed).update(kept)
    return changed

"""Answering: the shop as insight wants it, with the best model that can be read; kept until the store changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from regard.errors import ModelError
from regard.insight import words
from regard.insight.ranker import Model, Ranker
from regard.insight.shop import Shop
from regard.workspace.data import Data
from regard.workspace.models import Models, Registered

Load = Callable[[Path], Model]
"""Reads a model's folder; `regard.model.runtime.load` unless a test says otherwise."""


class Answering:
    """Builds the Shop that answers, and says what a reader should know about it.

    Args:
        data: the events. models: the registry. load: reads a model's folder.
    """

    def __init__(self, data: Data, models: Models, load: Load) -> None:
        self._data, self._models, self._load = data, models, load
        self._built: tuple[object, Shop] | None = None
        self._loaded: dict[str, Model] = {}

    def shop(self, *, model: str | None = None, language: str | None = None) -> tuple[Shop, tuple[str, ...]]:
        """The shop with a ranker, and notes for whoever reads its answers.

        Args:
            model: id of a model that must be used; None = the newest readable one; counting where it was found better,
                or where none can be read.
            language: 'en' or 'zh', of reasons; None = the workspace's.

        Raises:
            ModelError: the named model is missing or damaged.
        """
        version = self._data.version
        if self._built is None or self._built[0] != version:
            self._built = (version, self._plain())
        shop = self._built[1]
        language = language or self._data.config.language
        ranker, notes = self._ranker(shop, model, language)
        if shop.ranker is not ranker:
            shop = replace_keeping(shop, ranker=ranker)
            self._built = (version, shop)
        return (shop if shop.language == language else replace_keeping(shop, language=language)), notes

    def _plain(self) -> Shop:
        log = self._data.log()
        return Shop.of(
            log,
            target=self._data.target(log),
            content_of=self._data.content,
            table=self._data.items(),
            language=self._data.config.language,
        )

    def _ranker(self, shop: Shop, name: str | None, language: str) -> tuple[Ranker | None, tuple[str, ...]]:
        if name is not None:
            return self._of(self._models.get(name)), ()
        broken: list[tuple[str, str]] = []
        for entry in self._models.all():
            if worse(entry):
                return self._counting(shop), (words.worse(entry.id, language),)
            try:
                ranker = self._of(entry)
            except ModelError as error:
                broken.append((entry.id, error.message))
                continue
            return ranker, tuple(words.unreadable(lost, why, entry.id, language) for lost, why in broken)
        instead = "计数" if language == "zh" else "counting"
        return self._counting(shop), tuple(words.unreadable(lost, why, instead, language) for lost, why in broken)

    def _of(self, entry: Registered) -> Ranker:
        model = self._loaded.get(entry.id)
        if model is None:
            model = self._loaded[entry.id] = self._load(entry.folder)
        return Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version=entry.id)

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

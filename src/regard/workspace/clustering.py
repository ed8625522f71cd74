"""Clustering: the fit of the clusters that holds now, found anew where the store or the model has changed since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from regard.customers import segments as room
from regard.customers.segments import Change, Name, NoClustersError, Refit, Segments
from regard.customers.segments.card import spent
from regard.customers.segments.keeping import Fit, read
from regard.insight.answer import Plain
from regard.workspace.crowd import Crowd
from regard.workspace.segment_registry import Entry, Registry


@dataclass(frozen=True, kw_only=True)
class FitReport(Plain):
    """One fit of the clusters.

    Args:
        fit: number, from 1. at: when, ISO 8601 UTC. model: id of the model.
        renewed: whether clusters found afresh took over; None for a first fit.
        stayed: share of the customers without a new event who kept their segment; None where nobody was there before.
        changes: what became of the segments before.
    """

    fit: int
    at: str
    model: str
    renewed: bool | None
    stayed: float | None
    changes: tuple[Change, ...]


class Clustering:
    """The clusters of one workspace.

    Args: folder: the workspace.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._registry = folder, Registry(folder)
        self._held: tuple[Path, Fit] | None = None

    def reports(self) -> tuple[FitReport, ...]:
        """All fits, the newest first."""
        return tuple(_fit_report(entry) for entry in self._registry.fits())

    def tried(self, seen: Crowd, language: str) -> tuple[Fit | None, list[str]]:
        """The clusters, or why there are none."""
        if seen.ranker is None:
            return None, [_no_model(self._folder, language)]
        try:
            return self.fit(seen), []
        except NoClustersError as error:
            return None, [error.told(language)]

    def fit(self, seen: Crowd) -> Fit:
        """The fit that holds now: the one kept, or a new one where the store or the model has changed since.

        Raises:
            NoClustersError: there are too few customers, or all look alike. ModelError: the fit that is kept cannot be read.
        """
        model = str(seen.version_of_model)
        entries = self._registry.fits()
        former = self._kept(entries[0].folder) if entries and entries[0].folder.is_dir() else None
        if former is not None and (entries[0].model, entries[0].version) == (model, seen.version):
            return former
        number = int(entries[0].report["number"]) if entries else 0
        segments, change = _sought(seen, number) if former is None else _refitted(seen, former)
        fit = Fit(segments=segments, events=seen.log.lengths, names=_named(seen, segments, former), refit=change)
        self._registry.add(fit, model=model, version=seen.version, report=_report(fit))
        return fit

    def _kept(self, folder: Path) -> Fit:
        """What lies in a folder, which is written once and never changed; read once."""
        if self._held is None or self._held[0] != folder:
            self._held = folder, read(folder)
        return self._held[1]


def _sought(seen: Crowd, number: int) -> tuple[Segments, None]:
    return room.found(replace(seen.people, states=seen.states), number=number), None


def _refitted(seen: Crowd, former: Fit) -> tuple[Segments, Refit]:
    people = replace(seen.people, states=seen.states)
    before = former.segments.customers.codes(people.customers.ids.to_pylist())
    unchanged = (before >= 0) & (np.append(former.events, -1)[before] == seen.log.lengths)
    change = room.refit(former.segments, people, unchanged=unchanged)
    return change.segments, change


def _named(seen: Crowd, segments: Segments, former: Fit | None) -> tuple[Name, ...]:
    """A segment that was there before keeps its name."""
    old = {} if former is None else dict(zip(former.segments.ids, former.names, strict=True))
    called = room.names(
        seen.traits, segments.label, len(segments), spending=spent(seen.people.value, segments.label, len(segments)),
        kept={place: old[id] for place, id in enumerate(segments.ids) if id in old},
    )  # fmt: skip
    return tuple(called)


def _no_model(folder: Path, language: str) -> str:
    if language == "zh":
        return f"聚类客群需要先训练模型：regard train {folder}"
    return f"clusters need a trained model: regard train {folder}"


def _report(fit: Fit) -> dict[str, Any]:
    """What is logged of a fit for good."""
    change = fit.refit
    return {
        "number": fit.segments.number,
        "renewed": None if change is None else change.renewed,
        "stayed": None if change is None or np.isnan(change.stayed) else round(change.stayed, 6),
        "changes": [] if change is None else [one.to_json() for one in change.log],
    }


def _fit_report(entry: Entry) -> FitReport:
    told: Mapping[str, Any] = entry.report
    return FitReport(
        fit=entry.fit, at=entry.at, model=entry.model, renewed=told["renewed"], stayed=told["stayed"],
        changes=tuple(
            Change(kind=one["kind"], before=tuple(one["before"]), after=tuple(one["after"]), jaccard=one["jaccard"])
            for one in told["changes"]
        ),
    )  # fmt: skip

"""Segmenting: a workspace's clusters, RFM grid and rules as cards; their members and lookalikes as files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.customers import segments as room
from regard.customers.segments import Card, Cell, Change, Lookalike, Moves, Name, People, Refit, Rule, Traits
from regard.customers.segments import rules as ruling
from regard.customers.segments.card import reasons, spent
from regard.customers.segments.keeping import Fit, read
from regard.customers.segments.moves import NOWHERE
from regard.customers.segments.rfm import CELLS
from regard.customers.segments.timelines import teller
from regard.errors import InputError, ModelError, UsageError
from regard.events.store import Store
from regard.insight.answer import Plain
from regard.workspace import audience
from regard.workspace.answering import Load
from regard.workspace.crowd import Crowd, crowd
from regard.workspace.data import Data
from regard.workspace.models import Models
from regard.workspace.segment_registry import Entry, Registry, Saved

CELL_FIELDS = ("days_since_last_order", "orders", "spend")
"""What puts a customer into a cell of the RFM grid."""

NAME_MOST = 80
"""Letters of a saved rule's name; a longer one is no name."""

UNNAMED = "rule"
"""Id of a rule that is asked for and not saved."""


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


@dataclass(frozen=True, kw_only=True)
class SegmentReport(Plain):
    """The segments of a shop.

    Args:
        customers: who were looked at. as_of: the day up to which, ISO 8601; None without a clock.
        model_version: id of the model whose states were clustered; None where there is none.
        segments: clusters, the largest first. others: customers in none of them; None where there are no clusters.
        rfm: cells of the RFM grid. rules: those saved, or the one asked for.
        fits: all fits of the clusters, the newest first. notes: what the reader should know, one line each.
    """

    customers: int
    as_of: str | None
    model_version: str | None
    segments: tuple[Card, ...]
    others: int | None
    rfm: tuple[Cell, ...]
    rules: tuple[Card, ...]
    fits: tuple[FitReport, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MembersFile(Plain):
    """Args: path: the file. segment: id. customers: rows written."""

    path: str
    segment: str
    customers: int


class Finding(TypedDict, total=False):
    """What can be said with `Segmenting.lookalike`; explained there."""

    out: str | Path | None
    known_only: bool
    language: str | None


class Segmenting:
    """Answers about the segments of one workspace.

    Args:
        store: the events. data: the same as arrays. models: the registry of models. load: reads a model's folder.
    """

    def __init__(self, store: Store, data: Data, models: Models, load: Load) -> None:
        self._store, self._data, self._models, self._load = store, data, models, load
        self._registry = Registry(store.folder)
        self._seen: tuple[object, Crowd] | None = None

    def report(self, rule: str | None = None, *, save: str | None = None, language: str | None = None) -> SegmentReport:
        """Clusters, cells and saved rules; or who meets one rule, and what they have more of than others.

        Clusters are fitted or refitted where the store or the model has changed since.

        Args:
            rule: see `regard.events.filter`, over the fields of `attributes` and `segment`. save: name to keep it under.

        Raises:
            InputError: there is nobody to look at.
            UsageError: it is no rule, has an unknown field or a value of another type, or nobody meets it; or the name
                is none.
        """
        language = language or self._data.config.language
        if rule is not None:
            return self._rule(Rule.of(UNNAMED if save is None else _name(save), rule), language)
        if save is not None:
            raise UsageError("only a rule can be saved", hint="--rule 'orders > 5' --save NAME")
        seen = self._crowd()
        fit, notes = self._tried(seen, language)
        people, told = _with_segment(seen.people, fit), teller(seen.log, self._titles())
        made: list[Card] = []
        for saved in self._registry.rules():
            try:
                made += _saved_card(saved, people, seen.traits, language, told=told)
            except UsageError as error:
                notes.append(f"{saved.name}: {error}")
        return SegmentReport(
            customers=len(people),
            as_of=seen.as_of,
            model_version=seen.version_of_model,
            segments=() if fit is None else _clusters(fit, people, seen.traits, language, told=told),
            others=None if fit is None else int((fit.segments.label < 0).sum()),
            rfm=room.cells(people.profile.column("rfm").to_pylist(), people, language),
            rules=tuple(made),
            fits=tuple(_fit_report(entry) for entry in self._registry.fits()),
            notes=(*seen.notes, *notes),
        )

    def _rule(self, rule: Rule, language: str) -> SegmentReport:
        seen = self._crowd()
        clustered = "segment" in rule.fields and seen.ranker is not None
        people = _with_segment(seen.people, self._fit(seen) if clustered else None)
        met = room.some(rule, people)
        if rule.id != UNNAMED:
            self._registry.save(rule.id, rule.text, people.customers.names(np.flatnonzero(met)))
        return SegmentReport(
            customers=len(people), as_of=seen.as_of, model_version=seen.version_of_model, segments=(), others=None,
            rfm=(), rules=_rule_card(rule, met, people, seen.traits, language), fits=(), notes=seen.notes,
        )  # fmt: skip

    def _tried(self, seen: Crowd, language: str) -> tuple[Fit | None, list[str]]:
        """The clusters, or why there are none."""
        if seen.ranker is None:
            return None, [_no_model(self._store.folder, language)]
        try:
            return self._fit(seen), []
        except UsageError as error:
            return None, [str(error)]

    def members(self, id: str, path: str | Path, *, language: str | None = None) -> MembersFile:
        """Write the members of a cluster, a saved rule or an RFM cell with the reasons for each.

        Raises:
            UsageError: there is no such segment, or nobody is in it.
            WorkspaceError: the file cannot be written.
        """
        seen, language = self._crowd(), language or self._data.config.language
        rows, said = self._members(seen, id, language)
        if not len(rows):
            raise UsageError(f"nobody is in segment '{id}'", hint=f"regard segments {self._store.folder}")
        ids, between = seen.people.customers.names(rows), "；" if language == "zh" else "; "
        lines = ((name, id, between.join(why)) for name, why in zip(ids, said, strict=True))
        count = audience.write(Path(path), ("customer", "segment", "reasons"), lines)
        return MembersFile(path=str(path), segment=id, customers=count)

    def lookalike(self, seed: str | Path | Iterable[object], n: int = 1000, **how: Unpack[Finding]) -> Lookalike:
        """The n customers most like a seed audience.

        Args:
            seed: a file (see `audience.seed`), or ids. out: CSV file that they are written to; None = none.
            known_only: go on without those of the seed who are unknown or have not consented.
            language: 'en' or 'zh', of the reasons; None = the workspace's.

        Raises:
            ModelError: there is no model. InputError: somebody of the seed is unknown. ConsentError: somebody has not
                consented. UsageError: as `expand`. WorkspaceError: the file cannot be written.
        """
        out, language = how.get("out"), how.get("language") or self._data.config.language
        seen = self._crowd()
        if seen.ranker is None:
            raise ModelError("a lookalike audience needs a trained model", hint=f"regard train {self._store.folder}")
        if isinstance(seed, str | Path):
            asked = audience.seed(Path(seed))
        else:
            asked = [_id(name) for name in seed]
        if not how.get("known_only"):
            self._all_known(asked, seen)
        like = room.expand(replace(seen.people, states=seen.states), asked, n, traits=seen.traits, language=language)
        if out is not None:
            between = "；" if language == "zh" else "; "
            lines = ((one.customer, round(one.score, 6), between.join(one.reasons)) for one in like.customers)
            audience.write(Path(out), ("customer", "score", "reasons"), lines)
        return like

    def _all_known(self, asked: Sequence[str], seen: Crowd) -> None:
        self._data.must_consent(asked)
        unknown = [name for name in dict.fromkeys(asked) if name not in seen.people.customers]
        if unknown:
            whole = len(dict.fromkeys(asked))
            raise InputError(
                f"{len(unknown):,} of the seed's {whole:,} customers are not known here, such as '{unknown[0][:80]}'",
                hint="mend the list, or --known-only to go on without them",
            )

    def _crowd(self) -> Crowd:
        key = (self._data.version, tuple(entry.id for entry in self._models.all()[:1]))
        if self._seen is None or self._seen[0] != key:
            self._seen = (key, crowd(self._store, self._models, self._data, self._load))
        seen = self._seen[1]
        if not seen.table.num_rows:
            raise InputError("there are no customers to segment", hint=f"regard ingest {self._store.folder} FILE")
        return seen

    def _titles(self) -> dict[str, str]:
        items = self._data.items()
        if "item_name" not in items.column_names:
            return {}
        pairs = zip(items["item"].to_pylist(), items["item_name"].to_pylist(), strict=True)
        return {str(item): str(title) for item, title in pairs if title}

    def _fit(self, seen: Crowd) -> Fit:
        """The fit that holds now: the one kept, or a new one where the store or the model has changed since.

        Raises:
            UsageError: there are too few customers, or all look alike. ModelError: the fit that is kept cannot be read.
        """
        model = str(seen.version_of_model)
        entries = self._registry.fits()
        former = read(entries[0].folder) if entries and entries[0].folder.is_dir() else None
        if former is not None and (entries[0].model, entries[0].version) == (model, seen.version):
            return former
        people = replace(seen.people, states=seen.states)
        events = seen.log.lengths
        if former is None:
            number = int(entries[0].report["number"]) if entries else 0
            segments, change = room.found(people, number=number), None
        else:
            before = former.segments.customers.codes(people.customers.ids.to_pylist())
            unchanged = (before >= 0) & (np.append(former.events, -1)[before] == events)
            change = room.refit(former.segments, people, unchanged=unchanged)
            segments = change.segments
        old = {} if former is None else dict(zip(former.segments.ids, former.names, strict=True))
        called = room.names(
            seen.traits, segments.label, len(segments), spending=spent(people.value, segments.label, len(segments)),
            kept={place: old[id] for place, id in enumerate(segments.ids) if id in old},
        )  # fmt: skip
        fit = Fit(segments=segments, events=events, names=tuple(called), refit=change)
        self._registry.add(fit, model=model, version=seen.version, report=_report(fit))
        return fit

    def _members(self, seen: Crowd, id: str, language: str) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
        """Rows of the members of a segment, int64 [M], and what speaks for each."""
        fit, _ = self._tried(seen, language)
        if fit is not None and id in fit.segments.ids:
            label = fit.segments.label
            place = fit.segments.ids.index(id)
            rows = np.flatnonzero(label == place)
            return rows, reasons(
                seen.traits, rows, room.table(seen.traits, label, len(fit.segments))[place], language=language
            )
        saved = {one.name: one for one in self._registry.rules()}
        people = _with_segment(seen.people, fit)
        if id in saved:
            rule = Rule.of(id, saved[id].rule)
            rows = np.flatnonzero(room.some(rule, people))
            return rows, ruling.reasons(rule.fields, people, rows, language=language)
        if id in CELLS:
            rows = np.flatnonzero(ruling.members(Rule.of(id, f'rfm = "{id}"'), people))
            return rows, ruling.reasons(CELL_FIELDS, people, rows, language=language)
        have = [*(fit.segments.ids if fit else ()), *saved, *CELLS]
        raise UsageError(f"no segment '{id[:NAME_MOST]}'", hint=f"there is {', '.join(have[:20])}")


def _id(name: object) -> str:
    """An id as the store keeps it; 17850.0 is 17850."""
    return str(int(name) if isinstance(name, float) and name.is_integer() else name).strip()


def _no_model(folder: Path, language: str) -> str:
    if language == "zh":
        return f"聚类客群需要先训练模型：regard train {folder}"
    return f"clusters need a trained model: regard train {folder}"


def _name(name: str) -> str:
    """The name of a saved rule.

    Raises:
        UsageError: it is empty, long, not to be printed, or taken by a cluster or a cell.
    """
    told = name.strip()
    if not told or len(told) > NAME_MOST or not told.isprintable():
        raise UsageError("a segment's name is one line of 1 to 80 letters", hint='--save "gold at risk"')
    if re.fullmatch(r"s\d+", told) or told in (UNNAMED, *CELLS):
        raise UsageError(f"'{told}' is the id of a cluster or an RFM cell", hint="save the rule under another name")
    return told


def _with_segment(people: People, fit: Fit | None) -> People:
    """The customers with the field `segment`: the id of their cluster."""
    if fit is None or "segment" in people.profile.column_names:
        return people
    column = pa.array(fit.segments.of(people.customers.ids.to_pylist()), pa.string())
    return replace(people, profile=people.profile.append_column("segment", column))


def _clusters(fit: Fit, people: People, traits: Traits, language: str, **how: Any) -> tuple[Card, ...]:
    segments = fit.segments
    made = room.cards(
        people, segments.label, segments.ids, traits=traits, called=fit.names, stability=segments.stability,
        moves=None if fit.refit is None else fit.refit.moves, language=language, **how,
    )  # fmt: skip
    return tuple(sorted(made, key=lambda card: -card.size))


def _rule_card(
    rule: Rule, met: NDArray[np.bool_], people: People, traits: Traits, language: str, **how: Any
) -> tuple[Card, ...]:
    label, name = np.where(met, 0, NOWHERE), rule.id if rule.id != UNNAMED else rule.text
    called = (Name(en=name, zh=name, words=()),)
    return room.cards(
        people, label, [rule.id], traits=traits, called=called, rules=[rule.text], language=language, **how
    )


def _saved_card(saved: Saved, people: People, traits: Traits, language: str, **how: Any) -> tuple[Card, ...]:
    """A saved rule as it is met today, beside who met it when it was saved."""
    rule = Rule.of(saved.name, saved.rule)
    met = ruling.members(rule, people)
    was = np.full(len(people), NOWHERE)
    codes = people.customers.codes(saved.members)
    was[codes[codes >= 0]] = 0
    moves = Moves.of([rule.id], [rule.id], was, np.where(met, 0, NOWHERE))
    return _rule_card(rule, met, people, traits, language, moves=moves, **how)


def _report(fit: Fit) -> dict[str, Any]:
    """What is logged of a fit for good."""
    change: Refit | None = fit.refit
    return {
        "number": fit.segments.number,
        "renewed": None if change is None else change.renewed,
        "stayed": None if change is None or np.isnan(change.stayed) else round(change.stayed, 6),
        "changes": [] if change is None else [one.to_json() for one in change.log],
    }


def _fit_report(entry: Entry) -> FitReport:
    told = entry.report
    return FitReport(
        fit=entry.fit, at=entry.at, model=entry.model, renewed=told["renewed"], stayed=told["stayed"],
        changes=tuple(
            Change(kind=one["kind"], before=tuple(one["before"]), after=tuple(one["after"]), jaccard=one["jaccard"])
            for one in told["changes"]
        ),
    )  # fmt: skip

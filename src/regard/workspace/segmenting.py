"""Segmenting: a workspace's clusters, RFM grid and rules as cards; their members as files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regard.customers import segments as room
from regard.customers.segments import Card, Cell, Lookalike, Moves, Name, People, Rule, Traits
from regard.customers.segments import rules as ruling
from regard.customers.segments.card import reasons
from regard.customers.segments.keeping import Fit
from regard.customers.segments.moves import NOWHERE
from regard.customers.segments.rfm import CELLS
from regard.customers.segments.timelines import teller
from regard.errors import InputError, UsageError
from regard.events.names import id_of
from regard.events.store import Store
from regard.insight.answer import Plain
from regard.workspace import audience
from regard.workspace.answering import Load
from regard.workspace.clustering import Clustering, FitReport
from regard.workspace.crowd import Crowd, crowd
from regard.workspace.data import Data
from regard.workspace.lookalikes import Finding, lookalike
from regard.workspace.models import Models
from regard.workspace.roster import CELL_FIELDS, SEGMENT, Belonging, Overlap, Roster, with_segment
from regard.workspace.segment_registry import Registry, Saved

NAME_MOST = 80
"""Letters of a saved rule's name; a longer one is no name."""

UNNAMED = "rule"
"""Id of a rule that is asked for and not saved."""


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


@dataclass(frozen=True, kw_only=True)
class Belongs:
    """Args: customer: id. reasons: why they are in the segment, one line each."""

    customer: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Page(Plain):
    """Args: segment: id. size: how many are in it. members: some of them."""

    segment: str
    size: int
    members: tuple[Belongs, ...]


class Segmenting:
    """Answers about the segments of one workspace.

    Args:
        store: the events. data: the same as arrays. models: the registry of models. load: reads a model's folder.
    """

    def __init__(self, store: Store, data: Data, models: Models, load: Load) -> None:
        self._store, self._data, self._models, self._load = store, data, models, load
        self._registry, self._clustering = Registry(store.folder), Clustering(store.folder)
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
        fit, notes = self._clustering.tried(seen, language)
        people, told = with_segment(seen.people, fit), teller(seen.log, self._titles())
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
            fits=self._clustering.reports(),
            notes=(*seen.notes, *notes),
        )

    def _rule(self, rule: Rule, language: str) -> SegmentReport:
        seen = self._crowd()
        clustered = SEGMENT in rule.fields and seen.ranker is not None
        people = with_segment(seen.people, self._clustering.fit(seen) if clustered else None)
        met = room.some(rule, people)
        if rule.id != UNNAMED:
            self._registry.save(rule.id, rule.text, people.customers.names(np.flatnonzero(met)))
        return SegmentReport(
            customers=len(people), as_of=seen.as_of, model_version=seen.version_of_model, segments=(), others=None,
            rfm=(), rules=_rule_card(rule, met, people, seen.traits, language), fits=(), notes=seen.notes,
        )  # fmt: skip

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
        ids = seen.people.customers.names(rows)
        lines = ((name, id, audience.joined(why, language)) for name, why in zip(ids, said, strict=True))
        count = audience.write(Path(path), ("customer", "segment", "reasons"), lines)
        return MembersFile(path=str(path), segment=id, customers=count)

    def of(self, customer: str | int) -> Belonging:
        """The segments of one customer.

        Raises:
            ConsentError: the customer has not consented. InputError: nobody has that id.
        """
        name = id_of(customer)
        self._data.must_consent([name])
        seen = self._crowd()
        row = seen.people.customers.code(name)
        if row < 0:
            near = f"ids here look like '{seen.people.customers.id(0)}'"
            raise InputError(f"no customer '{name[:NAME_MOST]}'", hint=near)
        return self._roster(seen).of(row)

    def overlap(self, first: str, second: str) -> Overlap:
        """How many customers two segments share.

        Raises:
            UsageError: there is no such segment.
        """
        return self._roster(self._crowd()).overlap(first, second)

    def lookalike(self, seed: str | Path | Iterable[object], n: int = 1000, **how: Unpack[Finding]) -> Lookalike:
        """The n customers most like a seed audience; see `lookalikes.lookalike`."""
        return lookalike(self._crowd(), self._data, self._store.folder, seed, n, **how)

    def _crowd(self) -> Crowd:
        key = (self._data.version, tuple(entry.id for entry in self._models.in_order()[:1]))
        if self._seen is None or self._seen[0] != key:
            self._seen = (key, crowd(self._store, self._models, self._data, self._load))
        seen = self._seen[1]
        gone = [name for name in self._data.withdrawn(seen.version) if name in seen.people.customers]
        if gone:
            keep = pc.invert(pc.is_in(seen.table.column("customer"), pa.array(gone, pa.string())))
            seen = replace(seen, table=seen.table.filter(keep))
            self._seen = (key, seen)
        if not seen.table.num_rows:
            raise InputError("there are no customers to segment", hint=f"regard ingest {self._store.folder} FILE")
        return seen

    def _titles(self) -> dict[str, str]:
        items = self._data.items()
        if "item_name" not in items.column_names:
            return {}
        pairs = zip(items["item"].to_pylist(), items["item_name"].to_pylist(), strict=True)
        return {str(item): str(title) for item, title in pairs if title}

    def roster(self, language: str | None = None) -> tuple[Crowd, Roster]:
        """Everybody, and who is in which segment. language: of its notes; None = the workspace's.

        Raises:
            InputError: there is nobody to look at.
        """
        seen = self._crowd()
        return seen, self._roster(seen, language)

    def _roster(self, seen: Crowd, language: str | None = None) -> Roster:
        rules = {one.name: one for one in self._registry.rules(members=False)}
        said = language or self._data.config.language
        return Roster(seen.people, lambda: self._clustering.tried(seen, said), rules)

    def page(self, id: str, first: int, n: int, *, language: str | None = None) -> Page:
        """Some members of a cluster, a saved rule or an RFM cell, in the order of their ids in the store.

        Args: id: of the segment. first: members to leave out. n: members of a page.

        Raises:
            UsageError: there is no such segment.
        """
        seen, language = self._crowd(), language or self._data.config.language
        some = slice(first, first + n)
        rows, said = self._members(seen, id, language, some)
        members = zip(seen.people.customers.names(rows), said, strict=True)
        size = int(np.count_nonzero(self._roster(seen).members(id)))
        return Page(segment=id, size=size, members=tuple(Belongs(customer=name, reasons=why) for name, why in members))

    def meeting(self, rule: str, n: int) -> tuple[int, list[str]]:
        """How many customers meet a rule, and the ids of the first n.

        Raises:
            UsageError: it is no rule, has an unknown field or a value of another type.
        """
        seen = self._crowd()
        asked = Rule.of(UNNAMED, rule)
        met = np.flatnonzero(room.members(asked, self._roster(seen).asked(asked)))
        return len(met), seen.people.customers.names(met[:n])

    def _members(
        self, seen: Crowd, id: str, language: str, some: slice = slice(None)
    ) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
        """Rows of some members of a segment, int64 [M], and what speaks for each."""
        roster = self._roster(seen)
        rows, rule = np.flatnonzero(roster.members(id))[some], roster.rule(id)
        if rule is not None:
            fields = CELL_FIELDS if id in CELLS else rule.fields
            return rows, ruling.reasons(fields, roster.asked(rule), rows, language=language)
        place, fit = roster.place(id), roster.fit
        assert fit is not None
        tables = room.table(seen.traits, fit.segments.label, len(fit.segments))
        return rows, reasons(seen.traits, rows, tables[place], language=language)


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
        people,
        label,
        [rule.id],
        traits=traits,
        called=called,
        rules=[rule.text],
        but=rule.fields,
        language=language,
        **how,
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

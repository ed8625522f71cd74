"""Crowd: everybody of a workspace who can be segmented, and what is known of each; kept in cache/ until something changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from regard.customers.profile import FIELDS, Base
from regard.customers.profile import table as profiles
from regard.customers.profile.batch import blocks
from regard.customers.segments import People, Traits, attributes, interests
from regard.customers.segments.attributes import AHEAD, Forecaster, compared
from regard.errors import ModelError
from regard.events.engine import cache_of
from regard.events.store import Store
from regard.insight import words
from regard.insight.ranker import Model, Ranker
from regard.insight.shop import Shop
from regard.model.runtime.horizon import Outlook
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.split import midnight
from regard.sequences.vocabulary import Vocabulary
from regard.workspace.answering import Load
from regard.workspace.data import Data
from regard.workspace.models import Models

FORMAT = 4
"""Raised when a column changes its meaning; older files are then made anew."""

_WORDS, _TOLD = "words of items", b"regard"


@runtime_checkable
class Encoder(Model, Protocol):
    """A model that also hands out its states; `model.runtime.Runtime` is one."""

    @property
    def horizon(self) -> Forecaster | None:
        """Orders, churn and spend over any horizon."""

    def states(self, queries: Log, asof: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [Q, D], the encoder's state after each history."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Crowd:
    """N customers as of the end of the log; bot-like ones and whoever has not consented are not among them.

    Args:
        data: the events. version: of the store. ranker: the newest readable model, None where there is none.
        table: one row a customer: their attributes, and the codes of their words.
        word_names: of those codes. as_of: ISO 8601, the day up to which the log was read; None without a clock.
        notes: what the reader should know, one line each.
    """

    data: Data
    version: int
    ranker: Ranker | None
    table: pa.Table
    word_names: tuple[str, ...]
    as_of: str | None
    notes: tuple[str, ...]

    @property
    def version_of_model(self) -> str | None:
        """Its id, None where there is none."""
        return self.ranker.version if self.ranker else None

    @cached_property
    def people(self) -> People:
        """The customers with their words, money and attributes, without states."""
        lists = self.table.column(_WORDS).combine_chunks()
        offsets = np.asarray(lists.offsets.to_numpy(), dtype=np.int64)
        return People.of(
            Vocabulary(self.table.column("customer").combine_chunks()),
            words=Ragged(offsets - offsets[0], np.asarray(lists.flatten().to_numpy(), dtype=np.int64)),
            word_names=self.word_names,
            value=self.table.column("spend").to_numpy().astype(np.float64),
            profile=self.table.drop_columns([_WORDS]),
        )

    @cached_property
    def traits(self) -> Traits:
        """What tables compare."""
        return Traits.of(replace(self.people, profile=compared(self.people.profile)))

    @cached_property
    def log(self) -> Log:
        """Their events."""
        return _present(self.data)

    @cached_property
    def states(self) -> NDArray[np.float32]:
        """float32 [N, D], where the encoder sees each; D = 0 without a model."""
        if self.ranker is None or not isinstance(self.ranker.scorer, Encoder):
            return np.zeros((len(self.log), 0), dtype=np.float32)
        return self.ranker.scorer.states(self.ranker.aligned(self.log), moments(self.log))


def crowd(store: Store, models: Models, data: Data, load: Load) -> Crowd:
    """Look at everybody, or read what was seen the last time where nothing has changed since.

    Args: store: the events. models: the registry. data: the events as arrays. load: reads a model's folder.
    """
    version = data.version
    ranker, notes = _newest(models, load, data.config.language)
    model = (ranker.version if ranker else None) or "none"
    told = hashlib.sha256(repr((FORMAT, data.config)).encode()).hexdigest()[:12]
    path = cache_of(store.folder) / f"crowd-{version}-{model}-{told}.parquet"
    table = _read(path)
    if table is None:
        table = _look(data, store.customers(), ranker)
        _write(table, path)
    beside = json.loads(table.schema.metadata[_TOLD])
    return Crowd(
        data=data, version=version, ranker=ranker, table=table, word_names=tuple(beside["words"]),
        as_of=beside["as_of"], notes=notes,
    )  # fmt: skip


def _newest(models: Models, load: Load, language: str) -> tuple[Ranker | None, tuple[str, ...]]:
    """The model in service, or the newest that can be read and has states, and what to say of those that cannot be read."""
    broken: list[tuple[str, str]] = []
    for entry in models.in_order():
        try:
            model = load(entry.folder)
        except ModelError as error:
            broken.append((entry.id, error.message))
            continue
        if isinstance(model, Encoder):
            notes = tuple(words.unreadable(lost, why, entry.id, language) for lost, why in broken)
            return Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version=entry.id), notes
    instead = "计数" if language == "zh" else "counting"
    return None, tuple(words.unreadable(lost, why, instead, language) for lost, why in broken)


def _present(data: Data) -> Log:
    log = data.people()
    return log if (log.lengths > 0).all() else log.take(np.flatnonzero(log.lengths))


def moments(log: Log) -> NDArray[np.int64]:
    """int64 [N], the midnight that ends the log, as models are fitted; the place of each last event without a clock."""
    if log.clock == "clock" and log.events:
        return np.full(len(log), midnight(int(log.time.max()), log.time_zone, 1), dtype=np.int64)
    return log.time[log.offsets[1:] - 1].astype(np.int64)


def _look(data: Data, declared: pa.Table, ranker: Ranker | None) -> pa.Table:
    log = _present(data)
    asof, target, timed = moments(log), data.target(log), log.clock == "clock" and log.events > 0
    outlook: Outlook | None = None
    intent: dict[int, NDArray[Any]] = {}
    if timed and ranker is not None and isinstance(ranker.scorer, Encoder):
        within, ahead = (np.array(days, dtype=np.float64) for days in (data.config.horizons, AHEAD))
        if ranker.horizon is None:
            chances: NDArray[Any] = ranker.propensity(log, asof, within)
        else:
            facts = ranker.horizon.facts(log, asof)
            chances, outlook = ranker.horizon.chances(facts, within), ranker.horizon.outlook(facts, ahead)
        intent = {int(ahead): chances[:, place] for place, ahead in enumerate(within)}
    content = data.content(log.items, None)
    fields = _profiles(Shop.of(log, target=target, content_of=lambda items, before: content), data.config.session_gap)
    table = attributes(log, asof, target=target, outlook=outlook, intent=intent, profile=fields, declared=declared)
    rows = interests(log, content)
    lists = pa.LargeListArray.from_arrays(rows.offsets, pa.array(rows.values, pa.int32()))
    as_of = str(np.datetime64(int(log.time.max()), "s").astype("datetime64[D]")) if timed else None
    told = json.dumps({"words": content.names, "as_of": as_of}, ensure_ascii=False).encode()
    return table.append_column(_WORDS, lists).replace_schema_metadata({_TOLD: told})


def _profiles(shop: Shop, session_gap: int) -> dict[str, pa.Array]:
    """What profiles say of everybody beside what is foreseen, as far as a rule can test it."""
    base = Base(shop=shop, at=shop.now, session_gap=session_gap)
    parts = [profiles(shop, base, rows) for rows in blocks(shop.log.lengths)]
    if not parts:
        return {}
    table = pa.concat_tables(parts, promote_options="permissive").combine_chunks()
    wanted = [name for name in table.column_names if name in FIELDS and FIELDS[name].kind != "predicted"]
    every = pa.array(np.arange(table.num_rows))  # a copy holds nothing beneath its missing lists
    return {name: table.column(name).take(every) for name in wanted if _tested(table.schema.field(name).type)}


def _tested(kind: pa.DataType) -> bool:
    """Whether filters compare values of this type, or of lists of it."""
    inner = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind
    return not pa.types.is_nested(inner)


def _read(path: Path) -> pa.Table | None:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        return None


def _write(table: pa.Table, path: Path) -> None:
    """Keep the table in the place of older ones; a cache that cannot be written is none."""
    with contextlib.suppress(OSError):
        beside = path.with_suffix(".part")
        pq.write_table(table, beside, compression="zstd")
        beside.replace(path)
        for other in path.parent.glob("crowd-*.parquet"):
            if other != path:
                other.unlink()

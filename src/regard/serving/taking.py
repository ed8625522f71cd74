"""Taking events: records are committed first and answered after, each with what became of it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from regard.events.live import Result
from regard.events.live.record import Refusal
from regard.serving.access import Caller
from regard.serving.adapters.lines import Record, micros, seconds
from regard.serving.problems import Problem
from regard.serving.public import allowed
from regard.serving.server import Server

LINES = 10
"""Records that one post may become, for each that it may have: orders have more than one line."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Records of one post.

    Args:
        records: for the writer. of: for each, the place in the post of what it was made from.
    """

    records: list[object] = field(default_factory=list)
    of: list[int] = field(default_factory=list)


def adapted(incoming: Iterable[object], adapt: Callable[[object], list[Record]]) -> Batch:
    """Records of another shape, with the place that each came from.

    >>> adapted([3, 5], lambda n: [{"customer": n}, {"customer": -n}]).of
    [0, 0, 1, 1]
    """
    batch = Batch()
    for place, one in enumerate(incoming):
        for record in adapt(one):
            batch.records.append(record)
            batch.of.append(place)
    return batch


def native(incoming: list[Any], *, received_us: int, sent_at: object = None) -> Batch:
    """Records of Regard's own names; with `sent_at`, a sender's clock that is off is set right.

    >>> event = {"customer": "C42", "behaviour": "view_item", "time": 100}
    >>> native([event], received_us=1_700_000_000_000_000, sent_at=160).records[0]["time"]
    1699999940.0
    """
    sent = micros(sent_at)
    records = incoming if sent is None else [_shifted(record, received_us - sent) for record in incoming]
    return Batch(records=records, of=list(range(len(records))))


async def take(at: Server, caller: Caller, batch: Batch) -> Response:
    """Commit a batch, and say what became of it: 202, 207, or 422 where nothing could be kept.

    Raises:
        Problem: more records than one post may become, or every record was refused.
        QueueFullError: too much waits; nothing was taken.
        WorkspaceError: the disk would not have it; nothing was taken.
    """
    if len(batch.records) > at.settings.rows * LINES:
        raise too_many(at.settings.rows)
    records = batch.records if "ingest" in caller.scopes else [allowed(record) for record in batch.records]
    results = await asyncio.wrap_future(at.live.submit(records))
    at.measures.events(Counter(result.status for result in results))
    return answer(results, batch.of)


def answer(results: list[Result], of: list[int]) -> Response:
    """What became of the records, as a response.

    >>> answer([Result(status="accepted", event_id="e1")], [0]).status_code
    202
    """
    counts = {
        status: sum(result.status == status for result in results) for status in ("accepted", "repeated", "refused")
    }
    if not counts["refused"]:
        counts.pop("refused")
        return _json(202, {**counts, "event_ids": [result.event_id for result in results]})
    each = [_said(result, place) for result, place in zip(results, of, strict=True)]
    if counts["refused"] == len(results):
        raise Problem("refused", detail=each[0]["reason"], hint="look at /v1/rejected", results=each)
    return _json(207, {**counts, "results": each})


def too_many(rows: int) -> Problem:
    """What a post of more records is answered with."""
    return Problem("too-large", detail=f"at most {rows:,} records in one post", hint="send them in several posts")


def _said(result: Result, place: int) -> dict[str, Any]:
    said = {"reason": result.reason} if result.status == "refused" else {"event_id": result.event_id}
    return {"index": place, "status": result.status, **said}


def _shifted(record: object, late_us: int) -> object:
    if isinstance(record, Refusal) or not isinstance(record, Mapping):
        return record
    happened = micros(record.get("time"))
    return record if happened is None else {**record, "time": seconds(happened + late_us)}


def _json(status: int, document: dict[str, Any]) -> Response:
    return Response(_ENCODED(document), status_code=status, media_type="application/json")


_ENCODED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

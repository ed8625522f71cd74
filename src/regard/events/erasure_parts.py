"""The parts of an erasure: which rows of the store's parts are a customer's, and the parts without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regard.events import erased
from regard.events.catalog import Part, opened
from regard.events.engine import Engine, disk_errors, sort_key
from regard.events.erased import Erasing
from regard.events.ingest import part_path
from regard.events.inventory import PARTS
from regard.events.naming import row_sql
from regard.events.read_sql import quoted

if TYPE_CHECKING:
    from regard.events.store import Store

_BY = {parts.kind: parts.by for parts in PARTS}


def rewritten(store: Store, one: Erasing, version: int) -> tuple[list[Part], list[str], dict[str, int]]:
    """Write the parts that hold rows of a customer anew, without them; they count for nothing until the catalogue says so.

    Returns:
        The new parts, the paths of those whose place they take, kind -> rows left out.
    """
    add: list[Part] = []
    remove: list[str] = []
    removed: dict[str, int] = {}
    kinds = [kind for kind, by in _BY.items() if by != "nobody"]
    with disk_errors(), Engine(store.folder, threads=1) as engine:
        erased.obey(engine, [one])
        for part in store.catalog.parts(version, *kinds):
            engine.over("one part", [part])
            condition = of(part)
            count = int(engine.one(f'SELECT count(*) FROM "one part" AS row SEMI JOIN gone ON {condition}')[0])
            if not count:
                continue
            remove.append(part.path)
            removed[part.kind] = removed.get(part.kind, 0) + count
            if count < part.rows:
                select = f'SELECT row.* FROM "one part" AS row ANTI JOIN gone ON {condition}'
                add.append(
                    engine.write_part(
                        select, part_path(part.kind, part.ingest), kind=part.kind, ingest=part.ingest,
                        columns=part.columns, sort=_sort(part),
                    )
                )  # fmt: skip
    return add, remove, removed


def of(part: Part) -> str:
    """SQL of whether `row` of a part is one of those of `gone`."""
    by = _BY[part.kind]
    if by == "raw":
        return row_sql("row.raw", "gone.id")
    if by == "ends":
        return "gone.id IN (row.customer, row.other)"
    return "row.customer = gone.id" if by == "id" else erased.event_sql("row", timed="time" in part.columns)


def left(store: Store, one: Erasing) -> list[str]:
    """Old parts of an erasure whose files are still there, since somebody reads them."""
    with opened(store.catalog.path) as link:
        rows = link.execute("SELECT path FROM parts WHERE removed = ?", (one.version,)).fetchall()
    return [path for (path,) in rows if (store.folder / path).exists()]


def _sort(part: Part) -> str:
    """The order of a part's rows, which an anti join need not keep."""
    if part.kind in ("events", "covered"):
        return sort_key(part.columns)
    keys = {"rejected": ("file", "line"), "edges": ("customer", "other")}.get(part.kind, ("customer",))
    return ", ".join(quoted(name) for name in keys)

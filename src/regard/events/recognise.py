"""Find out which column is which field, from its name and, where that leaves doubt, from what it holds."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping as Names
from dataclasses import dataclass, replace

from regard.config import Config
from regard.errors import InputError, UsageError
from regard.events import names
from regard.events.clean import has_comma
from regard.events.clean_time import find_format
from regard.events.mapping import Mapping, TimeFormat
from regard.events.names import behaviour_of, plain
from regard.events.read_json import list_of
from regard.events.read_scan import distinct
from regard.events.read_source import Source
from regard.events.recognise_shapes import SHAPES
from regard.events.schema import BEHAVIOURS, FIELD_NAMES, Clock

ROW = "#row"
"""`--map position=#row`: the rows stand in order."""
MAX_BEHAVIOURS = 200
"""Different words beyond which a column does not hold behaviours but something else."""
IDS = ("customer", "item", "order", "event_id", "session")
NUMBERS = ("quantity", "price", "value", "dwell", "rating")
_SETTINGS = ("time_format",)


def recognise(source: Source, *, overrides: Names[str, str], config: Config) -> Mapping:
    """Map the columns of a source to the fields of events.

    Args:
        source: the file or table.
        overrides: field -> column from `--map`; also `behaviour=purchase` where no column is called so,
            `position=#row`, `time_format=dmy`, `#2` for the second column, and '' for a field to leave out.
        config: the workspace's time zone, its own behaviour words and the columns it was told before.

    Raises:
        InputError: a required column is not to be found, or two are equally good; names the flag.
        UsageError: an override names no field or no column.
    """
    draft = _Draft(source, config, dict(overrides))
    draft.by_hand()
    draft.by_shape()
    draft.by_name()
    if not source.named:
        draft.by_content()
    return draft.finish()


@dataclass
class _Draft:
    """The mapping while it is being found."""

    source: Source
    config: Config
    overrides: dict[str, str]

    def __post_init__(self) -> None:
        self.columns: dict[str, tuple[str, ...]] = {}
        self.left_out: set[str] = set()
        self.notes: list[str] = []
        self.behaviour = ""
        self.row_position = False
        self.joined = False
        self.own = dict(self.config.behaviours)

    def by_hand(self) -> None:
        """What the user said, now or at an earlier ingest."""
        for field, column in self.overrides.items():
            if field not in (*FIELD_NAMES[:-1], *_SETTINGS):
                near = difflib.get_close_matches(field, (*FIELD_NAMES[:-1], *_SETTINGS), n=1)
                raise UsageError(
                    f"--map {field}=…: there is no field '{field}'",
                    hint=f"did you mean {near[0]}?" if near else f"the fields are {', '.join(FIELD_NAMES[:-1])}",
                )
            if field not in _SETTINGS:
                self._take(field, column, asked=True)
        for field, column in self.config.columns.items():
            if field in FIELD_NAMES and field not in self.overrides:
                self._take(field, column, asked=False)

    def by_shape(self) -> None:
        """The fixed forms of well-known exports."""
        for shape in SHAPES:
            if not shape.fits(self.source):
                continue
            for field, wanted in shape.columns.items():
                found = tuple(column for name in wanted if (column := self.source.find(name)) is not None)
                if found and field not in self.columns and field not in self.left_out:
                    self.columns[field] = found
            self.left_out |= shape.without - set(self.overrides)
            self.own = {**shape.behaviours, **self.own}
            if shape.note:
                self.notes.append(shape.note)
            return

    def by_name(self) -> None:
        """Everything else that has a usual name."""
        if not self.source.named:
            return
        for field, tiers in names.COLUMNS.items():
            if field in self.columns or field in self.left_out or (field == "behaviour" and self.behaviour):
                continue
            found = self._by_tiers(field, tiers)
            if found:
                self.columns[field] = found
        self._settle()

    def by_content(self) -> None:
        """A file without a header: behaviours and times are known by their looks, the rest must be said."""
        taken = {column for found in self.columns.values() for column in found}
        for column in self.source.columns:
            values = [value for value in self.source.values(column) if value]
            if column in taken or not values:
                continue
            words = set(values)
            if "behaviour" not in self.columns and not self.behaviour and all(behaviour_of(word) for word in words):
                self.columns["behaviour"] = (column,)
            elif "time" not in self.columns and "time" not in self.left_out and _is_time(values):
                self.columns["time"] = (column,)

    def finish(self) -> Mapping:
        """Check what is required, read the finer points off the sample."""
        self._require_customer()
        self._find_behaviour()
        time, clock = self._find_time()
        explode = self._find_list()
        used = {column for found in self.columns.values() for column in found}
        mapping = Mapping(
            source=self.source.name,
            columns={field: self.columns[field] for field in FIELD_NAMES if field in self.columns},
            behaviour=self.behaviour,
            behaviours=self._words(),
            clock=clock,
            time=time,
            row_position=self.row_position and clock == "order",
            joined=self.joined,
            floats=tuple(field for field in IDS if self._are_floats(field)),
            comma=tuple(
                field
                for field in NUMBERS
                if has_comma(value for column in self.columns.get(field, ()) for value in self.source.values(column))
            ),
            fill=self._find_fill(),
            explode=explode,
            extra=tuple(
                column for column in self.source.columns if column not in used and list_of(column) in ("", explode)
            ),
            notes=tuple(self.notes),
        )
        return replace(mapping, cancel_prefix=self._has_cancellations())

    # Finding columns

    def _take(self, field: str, column: str, *, asked: bool) -> None:
        if column == "":
            self.left_out.add(field)
            return
        if field == "position" and column == ROW:
            self.row_position = True
            self.left_out |= {"time", "position"} - set(self.overrides)
            return
        found = self.source.find(column)
        if found is not None:
            self.columns[field] = (found,)
        elif field == "behaviour" and (behaviour_of(column, self.own) or column in BEHAVIOURS):
            if asked or not self.source.find("behaviour"):
                self.behaviour = behaviour_of(column, self.own) or column
        elif asked:
            near = difflib.get_close_matches(column, self.source.columns, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"its columns are {_listed(self.source.columns)}"
            raise UsageError(f"--map {field}={column}: {self.source.name} has no such column", hint=hint)

    def _by_tiers(self, field: str, tiers: tuple[frozenset[str], ...]) -> tuple[str, ...]:
        for at, tier in enumerate(tiers):
            found = [column for column in self._free(field) if self._called(column, tier)]
            if field == "behaviour" and at > 0:
                found = [column for column in found if self._are_behaviours(column)]
            if not found:
                continue
            if len({plain(column.rsplit(".", 1)[-1]) for column in found}) > 1 and field in names.CORE:
                raise InputError(
                    f"{self.source.name}: {_listed(found)} could each be the {field}",
                    hint=f'--map {field}="{found[0]}"',
                )
            found.sort(key=lambda column: "[]." not in column)
            if field == "customer" and at == 0 and None in self.source.values(found[0]):
                found += [column for column in self._free(field) if self._called(column, tiers[1])][:1]
            return tuple(found) if self.source.nested or field == "customer" else (found[0],)
        return ()

    def _free(self, field: str) -> list[str]:
        taken = {
            column
            for name, found in self.columns.items()
            for column in found
            if name != "customer" or field != "session"
        }
        return [column for column in self.source.columns if column not in taken]

    def _called(self, column: str, tier: frozenset[str]) -> bool:
        if plain(column) in tier:
            return True
        steps = column.replace("[]", "").split(".")
        return (
            len(steps) > 1 and all(plain(step) in names.ITEM_BOXES for step in steps[:-1]) and plain(steps[-1]) in tier
        )

    def _settle(self) -> None:
        """Second thoughts once every name is known."""
        if "customer" in self.columns and self.columns.get("session") == self.columns["customer"]:
            self.notes.append(f"no customer id: each {self.columns['customer'][0]} is taken as a customer")
        inside = [field for field in ("item", "price", "quantity") if "[]." in self.columns.get(field, ("",))[0]]
        if inside and "value" in self.columns and "[]." not in self.columns["value"][0]:
            del self.columns["value"]  # the total of an order, not of its lines
        weak = names.COLUMNS["value"][1]
        if {"quantity", "price"} <= set(self.columns) and "value" not in self.overrides:
            self.columns = {
                f: found for f, found in self.columns.items() if f != "value" or plain(found[0]) not in weak
            }
        if "time" in self.columns and "position" in self.columns and "position" not in self.overrides:
            del self.columns["position"]
        self._join_hours()

    def _join_hours(self) -> None:
        """A column of dates beside one of hours makes one time."""
        time = self.columns.get("time", ())
        if len(time) != 1 or "time" in self.overrides:
            return
        hours = [
            c for c in self.source.columns if c in time or plain(c) in ("time", "时间", "hour", "ordertime", "时刻")
        ]
        hours = [column for column in hours if _all(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?", self.source.values(column))]
        if not hours:
            return
        days = names.COLUMNS["time"][2] | {plain("order_date"), plain("invoice_date"), plain("transaction_date")}
        dates = [c for c in self.source.columns if c not in hours and plain(c) in days]
        if len(dates) == 1:
            self.columns["time"], self.joined = (dates[0], hours[0]), True

    # Reading the finer points

    def _require_customer(self) -> None:
        if "customer" in self.columns:
            return
        if not self.source.named:
            shown = ", ".join(value or "" for value in self.source.sample[0]) if self.source.sample else ""
            raise InputError(
                f"{self.source.name} has no header ({shown[:60]})",
                hint="say which column is which: --map customer=#1,item=#2",
            )
        raise InputError(
            f"{self.source.name}: no column is recognised as the customer among {_listed(self.source.columns)}",
            hint="--map customer=COLUMN",
        )

    def _find_behaviour(self) -> None:
        if "behaviour" in self.columns:
            words = {value for value in self.source.values(self.columns["behaviour"][0]) if value}
            if len(words) > MAX_BEHAVIOURS:
                column = self.columns["behaviour"][0]
                raise InputError(
                    f"{self.source.name}: column '{column}' has over {MAX_BEHAVIOURS} different words",
                    hint="--map behaviour=COLUMN, or what every row is: --map behaviour=purchase",
                )
            return
        if self.behaviour:
            return
        has = set(self.columns)
        if "text" in has and "rating" in has:
            self.behaviour = "review"
        elif "rating" in has and not has & {"order", "quantity", "value"}:
            self.behaviour = "rating"
        elif "query" in has and "item" not in has:
            self.behaviour = "search"
        elif "value" in has or ("order" in has and "item" in has) or {"quantity", "price"} <= has:
            self.behaviour = "purchase"
        else:
            raise InputError(
                f"{self.source.name}: no column says what was done (view, cart, purchase …)",
                hint="--map behaviour=COLUMN, or what every row is: --map behaviour=view_item",
            )

    def _find_time(self) -> tuple[TimeFormat, Clock]:
        wanted = self.overrides.get("time_format", "")
        if "time" not in self.columns:
            ordered = "position" in self.columns or self.row_position
            return TimeFormat(zone=self.config.time_zone), "order" if ordered else "none"
        columns = self.columns["time"]
        parts = zip(*(self.source.values(column) for column in columns), strict=True)
        known = ([part for part in some if part] for some in parts)
        values = [(" ".join(some) if self.joined else some[0]) if some else None for some in known]
        kind = "VARCHAR" if self.joined else self.source.types[columns[0]]
        form = find_format(
            values,
            kind,
            column=columns[0],
            zone=self.config.time_zone,
            wanted=wanted,
            whole=lambda: distinct(self.source, columns[0]),
        )
        return form, "clock"

    def _find_list(self) -> str:
        lists = {path for found in self.columns.values() for column in found if (path := list_of(column))}
        if len(lists) > 1:
            path = list_of(next((column for column in self.columns.get("item", ()) if list_of(column)), "")) or min(
                lists
            )
            self.columns = {
                field: kept
                for field, found in self.columns.items()
                if (kept := tuple(column for column in found if list_of(column) in ("", path)))
            }
            return path
        return next(iter(lists), "")

    def _words(self) -> dict[str, str]:
        words: dict[str, str] = {}
        for column in self.columns.get("behaviour", ()):
            for value in self.source.values(column):
                if value and value.strip():
                    words.setdefault(value.strip(), behaviour_of(value, self.own) or value.strip())
        return words

    def _are_behaviours(self, column: str) -> bool:
        words = [value for value in self.source.values(column) if value]
        known = sum(behaviour_of(word, self.own) is not None for word in words)
        return bool(words) and known >= 0.5 * len(words)

    def _are_floats(self, field: str) -> bool:
        values = [value for column in self.columns.get(field, ()) for value in self.source.values(column)]
        return _all(r"-?\d+\.0+|[nN]a[nN]", values)

    def _find_fill(self) -> tuple[str, ...]:
        """Fields given on the first line of an order only."""
        if "order" not in self.columns or self.source.kind == "json":
            return ()
        filled = []
        orders = self.source.values(self.columns["order"][0])
        for field in ("customer", "time", "behaviour", "place"):
            if field not in self.columns:
                continue
            values = self.source.values(self.columns[field][0])
            known: dict[str, str] = {}
            carried = clashes = 0
            for order, value in zip(orders, values, strict=True):
                if order is None:
                    continue
                carried += value is None and order in known
                clashes += value is not None and order in known
                if value is not None:
                    known[order] = value
            if carried > clashes:
                filled.append(field)
        return tuple(filled)

    def _has_cancellations(self) -> bool:
        if self.behaviour != "purchase" or "order" not in self.columns:
            return False
        column = self.columns["order"][0]
        orders = [order for order in self.source.values(column) if order]
        invoices = plain(column).startswith(("invoice", "发票")) or any(order[0] in "Cc" for order in orders)
        return invoices and sum(bool(re.fullmatch(r"[Cc]?\d{4,}", order)) for order in orders) >= 0.9 * len(orders) > 0


def _is_time(values: list[str]) -> bool:
    try:
        find_format(values, "VARCHAR", column="", zone="UTC", wanted="")
    except InputError:
        return False
    return True


def _all(pattern: str, values: list[str | None]) -> bool:
    known = [value.strip() for value in values if value]
    return bool(known) and all(re.fullmatch(pattern, value) for value in known)


def _listed(columns: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(f"'{column}'" for column in columns[:8])
    return shown + (f" and {len(columns) - 8} more" if len(columns) > 8 else "")

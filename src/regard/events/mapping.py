"""Mapping: which column of a source is which field, as shown before anything is written and kept beside what was."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from regard.events.schema import Clock

TimeKind = Literal["none", "timestamp", "date", "epoch", "text"]
Unit = Literal["", "s", "ms", "us", "ns", "auto"]


@dataclass(frozen=True, kw_only=True)
class TimeFormat:
    """How a time column is read.

    Args:
        kind: 'timestamp' and 'date' are typed columns, 'epoch' numbers since 1970, 'text' anything written out.
        unit: of epoch numbers; 'auto' decides by each number's size.
        order: 'dmy' or 'mdy' for dates such as 03/04/2024, '' where it does not arise.
        formats: strptime formats to try, the most frequent first.
        iso: True when year-month-day text is tried first (it is the commonest and the fastest).
        zone: IANA zone of times that name none.
    """

    kind: TimeKind = "none"
    unit: Unit = ""
    order: Literal["", "dmy", "mdy"] = ""
    formats: tuple[str, ...] = ()
    iso: bool = True
    zone: str = "UTC"

    @property
    def words(self) -> str:
        """The format in one phrase."""
        units = {
            "s": "seconds",
            "ms": "milliseconds",
            "us": "microseconds",
            "ns": "nanoseconds",
            "auto": "seconds or finer",
        }
        if self.kind == "epoch":
            return f"{units[self.unit]} since 1970"
        order = {"dmy": "day first, ", "mdy": "month first, "}.get(self.order, "")
        return f"{'dates' if self.kind == 'date' else 'times'}, {order}read in {self.zone} where no zone is given"


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """How the columns of one source become the fields of events.

    Args:
        source: name of the file or table.
        columns: field -> its columns, the first that is not missing counts ('time' of a date and an hour column: both).
        behaviour: what every row is, when there is no column for it.
        behaviours: word of the file -> behaviour, as far as the words were seen.
        clock: what the log knows of time.
        time: how times are read.
        row_position: True when the order of the rows is the order of the events (`--map position=#row`).
        joined: True when the two columns of 'time' are a date and an hour that make one time.
        floats: id fields whose sample looks like '17850.0' throughout.
        comma: fields whose numbers have a decimal comma.
        fill: fields given on an order's first line only, carried down its lines.
        cancel_prefix: True when an order id such as C536379 marks a cancellation.
        explode: path of the list whose entries become one event each, for nested records.
        extra: columns kept as they are.
        notes: what a person should know, one line each.
    """

    source: str
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    behaviour: str = ""
    behaviours: dict[str, str] = field(default_factory=dict)
    clock: Clock = "none"
    time: TimeFormat = TimeFormat()
    row_position: bool = False
    joined: bool = False
    floats: tuple[str, ...] = ()
    comma: tuple[str, ...] = ()
    fill: tuple[str, ...] = ()
    cancel_prefix: bool = False
    explode: str = ""
    extra: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def describe(self) -> list[tuple[str, str, str]]:
        """Rows (field, column, how it is read) to show before anything is written."""
        rows = [
            (name, (" + " if name == "time" and self.joined else " / ").join(columns), self._how(name))
            for name, columns in self.columns.items()
        ]
        if self.behaviour:
            rows.insert(1, ("behaviour", "", f"every row is '{self.behaviour}'{self._refunds()}"))
        if self.row_position:
            rows.append(("position", "#row", "the order of the rows"))
        if self.clock == "none":
            rows.append(("time", "", "none found: events are a set, without order"))
        if self.extra:
            rows.append(("extra", ", ".join(self.extra), "kept as they are"))
        return rows

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Mapping:
        """The mapping that `to_json` wrote."""
        tuples = {spec.name for spec in fields(cls) if str(spec.type).startswith("tuple")}
        values: dict[str, Any] = {key: tuple(value) if key in tuples else value for key, value in raw.items()}
        values["columns"] = {name: tuple(columns) for name, columns in raw["columns"].items()}
        values["time"] = TimeFormat(**{**raw["time"], "formats": tuple(raw["time"]["formats"])})
        return cls(**values)

    def _how(self, name: str) -> str:
        if name == "time":
            return self.time.words
        if name == "behaviour":
            return ", ".join(f"{word} = {behaviour}" for word, behaviour in self.behaviours.items())
        how = ["decimal comma"] if name in self.comma else []
        how += ["carried down within the order"] if name in self.fill else []
        if name == "position":
            how.append("order of events, no clock")
        return ", ".join(how)

    def _refunds(self) -> str:
        signs = ["order ids with C"] if self.cancel_prefix else []
        signs += ["negative quantities"] if "quantity" in self.columns else []
        return f"; {' and '.join(signs)} are refunds" if signs and self.behaviour == "purchase" else ""

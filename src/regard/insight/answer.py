"""Answer: what a question about a customer gives back, ready for people and for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Level = Literal[
    "model", "counting", "history", "similar", "interests", "recent popularity", "popularity", "new", "pinned"
]
"""Where an answer comes from, most personal first.

- model: the trained model reads a known customer's own history.
- counting: the same without a usable model: own purchases, faded with age, and what is popular now.
- history: an unknown customer, but the events of the question are read (an anonymous basket, a first visit).
- similar: the history names only items the model has never seen; what is known of them (words, category ...) finds the
  like.
- interests: a new customer's declared interests.
- recent popularity, popularity: nothing is known of the customer; what others want, lately or ever.
- new: nothing has been wanted yet; what is in the catalogue.
- pinned: of an item, never of an answer: a scenario gives it its place.
"""


class Plain:
    """A dataclass that is handed out; its shape in JSON is in schemas/."""

    def to_json(self: DataclassInstance) -> dict[str, Any]:
        """Dicts, lists and plain values, numbers short enough to read."""
        result: dict[str, Any] = _plain(asdict(self))
        return result


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that put an item where it is.

    Args:
        text: the reason in one readable line, in the language that was asked for.
        kind: 'event' (something the customer did), 'similar', 'interest', 'popularity', 'new' or 'pinned'.
        effect: for 'event', by how much the item's score falls when the event is deleted; None for the other kinds.
        behaviour, item, name: of the event.
        time: of the latest such event, ISO 8601 in the shop's zone; None without a clock, or where it was told with the
            question.
        times: on how many occasions (baskets); all were deleted together.
    """

    text: str
    kind: str
    effect: float | None = None
    behaviour: str | None = None
    item: str | None = None
    name: str | None = None
    time: str | None = None
    times: int | None = None


@dataclass(frozen=True, kw_only=True)
class Recommended:
    """One recommended item.

    Args:
        item: its id. name: its title, '' where unknown.
        score: higher is likelier; comparable within one answer and one level only.
        level: where this item comes from; differs from the answer's where a list had to be filled up.
        probability: that the customer's next wanted item is this one, where a model says so.
        reasons: strongest first; empty unless asked for.
    """

    item: str
    name: str
    score: float
    level: Level
    probability: float | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Answer(Plain):
    """What one customer will want next.

    Args:
        customer: id, None for an anonymous one.
        items: best first.
        fallback_level: where the answer comes from, see `Level`.
        exclude: which of the customer's own items were no candidates: 'none', 'target' or 'seen'.
        model_version: id of the model, None where none was used.
        notes: what the reader should know, one line each.
    """

    customer: str | None
    items: tuple[Recommended, ...]
    fallback_level: Level
    exclude: str
    model_version: str | None
    notes: tuple[str, ...] = ()

    def noting(self, notes: tuple[str, ...]) -> Answer:
        """The same answer with notes before its own."""
        return replace(self, notes=(*notes, *self.notes)) if notes else self


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if value == value and abs(value) != float("inf") else None
    return value

"""Rule segments: a filter over any field of the profile, predictions included, in the catalogue's filter language.

    churn_30d > 0.4 and value_tier = "gold"
    city in ("Ulm", "Bonn") or not (orders < 2)

See `regard.events.filter`: one tree, parsed once, checked against the profile, and evaluated column by column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.customers.segments import words
from regard.customers.segments.people import People
from regard.errors import UsageError
from regard.events import filter as filters
from regard.events.filter_tree import And


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A segment by its definition. Build it with `Rule.of`.

    Args:
        id: such as 'gold at risk'. text: as it was written. tree: as it was parsed.
    """

    id: str
    text: str
    tree: filters.Tree

    @classmethod
    def of(cls, id: str, text: str) -> Rule:
        """Parse a rule.

        Raises:
            UsageError: it is no filter; the line says where and what.

        >>> Rule.of("gold at risk", 'churn_30d > 0.4 and value_tier = "gold"').fields
        ('churn_30d', 'value_tier')
        """
        return cls(id=id, text=text, tree=filters.parse(text))

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that it reads, sorted."""
        return tuple(sorted(filters.columns_of(self.tree)))


def members(rule: Rule, people: People) -> NDArray[np.bool_]:
    """bool [N], the customers who meet the rule; what is unknown of a customer meets nothing.

    Raises:
        UsageError: an unknown field (the hint names the nearest), or a value of another type than its field.

    >>> import pyarrow as pa
    >>> people = People.of(["ann", "bob"], profile=pa.table({"churn_30d": [0.7, 0.1], "value_tier": ["gold", "gold"]}))
    >>> members(Rule.of("at risk", 'churn_30d > 0.4 and value_tier = "gold"'), people).tolist()
    [True, False]
    """
    return filters.mask(rule.tree, people.profile)


def some(rule: Rule, people: People) -> NDArray[np.bool_]:
    """`members`, where a rule that nobody meets is an error.

    Raises:
        UsageError: as `members`; or nobody meets the rule, and the hint says how many meet each of its parts.
    """
    met = members(rule, people)
    if not met.any():
        parts = rule.tree.parts if isinstance(rule.tree, And) else ()
        counts = [
            f"{', '.join(sorted(filters.columns_of(part)))} {int(filters.mask(part, people.profile).sum())}"
            for part in parts
        ]
        hint = f"customers who meet its parts alone: {'; '.join(counts)}" if counts else "widen it"
        raise UsageError(f"nobody meets the rule {rule.text}", hint=hint)
    return met


def counts(rules: Sequence[Rule], people: People) -> Mapping[str, int]:
    """Customers of each rule.

    Raises:
        UsageError: as `members`.
    """
    return {rule.id: int(members(rule, people).sum()) for rule in rules}


def reasons(
    fields: Sequence[str], people: People, rows: NDArray[np.int64], *, language: str = "en"
) -> list[tuple[str, ...]]:
    """What the fields of a rule say of each of some customers; a field that says nothing of one is passed over.

    Args: fields: of the profile. rows: int64 [M]. language: 'en' or 'zh'.

    >>> import pyarrow as pa
    >>> people = People.of(["ann", "bob"], profile=pa.table({"churn_30d": [0.71234, None], "city": ["Ulm", "Bonn"]}))
    >>> reasons(["churn_30d", "city"], people, np.array([0, 1]))
    [('churn_30d 0.7123', 'city Ulm'), ('city Bonn',)]
    """
    table = people.profile.select(list(fields)).take(pa.array(rows)).to_pylist()
    return [
        tuple(words.field(name, value, language) for name, value in row.items() if value is not None) for row in table
    ]

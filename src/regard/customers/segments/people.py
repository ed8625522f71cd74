"""People: the customers that may be looked at, and what is known of each. Who withdrew consent does not get past here.

Legend: `N` customers, `D` width of a state, `W` words, `K` segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regard.errors import UsageError
from regard.events.consent import CONSENT as CONSENT
from regard.events.consent import consenting
from regard.sequences.ragged import Ragged
from regard.sequences.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """Customers row by row. Build it with `People.of`, which leaves out whoever has not consented; all that segments
    do takes People, so nothing is computed on the others.

    Args:
        customers: ids of the N customers.
        states: float32 [N, D], where the encoder sees each; D = 0 where there is no model.
        words: N rows of word codes, what each attends to; a word counts once a customer.
        word_names: W names such as 'category:lights', 'brand:acme', 'word:lamp'.
        value: float64 [N], money each spent or is expected to, NaN where unknown.
        profile: one row a customer: what rules test and tables compare.
        left_out: customers that were given and have not consented.
    """

    customers: Vocabulary
    states: NDArray[np.float32]
    words: Ragged
    word_names: tuple[str, ...]
    value: NDArray[np.float64]
    profile: pa.Table
    left_out: int = 0

    @classmethod
    def of(
        cls,
        customers: Vocabulary | Sequence[str],
        *,
        states: NDArray[np.floating[Any]] | None = None,
        words: Ragged | None = None,
        word_names: Sequence[str] = (),
        value: NDArray[np.floating[Any]] | None = None,
        profile: pa.Table | None = None,
    ) -> People:
        """The customers that consent; what is not given is unknown.

        Args:
            customers: ids of everybody. states: float [N, D]. words: N rows of codes into `word_names`.
            value: float [N], money. profile: N rows; a column `consent` of true and false is obeyed, and what is
                missing in it is no consent. Without such a column nobody was asked, and everybody is looked at.

        Raises:
            UsageError: the parts are not of the same customers, or `consent` is not true or false.

        >>> people = People.of(["ann", "bob"], profile=pa.table({"consent": [True, False], "city": ["Ulm", "Bonn"]}))
        >>> people.customers.ids.to_pylist(), people.left_out
        (['ann'], 1)
        """
        customers = customers if isinstance(customers, Vocabulary) else Vocabulary(customers)
        count = len(customers)
        whole = cls(
            customers=customers,
            states=np.zeros((count, 0), np.float32) if states is None else np.asarray(states, dtype=np.float32),
            words=Ragged(np.zeros(count + 1, np.int64), np.empty(0, np.int64)) if words is None else words,
            word_names=tuple(word_names),
            value=np.full(count, np.nan) if value is None else np.asarray(value, dtype=np.float64),
            profile=pa.table({"customer": customers.ids}) if profile is None else profile,
        )
        for name, part in (
            ("states", whole.states),
            ("words", whole.words),
            ("value", whole.value),
            ("profile", whole.profile),
        ):
            if len(part) != count:
                raise UsageError(f"{name} has {len(part)} rows, but there are {count} customers")
        if whole.states.ndim != 2 or not np.isfinite(whole.states).all():
            raise UsageError("states must be finite numbers, one row a customer")
        keep = consenting(whole.profile)
        return whole if keep.all() else replace(whole.take(np.flatnonzero(keep)), left_out=int((~keep).sum()))

    def __len__(self) -> int:
        return len(self.customers)

    def take(self, rows: NDArray[np.integer[Any]]) -> People:
        """Some of the customers, in this order."""
        return People(
            customers=self.customers.take(rows),
            states=self.states[rows],
            words=self.words.take(rows),
            word_names=self.word_names,
            value=self.value[rows],
            profile=self.profile.take(pa.array(rows)),
            left_out=self.left_out,
        )

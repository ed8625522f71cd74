"""Explaining: the answer that a name stands for, and what it rests on."""

from __future__ import annotations

from regard import insight
from regard.errors import UsageError
from regard.insight.explain import Explanation
from regard.insight.explain_chance import Grounds
from regard.insight.history import Ask
from regard.insight.shop import Shop


def explained(
    shop: Shop, customer: str, item: str | None, of: str | None, *, n: int, exclude: str
) -> Explanation | Grounds:
    """The events that carry one answer about a known customer.

    Args:
        shop: the data and the ranker. customer: id. n: events named. exclude: as in `recommend`.
        item: id; None = the first recommended. of: instead, 'recommendation:ITEM', or as in `insight.grounds`.

    Raises:
        UsageError: both an item and another answer are asked about, no such answer is explained, or nothing is known.
        ModelError: no model answers this.
    """
    if of is not None:
        if item is not None:
            raise UsageError("an item and another answer at once", hint=f"--of recommendation:{item}")
        kind, _, item = of.partition(":")
        if kind != "recommendation":
            return insight.grounds(shop, customer, of, n=n)
    if not item:
        (answer,) = insight.recommend(shop, [Ask(customer=customer)], n=1, exclude=exclude)
        item = answer.items[0].item if answer.items else ""
    return insight.explain(shop, customer, item, n=n, exclude=exclude)

"""Explained: the part of a workspace that says what its answers rest on; what it needs is read when it is first asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regard.errors import UsageError
from regard.events.names import id_of
from regard.insight.explain import Explanation
from regard.insight.explain_chance import Grounds
from regard.workspace.answering import Answering
from regard.workspace.explaining import explained
from regard.workspace.segmented import Segmented

if TYPE_CHECKING:
    from regard.insight.patterns import Patterns
    from regard.workspace.membership import Grouped, Membership, RuleMembership


class Explained(Segmented):
    """The verb of a workspace that gives reasons, for its segments as well."""

    _answering: Answering

    def explain(
        self,
        customer: str | int | None = None,
        item: str | None = None,
        *,
        of: str | None = None,
        segment: str | None = None,
        n: int = 10,
        exclude: str | None = None,
        model: str | None = None,
        language: str | None = None,
    ) -> Explanation | Grounds | Membership | RuleMembership | Patterns:
        """What an answer about a customer rests on, or what drives it in the whole shop or a segment, found by deleting events.

        Args:
            customer: id; None = the whole shop. item: id; None = the first recommended. n: events named. Others as in `recommend`.
            of: instead of an item, 'intent_7d', 'churn_30d' or 'value_90d', of any number of days; 'recommendation:ITEM'; or
                'segment:ID', why the customer is in that segment.
            segment: without a customer, the id of a segment: its members alone.

        Raises:
            ConsentError: the customer has not consented. UsageError: no such answer is explained, the customer or segment is
                unknown, or the customer is not in it.
        """
        if customer is None:
            return self._patterns(item, of, segment, model=model, language=language)
        name = id_of(customer)
        if segment is not None:
            raise UsageError("a customer and a segment at once", hint=f"--of segment:{segment} says why they are in it")
        self._data.must_consent([name])
        kind, _, id = (of or "").partition(":")
        if kind == "segment":
            if item is not None or model is not None:
                raise UsageError("segments are of no item, and of the newest model alone", hint=f"--of segment:{id}")
            shop, _ = self._answering.shop(language=language)
            return self._grouped(language).why(shop, name, id, n=n)
        shop, _ = self._answering.shop(model=model, language=language)
        return explained(shop, name, item, of, n=n, exclude=exclude or "")

    def _patterns(
        self, item: str | None, of: str | None, segment: str | None, *, model: str | None, language: str | None
    ) -> Patterns:
        from regard.insight.patterns import patterns

        if of is None or item is not None:
            raise UsageError(
                "whose answer is to be explained?", hint="name a customer; --of intent_7d alone is of the whole shop"
            )
        if ":" in of:
            raise UsageError(f"{of} is explained customer by customer", hint="name a customer")
        shop, _ = self._answering.shop(model=model, language=language)
        if segment is None:
            ids = self._data.people().customers.ids.to_pylist()
        else:
            ids = list(self._grouped(language).members(segment))
        return patterns(shop, of, rows=shop.log.customers.codes(ids), segment=segment)

    def _grouped(self, language: str | None = None) -> Grouped:
        from regard.workspace.membership import Grouped

        seen, roster = self._segmenting.roster(language)
        return Grouped(seen=seen, roster=roster)

"""Segmented: the part of a workspace that groups its customers; what it needs is read when it is first asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from regard.insight.ranker import Model
from regard.workspace.data import Data
from regard.workspace.models import Models

if TYPE_CHECKING:
    from regard.customers.segments import Lookalike
    from regard.events.store import Store
    from regard.workspace.lookalikes import Finding
    from regard.workspace.looking import Field
    from regard.workspace.roster import Belonging, Overlap
    from regard.workspace.segmenting import MembersFile, Page, Segmenting, SegmentReport


class Segmented:
    """The verbs of a workspace that give segments."""

    store: Store
    models: Models
    _data: Data
    _load: Callable[[Path], Model]

    @cached_property
    def _segmenting(self) -> Segmenting:
        from regard.workspace.segmenting import Segmenting

        return Segmenting(self.store, self._data, self.models, self._load)

    def segments(
        self, rule: str | None = None, *, save: str | None = None, language: str | None = None
    ) -> SegmentReport:
        """The customers in groups: clusters of what the model sees, RFM cells, saved rules; or who meets one rule.

        Clusters are found anew where the store or the model has changed; a segment that is still there keeps its id.

        Args:
            rule: such as 'churn_30d > 0.4 and value_tier = "gold"'. save: name to keep it under.
            language: 'en' or 'zh'; None = the workspace's.

        Raises:
            InputError: there are no customers.
            UsageError: the rule has an unknown field or a value of another type, or nobody meets it.
        """
        return self._segmenting.report(rule, save=save, language=language)

    def members(self, segment: str, path: str | Path, *, language: str | None = None) -> MembersFile:
        """Write the members of a segment to a CSV file, each with reasons.

        Args:
            segment: id of a cluster, name of a saved rule, or an RFM cell such as 'champions'. path: of the file.
            language: 'en' or 'zh', of the reasons; None = the workspace's.

        Raises:
            UsageError: there is no such segment, or nobody is in it.
            WorkspaceError: the file cannot be written.
        """
        return self._segmenting.members(segment, path, language=language)

    def members_page(self, segment: str, first: int = 0, n: int = 100, *, language: str | None = None) -> Page:
        """Some members of a segment, each with reasons.

        Args:
            segment: as in `members`. first: members to leave out. n: members of a page. language: 'en' or 'zh', of the reasons.

        Raises:
            UsageError: there is no such segment.
        """
        return self._segmenting.page(segment, first, n, language=language)

    def meeting(self, rule: str, n: int = 100) -> tuple[int, list[str]]:
        """How many customers meet a rule, and the ids of the first n.

        Raises:
            UsageError: it is no rule, has an unknown field or a value of another type.
        """
        return self._segmenting.meeting(rule, n)

    def segments_of(self, customer: str | int) -> Belonging:
        """The segments of one customer: cluster, saved rules, RFM cell.

        Raises:
            InputError: nobody has that id. ConsentError: the customer has not consented.
        """
        return self._segmenting.of(customer)

    def overlap(self, first: str, second: str) -> Overlap:
        """How many customers two segments share, beside how many they would by chance.

        Args: first, second: ids of clusters, names of saved rules, or RFM cells.

        Raises:
            UsageError: there is no such segment.
        """
        return self._segmenting.overlap(first, second)

    def rule_fields(self) -> Sequence[Field]:
        """What rules of segments can test.

        Raises:
            InputError: there are no customers.
        """
        from regard.workspace.looking import fields

        return fields(self._segmenting.roster()[0].people.profile)

    def lookalike(self, seed: str | Path | Iterable[object], n: int = 1000, **how: Unpack[Finding]) -> Lookalike:
        """The n customers most like a seed audience, by where the model sees them.

        Args:
            seed: a file of customers, or their ids. n: how many to find.
            how: `out`, a CSV file to write; `known_only`, go on without those of the seed who are unknown or have not
                consented; `language` of the reasons.

        Raises:
            ModelError: there is no model. InputError: somebody of the seed is unknown. ConsentError: somebody has not
                consented. UsageError: the seed is too small. WorkspaceError: the file cannot be written.
        """
        return self._segmenting.lookalike(seed, n, **how)

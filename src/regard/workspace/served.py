"""Served: the part of a workspace that answers a shop's pages by scenarios, and remembers what it showed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from regard.workspace.answering import Answering
from regard.workspace.data import Data

if TYPE_CHECKING:
    from regard.insight.audience import Audience
    from regard.insight.scenario import Scenario
    from regard.workspace.impressions import Impressions
    from regard.workspace.outcomes import Outcomes
    from regard.workspace.recommending import Preview, Question, Recommendation, Recommending
    from regard.workspace.scenarios import Kept, Scenarios


class Served:
    """The verbs of a workspace that stands behind a page."""

    folder: Path
    _data: Data
    _answering: Answering

    @cached_property
    def scenarios(self) -> Scenarios:
        """The named rules over lists, with every edit."""
        from regard.workspace.scenarios import Scenarios

        return Scenarios(self.folder)

    @cached_property
    def impressions(self) -> Impressions:
        """What was shown; noted by a thread of its own from the first answer on, until it is closed."""
        from regard.workspace.impressions import Impressions

        return Impressions(self.folder)

    @cached_property
    def _recommending(self) -> Recommending:
        from regard.workspace.recommending import Recommending

        return Recommending(self._data, self._answering)

    def serve(self, question: Question, scenario: str = "", *, note: bool = True) -> Recommendation:
        """What to show on a page, by a scenario; the answer is noted as shown.

        Args:
            question: see `recommending.Question`. scenario: name of the rules; '' = none.
            note: False for a look that nobody else sees.

        Raises:
            UsageError: there is no such scenario, or a word of the question is off.
            ModelError: the named model is missing or damaged.

        >>> import tempfile, regard, pyarrow
        >>> from regard.insight.scenario import Pin, Scenario
        >>> from regard.workspace.recommending import Question
        >>> shop = regard.init(tempfile.mkdtemp() + "/shop")
        >>> told = {"customer": ["ann", "bob", "bob"], "item": ["lamp", "cup", "tea"], "behaviour": ["purchase"] * 3}
        >>> report = shop.ingest(pyarrow.table({**told, "time": ["2026-03-01"] * 3}))
        >>> kept = shop.save_scenario("home", Scenario(pins=(Pin(item="tea", position=1),)))
        >>> answer = shop.serve(Question(customer="ann", n=2), "home").answer
        >>> [(item.item, item.level) for item in answer.items][0]
        ('tea', 'pinned')
        """
        kept = self.scenarios.get(scenario) if scenario else None
        told, shown = self._recommending.one(question, kept)
        if note:
            self.impressions.note(shown)
        return told

    def audience(self, item: str, n: int = 100, *, exclude: str = "") -> Audience:
        """The customers likeliest to want an item next, of those who touched it or one of the items most like it.

        Args:
            item: id. n: at most this many. exclude: 'target' or 'seen' leave out who bought or touched it; '' = by the data.

        Raises:
            UsageError: the item is unknown.
        """
        from regard.insight.audience import audience

        return audience(self._answering.shop()[0], item, n=n, exclude=exclude)

    def outcomes(
        self, since: int, until: int, *, days: int = 7, scenario: str | None = None, language: str | None = None
    ) -> Outcomes:
        """Did it work: what customers did with what they were shown, by scenario and model.

        Args:
            since, until: seconds since 1970 UTC; the lists shown from the one to before the other.
            days: for which an event counts after its item was shown, 1 to 60. scenario: its name; None = all, '' = none.
            language: 'en' or 'zh', of texts; None = the workspace's.

        Raises:
            UsageError: the log has no clock, or the period or the days are off.
        """
        from regard.workspace.outcomes import outcomes

        self.impressions.flush()
        return outcomes(
            self._data,
            self._answering,
            self.impressions,
            since=since,
            until=until,
            days=days,
            scenario=scenario,
            language=language or self._data.config.language,
        )

    def save_scenario(self, name: str, scenario: Scenario, *, by: str = "", on: int | None = None) -> Kept:
        """Keep a scenario that fits the items table, see `Scenarios.save`.

        Raises:
            UsageError: it does not fit, or the name is none. ChangedError: `on` is not the edit that holds.
        """
        self._recommending.check(scenario)
        return self.scenarios.save(name, scenario, by=by, on=on)

    def preview(
        self, scenario: Scenario, customers: Sequence[str | None] = (None,), n: int = 10, *, language: str = ""
    ) -> list[Preview]:
        """What a scenario would change for some customers, None being somebody of whom nothing is known.

        Raises:
            UsageError: the scenario does not fit the items table.
        """
        return self._recommending.preview(scenario, customers, n, language)

"""Words: what the console says, in English and Chinese; numbers, days and money as the report writes them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from regard.report.speech import MISSING, Speech

STEPS = ((1, "second"), (60, "minute"), (3_600, "hour"), (86_400, "day"))
"""Seconds from which on a span is told in this unit."""


@cache
def phrases() -> dict[str, tuple[str, str]]:
    """Key -> the phrase in English and in Chinese, of all files of `phrases/`.

    >>> all(len(both) == 2 for both in phrases().values())
    True
    """
    texts = [
        file.read_text(encoding="utf-8")
        for file in (files("regard.console") / "phrases").iterdir()
        if file.name.endswith(".toml")
    ]
    return {key: (english, chinese) for text in texts for key, (english, chinese) in tomllib.loads(text).items()}


class Words(Speech):
    """One language, with the phrases of the console beside those of the report.

    >>> Words("en").count("customers.n", 1), Words("zh").count("customers.n", 1200)
    ('1 customer', '1,200 位顾客')
    """

    def __call__(self, key: str, **values: object) -> str:
        """The phrase `key`, filled in."""
        both = phrases().get(key)
        return super().__call__(key, **values) if both is None else both[self._column].format(**values)

    def count(self, key: str, n: float, **values: object) -> str:
        """The phrase `key` for `n` things, its plural chosen by `n`."""
        both = phrases().get(key)
        if both is None:
            return super().count(key, n, **values)
        one, _, many = both[self._column].partition("|")
        return (one if n == 1 or not many else many).format(n=self.number(n), **values)

    def has(self, key: str) -> bool:
        """Whether the console has a phrase of this key."""
        return key in phrases()

    def joined(self, parts: Iterable[str]) -> str:
        """An enumeration.

        >>> Words("en").joined(["cups", "lamps"]), Words("zh").joined(["杯子", "台灯"])
        ('cups, lamps', '杯子、台灯')
        """
        return ("、" if self.language == "zh" else ", ").join(parts)

    def span(self, seconds: float) -> str:
        """A length of time in one unit.

        >>> Words("en").span(5), Words("en").span(7_200), Words("zh").span(90)
        ('5 seconds', '2 hours', '1 分钟')
        """
        size, unit = next(((size, unit) for size, unit in reversed(STEPS) if seconds >= size), STEPS[0])
        return self.count(f"span.{unit}", int(max(seconds, 0) // size))

    def ago(self, time: datetime | str | None, *, now: datetime | None = None) -> str:
        """How long ago a moment was.

        >>> Words("en").ago("2026-03-01T12:00:00Z", now=datetime(2026, 3, 1, 12, 5, tzinfo=UTC))
        '5 minutes ago'
        """
        if not time:
            return MISSING
        moment = datetime.fromisoformat(time) if isinstance(time, str) else time
        seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
        return self("span.now") if seconds < STEPS[0][0] else self("span.ago", span=self.span(seconds))

    def at_us(self, microseconds: int | None) -> str:
        """A moment given in microseconds since 1970 UTC, to the second, in the shop's zone."""
        if microseconds is None:
            return MISSING
        moment = datetime.fromtimestamp(microseconds / 1e6, UTC)
        return f"{self.moment(moment)}:{self._local(moment):%S}"

    def price(self, value: float | None) -> str:
        """Money with its cents.

        >>> Words("en", currency="GBP").price(3.5), Words("en").price(None)
        ('£3.50', '–')
        """
        if value is None:
            return MISSING
        whole = self.money(0)
        return whole.replace("0", f"{value:,.2f}")

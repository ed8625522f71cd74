"""Speech: phrases, numbers, dates, shares and money as one language writes them."""

from __future__ import annotations

import re
import tomllib
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from regard.config import LANGUAGES
from regard.errors import UsageError

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MISSING = "–"

_SIGNS = {"GBP": "£", "EUR": "€", "USD": "$", "CNY": "¥", "JPY": "JP¥", "KRW": "₩", "INR": "₹"}
_FOREIGN = {"en": {"CNY": "CN¥"}, "zh": {"USD": "US$"}}
_SPACE = "\N{NO-BREAK SPACE}"


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """The tables of phrases.toml."""
    return tomllib.loads((files("regard.report") / "phrases.toml").read_text(encoding="utf-8"))


class Speech:
    """One language.

    Args:
        language: 'en' or 'zh'. zone: IANA zone in which times are written. currency: three letters or ''.

    Raises:
        UsageError: another language.

    >>> Speech("en").count("unit.rows", 1), Speech("en").count("unit.rows", 1200), Speech("zh").count("unit.rows", 1200)
    ('1 row', '1,200 rows', '1,200 行')
    """

    def __init__(self, language: str, *, zone: str = "UTC", currency: str = "") -> None:
        if language not in LANGUAGES:
            raise UsageError(f"unknown language '{language}'", hint=" or ".join(LANGUAGES))
        self.language, self.zone, self.currency = language, ZoneInfo(zone), currency
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        """The phrase `key`, filled in."""
        text: str = catalogue()["phrases"][key][self._column]
        return text.format(**values)

    def count(self, key: str, n: float, **values: object) -> str:
        """The phrase `key` for `n` things, its plural chosen by `n`."""
        one, _, many = str(catalogue()["phrases"][key][self._column]).partition("|")
        return (one if n == 1 or not many else many).format(n=self.number(n), **values)

    def sentences(self, *parts: str) -> str:
        """Sentences one after the other, as the language spaces them; empty ones are passed over.

        >>> Speech("en").sentences("One.", "", "Two."), Speech("zh").sentences("一。", "二。")
        ('One. Two.', '一。二。')
        """
        return ("" if self.language == "zh" else " ").join(part for part in parts if part)

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number with thousands marked.

        >>> Speech("en").number(-1234567.891, 1)
        '−1,234,567.9'
        """
        return MISSING if value is None or value != value else f"{value:,.{digits}f}".replace("-", "−")

    def signed(self, value: float | None, digits: int = 3) -> str:
        """A difference, its sign always written.

        >>> Speech("en").signed(0.0214), Speech("en").signed(-0.5)
        ('+0.021', '−0.500')
        """
        return MISSING if value is None or value != value else f"{value:+,.{digits}f}".replace("-", "−")

    def interval(self, ends: Any, digits: int = 3, *, signed: bool = False) -> str:
        """Two ends, or a dash where there is no interval."""
        if not ends:
            return MISSING
        write = self.signed if signed else self.number
        return self("to", low=write(ends[0], digits), high=write(ends[1], digits))

    def share(self, part: float, whole: float = 1.0) -> str:
        """A share in per cent that is never rounded to nothing or to all.

        >>> Speech("en").share(1, 3), Speech("zh").share(1, 3), Speech("zh").share(1, 10_000), Speech("zh").share(0)
        ('33.3\\xa0%', '33.3%', '<0.1%', '0%')
        """
        sign = "%" if self.language == "zh" else f"{_SPACE}%"
        percent = 100 * part / whole if whole else 0.0
        if percent in (0.0, 100.0):
            return f"{percent:.0f}{sign}"
        if percent < 0.1 or 99.9 < percent < 100:
            return f"<0.1{sign}" if percent < 0.1 else f">99.9{sign}"
        return f"{percent:.1f}{sign}"

    def percent(self, share: float) -> str:
        """A round share, such as a mark on an axis.

        >>> Speech("en").percent(0.25), Speech("zh").percent(0.1)
        ('25\\xa0%', '10%')
        """
        return f"{100 * share:.4g}{'' if self.language == 'zh' else _SPACE}%"

    def money(self, value: float) -> str:
        """Money in the workspace's currency, without cents.

        >>> Speech("en", currency="GBP").money(1234.5), Speech("zh", currency="CNY").money(99)
        ('£1,234', '¥99')
        """
        sign = _FOREIGN[self.language].get(self.currency) or _SIGNS.get(self.currency) or self.currency
        between = _SPACE if sign[-1:].isalpha() else ""
        return f"{'−' if value < 0 else ''}{sign}{between}{abs(value):,.0f}"

    def day(self, time: datetime | str | None) -> str:
        """A day; text is ISO 8601 and is read in the shop's zone.

        >>> Speech("en").day("2011-12-09T12:50:00Z"), Speech("zh", zone="Asia/Shanghai").day("2011-12-09T23:50:00Z")
        ('9\\xa0Dec\\xa02011', '2011年12月10日')
        """
        if not time:
            return MISSING
        moment = self._local(time)
        if self.language == "zh":
            return f"{moment.year}年{moment.month}月{moment.day}日"
        return f"{moment.day}{_SPACE}{MONTHS[moment.month - 1]}{_SPACE}{moment.year}"

    def moment(self, time: datetime | str | None) -> str:
        """A day with the time of day."""
        return f"{self.day(time)}{_SPACE}{self._local(time):%H:%M}" if time else MISSING

    def _local(self, time: datetime | str) -> datetime:
        moment = datetime.fromisoformat(time) if isinstance(time, str) else time
        return moment.astimezone(self.zone) if moment.tzinfo else moment

    def behaviour(self, name: str) -> str:
        """A behaviour's name; the shop's own words are kept."""
        known = catalogue()["behaviours"].get(name)
        return str(known[self._column]) if known else name.replace("_", " ")

    def card(self, name: str) -> str:
        """The name of a figure of the model card."""
        names = catalogue()["card"]
        known = names.get(name) or names.get(name.rpartition(".")[2])
        return str(known[self._column]) if known else name.replace("_", " ").replace(".", ": ")

    def finding(self, text: str) -> str:
        """What the store says of its data, in this language where the catalogue knows it.

        >>> Speech("zh").finding("absurd price"), Speech("zh").finding("something new")
        ('价格不合理', 'something new')
        """
        if self.language == "en":
            return text
        for pattern, chinese in catalogue()["findings"].items():
            form = re.escape(pattern).replace(r"\{field\}", "(?P<field>.+)").replace(r"\{\}", "(.+)")
            match = re.fullmatch(form, text)
            if match:
                fields = {name: catalogue()["fields"].get(part, part) for name, part in match.groupdict().items()}
                return str(chinese).format(*match.groups(), **fields)
        return text

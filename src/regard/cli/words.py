"""Words: what a verb says on a terminal, in the language of the workspace or of `--lang`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from regard.cli.chinese import CHINESE, TOLD

if TYPE_CHECKING:
    from regard.report.speech import Speech


class Words:
    """One language.

    Args:
        language: 'en' or 'zh'.

    Raises:
        UsageError: another language.

    >>> Words("en")("wrote {path}", path="page.html"), Words("zh")("wrote {path}", path="page.html")
    ('wrote page.html', '已写入 page.html')
    """

    def __init__(self, language: str) -> None:
        self.language = language
        if language != "en":  # what is English stands in the code, and needs no catalogue
            _ = self.known

    @cached_property
    def known(self) -> Speech:
        """The phrases that the terminal has in common with the report page."""
        from regard.report.speech import Speech

        return Speech(self.language)

    def __call__(self, text: str, **values: object) -> str:
        """The English phrase in this language, filled in; a word that belongs to the shop stays as it is."""
        said = self._said(text)
        return said.format(**values) if values else said

    def count(self, text: str, n: int, **values: object) -> str:
        """The English phrase 'one|many' for `n` things, in this language.

        >>> phrase = "{n} row rejected|{n} rows rejected"
        >>> Words("en").count(phrase, 1), Words("en").count(phrase, 1200), Words("zh").count(phrase, 1200)
        ('1 row rejected', '1,200 rows rejected', '1,200 行未接受')
        """
        one, _, many = self._said(text).partition("|")
        return (one if n == 1 or not many else many).format(n=f"{n:,}", **values)

    def joined(self, parts: Iterable[str]) -> str:
        """An enumeration.

        >>> Words("en").joined(["cups", "lamps"]), Words("zh").joined(["杯子", "台灯"])
        ('cups, lamps', '杯子、台灯')
        """
        return ("、" if self.language == "zh" else ", ").join(parts)

    def told(self, text: str) -> str:
        """What a room below says in English, in this language as far as it is known.

        >>> Words("zh").told("reading a.csv"), Words("zh").told("decimal comma, carried down within the order")
        ('读取 a.csv', '小数点为逗号，空缺时沿用同一订单的值')
        """
        return (None if self.language == "en" else self._told(text)) or text

    def _told(self, text: str) -> str | None:
        found = self.known.finding(text)
        if found != text:
            return found
        for pattern, chinese in TOLD.items():
            match = re.fullmatch(re.escape(pattern).replace(r"\{\}", "(.+)").replace(r"\(s\)", "s?"), text)
            if match:
                return chinese.format(*match.groups())
        for mark, full in (("; ", "；"), (", ", "，")):
            parts = [self._told(part) for part in text.split(mark)] if mark in text else [None]
            if None not in parts:
                return full.join(part or "" for part in parts)
        return None

    def _said(self, text: str) -> str:
        return CHINESE.get(text, text) if self.language == "zh" else text


ENGLISH = Words("en")
"""The language until a workspace or `--lang` says another."""

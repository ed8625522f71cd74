"""Words: what a verb says on a terminal, in the language of the workspace or of `--lang`."""

from __future__ import annotations

from regard.cli.chinese import CHINESE
from regard.errors import UsageError

LANGUAGES = ("en", "zh")


class Words:
    """One language.

    Args:
        language: 'en' or 'zh'.

    Raises:
        UsageError: another language.

    >>> Words("en")("{events} events", events="3"), Words("zh")("{events} events", events="3")
    ('3 events', '3 个事件')
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise UsageError(f"unknown language '{language}'", hint="en or zh")
        self.language = language

    def __call__(self, text: str, **values: object) -> str:
        """The English phrase in this language, filled in; a word that belongs to the shop stays as it is."""
        said = CHINESE.get(text, text) if self.language == "zh" else text
        return said.format(**values) if values else said

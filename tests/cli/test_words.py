"""Every phrase that a verb says exists in Chinese, and says the same things in it."""

from __future__ import annotations

import ast
from pathlib import Path
from string import Formatter

import pytest

import regard.cli
from regard.cli.chinese import CHINESE
from regard.cli.words import Words
from regard.errors import UsageError

SOURCES = sorted(Path(regard.cli.__file__).parent.glob("*.py"))


def spoken() -> set[str]:
    """Texts given to `say` in plain sight."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "say"
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return found


def test_every_phrase_is_translated() -> None:
    assert len(spoken()) > 50
    assert spoken() - set(CHINESE) == set()


@pytest.mark.parametrize("english", CHINESE)
def test_a_translation_names_the_same_things(english: str) -> None:
    def names(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert names(english) == names(CHINESE[english])


def test_what_belongs_to_the_shop_stays_as_it_is() -> None:
    assert Words("zh")("a {word} of the shop") == "a {word} of the shop"
    with pytest.raises(UsageError, match="unknown language 'fr'"):
        Words("fr")

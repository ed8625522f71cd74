"""Every phrase that a verb says exists in Chinese, and says the same things in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import get_args

import pyarrow as pa
import pytest

import regard
import regard.cli
from regard.cli.chinese import CHINESE, TOLD
from regard.cli.words import Words
from regard.errors import UsageError
from regard.events.read import open_source
from regard.events.recognise import recognise
from regard.events.recognise_shapes import SHAPES
from regard.insight.answer import Level

SOURCES = sorted(Path(regard.cli.__file__).parent.glob("*.py"))
BELOW = sorted(path for path in Path(regard.__file__).parent.rglob("*.py") if path not in SOURCES)


def texts(node: ast.AST | None) -> set[str]:
    """The texts that a piece of code can stand for: of a table its values, of a call none."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.Call | ast.JoinedStr | None):
        return set()
    parts = node.values if isinstance(node, ast.Dict) else ast.iter_child_nodes(node)
    return {text for part in parts for text in texts(part)}


def named(tree: ast.AST, name: str) -> set[str]:
    """The texts that a name can stand for: those of the loops and assignments that give it its value."""
    found: set[str] = set()
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(part, ast.Name) and part.id == name for it in targets if it for part in ast.walk(it)):
            found |= texts(node.iter if isinstance(node, ast.For | ast.comprehension) else getattr(node, "value", None))
    return found


def spoken() -> set[str]:
    """Texts given to `say` or `say.count`: as they stand, or through a name, a table or a choice."""
    found: set[str] = set()
    for path in SOURCES:
        tree = ast.parse(path.read_text("utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args):
                if ast.unparse(call.func) not in ("say", "self._say", "say.count"):
                    continue
                said = call.args[0]
                assert not isinstance(said, ast.JoinedStr), f"{path.name}:{call.lineno} pastes a phrase together"
                found |= named(function, said.id) if isinstance(said, ast.Name) else set()
                table = said.value if isinstance(said, ast.Subscript) else None
                found |= named(tree, table.id) if isinstance(table, ast.Name) else set()
                found |= texts(said) if isinstance(said, ast.Constant | ast.IfExp) else set()
    return found | {*get_args(Level), "base rate"} - {"model"}  # where an answer comes from is said by its name


def reported() -> Iterator[str]:
    """What the rooms below tell of their progress, anything in place of what they fill in."""
    for path in BELOW:
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            where = ast.unparse(call.func)
            if not where.endswith(("progress.start", "progress.finish", "progress.advance", "self._begin")):
                continue
            for value in [*call.args, *(keyword.value for keyword in call.keywords)]:
                if isinstance(value, ast.JoinedStr):
                    yield "".join(part.value if isinstance(part, ast.Constant) else "7" for part in value.values)
                elif isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def test_every_phrase_is_translated_and_none_for_nothing() -> None:
    assert len(spoken()) > 50 and {"chance", "new", "own items stay in", "growth"} <= spoken()
    assert spoken() - set(CHINESE) == set()
    assert set(CHINESE) - spoken() == set()


@pytest.mark.parametrize("english", CHINESE)
def test_a_translation_names_the_same_things(english: str) -> None:
    def names(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert names(english) == names(CHINESE[english])


def test_what_belongs_to_the_shop_stays_as_it_is() -> None:
    assert Words("zh")("a {word} of the shop") == "a {word} of the shop"
    assert Words("zh").told("a, b; c") == "a, b; c"
    with pytest.raises(UsageError, match="unknown language 'fr'"):
        Words("fr")


def test_progress_and_notes_are_told_in_chinese() -> None:
    said = {*reported(), *(shape.note for shape in SHAPES)}
    assert len(said) > 25
    assert {text for text in said if Words("zh").told(text) == text} == set()
    assert {text for text in said if Words("en").told(text) != text} == set()
    own = "behaviours kept as the shop calls them: lecture, training, special events"
    assert Words("zh").told(own) == "行为沿用本店的叫法：lecture, training, special events"


def test_how_columns_are_read_is_told_in_chinese() -> None:
    rows = {"Invoice": ["536365", "C536366"], "StockCode": ["1", "2"], "Quantity": [1, -1], "Price": ["1,50", "2,50"]}
    dated = {"InvoiceDate": ["13/01/2011", "14/01/2011"], "Customer ID": ["1", "2"], "other": ["x", "y"]}
    source = open_source(pa.table(rows | dated))
    how = [how for _, _, how in recognise(source, overrides={}, config=regard.config.Config()).describe() if how]
    assert "every row is 'purchase'; order ids with C and negative quantities are refunds" in how
    assert "times, day first, read in UTC where no zone is given" in how
    assert [text for text in how if re.search("[a-z]{3,}", Words("zh").told(text).replace("purchase", ""))] == []


@pytest.mark.parametrize("pattern", TOLD)
def test_a_pattern_and_its_translation_hold_as_many_things(pattern: str) -> None:
    things = [str(number) for number in range(pattern.count("{}"))]
    said = Words("zh").told(pattern.replace("(s)", "s").format(*things))
    assert said == TOLD[pattern].format(*things) and all(thing in said for thing in things)

"""Text of a filter -> tree: a tokenizer and a recursive descent, both by hand, so that errors can say where and what.

    filter  = all { "or" all }
    all     = term { "and" term }
    term    = "not" term | "(" filter ")" | column test
    test    = ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
            | [ "not" ] "in" "(" value { "," value } ")"
            | [ "not" ] "contains" value
            | [ "not" ] "starts" "with" text
            | "is" [ "not" ] "null"
    column  = word | `any text` | "any text"
    value   = text | number | day | moment | "true" | "false"
    text    = "any text" | 'any text'

The place decides what double quotes mean: on the left of a test they hold a column, on the right a text. A quote inside
is doubled. A word starts with a letter of any script. A day is 2024-03-01, a moment 2024-03-01T08:30Z (UTC unless it
names an offset). Keywords may be written in capitals.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from typing import NoReturn

from regard.errors import UsageError
from regard.events.filter_tree import (
    KEYWORDS,
    OPERATORS,
    And,
    Compare,
    Contains,
    In,
    IsNull,
    Not,
    Or,
    StartsWith,
    Test,
    Tree,
    Value,
)

MAX_LENGTH = 200_000
"""Characters; room for a list of ten thousand item ids."""

MAX_DEPTH = 50
"""Brackets and nots within one another."""

_TOKEN = re.compile(
    r"""
      (?P<blank>\s+)
    | (?P<moment>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)?(?!\w))
    | (?P<day>\d{4}-\d\d-\d\d(?!\w))
    | (?P<number>[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?(?!\w))
    | (?P<word>[^\W\d]\w*)
    | (?P<double>"([^"]|"")*")
    | (?P<single>'([^']|'')*')
    | (?P<back>`([^`]|``)*`)
    | (?P<sign><=|>=|!=|[=<>(),])
    """,
    re.VERBOSE,
)

_HINTS = {
    "==": "write =",
    "<>": "write !=",
    "&": "write and",
    "|": "write or",
    "!": "write not, or !=",
    "“": "use straight quotes",
    "”": "use straight quotes",
    "‘": "use straight quotes",
    "（": "use ( and )",
    "，": "use ,",
    "＝": "use =",
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int


def parse(text: str) -> Tree:
    """Read a filter such as a person types it.

    Args:
        text: the filter; see the grammar above.

    Raises:
        UsageError: what was expected and at which character, in one line; or the text is too long or too deep.

    >>> parse('price > 2 and not size = 5')
    And(parts=(Compare(column='price', operator='>', value=2), Not(part=Compare(column='size', operator='=', value=5))))
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(f"the filter has {len(text):,} characters; {MAX_LENGTH:,} at most")
    return _Parser(text, _tokens(text)).whole()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            letter = text[place]
            if letter in "\"'`":
                _fail(place, "this quote is never closed")
            _fail(place, f"{_shown(letter)} cannot stand here", _HINTS.get(letter, "quote names and texts"))
        place = match.end()
        if match.lastgroup != "blank":
            found.append(_Token(match.lastgroup, match.group(), match.start()))
    return [*found, _Token("end", "", len(text))]


class _Parser:
    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._text, self._tokens, self._place, self._depth = text, tokens, 0, 0

    def whole(self) -> Tree:
        tree = self._any()
        if self._next.kind != "end":
            chained = self._next.text in OPERATORS
            self._expected("'and', 'or' or the end", "compare twice: a > 1 and a < 5" if chained else "")
        return tree

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _word(self, *words: str) -> bool:
        """Take the words if they come next."""
        ahead = self._tokens[self._place : self._place + len(words)]
        if [token.text.lower() for token in ahead if token.kind == "word"] != list(words):
            return False
        self._place += len(words)
        return True

    def _sign(self, sign: str) -> bool:
        if self._next.kind != "sign" or self._next.text != sign:
            return False
        self._place += 1
        return True

    def _any(self) -> Tree:
        parts = [self._all()]
        while self._word("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Tree:
        parts = [self._term()]
        while self._word("and"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _term(self) -> Tree:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            _fail(self._next.start, f"brackets and nots go deeper than {MAX_DEPTH}")
        try:
            if self._word("not"):
                return Not(self._term())
            if self._sign("("):
                tree = self._any()
                if not self._sign(")"):
                    self._expected("')', 'and' or 'or'")
                return tree
            return self._test(self._column())
        finally:
            self._depth -= 1

    def _column(self) -> str:
        token = self._next
        if token.kind == "word" and token.text.lower() not in KEYWORDS:
            name = token.text
        elif token.kind in ("double", "back"):
            name = _unquoted(token.text)
        else:
            hint = {"single": "columns go in double quotes or backticks", "word": "quote a column of that name"}
            self._expected("a column", hint.get(token.kind, ""))
        self._place += 1
        return name

    def _test(self, column: str) -> Tree:
        token = self._next
        if token.kind == "sign" and token.text in OPERATORS:
            self._place += 1
            follows = self._next.kind == "sign" and token.text + self._next.text
            if follows and follows in _HINTS:
                self._expected("a value", _HINTS[follows])
            return Compare(column, token.text, self._value())
        if self._word("is"):
            absent = not self._word("not")
            if not self._word("null"):
                self._expected("'null'" if not absent else "'null' or 'not null'", "other values are compared with =")
            return IsNull(column) if absent else Not(IsNull(column))
        negated = self._word("not")
        test: Test
        if self._word("in"):
            test = In(column, self._values())
        elif self._word("contains"):
            test = Contains(column, self._value())
        elif self._word("starts", "with"):
            if self._next.kind not in ("double", "single"):
                self._expected("a text in quotes")
            test = StartsWith(column, str(self._value()))
        else:
            self._expected("=, !=, <, <=, >, >=, in, contains, starts with or is" if not negated else "in or contains")
        return Not(test) if negated else test

    def _values(self) -> tuple[Value, ...]:
        if not self._sign("("):
            self._expected("'('", 'write in ("a", "b")')
        values = [self._value()]
        while self._sign(","):
            values.append(self._value())
        if not self._sign(")"):
            self._expected("',' or ')'")
        return tuple(values)

    def _value(self) -> Value:
        token = self._next
        word = token.text.lower() if token.kind == "word" else ""
        value: Value
        if token.kind in ("double", "single"):
            value = _unquoted(token.text)
        elif token.kind == "number":
            value = _number(token)
        elif token.kind in ("day", "moment"):
            value = _moment(token)
        elif word in ("true", "false"):
            value = word == "true"
        else:
            hint = "write is null" if word == "null" else f'a text goes in quotes: "{token.text[:40]}"' if word else ""
            self._expected("a value", hint)
        self._place += 1
        return value

    def _expected(self, what: str, hint: str = "") -> NoReturn:
        token = self._next
        found = "the end" if token.kind == "end" else _shown(token.text)
        _fail(token.start, f"expected {what}, found {found}", hint)


def _fail(place: int, what: str, hint: str = "") -> NoReturn:
    raise UsageError(f"the filter, at character {place + 1}: {what}", hint=hint)


def _shown(text: str) -> str:
    return ascii(text) if not text.isprintable() else f"'{text[:40]}'"


def _unquoted(text: str) -> str:
    return text[1:-1].replace(text[0] * 2, text[0])


def _number(token: _Token) -> int | float:
    value = float(token.text)
    if not math.isfinite(value):
        _fail(token.start, "this number is too large")
    whole = re.fullmatch(r"[+-]?\d{1,15}", token.text)  # exact as a float too, so that both compilers see one number
    return int(token.text) if whole else value


def _moment(token: _Token) -> dt.date | dt.datetime:
    try:
        if token.kind == "day":
            return dt.date.fromisoformat(token.text)
        moment = dt.datetime.fromisoformat(token.text.upper())
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        _fail(token.start, f"{_shown(token.text)} is no date", "year-month-day, such as 2024-03-01")

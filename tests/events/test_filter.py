from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import UsageError
from regard.events import filter as filters
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
    Value,
)

ITEMS = pa.table(
    {
        "item": ["a", "b", "c", "d"],
        "category": ["lights", "lights", "bath", None],
        "类目": ["灯具", "灯具", "卫浴", None],
        "price": [9.5, 25.0, None, math.nan],
        "stock": pa.array([0, 3, 12, None], pa.int32()),
        "active": [True, False, None, True],
        "added": [dt.date(2024, 2, 29), dt.date(2024, 3, 1), dt.date(2024, 3, 2), None],
        "seen": pa.array([0, 86_399_999_999, 86_400_000_000, None], pa.timestamp("us", tz="UTC")),
        "tags": [["sale", "new"], [], None, [None, "it's"]],
        "sizes": pa.array([[1, 2], [0], None, []], pa.list_(pa.int64())),
        "brand": pa.array(["Acme", "O'Neil", "100%_x", None]).dictionary_encode(),
        "or": ["x", "y", None, "x"],
        "empty": pa.nulls(4),
        "blob": pa.array([b"1", None, b"2", b"3"]),
    }
)

_BARE = re.compile(r"[^\W\d]\w*")


def text_of(tree: filters.Tree) -> str:
    """The tree as text that must parse to the same tree."""
    match tree:
        case Or(parts):
            return " or ".join(_part(part, (Or,)) for part in parts)
        case And(parts):
            return " and ".join(_part(part, (Or, And)) for part in parts)
        case Not(IsNull(column)):
            return f"{_column(column)} is not null"
        case Not(In(column, values)):
            return f"{_column(column)} not in ({', '.join(map(_value, values))})"
        case Not(part):
            return f"not {_part(part, (Or, And))}"
        case Compare(column, operator, value):
            return f"{_column(column)} {operator} {_value(value)}"
        case In(column, values):
            return f"{_column(column)} in ({', '.join(map(_value, values))})"
        case IsNull(column):
            return f"{_column(column)} is null"
        case Contains(column, value):
            return f"{_column(column)} contains {_value(value)}"
        case StartsWith(column, value):
            return f"{_column(column)} starts with {_value(value)}"


def _part(tree: filters.Tree, looser: tuple[type, ...]) -> str:
    return f"({text_of(tree)})" if isinstance(tree, looser) else text_of(tree)


def _column(name: str) -> str:
    if _BARE.fullmatch(name) and name.lower() not in KEYWORDS:
        return name
    return "`" + name.replace("`", "``") + "`"


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace('"', '""') + '"'
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        case dt.date():
            return value.isoformat()
        case _:
            return repr(value)


DUCK = duckdb.connect()
DUCK.execute("SET TimeZone = 'Asia/Kathmandu'")  # an odd zone: the answer must not depend on it


def _duck(tree: filters.Tree, table: pa.Table) -> list[bool | None]:
    sql, values = filters.to_sql(tree, table.schema)
    DUCK.register("t", table.append_column("row__", pa.array(range(table.num_rows))))
    return [row[0] for row in DUCK.execute(f"SELECT {sql} FROM t ORDER BY row__", values).fetchall()]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('category = "lights"', "ab"),
        ("category = 'lights' and price < 20", "a"),
        ('category != "lights"', "c"),
        ('not category = "lights"', "c"),
        ('"类目" = "灯具"', "ab"),
        ("类目 = '卫浴'", "c"),
        ('`or` = "x"', "ad"),
        ("price <= 9.5 or price >= 25", "ab"),
        ("not (price < 20)", "b"),
        ("price is null", "cd"),
        ("price is not null and stock = 0", "a"),
        ("stock in (3, 12.0)", "bc"),
        ("stock not in (3)", "ac"),
        ("stock != 3 or price is null", "acd"),
        ("active = true", "ad"),
        ("active != TRUE", "b"),
        ("added >= 2024-03-01", "bc"),
        ("added < 2024-03-01", "a"),
        ("added in (2024-02-29, 2024-03-02)", "ac"),
        ("added > 2024-03-01T00:00Z", "c"),
        ("seen = 1970-01-01", "ab"),
        ("seen != 1970-01-01", "c"),
        ("seen <= 1970-01-01", "ab"),
        ("seen > 1970-01-01", "c"),
        ("seen >= 1970-01-02T01:00+01:00", "c"),
        ("seen < 9999-12-31 and seen <= 9999-12-31 and not seen > 9999-12-31", "abc"),
        ('tags contains "sale"', "a"),
        ('tags not contains "sale"', "bd"),
        ("tags contains 'it''s'", "d"),
        ("tags is null", "c"),
        ("sizes contains 2", "a"),
        ("sizes contains -0.0", "b"),
        ('category contains "ight"', "ab"),
        ('category starts with "ba"', "c"),
        ('category not starts with "ba"', "ab"),
        ('brand = "O\'Neil"', "b"),
        ('brand contains "%_"', "c"),
        ('brand in ("Acme", "100%_x")', "ac"),
        ('item < "c"', "ab"),
        ("empty = 3", ""),
        ("empty is null", "abcd"),
        ("blob is null", "b"),
        ('category = "lights" or category = "bath" and price is null', "abc"),
        ('(category = "lights" or category = "bath") and price is null', "c"),
        ('category = "\'; drop table t; --"', ""),
    ],
)
def test_both_compilers_keep_the_rows_a_reader_expects(text: str, kept: str) -> None:
    tree = filters.parse(text)
    rows = filters.mask(tree, ITEMS)
    assert "".join(np.array(list("abcd"))[rows]) == kept
    assert [answer is True for answer in _duck(tree, ITEMS)] == rows.tolist()
    assert filters.parse(text_of(tree)) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at character 1: expected a column, found the end"),
        ("price", "at character 6: expected =, !=, <"),
        ("price <", "at character 8: expected a value, found the end"),
        ("price < 20 <= 30", r"at character 12: .*compare twice: a > 1 and a < 5"),
        ("1 < price", "at character 1: expected a column, found '1'"),
        ("price == 3", r"write ="),
        ("price <> 3", r"write !="),
        ("category = lights", r'a text goes in quotes: "lights"'),
        ("category = null", "write is null"),
        ("category is 3", "expected 'null' or 'not null'"),
        ('category = "lights', "at character 12: this quote is never closed"),
        ("category = “lights”", "at character 12: .*use straight quotes"),
        ("'category' = 3", "columns go in double quotes or backticks"),
        ("or = 3", "quote a column of that name"),
        ("stock in 3", r"expected '\('"),
        ("stock in ()", r"expected a value, found '\)'"),
        ("stock in (1, 2", "expected ',' or '\\)'"),
        ("(price < 3", "expected '\\)'"),
        ("price < 3)", "expected 'and', 'or' or the end"),
        ("price not = 3", "expected in or contains"),
        ("added > 2024-13-01", "no date"),
        ("added > 2024-02-30T08:00", "no date"),
        ("price < 1e999", "too large"),
        ("category starts with 3", "expected a text in quotes"),
        ("price < 3; drop table t", "at character 10: ';' cannot stand here"),
        ("category = \x00", r"'\\x00' cannot stand here"),
        ("price & 3", "write and"),
        ("(" * 60 + "price = 1" + ")" * 60, "deeper than 50"),
        ("not " * 60 + "price = 1", "deeper than 50"),
        ("price = 1 or " * 20_000 + "price = 1", "200,000 at most"),
    ],
)
def test_a_parse_error_says_where_and_what(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        filters.parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prise < 3", r"no column 'prise' \(did you mean 'price'\?\)"),
        ("Price < 3", "did you mean 'price'"),
        ("zzzzzz < 3", "there are item, category"),
        ("category < 3", r"'category' is a text, but it is compared with a number \(quote it: \"3\"\)"),
        ('price = "3"', "'price' is a number, but it is compared with a text"),
        ("price contains 3", "not a text: it cannot contain"),
        ('added = "2024-03-01"', "without quotes"),
        ("category = 2024-03-01", "compared with a date"),
        ("active < true", "compare it with = or !="),
        ("active = 1", "is true or false"),
        ('tags = "sale"', r"is a list \(tags contains"),
        ("tags contains 3", "compared with a number"),
        ("blob = 3", "only test with is null"),
        ("stock in (1, true)", "compared with true or false"),
    ],
)
def test_a_filter_that_does_not_fit_the_table_is_refused_by_both(text: str, message: str) -> None:
    tree = filters.parse(text)
    for use in (lambda: filters.mask(tree, ITEMS), lambda: filters.to_sql(tree, ITEMS.schema)):
        with pytest.raises(UsageError, match=message):
            use()


def test_two_columns_of_one_name_are_ambiguous() -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    with pytest.raises(UsageError, match="2 columns named 'x'"):
        filters.mask(filters.parse("x = 1"), twice)


def test_values_are_bound_and_names_are_quoted() -> None:
    schema = pa.schema([('a" or 1=1 --', pa.string())])
    sql, values = filters.to_sql(filters.parse("`a\" or 1=1 --` = 'x'' or 1=1 --'"), schema)
    assert sql == '("a"" or 1=1 --"::VARCHAR = ?)'
    assert values == ["x' or 1=1 --"]


def test_long_chains_and_lists_run() -> None:
    table = pa.table({"x": pa.array(range(5000))})
    for text in (
        " or ".join(f"x = {i}" for i in range(0, 5000, 2)),
        f"x in ({', '.join(map(str, range(0, 5000, 2)))})",
    ):
        tree = filters.parse(text)
        assert filters.mask(tree, table).sum() == 2500
        assert sum(answer is True for answer in _duck(tree, table)) == 2500


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array([1, 2, None], pa.uint64()), "x > 1"),
        (pa.array([0.1, 0.5, None], pa.float32()), "x = 0.5"),
        (pa.array([1, 2, None], pa.decimal128(9, 2)), "x >= 1.5"),
        (pa.array(["a", "b", None], pa.string_view()), 'x = "b"'),
        (pa.array([1, 2, None]).dictionary_encode(), "x = 2"),
        (pa.array([0, 86_400, None], pa.timestamp("s")), "x > 1970-01-01"),
        (pa.array([0, 86_400_000_000_000, None], pa.timestamp("ns", tz="Asia/Tokyo")), "x = 1970-01-02"),
        (pa.array([[1.5, 2], [2, 3], None], pa.list_(pa.float32(), 2)), "x contains 3"),
        (pa.array([["a"], ["b", None], None], pa.large_list(pa.large_string())), 'x contains "b"'),
        (pa.array([[True], [False], None], pa.list_(pa.bool_())), "x contains false"),
    ],
    ids=lambda value: str(getattr(value, "type", value)),
)
def test_types_of_one_kind_answer_alike(values: pa.Array, text: str) -> None:
    table = pa.table({"x": values})
    tree = filters.parse(text)
    assert filters.evaluate(tree, table).to_pylist() == _duck(tree, table) == [False, True, None]


def test_columns_of_names_what_a_filter_reads() -> None:
    assert filters.columns_of(filters.parse("a = 1 and (b is null or not c in (1))")) == {"a", "b", "c"}


# Random trees over random tables

_TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=3) | st.sampled_from(
    ["a", "ab", "b", "灯", "%", "'", '"', "`"]
)
_NUMBERS = st.sampled_from([0, 1, -1, 2, 0.5, -0.0, 1e-7, 1e300, 123456789012345]) | st.floats(
    allow_nan=False, allow_infinity=False
)
_DAYS = st.dates(dt.date(1960, 1, 1), dt.date(1960, 1, 5)) | st.dates(dt.date(1, 1, 2), dt.date(9999, 12, 30))
_MOMENTS = st.datetimes(dt.datetime(1959, 12, 31), dt.datetime(1960, 1, 6), timezones=st.just(dt.UTC))
_TRUTHS = st.booleans()
_CELLS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any], st.SearchStrategy[Any]]] = {
    "text": (pa.string(), _TEXTS, _TEXTS),
    "long text": (pa.large_string(), _TEXTS, _TEXTS),
    "number": (pa.float64(), _NUMBERS | st.just(math.nan) | st.just(math.inf), _NUMBERS),
    "whole": (pa.int64(), st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3)),
    "truth": (pa.bool_(), _TRUTHS, _TRUTHS),
    "day": (pa.date32(), st.dates(dt.date(1960, 1, 1), dt.date(1960, 1, 5)), _DAYS | _MOMENTS),
    "moment": (pa.timestamp("us", tz="UTC"), _MOMENTS, _DAYS | _MOMENTS),
    "naive": (pa.timestamp("us"), st.datetimes(dt.datetime(1959, 12, 31), dt.datetime(1960, 1, 6)), _DAYS | _MOMENTS),
    "texts": (pa.list_(pa.string()), st.lists(_TEXTS | st.none(), max_size=3), _TEXTS),
    "numbers": (pa.list_(pa.float64()), st.lists(_NUMBERS | st.none() | st.just(math.nan), max_size=3), _NUMBERS),
    '"odd` name"': (pa.string(), _TEXTS, _TEXTS),
}


@st.composite
def _tests(draw: st.DrawFn) -> filters.Tree:
    name = draw(st.sampled_from(sorted(_CELLS)))
    type_, _, values = _CELLS[name]
    if draw(st.integers(0, 5)) == 0:
        return IsNull(name)
    value = draw(values)
    if pa.types.is_list(type_):
        return Contains(name, value)
    if isinstance(value, str) and draw(st.booleans()):
        return draw(st.sampled_from([Contains, StartsWith]))(name, value)
    if draw(st.booleans()):
        return In(name, (value, *draw(st.lists(values, max_size=3))))
    return Compare(name, draw(st.sampled_from(OPERATORS if type_ != pa.bool_() else ("=", "!="))), value)


_TREES = st.recursive(
    _tests(),
    lambda part: (
        part.map(Not)
        | st.lists(part, min_size=2, max_size=3).map(lambda parts: And(tuple(parts)))
        | st.lists(part, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts)))
    ),
    max_leaves=8,
)


@st.composite
def _tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 6))
    columns = {}
    for name, (type_, cells, _) in _CELLS.items():
        columns[name] = pa.array(draw(st.lists(cells | st.none(), min_size=rows, max_size=rows)), type_)
    return pa.table(columns)


@settings(max_examples=150, deadline=None)
@given(tree=_TREES, table=_tables())
def test_the_two_compilers_agree_on_any_tree_and_table(tree: filters.Tree, table: pa.Table) -> None:
    assert filters.evaluate(tree, table).to_pylist() == _duck(tree, table)


@settings(max_examples=400, deadline=None)
@given(tree=_TREES)
def test_a_tree_prints_to_text_that_parses_to_the_same_tree(tree: filters.Tree) -> None:
    assert filters.parse(text_of(tree)) == tree


_WORDS = st.sampled_from(
    [
        *"()<>=!,\"'`.-+&|;“",
        *("and", "or", "not", "in", "is", "null", "contains", "starts", "with", "true", "price", "category", "类目"),
        *("added", "tags", "2024-03-01", "2024-99-99T99:99", "3", "1e5", "1e999", "<=", "!="),
        *('"a"', "'b'", "`c`", "\x00", "\ud800", "9" * 400),
    ]
)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None)
@given(
    text=st.text(max_size=200)
    | st.lists(_WORDS, max_size=40).map(" ".join)
    | st.lists(_WORDS, max_size=40).map("".join)
)
def test_any_text_parses_or_is_a_usage_error(text: str) -> None:
    try:
        tree = filters.parse(text)
    except UsageError as error:
        assert "\n" not in str(error)
        return
    assert filters.parse(text_of(tree)) == tree
    try:
        rows = filters.mask(tree, ITEMS)
    except UsageError:
        return
    assert [answer is True for answer in _duck(tree, ITEMS)] == rows.tolist()


def test_values_under_a_missing_list_are_not_there() -> None:
    values = pa.array(["lamp", "cup", "tea"])
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), values, mask=pa.array([False, True, False]))
    assert len(lists.values) == 3 and lists.to_pylist() == [["lamp"], None, ["tea"]]
    table = pa.table({"x": lists})
    assert filters.mask(filters.parse("x contains 'tea'"), table).tolist() == [False, False, True]
    assert filters.mask(filters.parse("x contains 'cup'"), table).tolist() == [False, False, False]

"""What must work, what is rejected by row, and what no file may be."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.config import Config
from regard.errors import InputError, RegardError, UsageError
from regard.events.read import open_source, stage
from regard.events.read_repair import repair
from regard.events.recognise import recognise

HEADER = "user_id,item_id,event,timestamp,quantity,price\n"
ROW = "u{0},i{0},buy,1700000{0:03d},1,2.5\n"


def read(path: Path, **overrides: str) -> tuple[list[tuple[Any, ...]], list[tuple[int, str, str]]]:
    """(line, customer, item, quantity, price) of the events, (line, reason, raw) of the rejects."""
    source = open_source(path)
    with duckdb.connect() as connection:
        mapping = recognise(source, overrides=overrides, config=Config())
        stage(connection, source, mapping, table="t", rejects="r", file=0, config=Config())
        events = connection.execute("SELECT line, customer, item, quantity, price FROM t ORDER BY line").fetchall()
        return events, connection.execute("SELECT line, reason, raw FROM r ORDER BY line").fetchall()


def make(folder: Path, *rows: str, header: str = HEADER, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes((header + "".join(rows)).encode())
    return path


def good(*numbers: int) -> list[str]:
    return [ROW.format(number) for number in numbers]


@pytest.mark.parametrize(
    "bad",
    [
        'u2,"i2,buy,1700000002,1,2.5\n',
        'u2,"i2" x,buy,1700000002,1,2.5\n',
        "u2,i2,buy\n",
        "u2,i2,buy,1700000002,1,2.5,9,9\n",
        'u2,i2,"buy,1700000002,1,2.5\n',
    ],
)
def test_a_broken_row_takes_no_neighbour_along(tmp_path: Path, bad: str) -> None:
    quoted = 'u8,"i ""8"", x",buy,1700000008,1,2.5\n'
    events, rejects = read(make(tmp_path, *good(1), bad, *good(3, 4), quoted, *good(6)))
    assert [event[0] for event in events] == [1, 3, 4, 5, 6]
    assert events[3][2] == 'i "8", x'
    assert [(line, raw) for line, _, raw in rejects] == [(2, bad.strip())]


def test_quotes_commas_and_newlines_inside_cells(tmp_path: Path) -> None:
    rows = ['"a,b","x ""y""",buy,1700000001,1,2\n', '"c\nd",z,buy,1700000002,1,2\n', *good(3)]
    events, rejects = read(make(tmp_path, *rows))
    assert [(event[0], event[1], event[2]) for event in events] == [
        (1, "a,b", 'x "y"'),
        (2, "c\nd", "z"),
        (3, "u3", "i3"),
    ]
    assert rejects == []


def test_newlines_in_cells_survive_the_slow_way(tmp_path: Path) -> None:
    rows = ['"c\nd",z,buy,1700000002,1,2\n', "broken\n", *good(3, 4)]
    events, rejects = read(make(tmp_path, *rows))
    assert [(event[0], event[1]) for event in events] == [(1, "c\nd"), (3, "u3"), (4, "u4")]
    assert [line for line, *_ in rejects] == [2]


def test_mixed_line_ends_and_blank_lines(tmp_path: Path) -> None:
    events, rejects = read(make(tmp_path, "u1,i1,buy,1700000001,1,2\r\n", "\n", "u2,i2,buy,1700000002,1,2\n"))
    assert [event[:2] for event in events] == [(1, "u1"), (2, "u2")]
    assert rejects == []


def test_bytes_that_are_no_text_cost_their_row_only(tmp_path: Path) -> None:
    path = make(tmp_path, *good(1), "u2,é,buy,1700000002,1,2\n" * 20, *good(3))
    path.write_bytes(path.read_bytes() + b"u4,\xff\xfe\xfa,buy,1700000004,1,2\nu5,i5,buy,1700000005,1,2\n")
    events, rejects = read(path)
    assert len(events) == 23
    assert [reason for _, reason, _ in rejects] == ["unreadable characters"]


def test_an_encoding_that_shows_late(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes((HEADER + ROW.format(1) * 60_000 + "u9,茶壶一号,buy,1700000009,1,2\n" * 5).encode("gbk"))
    events, rejects = read(path)
    assert events[-1][2] == "茶壶一号"
    assert rejects == []


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e300", "99999999999", "lots"])
def test_numbers_that_are_none_are_rejected_by_row(tmp_path: Path, text: str) -> None:
    events, rejects = read(
        make(tmp_path, *good(1, 2), f"u3,i3,buy,1700000003,{text},2\n", f"u4,i4,buy,1700000004,1,{text}\n", *good(5))
    )
    assert [event[0] for event in events] == [1, 2, 5]
    assert ["quantity" in rejects[0][1], "price" in rejects[1][1]] == [True, True]


def test_free_items_returns_and_missing_numbers_are_fine(tmp_path: Path) -> None:
    events, rejects = read(
        make(tmp_path, "u1,i1,buy,1700000001,1,0\n", "u2,i2,buy,1700000002,-3,2\n", "u3,i3,buy,1700000003,,NULL\n")
    )
    assert [event[3:] for event in events] == [(1, 0), (-3, 2), (None, None)]
    assert rejects == []


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("0", "absurd time"),
        ("4900000000", "absurd time"),
        ("", "no time"),
        ("soon", "unreadable time"),
        ("-5", "absurd time"),
    ],
)
def test_times_that_are_none_are_rejected_by_row(tmp_path: Path, time: str, reason: str) -> None:
    rows = [*good(*range(1, 15)), f"u2,i2,buy,{time},1,2\n"]
    events, rejects = read(make(tmp_path, *rows))
    assert len(events) == 14
    assert rejects[0][:2] == (15, reason)


def test_ids_are_trimmed_and_spellings_of_missing_are_one(tmp_path: Path) -> None:
    rows = [
        "  u1\t,\u3000茶 壶\u00a0,buy,1700000001,1,2\n",
        "007,None,buy,1700000002,1,2\n",
        "x,NULL,buy,1700000003,1,2\n",
        "nan,i4,buy,1700000004,1,2\n",
        " NULL ,i5,buy,1700000005,1,2\n",
        "u6,12.0,buy,1700000006,1,2\n",
    ]
    events, rejects = read(make(tmp_path, *rows))
    assert [event[1:3] for event in events] == [("u1", "茶 壶"), ("007", None), ("x", None), ("u6", "12.0")]
    assert [(line, reason) for line, reason, _ in rejects] == [(4, "no customer"), (5, "no customer")]


def test_integral_floats_become_whole_only_where_all_are(tmp_path: Path) -> None:
    rows = ["17850.0,5.0,buy,1700000001,1,2\n"] * 3
    events, _ = read(make(tmp_path, *rows))
    assert {event[1:3] for event in events} == {("17850", "5")}
    late = ["17850.0,5.0,buy,1700000001,1,2\n"] * 1500 + ["17850.0,5.5,buy,1700000001,1,2\n"]
    events, _ = read(make(tmp_path, *late))
    assert {event[1:3] for event in events} == {("17850", "5.0"), ("17850", "5.5")}


def test_more_than_half_rejected_is_fatal_and_leaves_nothing(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, *good(1), "u2,i2,buy,1700000002,lots,1\n", ",i3,buy,1700000003,1,1\n"))
    mapping = recognise(source, overrides={}, config=Config())
    with duckdb.connect() as connection:
        with pytest.raises(InputError, match="2 of 3 rows"):
            stage(connection, source, mapping, table="t", rejects="r", file=0, config=Config())
        assert connection.execute("SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM r)").fetchall() == [(0,)]


def test_two_files_in_one_table(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        for file in (0, 1):
            source = open_source(make(tmp_path, *good(1, 2), ",i,buy,1700000001,1,1\n", name=f"{file}.csv"))
            mapping = recognise(source, overrides={}, config=Config())
            staged = stage(connection, source, mapping, table="a table", rejects="r", file=file, config=Config())
            assert (staged.rows, staged.rejected) == (2, 1)
        assert connection.execute('SELECT file, count(*) FROM "a table" GROUP BY 1 ORDER BY 1').fetchall() == [
            (0, 2),
            (1, 2),
        ]


def fatal(path: Path, words: str) -> None:
    with pytest.raises(RegardError, match=words) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_log(tmp_path: Path) -> None:
    fatal(tmp_path, "is a folder")
    fatal(tmp_path / "nowhere.csv", "does not exist")
    for name, content, words in [
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b"\n \n", "is empty"),
        ("bom.csv", b"\xef\xbb\xbf", "is empty"),
        ("empty.csv.gz", gzip.compress(b""), "is empty"),
        ("header.csv", HEADER.encode(), "no rows"),
        ("one.csv", b"just words\nwithout columns at all\nand more\n", "no columns"),
        ("book.xlsx", b"PK\x03\x04" + bytes(range(256)), "Excel"),
        ("noise.bin", bytes(range(256)) * 20, "binary"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "picture"),
        ("cut.csv.gz", gzip.compress((HEADER + "".join(good(*range(300)))).encode())[:-400], "gzip"),
        ("cut.parquet", b"PAR1" + bytes(50), "damaged Parquet"),
        ("other.csv", b"colour,size\nred,5\nblue,6\n", "customer"),
        ("object.json", b'{\n  "a": 1\n}', "one JSON object"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        fatal(path, words)


def test_overrides_that_name_nothing_are_wrong_usage(tmp_path: Path) -> None:
    path = make(tmp_path, *good(1))
    for overrides, words in [
        ({"custmer": "user_id"}, "did you mean customer"),
        ({"customer": "userid2"}, "did you mean 'user_id'"),
    ]:
        with pytest.raises(UsageError, match=words):
            read(path, **overrides)


texts = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff"), min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=12), st.sampled_from(",;\t|"))
def test_any_text_goes_in_and_comes_out(pairs: list[tuple[str, str]], delimiter: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["user_id", "item_id", "event", "timestamp", "quantity", "price"])
    for user, item in pairs:
        writer.writerow([f"u{user}u", f"i{item}i", "buy", 1700000000, 1, 2])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        path.write_text(out.getvalue(), encoding="utf-8", newline="")
        events, rejects = read(path)
    assert [event[1:3] for event in events] == [(f"u{user}u", f"i{item}i") for user, item in pairs]
    assert rejects == []


cells = st.text(st.sampled_from('ab,;" \n茶'), max_size=6)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=8))
def test_the_slow_way_reads_sound_files_as_any_reader_does(rows: list[list[str]]) -> None:
    rows = [["x", *row] for row in rows]
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        path.write_text(out.getvalue(), encoding="utf-8", newline="")
        clean, broken = io.StringIO(newline=""), io.StringIO(newline="")
        repair(path, clean, broken, encoding="utf-8", delimiter=",", escape='"', header=False, width=4)
    assert broken.getvalue() == ""
    found = list(csv.reader(io.StringIO(clean.getvalue(), newline="")))
    assert found == [[str(line), *row] for line, row in enumerate(rows, 1)]


@settings(deadline=None, max_examples=60)
@given(st.binary(min_size=1, max_size=400))
def test_no_bytes_raise_anything_but_our_own_errors(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        path.write_bytes(b"user_id,item_id,event,timestamp\nu,i,buy,1700000000\n" + content)
        with contextlib.suppress(RegardError):
            read(path)

"""What a file is, from its first megabyte: compression, encoding, format, delimiter, header."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from regard.errors import InputError

HEAD = 1 << 20
"""Bytes looked at."""
SAMPLE_ROWS = 1000
"""Rows kept as the sample."""
DELIMITERS = ("\t", "::", ";", "|", ",")
BLANKS = " "
"""The delimiter of files whose columns stand apart by one or more blanks."""

Format = Literal["csv", "jsonl", "json", "parquet"]


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen of a file.

    Args:
        format: 'csv' is any delimited text, 'jsonl' one record a line, 'json' one list of records.
        encoding: Python codec of the text.
        delimiter: between columns; BLANKS means a run of blanks.
        escape: the character before a quote within quotes.
        header: True when the first row names the columns.
        lines: the first lines of the text.
    """

    format: Format
    encoding: str = "utf-8"
    delimiter: str = ","
    escape: str = '"'
    header: bool = True
    lines: tuple[str, ...] = ()


def look_at(path: Path) -> Look:
    """Find out what `path` is.

    Raises:
        InputError: not a file, empty, binary or in no encoding we know; one line each.
    """
    head, whole = read_head(path)
    if head[:4] == b"PAR1":
        return Look(format="parquet")
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"):
        raise InputError(f"{path} is empty")
    for magic, what, hint in _BINARY:
        if head.startswith(magic):
            raise InputError(f"{path} is {what}, not a table of text", hint=hint)
    encoding = encoding_of(head, path)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head, final=whole)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = lines if whole or len(lines) == 1 else lines[:-1]
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("{") and _is_json(first):
        return Look(format="jsonl", encoding=encoding, lines=tuple(lines[: SAMPLE_ROWS + 1]))
    if first.startswith(("[", "{")) and re.match(r'\s*(\[\s*(\{|\])|\{\s*("|$))', text):
        if first.startswith("{"):
            raise InputError(
                f"{path} is one JSON object, not one record a line", hint="write the list of events as JSON lines"
            )
        return Look(format="json", encoding=encoding)
    return _look_at_table(path, tuple(line for line in lines if line.strip())[: 4 * SAMPLE_ROWS], encoding)


def read_head(path: Path) -> tuple[bytes, bool]:
    """The first megabyte after decompression, and whether that is all."""
    if path.is_dir():
        raise InputError(f"{path} is a folder", hint=f'name its files, for instance "{path}/*.csv"')
    try:
        with open_binary(path) as stream:
            head = stream.read(HEAD + 1)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(f"{path} is a damaged or truncated gzip file", hint="fetch the file again") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    return head[:HEAD], len(head) <= HEAD


def open_binary(path: Path) -> IO[bytes]:
    """The file's bytes, decompressed."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if is_gzip(path) else path.open("rb")


def is_gzip(path: Path) -> bool:
    """By its first bytes, whatever it is called."""
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def encoding_of(head: bytes, path: Path) -> str:
    """The codec of `head`: by its mark, else UTF-8 where it fits, else GB18030 or Windows-1252 by the bytes."""
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return codec
    if b"\x00" in head:
        for odd, codec in ((1, "utf-16-le"), (0, "utf-16-be")):
            if head[odd:4000:2].count(0) > 0.8 * len(head[odd:4000:2]):
                return codec
        if head.count(0) > 8 or head[:1000].count(0):
            raise InputError(f"{path} is a binary file", hint="export it as CSV, JSON lines or Parquet")
    if _decodes(head, "utf-8"):
        return "utf-8"
    high = re.findall(rb"[\x80-\xff]+", head)
    good = len(re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", head))
    bad = len(
        re.sub(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[\x00-\x7f]+", b"", head)
    )
    if good > 4 * bad:
        return "utf-8"
    if _decodes(head, "gb18030") and sum(len(run) % 2 == 0 for run in high) > 0.9 * len(high):
        return "gb18030"
    controls = sum(head.count(bytes([code])) for code in (*range(1, 9), *range(14, 27)))
    if controls > len(head) // 1000:
        raise InputError(f"{path} is in no text encoding that Regard knows", hint="save it as UTF-8")
    return "cp1252" if _decodes(head, "cp1252") else "latin-1"


def late_encoding(path: Path, known: str) -> str:
    """The codec of a file whose first megabyte was plain UTF-8 and whose later parts may tell another."""
    decode = codecs.getincrementaldecoder(known)("strict").decode
    with open_binary(path) as stream:
        while chunk := stream.read(HEAD):
            try:
                decode(chunk)
            except UnicodeDecodeError:
                found = encoding_of(chunk.partition(b"\n")[2] or chunk, path)
                return known if found == "utf-8" else found
    return known


def split_rows(look: Look, lines: tuple[str, ...]) -> list[list[str]]:
    """Rows of cells of the first lines."""
    if look.delimiter == BLANKS:
        return [line.split() for line in lines]
    return _split(lines, look.delimiter, look.escape)


def _split(lines: tuple[str, ...], delimiter: str, escape: str = '"') -> list[list[str]]:
    if delimiter == "::":
        return [line.split("::") for line in lines]
    old = csv.field_size_limit(1 << 30)
    try:
        return [
            row
            for row in csv.reader(
                (line + "\n" for line in lines),
                delimiter=delimiter,
                skipinitialspace=True,
                escapechar=None if escape == '"' else escape,
                doublequote=escape == '"',
            )
            if row
        ]
    except csv.Error:
        return [line.split(delimiter) for line in lines]
    finally:
        csv.field_size_limit(old)


def _look_at_table(path: Path, lines: tuple[str, ...], encoding: str) -> Look:
    escape = "\\" if any('\\"' in line for line in lines) and not any('""' in line for line in lines) else '"'
    best: tuple[float, int, str] | None = None
    for delimiter in DELIMITERS:
        widths = Counter(len(row) for row in _split(lines[:200], delimiter, escape))
        width, count = widths.most_common(1)[0]
        share = count / sum(widths.values())
        if width > 1 and share >= 0.6 and len(_split(lines[:1], delimiter, escape)[0]) == width:
            score = (round(share, 1), width, delimiter)
            best = score if best is None or score[:2] > best[:2] else best
    if best is None:
        widths = Counter(len(line.split()) for line in lines[:200])
        width, count = widths.most_common(1)[0]
        if width > 1 and count >= 0.9 * sum(widths.values()):
            best = (1.0, width, BLANKS)
    if best is None:
        raise InputError(f"{path} has no columns that Regard can tell apart", hint="export it as CSV with a header")
    look = Look(format="csv", encoding=encoding, delimiter=best[2], escape=escape, lines=lines)
    return Look(**{**look.__dict__, "header": _has_header(split_rows(look, lines[:200]))})


def _has_header(rows: list[list[str]]) -> bool:
    """A first row with a number or a date in it is data; a header is all words."""
    return not any(re.fullmatch(r"\s*[-+]?[\d.,:/ -]*\d[\d.,:/ TZ-]*\s*", cell) for cell in rows[0])


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _decodes(head: bytes, codec: str) -> bool:
    decode: Callable[[bytes], str] = codecs.getincrementaldecoder(codec)("strict").decode
    try:
        decode(head)
    except UnicodeDecodeError:
        return False
    return True


_BINARY = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"SQLite format 3", "a database", "export the table as CSV"),
    (b"%PDF", "a PDF", "export the table as CSV"),
    (b"BZh", "compressed with bzip2", "unpack it first, or use gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it first, or use gzip"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it first, or use gzip"),
    (b"ARROW1", "an Arrow file", "write it as Parquet"),
    (b"Obj\x01", "an Avro file", "write it as Parquet"),
    (b"ORC", "an ORC file", "write it as Parquet"),
    (b"\x89PNG", "a picture", ""),
)

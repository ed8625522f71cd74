"""The slow way through a delimited file: decode, cut into rows, and set aside only the rows that are broken.

DuckDB reads strict CSV fast but lets one open quote swallow its neighbours. Whatever it refuses comes here: a row ends
at its line end unless its quotes are open; an open quote may run on over a few lines as long as the row then has the
right number of columns; if it never does, that first line alone is rejected and reading goes on with the next.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO

from regard.events.read_sniff import BLANKS, open_binary

MAX_LINES = 64
"""Lines that one quoted cell may span; beyond that an open quote is a broken one."""
MAX_LINE = 500_000
"""Characters of one line, within the 2 MB that DuckDB takes whatever the script."""
MAX_RAW = 2000
"""Characters of a rejected line that are kept."""


def repair(
    path: Path, clean: IO[str], broken: IO[str], *, encoding: str, delimiter: str, escape: str, header: bool, width: int
) -> None:
    """Write the good rows of `path` as strict CSV (line number first) and the broken ones as (line, reason, text).

    Args:
        path: delimited text in `encoding`, perhaps gzipped.
        clean: receives the rows, UTF-8, with `line` before the cells.
        broken: receives the rejected rows.
        encoding, delimiter, escape, header: as sniffed.
        width: number of columns.
    """
    good, bad = csv.writer(clean, lineterminator="\n"), csv.writer(broken, lineterminator="\n")
    parse = _Parser(delimiter, escape, width)
    number = -1 if header else 0
    pending: list[str] = []
    source = _lines(path, encoding)
    while True:
        line = pending.pop(0) if pending else next(source, None)
        if line is None:
            return
        if not line.strip():
            continue
        number += 1
        if reason := _unfit(line):
            bad.writerow([number, reason, _shown(line)])
            continue
        cells = parse(line)
        if cells is None and parse.is_open(line):
            pending.extend(islice(source, MAX_LINES - len(pending)))
            cells, taken = parse.continued(line, pending)
            del pending[:taken]
        if number == 0 and header:
            continue
        if cells is None:
            bad.writerow([number, "broken quotes or number of columns", _shown(line)])
        else:
            good.writerow([number, *cells])


class _Parser:
    """One row of text to its cells, or None when the row is not well-formed."""

    quote = '"'

    def __init__(self, delimiter: str, escape: str, width: int) -> None:
        self.delimiter, self.escape, self.width = delimiter, escape, width

    def __call__(self, text: str) -> list[str] | None:
        if self.delimiter == BLANKS:
            cells = text.split()
            return cells if len(cells) == self.width else None
        if self.quote not in text:
            cells = text.split(self.delimiter)
        else:
            found = self._quoted(text)
            if found is None:
                return None
            cells = found
        if len(cells) == self.width + 1 and not cells[-1]:
            cells.pop()
        return cells if len(cells) == self.width else None

    def is_open(self, text: str) -> bool:
        """True when the row may go on after the line end: an odd number of quotes that count."""
        if self.delimiter == BLANKS:
            return False
        escaped = text.count('\\"') if self.escape == "\\" else 0
        return (text.count(self.quote) - escaped) % 2 == 1

    def continued(self, line: str, following: list[str]) -> tuple[list[str] | None, int]:
        """The cells of a row that goes on over the following lines, and over how many; (None, 0) if it never ends."""
        text = line
        for taken, more in enumerate(following, 1):
            text += "\n" + more
            if self.quote in more and (cells := self(text)) is not None:
                return cells, taken
        return None, 0

    def _quoted(self, text: str) -> list[str] | None:
        if self.escape == self.quote and len(self.delimiter) == 1:
            try:  # in C, for the rows that leave no doubt
                return next(csv.reader([text], delimiter=self.delimiter, skipinitialspace=True, strict=True))
            except (csv.Error, StopIteration):
                pass
        cells: list[str] = []
        at = 0
        while True:
            start = at
            while text[at : at + 1] == " ":
                at += 1
            if text[at : at + 1] == self.quote:
                match = self._closing(text, at + 1)
                if match is None:
                    return None
                cell, at = match
                while text[at : at + 1] == " ":
                    at += 1
            else:
                end = text.find(self.delimiter, start)
                end = len(text) if end < 0 else end
                cell, at = text[start:end], end
                if "\n" in cell:
                    return None
            cells.append(cell)
            if at >= len(text):
                return cells
            if not text.startswith(self.delimiter, at):
                return None
            at += len(self.delimiter)

    def _closing(self, text: str, at: int) -> tuple[str, int] | None:
        parts: list[str] = []
        while True:
            end = text.find(self.quote, at)
            if end < 0:
                return None
            if self.escape == "\\":
                slashes = len(text[at:end]) - len(text[at:end].rstrip("\\"))
                if slashes % 2:
                    parts += [text[at : end - 1], self.quote]
                    at = end + 1
                    continue
            elif text[end + 1 : end + 2] == self.quote:
                parts += [text[at:end], self.quote]
                at = end + 2
                continue
            return "".join([*parts, text[at:end]]), end + 1


def _lines(path: Path, encoding: str) -> Iterator[str]:
    with (
        open_binary(path) as stream,
        io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline=None) as text,
    ):
        for line in text:
            yield line.rstrip("\n")


def transcode(path: Path, clean: IO[str], broken: IO[str], *, encoding: str) -> None:
    """Write the lines of `path` as UTF-8, each in its place; an unfit one leaves a blank and goes to `broken`."""
    bad = csv.writer(broken, lineterminator="\n")
    for number, line in enumerate(_lines(path, encoding), 1):
        reason = _unfit(line)
        if reason:
            bad.writerow([number, reason, _shown(line)])
        clean.write("\n" if reason else line + "\n")


def _unfit(line: str) -> str:
    if len(line) > MAX_LINE:
        return "line too long"
    try:
        line.encode()
    except UnicodeEncodeError:  # the decoder left a mark where the bytes are no text
        return "unreadable characters"
    return ""


def _shown(line: str) -> str:
    return line[:MAX_RAW].encode("utf-8", "replace").decode()

from __future__ import annotations

import io

from rich.console import Console

from regard.cli.progress import EVERY, Bar, Lines, reporting
from regard.progress import Silent


def test_lines_are_sparse() -> None:
    now, said = [0.0], []
    lines = Lines(said.append, clock=lambda: now[0])
    lines.start("training", total=100)
    for _ in range(100):
        now[0] += 1
        lines.advance(1, "40,000 events/s")
    lines.finish("done well")
    assert said[0] == "training ..."
    assert said[1] == f"training {EVERY / 100:.0%}, 40,000 events/s"
    assert said[-1] == "training: done in 1 min 40 s, done well"
    assert len(said) == 2 + 100 // EVERY


def test_a_bar_leaves_one_line() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    bar = Bar(console)
    bar.start("reading [x]", total=10)
    bar.advance(5, "half")
    bar.finish("10 rows")
    bar.close()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "reading [x]" in text.splitlines()[-1] and "10 rows" in text.splitlines()[-1]
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor is given back


def test_a_step_that_is_left_open_is_closed_by_the_next() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    bar = Bar(console)
    bar.advance(1)
    bar.finish()
    bar.start("one")
    bar.start("two")
    bar.finish()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")


def test_what_fits_the_console() -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True)
    kept = Console(file=io.StringIO())
    assert isinstance(reporting(terminal, quiet=False), Bar)
    assert isinstance(reporting(kept, quiet=False), Lines)
    assert isinstance(reporting(terminal, quiet=True), Silent)

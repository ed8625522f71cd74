"""Screen: where every verb's result and error goes, for people as tables, for programs as one JSON object."""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Annotated, Any, get_type_hints

import typer
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Span, Text

from regard.cli.progress import Bar, reporting
from regard.cli.words import Words
from regard.errors import RegardError
from regard.progress import Progress

Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="The workspace folder.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What commands a terminal or turns the direction of what follows; tabs and new lines are fine."""


def visible(text: str) -> str:
    """The text with control characters and direction marks written out.

    >>> print(visible("\\x1b[31mred"), visible("\\u202elive"))
    \\x1b[31mred \\u202elive
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Visible(Console):
    """A console on which no id or name can act: what is printed is seen."""

    def render_str(self, text: str, **how: Any) -> Text:
        """The string as Text, written out."""
        return super().render_str(visible(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of anything; a Text is written out, its styles in their places."""
        if isinstance(renderable, Text) and _UNSEEN.search(renderable.plain):
            letters = [visible(letter) for letter in renderable.plain]
            place = [0, *accumulate(map(len, letters))]
            shown = renderable.blank_copy("".join(letters))
            shown.spans = [Span(place[span.start], place[span.end], span.style) for span in renderable.spans]
            renderable = shown
        return super().render(renderable, options)


class Screen:
    """Two streams: results on stdout, progress and errors on stderr.

    Args:
        json: print results and errors as JSON.
    """

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        # What a shop calls its things is text: no markup, no emoji names.
        self.out = Visible(markup=False, emoji=False, highlight=False)
        self.err = Visible(markup=False, emoji=False, highlight=False, stderr=True)
        self.progress: Progress = reporting(self.err, quiet=json)

    def speak(self, language: str) -> Words:
        """The words of a language, in which the progress speaks from now on."""
        say = Words(language)
        self.progress = reporting(self.err, say, quiet=self.json)
        return say

    def show(self, data: Mapping[str, Any], people: Callable[[Console], None]) -> None:
        """Print `data` as JSON, or let `people` print it."""
        if self.json:
            print(json.dumps(data, ensure_ascii=False, allow_nan=False))
        else:
            people(self.out)

    def failed(self, error: BaseException, *, debug: bool) -> int:
        """Say what went wrong; returns the exit code."""
        if isinstance(error, typer.Exit | SystemExit):
            return int(getattr(error, "exit_code", None) or getattr(error, "code", None) or 0)
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if isinstance(self.progress, Bar):
            self.progress.close()
        if debug:
            traceback.print_exception(error, file=sys.stderr)
        if isinstance(error, KeyboardInterrupt):
            error = RegardError("stopped", hint="the same command begins again where it can")
        elif not isinstance(error, RegardError):
            error = _unforeseen(error, debug=debug)
        self.fail(error)
        return error.exit_code

    def fail(self, error: RegardError) -> None:
        """Print an error and what to do next."""
        if self.json:
            print(json.dumps({"error": error.message, "hint": error.hint}, ensure_ascii=False), file=sys.stderr)
            return
        line = Text("error: ", style="bold red") + Text(error.message, style="not bold default")
        self.err.print(line, soft_wrap=True)
        if error.hint:
            self.err.print(Text("  try: ", style="dim") + Text(error.hint), soft_wrap=True)


def verb(function: Callable[..., None]) -> Callable[..., None]:
    """Make a command of a function whose first argument is the Screen.

    Adds --json and --debug, and makes it fail as all do: one line, exit code 1 or 2, a traceback only with --debug.
    """
    hints = get_type_hints(function, include_extras=True)
    given = [p.replace(annotation=hints[p.name]) for p in list(inspect.signature(function).parameters.values())[1:]]
    flags = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in (("json", Json), ("debug", Debug))
    ]

    def command(*, json: bool, debug: bool, **rest: Any) -> None:
        screen = Screen(json=json)
        try:
            function(screen, **rest)
        except BaseException as error:
            raise typer.Exit(screen.failed(error, debug=debug)) from None

    command.__name__, command.__doc__ = function.__name__, function.__doc__
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in given] + flags
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _unforeseen(error: BaseException, *, debug: bool) -> RegardError:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return RegardError(f"{where}{error.strerror}", hint="check the path, the rights and the space left")
    hint = f"please report it{'' if debug else '; the same command with --debug shows where'}"
    return RegardError(f"{type(error).__name__}: {error}", hint=hint)


def table(*columns: str, right: Sequence[str] = (), wide: str = "", wrap: bool = False) -> Table:
    """A table without lines that fits 80 columns; `wide` takes what is left and is cut, or wrapped with `wrap`."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 1))
    for name in columns:
        if name == wide:
            made.add_column(name, overflow="fold" if wrap else "ellipsis", no_wrap=not wrap, ratio=1)
        else:
            made.add_column(name, justify="right" if name in right else "left", overflow="ellipsis", no_wrap=True)
    made.expand = bool(wide)
    return made


def heading(console: Console, text: str, *, note: str = "") -> None:
    """A line that says what follows."""
    console.print(Text(text, style="bold") + Text(f"  {note}" if note else "", style="dim not bold"))


def brief(name: str) -> str:
    """An id as it stands in a heading: a very long one is cut.

    >>> brief("C1"), len(brief("x" * 5000))
    ('C1', 40)
    """
    return name if len(name) <= 40 else f"{name[:39]}…"


def share(part: float, whole: float) -> str:
    """A share in per cent that is never rounded to nothing.

    >>> share(1, 3), share(1, 100_000), share(0, 5)
    ('33.3 %', '< 0.1 %', '0 %')
    """
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    return f"{percent:.1f} %" if percent >= 0.1 else "< 0.1 %"

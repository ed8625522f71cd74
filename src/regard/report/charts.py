"""Charts: small functions from numbers to inline SVG.

Places across are in per cent and places down in pixels, so a chart takes any width and its text keeps its size. Colours
are CSS classes of the page, so that light, dark and print are one drawing. A chart in a table row is hidden from screen
readers, because the row holds its numbers; one that stands alone carries a label and has a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

EDGE = 3.0
"""Per cent left free at both ends, so that a dot on the edge is whole."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A scale with round marks.

    Args:
        low, high: its ends. ticks: round values between them. digits: decimals that tell the marks apart.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    digits: int

    def place(self, value: float) -> float:
        """Per cent of the width."""
        share = (value - self.low) / (self.high - self.low)
        return EDGE + (100 - 2 * EDGE) * min(max(share, 0.0), 1.0)


def axis(values: Sequence[float], *, marks: int = 4, from_zero: bool = False) -> Axis:
    """The axis on which all values fit, with about `marks` round marks.

    >>> axis([0.12, 0.31])
    Axis(low=0.1, high=0.35, ticks=(0.1, 0.15, 0.2, 0.25, 0.3, 0.35), digits=2)
    """
    low, high = min(values, default=0.0), max(values, default=1.0)
    low = min(low, 0.0) if from_zero else low
    if high - low < 1e-12:
        room = 0.5 * (abs(high) or 1.0)
        low, high = low - (0.0 if from_zero and low == 0 else room), high + room
    rough = (high - low) / marks
    size = 10.0 ** math.floor(math.log10(rough))
    step = size * next(nice for nice in (1, 2, 5, 10) if size * nice >= 0.999 * rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = tuple(round(number * step, digits) for number in range(first, last + 1))
    return Axis(low=ticks[0], high=ticks[-1], ticks=ticks, digits=digits)


def _svg(body: Markup, *, height: int, kind: str, label: str = "") -> Markup:
    """An SVG as wide as its place; without a label it is hidden from screen readers."""
    said = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="{}" width="100%" height="{}" focusable="false" {}>{}</svg>').format(
        kind, height, said, body
    )


def _joined(parts: Sequence[Markup]) -> Markup:
    return Markup("").join(parts)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{:.2f}%" y1="{}" x2="{:.2f}%" y2="{}"/>').format(kind, x1, y1, x2, y2)


def _dot(x: float, y: float, radius: float, kind: str, title: str = "") -> Markup:
    inside = Markup("<title>{}</title>").format(title) if title else Markup("")
    return Markup('<circle class="{}" cx="{:.2f}%" cy="{:.1f}" r="{}">{}</circle>').format(kind, x, y, radius, inside)


def _text(x: float, y: float, words: str, anchor: str = "middle", kind: str = "") -> Markup:
    named = Markup(' class="{}"').format(kind) if kind else Markup("")
    return Markup('<text{} x="{:.2f}%" y="{}" text-anchor="{}">{}</text>').format(named, x, y, anchor, words)


def whisker(scale: Axis, mean: float | None, ends: Sequence[float] | None, *, ours: bool = False) -> Markup:
    """A dot with its interval, for a table row.

    Args:
        scale: of the column. mean: the dot; None draws the grid alone. ends: of the interval, or None.
        ours: drawn in the page's one colour.
    """
    height, tone = 36, "ours" if ours else "other"
    parts = [_line(scale.place(tick), 0, scale.place(tick), height, "grid") for tick in scale.ticks]
    if ends:
        parts.append(_line(scale.place(ends[0]), height / 2, scale.place(ends[1]), height / 2, f"reach {tone}"))
    if mean is not None:
        parts.append(_dot(scale.place(mean), height / 2, 4.5, f"dot {tone}"))
    return _svg(_joined(parts), height=height, kind="whisker")


def marks(scale: Axis, write: Callable[[float, int], str]) -> Markup:
    """The axis of a column of whiskers: the ends are named, and where there is room the middle if a mark stands there."""
    count = len(scale.ticks)
    named = scale.ticks[:: (count - 1) // 2] if count % 2 else scale.ticks[:: count - 1]
    parts = []
    for tick in named:
        inner = "" if tick in (named[0], named[-1]) else "inner"
        place = scale.place(tick)
        parts.append(_text(place, 13, write(tick, scale.digits), _anchor(place), inner))
    return _svg(_joined(parts), height=18, kind="marks")


def _anchor(place: float) -> str:
    return "start" if place < 10 else "end" if place > 90 else "middle"


def bar(share: float, *, ours: bool = False) -> Markup:
    """A share of 1 as a bar, for a table row; never too thin to be seen."""
    width = 100 * min(max(share, 0.004 if share > 0 else 0.0), 1.0)
    body = Markup('<rect class="{}" x="0" y="3" width="{:.2f}%" height="8" rx="1"/>').format(
        "fill ours" if ours else "fill other", width
    )
    return _svg(body, height=14, kind="bar")


def strip(dots: Sequence[tuple[float, str]], *, ours: bool = False) -> Markup:
    """Events of one behaviour along time.

    Args:
        dots: (share of the span from 0 to 1, what a pointer resting on the dot reads).
        ours: drawn in the page's one colour.
    """
    kind = f"event {'ours' if ours else 'other'}"
    parts = [_line(EDGE, 11, 100 - EDGE, 11, "grid")]
    parts += [_dot(EDGE + (100 - 2 * EDGE) * place, 11, 4.5, kind, title) for place, title in dots]
    return _svg(_joined(parts), height=22, kind="strip")


def curve(points: Sequence[tuple[float, float]], *, label: str, write: Callable[[float, int], str]) -> Markup:
    """A line through (x, y) points, with marks on both axes.

    Args:
        points: in the order of x. label: what a screen reader says. write: a mark's number and decimals -> text.
    """
    across, up = axis([x for x, _ in points], marks=3), axis([y for _, y in points], marks=3)
    top, bottom, gutter = 8.0, 168.0, 12.0

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - up.low) / (up.high - up.low)

    def x(value: float) -> float:
        return gutter + (98 - gutter) * (value - across.low) / (across.high - across.low)

    parts = []
    for tick in up.ticks:
        parts += [
            _line(gutter, y(tick), 98, y(tick), "grid"),
            _text(gutter - 1.5, y(tick) + 4, write(tick, up.digits), "end"),
        ]
    parts += [_text(x(tick), 190, write(tick, across.digits), _anchor(x(tick))) for tick in across.ticks]
    parts += [_line(x(a), y(b), x(c), y(d), "stroke ours") for (a, b), (c, d) in pairwise(points)]
    parts += [_dot(x(a), y(b), 2.5, "dot ours") for a, b in points] if len(points) <= 40 else []
    return _svg(_joined(parts), height=196, kind="curve", label=label)


def diagonal(points: Sequence[tuple[float, float]], *, label: str, write: Callable[[float], str]) -> Markup:
    """Predicted against actual shares, with the diagonal on which they are equal.

    Args:
        points: (predicted, happened), each from 0 to 1. label: what a screen reader says. write: share -> text.
    """
    scale = axis([share for pair in points for share in pair], marks=3, from_zero=True)
    top, bottom, gutter = 8.0, 188.0, 14.0

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - scale.low) / (scale.high - scale.low)

    def x(value: float) -> float:
        return gutter + (96 - gutter) * (value - scale.low) / (scale.high - scale.low)

    parts = []
    for tick in scale.ticks:
        parts += [_line(gutter, y(tick), 96, y(tick), "grid"), _text(gutter - 1.5, y(tick) + 4, write(tick), "end")]
        parts.append(_text(x(tick), 208, write(tick), _anchor(x(tick))))
    parts.append(_line(x(scale.low), y(scale.low), x(scale.high), y(scale.high), "guide"))
    parts += [_dot(x(a), y(b), 4.5, "dot ours") for a, b in points]
    return _svg(_joined(parts), height=214, kind="curve", label=label)


def heat(weights: Sequence[Sequence[float]], *, label: str) -> Markup:
    """One row of cells per attention head, one column per event; the more, the darker.

    Args:
        weights: H rows of L shares. label: what a screen reader says.
    """
    most = max((max(row, default=0.0) for row in weights), default=0.0) or 1.0
    tall, columns = 24, max(len(row) for row in weights)
    wide = 100 / columns
    cells = [
        Markup('<rect class="cell" x="{:.3f}%" y="{}" width="{:.3f}%" height="{}" fill-opacity="{:.3f}"/>').format(
            wide * place, tall * head, wide, tall - 2, math.sqrt(max(weight, 0.0) / most)
        )
        for head, row in enumerate(weights)
        for place, weight in enumerate(row)
    ]
    return _svg(_joined(cells), height=tall * len(weights), kind="heat", label=label)

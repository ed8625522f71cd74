"""Charts that the console has beside the report's: days in columns, and where the model looked as arcs."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from regard.report.charts import EDGE, axis

WIDTH, GROUND, DEEP = 960.0, 150.0, 46.0
"""Units of the picture of attention: its width, where the events stand, and the longest column beneath them."""

FAINT = 0.12
"""The least opacity of an arc that is drawn at all; a fainter one cannot be seen."""


def columns(values: Sequence[tuple[str, float]], *, label: str, height: int = 120) -> Markup:
    """One column a day; the numbers stand in a table beside it.

    Args:
        values: (what a pointer resting on it reads, height) in the order of time. label: what a screen reader says.
        height: pixels.
    """
    scale = axis([value for _, value in values], marks=3, from_zero=True)
    wide = (100 - 2 * EDGE) / max(len(values), 1)
    top, bottom = 4.0, height - 2.0

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - scale.low) / (scale.high - scale.low)

    parts = [
        Markup('<line class="grid" x1="0" y1="{0:.1f}" x2="100%" y2="{0:.1f}"/>').format(y(tick))
        for tick in scale.ticks
    ]
    for place, (title, value) in enumerate(values):
        parts.append(
            Markup(
                '<rect class="fill ours" x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}"><title>{}</title></rect>'
            ).format(EDGE + wide * place, y(value), wide * 0.72, max(bottom - y(value), 0.0), title)
        )
    return Markup('<svg class="columns-chart" width="100%" height="{}" role="img" aria-label="{}">{}</svg>').format(
        height, label, Markup("").join(parts)
    )


def arcs(
    now: Sequence[float],
    between: Sequence[tuple[int, int, float]],
    titles: Sequence[str],
    *,
    ours: Sequence[bool],
    label: str,
) -> Markup:
    """Events in a row and 'now' at the right end; an arc from each to what it looked back at, the stronger the darker.

    Args:
        now: share of each of L events in what 'now' saw; also as columns beneath. between: (event, earlier event, share).
        titles: what a pointer resting on an event reads. ours: whether an event is what the shop is after.
        label: what a screen reader says.
    """
    step = (WIDTH - 48) / max(len(now), 1)
    x = [16 + step * (place + 0.5) for place in range(len(now))]
    end, most = WIDTH - 20, max(now, default=0.0) or 1.0
    strongest = max((share for _, _, share in between), default=0.0) or 1.0
    parts = [Markup('<line class="grid" x1="0" y1="{0}" x2="{1}" y2="{0}"/>').format(GROUND, WIDTH)]
    parts += [_arc(x[a], x[b], share / strongest, "arc between") for a, b, share in between]
    parts += [_arc(end, x[place], share / most, "arc") for place, share in enumerate(now) if share > 0.05 * most]
    for place, share in enumerate(now):
        parts.append(
            Markup('<rect class="fill ours" x="{:.1f}" y="{}" width="{:.1f}" height="{:.1f}"/>').format(
                x[place] - step * 0.3, GROUND + 10, step * 0.6, DEEP * share / most
            )
        )
        kind = "event ours" if ours[place] else "event other"
        parts.append(
            Markup('<circle class="{}" cx="{:.1f}" cy="{}" r="{:.1f}"><title>{}</title></circle>').format(
                kind, x[place], GROUND, 5, titles[place]
            )
        )
    parts.append(Markup('<circle class="now" cx="{}" cy="{}" r="7"/>').format(end, GROUND))
    box = f"0 0 {WIDTH:.0f} {GROUND + DEEP + 14:.0f}"
    return Markup('<svg viewBox="{}" width="100%" role="img" aria-label="{}">{}</svg>').format(
        box, label, Markup("").join(parts)
    )


def _arc(start: float, stop: float, strength: float, kind: str) -> Markup:
    """A flat half ellipse, so that long looks back stay within the picture."""
    wide = abs(start - stop) / 2
    tall = min(wide, 18 + 116 * wide / (WIDTH / 2))
    return Markup(
        '<path class="{}" d="M{:.1f},{} A{:.1f},{:.1f} 0 0 0 {:.1f},{}" stroke-width="{:.2f}" stroke-opacity="{:.2f}"/>'
    ).format(kind, start, GROUND, wide, tall, stop, GROUND, 0.75 + 2.25 * strength, max(strength, FAINT))

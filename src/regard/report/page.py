"""The page: all sections through one template into one file that needs nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from regard.report.arrival import arrival, key_figures, span
from regard.report.data import ReportData
from regard.report.headline import headline, limits
from regard.report.learned import training
from regard.report.people import look, person
from regard.report.quality import quality, weakness
from regard.report.speech import Speech


def write(report_data: ReportData, path: str | Path, *, language: str = "en") -> Path:
    """Write the page, so that a reader finds the old page or the new one and never half of it.

    Args:
        report_data: what it shows. path: of the file; its folder is made if need be. language: 'en' or 'zh'.

    Returns:
        The path.

    Raises:
        UsageError: another language.
    """
    path = Path(path)
    text = render(report_data, language=language)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    return fresh.replace(path)


def render(report_data: ReportData, *, language: str = "en") -> str:
    """The page as text; arguments as in `write`.

    >>> from datetime import UTC, datetime
    >>> page = render(ReportData(shop="corner", made_at=datetime(2026, 3, 1, tzinfo=UTC), version="0.1.0"))
    >>> page.startswith("<!doctype html>"), "Nothing has come in yet." in page
    (True, True)
    """
    data = report_data
    say = Speech(language, zone=data.time_zone, currency=data.currency)
    return _environment().get_template("page.html").render(
        say=say,
        data=data,
        headline=headline(data, say),
        figures=key_figures(data, say),
        span=span(data, say),
        arrival=arrival(data, say),
        quality=quality(data.evaluation, say),
        weakness=weakness(data.evaluation, say),
        people=[person(customer, say, data.evaluation) for customer in data.customers],
        look=look(data.attention, say),
        training=training(data, say),
        limits=limits(data, say),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("regard.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

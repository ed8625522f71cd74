"""Changes: what is different in a customer's profile from what it was, told only where it is more than a wobble."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from regard.customers.profile import words
from regard.customers.profile.given import Column
from regard.insight.answer import Plain

LEVELS = (
    "sufficiency", "lifecycle", "aipl", "rfm", "value_tier", "decision", "price_band", "channel", "device", "place",
)  # fmt: skip
"""Fields that change from one word to another."""

COUNTS = ("events", "orders", "spend")
"""Fields that grow."""

CHANCES, CHANCE_STEP = ("churn_30d", "churn_60d", "churn_90d", "intent_7d", "intent_30d"), 0.05
"""Chances, and the change from which one is told: five in a hundred are seen in a campaign, fewer are not."""

FORECASTS, FORECAST_STEP = ("spend_30d", "spend_90d"), 0.1
"""Sums ahead, and the share of them by which one must change to be told."""


@dataclass(frozen=True, kw_only=True)
class Change(Plain):
    """Args: field: its name. before, now: values, None where nothing could be said. text: in the language asked for."""

    field: str
    before: Any
    now: Any
    text: str


def changes(
    now: Mapping[str, Column], before: Mapping[str, Column], language: str = "en", currency: str = ""
) -> tuple[Change, ...]:
    """What is different between two profiles of one customer, in the order of the fields.

    Args: now, before: columns of one row; nothing before = a customer who was not there.
    """
    if not before:
        return ()
    return tuple(
        change
        for name in now
        if name in before
        for change in _compared(name, now[name], before[name], language, currency)
    )


def _compared(name: str, now: Column, before: Column, language: str, currency: str) -> Iterator[Change]:
    here, there = now.values[0].as_py(), before.values[0].as_py()
    if name.startswith("interests"):
        yield from _interests(name, here or [], there or [], language)
    elif _differs(name, here, there):
        yield Change(field=name, before=there, now=here, text=_text(name, there, here, language, currency))


def _differs(name: str, here: Any, there: Any) -> bool:
    if name in LEVELS:
        return bool(here != there)
    if name in COUNTS:
        return bool((here or 0) != (there or 0))
    if name in CHANCES:
        return here is not None and there is not None and abs(here - there) >= CHANCE_STEP
    if name in FORECASTS:
        return here is not None and there is not None and abs(here - there) >= FORECAST_STEP * max(here, there)
    return False


def _interests(name: str, here: list[dict[str, Any]], there: list[dict[str, Any]], language: str) -> Iterator[Change]:
    """Interests that came and went."""
    came, went = (list(dict.fromkeys(one["word"] for one in some if one["word"] not in {two["word"] for two in others}))
                  for some, others in ((here, there), (there, here)))  # fmt: skip
    if not came and not went:
        return
    zh, parts = language == "zh", []
    if came:
        parts.append(("新增" if zh else "new: ") + words.listed(came, language))
    if went:
        parts.append(("减退" if zh else "gone: ") + words.listed(went, language))
    text = f"{words.title(name, language)}{'：' if zh else ': '}{('；' if zh else '; ').join(parts)}"
    yield Change(field=name, before=[one["word"] for one in there], now=[one["word"] for one in here], text=text)


def _text(name: str, before: Any, now: Any, language: str, currency: str) -> str:
    zh = language == "zh"
    missing = "无" if zh else "none"
    ends = [words.said(name, value, language, currency) or missing for value in (before, now)]
    return f"{words.title(name, language)}{'：' if zh else ': '}{ends[0]} → {ends[1]}"

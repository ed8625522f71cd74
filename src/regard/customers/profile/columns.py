"""Columns: every field of a batch of customers, in the order of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from regard.customers.profile.decision import decision
from regard.customers.profile.fields import FIELDS
from regard.customers.profile.given import Column, Given
from regard.customers.profile.intent import intent
from regard.customers.profile.interests import interests
from regard.customers.profile.membership import segments
from regard.customers.profile.money import money
from regard.customers.profile.quality import quality
from regard.customers.profile.rhythm import rhythm
from regard.customers.profile.stage import stage
from regard.customers.profile.touch import touch
from regard.customers.profile.value import retention, value

SECTIONS: tuple[Callable[[Given], Iterator[Column]], ...] = (
    quality, stage, value, retention, intent, decision, interests, money, rhythm, touch, segments,
)  # fmt: skip


def columns(given: Given) -> Mapping[str, Column]:
    """Field -> column; fields that this shop's log or model cannot give are not there."""
    found = {column.name: column for section in SECTIONS for column in section(given)}
    return {name: found[name] for name in FIELDS if name in found}

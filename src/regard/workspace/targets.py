"""Targets: what counts as wanting an item, by rule, so that a shop, a player and a course site need no settings."""

from __future__ import annotations

from collections.abc import Iterable

from regard.errors import ConfigError, InputError
from regard.events.schema import NEVER_TARGET

STRENGTH: tuple[tuple[str, ...], ...] = (
    ("purchase",),
    ("begin_checkout", "add_payment_info"),
    ("add_to_cart",),
    ("favourite", "like", "add_to_wishlist"),
    ("play",),
    ("rating", "review"),
    ("share", "follow"),
    ("select_item",),
    ("view_item",),
)
"""Behaviours from the surest sign of wanting to the faintest; those of one rank count together."""


def targets(seen: Iterable[str], configured: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The behaviours that count as wanting an item.

    Args:
        seen: behaviours of events that name an item. configured: `targets` of regard.toml; they win.

    Raises:
        ConfigError: none of the configured behaviours was ever seen.
        InputError: no event names an item.

    >>> targets(["view_item", "like", "favourite"])
    ('favourite', 'like')
    """
    present = set(seen) - NEVER_TARGET
    if configured:
        kept = tuple(name for name in configured if name in present)
        if not kept:
            raise ConfigError(
                f"no event is of the target behaviour {' or '.join(configured)}",
                hint=f"set targets in regard.toml to one of: {', '.join(sorted(present)) or 'nothing seen yet'}",
            )
        return kept
    for rank in STRENGTH:
        kept = tuple(name for name in rank if name in present)
        if kept:
            return kept
    if present:
        return tuple(sorted(present))
    raise InputError(
        "no event names an item: there is nothing to recommend", hint="regard ingest a log with an item column"
    )

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
        ConfigError: none of the configured behaviours was seen, or those that were can never be targets.
        InputError: no event names an item, or all that do are of behaviours that can never be targets.

    >>> targets(["view_item", "like", "favourite"])
    ('favourite', 'like')
    """
    named = set(seen)
    present = named - NEVER_TARGET
    if not named:
        raise InputError(
            "no event names an item: there is nothing to recommend", hint="ingest a log with an item column"
        )
    if not present:
        raise InputError(
            f"nobody has wanted an item yet: every event that names one is of the behaviour {' or '.join(sorted(named))}",
            hint="ingest purchases, carts, plays, views or the like as well",
        )
    if configured:
        kept = tuple(name for name in configured if name in present)
        if not kept:
            raise ConfigError(
                f"no event of the behaviour {' or '.join(configured)} can be a target",
                hint=f"set targets in regard.toml to one of: {', '.join(sorted(present))}",
            )
        return kept
    for rank in STRENGTH:
        kept = tuple(name for name in rank if name in present)
        if kept:
            return kept
    return tuple(sorted(present))

"""Segments: groups of customers that stay who they are, by clusters of encoder states, by RFM, or by rule.

Works on plain arrays: `People.of(ids, states=...)`, then `found`, `refit`, `cards`, `grid`, `Rule.of`, `expand`.
"""

from __future__ import annotations

from regard.customers.segments.card import Card, Flow, Member, cards
from regard.customers.segments.clusters import Clusters, Settings, cluster
from regard.customers.segments.identity import Change, Refit, Segments, found, refit
from regard.customers.segments.lookalike import Lookalike, expand
from regard.customers.segments.naming import Name, names
from regard.customers.segments.people import People
from regard.customers.segments.rfm import Grid, cells, grid
from regard.customers.segments.rules import Rule, counts, members, some
from regard.customers.segments.tgi import Index, Traits, table

__all__ = [
    "Card", "Change", "Clusters", "Flow", "Grid", "Index", "Lookalike", "Member", "Name", "People", "Refit", "Rule",
    "Segments", "Settings", "Traits", "cards", "cells", "cluster", "counts", "expand", "found", "grid", "members",
    "names", "refit", "some", "table",
]  # fmt: skip

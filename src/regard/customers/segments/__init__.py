"""Segments: groups of customers that stay who they are, by clusters of encoder states, by RFM, or by rule.

Works on plain arrays: `People.of(ids, states=...)`, then `found`, `refit`, `cards`, `grid`, `Rule.of`, `expand`.
"""

from __future__ import annotations

from regard.customers.segments.attributes import attributes
from regard.customers.segments.card import Card, Member, cards
from regard.customers.segments.clusters import Clusters, NoClustersError, Settings, cluster
from regard.customers.segments.identity import Change, Refit, Segments, found, refit
from regard.customers.segments.interests import interests
from regard.customers.segments.lookalike import Lookalike, expand
from regard.customers.segments.moves import Flow, Moves
from regard.customers.segments.naming import Name, names
from regard.customers.segments.people import People
from regard.customers.segments.rfm import Cell, Grid, cells, grid
from regard.customers.segments.rules import Rule, counts, members, some
from regard.customers.segments.tgi import Index, Traits, table
from regard.customers.segments.timelines import Occasion

__all__ = [
    "Card", "Cell", "Change", "Clusters", "Flow", "Grid", "Index", "Lookalike", "Member", "Moves", "Name", "NoClustersError",
    "Occasion", "People", "Refit", "Rule", "Segments", "Settings", "Traits", "attributes", "cards", "cells", "cluster", "counts",
    "expand", "found", "grid", "interests", "members", "names", "refit", "some", "table",
]  # fmt: skip

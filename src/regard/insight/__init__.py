"""Insight: answers read off the encoder and, where it has nothing to say, off counting; every answer says which.

Works on plain arrays: `Shop.of(log, ...)`, then `recommend`, `similar`, `trending`, `new`, `intent`, `effects`,
`recommend_all`.
"""

from __future__ import annotations

from regard.insight.answer import Answer, Reason, Recommended
from regard.insight.batch import recommend_all
from regard.insight.candidates import candidates
from regard.insight.explain import Deletion, Explanation, effects, explain
from regard.insight.explain_chance import Grounds, grounds
from regard.insight.history import Ask, Given, given
from regard.insight.intent import intent
from regard.insight.picking import Rules
from regard.insight.ranker import Model, Ranker
from regard.insight.recommend import recommend
from regard.insight.scenario import Scenario
from regard.insight.shop import Shop
from regard.insight.similar import similar
from regard.insight.trends import new, trending

__all__ = [
    "Answer", "Ask", "Deletion", "Explanation", "Given", "Grounds", "Model", "Ranker", "Reason", "Recommended", "Rules", "Scenario",
    "Shop", "candidates", "effects", "explain", "given", "grounds", "intent", "new", "recommend", "recommend_all", "similar", "trending",
]  # fmt: skip

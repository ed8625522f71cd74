"""Closer: what an evaluation looks at beyond the table, each on a sample of customers that bounds what it costs.

Every figure carries the number of customers behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from regard.evaluation.evaluate import Evaluation
from regard.evaluation.faithfulness import FEWEST, Faithfulness, faithfulness
from regard.evaluation.measure import sample
from regard.evaluation.propensity import evaluate_propensity
from regard.evaluation.robustness import robustness
from regard.insight.deletion import LATEST
from regard.insight.explain import Deletion
from regard.insight.ranker import Model, Ranker
from regard.progress import Progress
from regard.sequences.log import Log
from regard.sequences.view import Split

DAMAGED = 400
"""Customers asked again from damaged histories: a paired difference is known well enough from a few hundred."""

CHANCED = 1_000
"""Customers whose chances to buy are compared with what they did."""

DELETED = 2_500
"""Events looked at for faithfulness, over all customers: each is deleted once, and costs one scoring."""

SEED = 0
"""Of the samples, the damage and the intervals: the same evaluation twice gives the same figures."""


def look_closer(
    found: Evaluation,
    log: Log,
    split: Split,
    model: Model,
    *,
    horizons: Sequence[int],
    progress: Progress,
) -> Evaluation:
    """The same evaluation with robustness, the quality of the chances to buy, and the faithfulness of the reasons.

    Args:
        found: the table. log: the whole log, from which answers are read. split: what was asked.
        model: fitted on split.view. horizons: days, of the chances.
    """
    progress.start("looking closer", total=3)
    damaged = robustness(sample(split, DAMAGED, seed=SEED), model, mask=str(found.split["mask"]), seed=SEED)
    progress.advance(note="damaged histories")
    timed = split.view.cut is not None and log.clock == "clock"
    ranker = Ranker(scorer=model, items=model.view_items, behaviours=model.behaviours, version=model.name)
    chances = evaluate_propensity(log, split.view, ranker, horizons, customers=CHANCED, seed=SEED) if timed else ()
    progress.advance(note="chances to buy")
    reasons = _reasons(split, model, ranker)
    progress.advance(note="reasons")
    progress.finish()
    return replace(found, robustness=damaged, propensity=chances, faithfulness=reasons)


def _reasons(split: Split, model: Model, ranker: Ranker) -> tuple[Faithfulness, ...]:
    """Customers are drawn until their histories hold DELETED events; none where nobody has enough of a history."""
    lengths = split.queries.lengths
    drawn = np.random.default_rng(SEED).permutation(np.flatnonzero(lengths >= FEWEST))
    rows = drawn[: np.searchsorted(np.cumsum(np.minimum(lengths[drawn], LATEST)), DELETED, side="right")]
    if not len(rows):
        return ()
    return faithfulness(split.queries.take(rows), split.asof[rows], model, Deletion(ranker=ranker), seed=SEED)

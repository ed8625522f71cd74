"""How good an answer is: the same questions put to the model and to the simplest methods, in plain words.

`evaluate.evaluate` makes the table; slices, robustness, faithfulness and propensities have modules of their own.
"""

from __future__ import annotations

from regard.evaluation.evaluate import Evaluation
from regard.evaluation.intervals import Estimate
from regard.evaluation.scorer import Method, Scorer
from regard.evaluation.verdict import Verdict

__all__ = ["Estimate", "Evaluation", "Method", "Scorer", "Verdict"]

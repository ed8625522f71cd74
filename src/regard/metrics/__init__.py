"""Plain functions on arrays: how good a ranking, a probability or a predicted value is.

Per-customer values come first, means second, so that every figure can carry an interval.
"""

from __future__ import annotations

from regard.metrics.probability import (
    auroc,
    average_precision,
    brier,
    expected_calibration_error,
    log_loss,
    precision_recall_f1,
    reliability,
)
from regard.metrics.ranking import (
    coverage,
    hit_rate,
    masked,
    mean_average_precision,
    ndcg,
    novelty,
    ranks,
    recall,
    reciprocal_rank,
    top_k,
)
from regard.metrics.value import decile_mape, mae, normalised_gini, rmse, spearman, total_bias

__all__ = [
    "auroc",
    "average_precision",
    "brier",
    "coverage",
    "decile_mape",
    "expected_calibration_error",
    "hit_rate",
    "log_loss",
    "mae",
    "masked",
    "mean_average_precision",
    "ndcg",
    "normalised_gini",
    "novelty",
    "precision_recall_f1",
    "ranks",
    "recall",
    "reciprocal_rank",
    "reliability",
    "rmse",
    "spearman",
    "top_k",
    "total_bias",
]

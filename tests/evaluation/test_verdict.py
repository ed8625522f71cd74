"""Names of metrics and baselines as people read them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from regard.evaluation.measure import ranking_metrics
from regard.evaluation.propensity import _CURVES
from regard.evaluation.verdict import metric_name
from regard.sequences.ragged import Ragged


@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [
        ("ndcg_at_10", "NDCG@10", "NDCG@10"),
        ("hr_at_5", "HR@5", "HR@5"),
        ("recall_at_10", "recall@10", "召回率@10"),
        ("novelty_at_10", "novelty@10", "新颖度@10"),
        ("auroc", "AUROC", "AUROC"),
        ("average_precision", "average precision", "平均精度"),
        ("log_loss", "log loss", "对数损失"),
        ("brier", "Brier", "Brier"),
        ("ece", "ECE", "ECE"),
        ("recall", "recall", "召回率"),
        ("f1", "F1", "F1"),
        ("decile_mape", "decile mape", "decile mape"),
    ],
)
def test_metrics_are_written_as_the_field_writes_them(name: str, english: str, chinese: str) -> None:
    assert (metric_name(name), metric_name(name, "zh")) == (english, chinese)


def test_every_metric_of_an_evaluation_has_a_chinese_name_or_is_an_abbreviation() -> None:
    ranked = ranking_metrics(Ragged.of([np.array([1])]), 10)
    for name in (*ranked, "novelty_at_10", "coverage_at_10", *_CURVES, "precision", "recall", "f1"):
        assert re.fullmatch(r"[A-Z0-9]+(@10)?|Brier|[一-鿿]+(@10)?", metric_name(name, "zh")), name

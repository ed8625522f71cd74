"""The verdict: which baseline is best, by how much the model differs from it, and what may be said about that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from regard.evaluation.intervals import Estimate

SMALL = 200
"""Customers with a test basket below which a figure is a tendency and no claim."""

Outcome = Literal["better", "worse", "open", "small", "nobody", "alone"]

_NAMES = {
    "popularity": ("popularity", "热门商品"),
    "recent_popularity": ("recent popularity", "近期热门"),
    "own_frequency": ("own frequency", "自身购买频次"),
    "own_decayed": ("own decayed baskets with recent popularity", "自身近期购买加近期热门"),
    "last_item_covisit": ("last-item co-visit", "最近商品共现"),
    "sequential_knn": ("sequential kNN", "序列近邻"),
    "nearest_customers": ("nearest customers", "相似顾客"),
    "ease": ("EASE", "EASE"),
    "boosted_ranker": ("gradient-boosted ranker", "梯度提升排序模型"),
    "base_rate": ("average of all customers", "全体平均"),
    "recency": ("days since the last purchase", "距上次购买的天数"),
}

_METRICS = {
    "recall": ("recall", "召回率"),
    "coverage": ("coverage", "覆盖率"),
    "novelty": ("novelty", "新颖度"),
    "auroc": ("AUROC", "AUROC"),
    "average_precision": ("average precision", "平均精度"),
    "log_loss": ("log loss", "对数损失"),
    "brier": ("Brier", "Brier"),
    "ece": ("ECE", "ECE"),
    "precision": ("precision", "精确率"),
    "f1": ("F1", "F1"),
}

_WORDS: dict[Outcome, tuple[str, str]] = {
    "better": (
        "The model beats the best baseline, {baseline}: {figures}. The interval of the difference lies {side} zero.",
        "模型优于最佳基线（{baseline}）：{figures}。差值的置信区间在零{side}。",
    ),
    "worse": (
        "The model is worse than the best baseline, {baseline}: {figures}. "
        "The interval of the difference lies {side} zero; use the baseline.",
        "模型不如最佳基线（{baseline}）：{figures}。差值的置信区间在零{side}，应使用该基线。",
    ),
    "open": (
        "No difference between the model and the best baseline, {baseline}, can be shown: {figures}. "
        "The interval of the difference contains zero.",
        "无法证明模型与最佳基线（{baseline}）有差别：{figures}。差值的置信区间包含零。",
    ),
    "small": (
        "Too few customers to judge: {n} could be tested, and under {small} only tendencies can be seen. "
        "Against the best baseline, {baseline}: {figures}. It cannot be claimed that the model is better or worse "
        "than the baselines, how large a difference is, or which slices do badly.",
        "顾客太少，无法判断：只有 {n} 位顾客可供测试，少于 {small} 位时只能看到趋势。"
        "与最佳基线（{baseline}）相比：{figures}。"
        "不能声称模型优于或劣于基线，也不能声称差别有多大或哪些细分表现差。",
    ),
    "nobody": (
        "No customer has a test basket: nothing could be measured, and nothing can be claimed about how good the "
        "recommendations are or whether the model beats a baseline.",
        "没有顾客有测试购物篮：无法测量，不能声称推荐效果如何，也不能声称模型优于基线。",
    ),
    "alone": (
        "No baseline was measured beside the model, so these figures cannot say whether the model is any good.",
        "没有同时测量基线，因此这些数字不能说明模型是否有用。",
    ),
}
_FIGURES = (
    "{metric} {model:.4f} against {best:.4f}, difference {mean:+.4f}{interval}, {n} customers",
    "{metric} {model:.4f} 对 {best:.4f}，差值 {mean:+.4f}{interval}，{n} 位顾客",
)
_SIDES = (("above", "below"), ("以上", "以下"))
_INTERVAL = (" (95 % interval {0:+.4f} to {1:+.4f})", "（95% 置信区间 {0:+.4f} 至 {1:+.4f}）")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the table says.

    Args:
        outcome: the finding. metric: the headline metric's name.
        best_baseline: the one with the best headline mean, None where there is none.
        difference: metric -> model minus that baseline, paired over customers (positive = the model is higher).
        model: the model's headline. best: the baseline's, None where there is none.
        n: customers asked about. lower_is_better: of the headline metric.
    """

    outcome: Outcome
    metric: str
    best_baseline: str | None
    difference: Mapping[str, Estimate]
    model: Estimate
    best: Estimate | None
    n: int
    lower_is_better: bool = False

    def words(self, language: str = "en") -> str:
        """One or two plain sentences, in English or Chinese ('zh')."""
        column = 1 if language == "zh" else 0
        baseline, figures = "", ""
        if self.best_baseline is not None and self.best is not None:
            baseline = baseline_name(self.best_baseline, language)
            change = self.difference[self.metric]
            interval = "" if change.interval is None else _INTERVAL[column].format(*change.interval)
            figures = _FIGURES[column].format(
                metric=metric_name(self.metric, language), model=self.model.mean, best=self.best.mean,
                mean=change.mean, interval=interval, n=change.n,
            )  # fmt: skip
        side = _SIDES[column][(self.outcome == "better") == self.lower_is_better]
        return _WORDS[self.outcome][column].format(baseline=baseline, figures=figures, n=self.n, small=SMALL, side=side)

    def to_json(self, language: str = "en") -> dict[str, Any]:
        """best_baseline, outcome, difference {metric: ...}, words."""
        return {
            "best_baseline": self.best_baseline,
            "outcome": self.outcome,
            "difference": {name: value.to_json() for name, value in self.difference.items()},
            "words": self.words(language),
        }


def judge(
    metric: str,
    model: Estimate,
    best_baseline: str | None,
    best: Estimate | None,
    difference: Mapping[str, Estimate],
    n: int,
    *,
    lower_is_better: bool = False,
) -> Verdict:
    """Find the outcome: only an interval that excludes zero, over enough customers, is a finding."""
    change = difference.get(metric)
    outcome: Outcome = "open"
    if n == 0:
        outcome = "nobody"
    elif best_baseline is None or change is None:
        outcome = "alone"
    elif n < SMALL:
        outcome = "small"
    elif change.interval is not None and (change.interval[0] > 0 or change.interval[1] < 0):
        outcome = "better" if (change.interval[0] > 0) != lower_is_better else "worse"
    return Verdict(
        outcome=outcome,
        metric=metric,
        best_baseline=best_baseline,
        difference=difference,
        model=model,
        best=best,
        n=n,
        lower_is_better=lower_is_better,
    )


def baseline_name(name: str, language: str = "en") -> str:
    """A baseline's name for people.

    >>> baseline_name("nearest_customers"), baseline_name("nearest_customers", "zh")
    ('nearest customers', '相似顾客')
    """
    return _NAMES.get(name, (name, name))[1 if language == "zh" else 0]


def metric_name(name: str, language: str = "en") -> str:
    """A metric's name as the field writes it.

    >>> metric_name("ndcg_at_10"), metric_name("auroc"), metric_name("recall_at_10"), metric_name("recall_at_10", "zh")
    ('NDCG@10', 'AUROC', 'recall@10', '召回率@10')
    """
    stem, at, k = name.partition("_at_")
    plain = stem.upper() if at else name.replace("_", " ")
    return _METRICS.get(stem, (plain, plain))[1 if language == "zh" else 0] + (f"@{k}" if at else "")

"""The READMEs' block about reasons: what deleting the events they name takes from each kind of answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.readme_speed import table

_HEAD = (
    (
        "Answer",
        "named order",
        "latest first",
        "at random",
        "above latest first",
        "above random",
        "like mixed-up weights",
    ),
    ("答案", "按所给理由", "从最近的开始", "随机", "高于“从最近的开始”", "高于随机", "与打乱权重的相似度"),
)

_NAMES: dict[str, tuple[str, str]] = {
    "recommendation": ("the first recommended item", "推荐的第一件商品"),
    "intent": ("chance to buy, {days} days", "{days} 天内购买的可能性"),
    "churn": ("no order for {days} days", "{days} 天内不下单"),
    "value": ("spend within {days} days", "{days} 天内的消费"),
    "recommendation, by integrated gradients": (
        "the first recommended item, by gradients",
        "推荐的第一件商品（积分梯度）",
    ),
    "recommendation, by deletion of the newest 200": (
        "the same, by deletion of the newest 200 events",
        "同上（逐个删除最近 200 个事件）",
    ),
}

_SAID = (
    "Area under what the answer's log-odds (of spend: its logarithm) lose while five events are deleted one by one, {customers} customers, "
    "with paired intervals; the last column is the rank correlation of the effects with those of the same model, its numbers mixed up.",
    "逐个删除五个事件时，答案的对数几率（消费为其对数）下降曲线下的面积，{customers} 位顾客，附配对置信区间；最后一列是与打乱数值后的同一模型"
    "的影响之间的秩相关。",
)


def reasons(result: Mapping[str, Any], column: int) -> str:
    """A line of each kind of answer, over all customers and over those where the first three reasons are not the latest three events."""
    lines = [list(_HEAD[column]), ["---", *["---:"] * 6]]
    for of, told in result["answers"].items():
        kind, _, days = of.removesuffix("d").partition("_")
        name = _NAMES[kind][column].format(days=days)
        for group, mark in (("all", ""), ("not_latest", " *")):
            found = told[group]
            areas = [f"{found['curves'][order]['area']['mean']:.3f}" for order in ("explained", "recency", "random")]
            changes = [_change(found["difference"][order]) for order in ("recency", "random")]
            alike = told.get("rank_correlation_with_mixed_weights", {"mean": None})["mean"]
            lines.append([f"{name}{mark}", *areas, *changes, "–" if alike is None or mark else f"{alike:+.2f}"])
    star = (
        "\\* where the first three reasons are not the latest three events.",
        "\\* 前三条理由不是最近三个事件的顾客。",
    )[column]
    said = _SAID[column].format(customers=result["customers"])
    return f"{table(lines)}\n\n{said}{'' if column else ' '}{star}"


def _change(found: Mapping[str, Any]) -> str:
    if found["interval"] is None:
        return f"{found['mean']:+.3f}"
    low, high = found["interval"]
    return f"{found['mean']:+.3f} ({low:+.3f} – {high:+.3f})"

"""The READMEs' block about segments: how stable the clusters are, and who stays in hers when the model is refitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.readme_speed import table

_HEAD = (
    ("Clusters of", "how many", "bootstrap Jaccard", "lowest", "unchanged customers who stay"),
    ("聚类依据", "个数", "自助抽样 Jaccard", "最低", "无新事件的顾客中留在原客群的比例"),
)

_NAMES: dict[str, tuple[str, str]] = {
    "states": ("what the model sees, former segments held", "模型所见，保留原有客群"),
    "states, clustered anew": ("what the model sees, clustered anew", "模型所见，每次重新聚类"),
    "recency, frequency, money": ("recency, frequency, money", "最近消费、频次、金额"),
}

_SAID = (
    "Refitted {days} days later. Seeds: {runs}, each training of {steps} steps.",
    "{days} 天后重新拟合。随机种子数：{runs}，每次训练 {steps} 步。",
)


def segments(result: Mapping[str, Any], column: int) -> str:
    """A line of each way to cluster."""
    lines = [list(_HEAD[column]), ["---", "---", "---:", "---:", "---:"]]
    for name, told in result["methods"].items():
        low, high = told["stayed"]["interval"]
        lowest = [value for value in told["lowest_jaccard"] if value is not None]
        lines.append([
            _NAMES[name][column],
            ", ".join(str(count) for count in told["offered"]),
            f"{told['jaccard']['mean']:.3f}",
            f"{min(lowest):.3f}" if lowest else "–",
            f"{told['stayed']['mean']:.3f} ({low:.3f} – {high:.3f})",
        ])  # fmt: skip
    said = _SAID[column].format(days=result["days"], runs=len(result["runs"]), steps=result["steps"])
    return f"{table(lines)}\n\n{said}"


_QUESTIONS: dict[str, tuple[str, str]] = {
    "rule of what was done": ("count of a rule over what was done", "按行为规则计数"),
    "rule of what is declared": ("count of a rule over what is declared", "按声明属性规则计数"),
    "rule of what is foreseen": ("count of a rule over what is foreseen", "按预测值规则计数"),
    "members of a saved rule, as a file": ("members of a saved rule, as a file", "导出已存规则的成员"),
    "segments of one customer": ("segments of one customer", "一位顾客所属的客群"),
    "overlap of two": ("overlap of two segments", "两个客群的重叠"),
}

_ASKED = (
    ("Question", "again and again, ms", "as a command, s"),
    ("问题", "持续询问（毫秒）", "作为单个命令（秒）"),
)

_SHOP = (
    "Medians, {customers} customers, {events} events. Everybody is looked at once after an ingest or a training: {looking:.0f} s.",
    "中位数，{customers} 位顾客，{events} 个事件。每次导入或训练之后先整体查看一遍：{looking:.0f} 秒。",
)


def speed(result: Mapping[str, Any], column: int) -> str:
    """A line of each question about segments of a large shop."""
    lines = [list(_ASKED[column]), ["---", "---:", "---:"]]
    for name, told in result["questions"].items():
        warm, fresh = told["warm_ms"]["median"], told["fresh"]["median_seconds"]
        lines.append([_QUESTIONS[name][column], f"{warm:.0f}", f"{fresh:.2f}"])
    said = _SHOP[column].format(
        customers=f"{result['customers']:,}", events=f"{result['events']:,}", looking=result["looking_seconds"]
    )
    return f"{table(lines)}\n\n{said}"

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

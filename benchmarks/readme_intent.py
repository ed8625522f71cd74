"""The READMEs' block about chances to buy: who orders best whom will buy, and what order and time are worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.readme_speed import table

_HEAD = (("Who will buy, by", "AUROC", "calibration error"), ("预测谁会购买的依据", "AUROC", "校准误差"))

_NAMES: dict[str, tuple[str, str]] = {
    "model": ("**Regard**", "**Regard**"),
    "events shuffled": ("the same, events in random order", "同上，事件顺序打乱"),
    "times removed": ("the same, times spread evenly", "同上，时间均匀分布"),
    "encoder": ("the encoder's own chances", "编码器自身的可能性"),
    "trees": ("boosted trees on the same columns", "同样特征上的提升树"),
    "events": ("number of events", "事件数"),
    "events of the last day": ("events of the last day", "最近一天的事件数"),
    "recency": ("the latest event", "最近一次事件"),
}

_SAID = (
    "An order within {days} {day}, {cuts} cuts and {asked} questions; nobody who is asked taught anything. Difference to {best}: {mean} "
    "({low} to {high}). {counting}",
    "{days} 天内下单，{cuts} 个切分日，{asked} 个问题；被提问的顾客都没有参与学习。与{best}的差值：{mean}（{low} 至 {high}）。{counting}",
)

_COUNTING = (
    ("Order and time are used.", "Counting would have been enough."),
    ("先后顺序和时间确有作用。", "只用计数就够了。"),
)


def intent(result: Mapping[str, Any], column: int) -> str:
    """A line of each way to order the customers."""
    lines = [list(_HEAD[column]), ["---", "---:", "---:"]]
    for name, words in _NAMES.items():
        if name in result["rows"]:
            row = result["rows"][name]
            low, high = row["auroc"]["interval"]
            ece = f"{row['ece']['mean']:.3f}" if "ece" in row else "–"
            lines.append([words[column], f"{row['auroc']['mean']:.4f} ({low:.4f} – {high:.4f})", ece])
    best = result["best_baseline"]
    change = result["differences"][best]
    low, high = change["interval"]
    said = _SAID[column].format(
        days=result["horizon_days"], day="day" if result["horizon_days"] == 1 else "days", cuts=len(result["cuts"]),
        asked=f"{sum(result['asked']):,}", best=_NAMES[best][column], mean=f"{change['mean']:+.4f}", low=f"{low:+.4f}",
        high=f"{high:+.4f}", counting=_COUNTING[column][int(result["counting_is_enough"])],
    )  # fmt: skip
    return f"{table(lines)}\n\n{said}"

"""Worth: what the rehearsal of the horizon head found that attributes, outside scores and edges of customers add, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regard.model.runtime.horizon import ANSWERS

_ENGLISH = {
    "declared": "{columns} of what they declared (known of {covered})",
    "score": "{columns} of outside scores (known of {covered})",
    "linked": "{columns} of those they are linked with (known of {covered})",
    "churn": "churn",
    "orders": "orders",
    "spend": "spend",
    True: "used",
    False: "not used, as no answer gets better by more than chance",
    "head": "beside their events, columns: {sources}; {used}",
    "tail": "what errors lose with them, and the 95 % interval: {losses}",
    "between": ", ",
}
_CHINESE = {
    "declared": "顾客自填 {columns} 列（覆盖 {covered}）",
    "score": "外部评分 {columns} 列（覆盖 {covered}）",
    "linked": "关联顾客 {columns} 列（覆盖 {covered}）",
    "churn": "流失",
    "orders": "订单",
    "spend": "消费",
    True: "已采用",
    False: "未采用：没有任何一项预测的改善超出偶然",
    "head": "行为之外的信息：{sources}；{used}",
    "tail": "采用后误差的减少及 95% 区间：{losses}",
    "between": "，",
}


def worth(report: Mapping[str, Any], language: str = "en") -> list[str]:
    """Two lines: what is known beside the events and whether it is read, and by how much it lowers each loss; none where
    nothing was offered.

    Args:
        report: of a `HorizonModel`. language: 'en' or 'zh'.

    >>> told = {"about": {"declared": {"columns": 3, "covered": 0.5}, "used": True},
    ...         "without_about": {"churn": [0.02, 0.01, 0.03], "orders": [0, -0.01, 0.01], "spend": [0, -0.1, 0.1]}}
    >>> worth(told)[0]
    'beside their events, columns: 3 of what they declared (known of 50%); used'
    >>> worth(told)[1][:81]
    'what errors lose with them, and the 95 % interval: churn +0.0200 (+0.0100 – +0.03'
    """
    if "about" not in report:
        return []
    say = _CHINESE if language == "zh" else _ENGLISH
    known = {source: found for source, found in report["about"].items() if source != "used"}
    sources = say["between"].join(
        say[source].format(columns=found["columns"], covered=f"{found['covered']:.0%}")
        for source, found in known.items()
    )
    losses = say["between"].join(
        f"{say[answer]} {mean:+.4f} ({low:+.4f} – {high:+.4f})"
        for answer in ANSWERS
        for mean, low, high in [report["without_about"][answer]]
    )
    used = say[bool(report["about"]["used"])]
    return [say["head"].format(sources=sources, used=used), say["tail"].format(losses=losses)]

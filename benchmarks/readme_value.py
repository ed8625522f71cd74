"""The READMEs' block about customer value: every method over the same customers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.readme_speed import table

_COLUMNS: dict[str, tuple[str, str]] = {
    "gini": ("spend Gini", "消费基尼"),
    "decile_mape": ("spend decile MAPE", "消费十分位 MAPE"),
    "churn_auroc": ("churn AUROC", "流失 AUROC"),
    "ece": ("churn ECE", "流失 ECE"),
    "bias": ("total spend, off by", "总消费偏差"),
}

_METHODS: dict[str, tuple[str, str]] = {
    "model": ("**Regard**", "**Regard**"),
    "recency": ("recency", "最近一次购买"),
    "frequency": ("frequency", "购买频次"),
    "rate": ("orders per day, times spend per order", "日均订单数乘以单均消费"),
    "total_rate": ("spend per day", "日均消费"),
    "rfm": ("RFM", "RFM"),
    "decayed_spend_8w": ("decayed spend, 8 weeks", "衰减消费（8 周）"),
    "decayed_spend_13w": ("decayed spend, 13 weeks", "衰减消费（13 周）"),
    "bg_nbd_gamma_gamma": ("BG/NBD with Gamma-Gamma", "BG/NBD 加 Gamma-Gamma"),
    "mbg_nbd_gamma_gamma": ("MBG/NBD with Gamma-Gamma", "MBG/NBD 加 Gamma-Gamma"),
    "pareto_nbd_gamma_gamma": ("Pareto/NBD with Gamma-Gamma", "Pareto/NBD 加 Gamma-Gamma"),
    "trees": ("gradient-boosted trees", "梯度提升树"),
}

_SAID = (
    "{customers:,} customers, {calibration_days} days known, the {holdout_days} after them asked, split hash `{hash}`. Regard less the "
    "best of the others in each column: {changes}.",
    "{customers:,} 位顾客，已知 {calibration_days} 天，预测其后 {holdout_days} 天，切分哈希 `{hash}`。Regard 与各列最佳的其他方法之差：{changes}。",
)


def value(result: Mapping[str, Any], column: int) -> str:
    """Gini, decile MAPE, AUROC, ECE and bias of every method, and the paired differences to the best of each."""
    lines = [["", *(words[column] for words in _COLUMNS.values())], ["---", *["---:"] * len(_COLUMNS)]]
    for name, found in {"model": result["metrics"], **result["baselines"]}.items():
        lines.append([_METHODS[name][column], *(_number(found[metric], metric) for metric in _COLUMNS)])
    changes = result["differences"]["model"]
    told = (
        f"{words[column]} {changes[metric]['mean']:+.4f} ({changes[metric]['interval'][0]:+.4f} – {changes[metric]['interval'][1]:+.4f})"
        for metric, words in _COLUMNS.items()
        if metric in changes
    )
    said = _SAID[column].format(**result["split"], changes=("；" if column else "; ").join(told))
    return f"{table(lines)}\n\n{said}"


def _number(found: Mapping[str, Any], metric: str) -> str:
    if found["mean"] is None:
        return "–"
    return (
        f"{found['mean']:+.0%}"
        if metric == "bias"
        else f"{found['mean']:.4f}" + (f" ± {found['sd']:.4f}" if "sd" in found else "")
    )

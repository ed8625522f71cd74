"""Words of outcomes, in English and Chinese."""

from __future__ import annotations

_METRICS = {
    "views": ("views", "浏览"), "carts": ("additions to the basket", "加购"), "orders": ("orders", "订单"),
    "revenue": ("revenue", "销售额"),
}  # fmt: skip
_OUTCOMES = {
    "better": ("{second} is better", "{second} 更好"),
    "worse": ("{first} is better", "{first} 更好"),
    "open": ("no difference shown", "未显示出差别"),
    "small": ("too few customers to judge", "顾客太少，无法判断"),
}


def compared(
    metric: str, models: tuple[str, str], means: tuple[float, float], interval: tuple[float, float] | None, outcome: str,
    language: str,
) -> str:  # fmt: skip
    """The difference of two models in one line.

    >>> compared("orders", ("m1", "m2"), (0.02, 0.05), (0.01, 0.05), "better", "en")
    'orders per customer: m1 0.02, m2 0.05, difference +0.03 (+0.01 to +0.05): m2 is better'
    >>> compared("orders", ("m1", "m2"), (0.02, 0.03), (-0.01, 0.03), "open", "zh")
    '每位顾客的订单：m1 0.02，m2 0.03，差值 +0.01（-0.01 至 +0.03）：未显示出差别'
    """
    chinese = language == "zh"
    name, said = _METRICS[metric][chinese], _OUTCOMES[outcome][chinese].format(first=models[0], second=models[1])
    gap = f"{means[1] - means[0]:+.3g}"
    if chinese:
        spread = "" if interval is None else f"（{interval[0]:+.3g} 至 {interval[1]:+.3g}）"
        return f"每位顾客的{name}：{models[0]} {means[0]:.3g}，{models[1]} {means[1]:.3g}，差值 {gap}{spread}：{said}"
    spread = "" if interval is None else f" ({interval[0]:+.3g} to {interval[1]:+.3g})"
    return (
        f"{name} per customer: {models[0]} {means[0]:.3g}, {models[1]} {means[1]:.3g}, difference {gap}{spread}: {said}"
    )


def unnoted(lists: int, language: str) -> str:
    """A note about lists that are missing from the figures."""
    if language == "zh":
        return f"有 {lists:,} 次展示未能记录，未计入以上数字"
    return f"{lists:,} lists that were shown could not be noted and are not in these figures"


def no_causes(language: str) -> str:
    """A note about figures that compare with nobody drawn by chance."""
    if language == "zh":
        return "这些数字说明展示之后发生了什么，并不能说明是展示所致：要知道这一点，请让两个模型按随机分配共享顾客"
    return (
        "these figures say what followed, not what the lists caused: for that, let two models share the customers of a "
        "scenario by chance"
    )

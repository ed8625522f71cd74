"""Words: why a customer is shown as an anomaly, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

NAMES: dict[str, tuple[str, str]] = {
    "fixed_gaps": ("acts by the clock", "按固定间隔行动"),
    "bursts": ("bursts of acts", "短时间内密集行动"),
    "all_hours": ("acts around the clock", "昼夜不停地行动"),
    "one_item": ("one item over and over", "反复操作同一件商品"),
    "copies": ("another's sequence", "与他人序列相同"),
    "reselling": ("buys to resell", "疑似转售"),
    "coupons": ("coupon farming", "疑似薅羊毛"),
    "sharing": ("shared account", "疑似多人共用账号"),
}
"""What the kinds are called."""

REASONS: dict[str, tuple[str, str]] = {
    "fixed_gaps": (
        "{count} of {of} times the next act came {low} to {high} after the one before",
        "{of} 次间隔中有 {count} 次落在 {low} 到 {high} 之间",
    ),
    "bursts": (
        "{count} acts within {seconds}; at the usual pace of a session it would be {usual}",
        "{seconds}内行动 {count} 次；按会话中通常的节奏需要 {usual}",
    ),
    "all_hours": (
        "{count} acts in {hours} of the 24 hours of the day, never eight free in a row",
        "{count} 次行动分布在一天中的 {hours} 个小时，从未连续停歇八小时",
    ),
    "one_item": ("{count} of {of} events are on one item", "{of} 个事件中有 {count} 个针对同一件商品"),
    "copies": (
        "{count} of {of} events repeat {source}: the same items in the same order",
        "{of} 个事件中有 {count} 个与 {source} 的行动商品相同、顺序一致",
    ),
    "reselling": (
        "{count} of {of} bought lines, {units} units, are larger than nine in ten of the same item's",
        "购买的 {of} 行中有 {count} 行（共 {units} 件）的数量超过该商品九成的购买",
    ),
    "coupons": (
        "{count} of {of} bought lines cost less than others paid for the item just before and after, {saved} saved in all",
        "购买的 {of} 行中有 {count} 行低于他人在前后购买同一商品的价格，共省 {saved}",
    ),
    "sharing": (
        "{count} of {of} acts within half an hour of another came from another device or place",
        "半小时内相继的 {of} 次行动中有 {count} 次换了设备或地点",
    ),
}
"""Kind -> what is said of a customer; the names are those of `Found.figures`."""

MISSING: dict[str, tuple[str, str]] = {
    "clock": ("the log has no clock", "日志没有时间"),
    "order": ("the log has no order", "日志没有先后顺序"),
    "quantity": ("no purchase has a quantity", "购买记录没有数量"),
    "price": ("no purchase has a quantity and a value", "购买记录没有数量和金额"),
    "context": ("the log has no device and no place", "日志没有设备和地点"),
}
"""Why a kind was not looked for."""

_UNITS: tuple[tuple[int, str, str], ...] = (
    (86_400, "{n} d", "{n} 天"),
    (3_600, "{n} h", "{n} 小时"),
    (60, "{n} min", "{n} 分钟"),
    (1, "{n} s", "{n} 秒"),
)

_SPANS = frozenset({"low", "high", "seconds", "usual"})
"""Figures that are seconds."""


def name(kind: str, language: str = "en") -> str:
    """What a kind is called."""
    return NAMES[kind][language == "zh"]


def reason(kind: str, figures: Mapping[str, str | float], language: str = "en") -> str:
    """Why, in one sentence.

    >>> reason("one_item", {"count": 12, "of": 15})
    '12 of 15 events are on one item'
    >>> reason("one_item", {"count": 12, "of": 15}, "zh")
    '15 个事件中有 12 个针对同一件商品'
    """
    said = {key: _said(key, value, language) for key, value in figures.items()}
    return REASONS[kind][language == "zh"].format(**said)


def missing(why: str, language: str = "en") -> str:
    """Why a kind was not looked for."""
    return MISSING[why][language == "zh"]


def _said(key: str, value: str | float, language: str) -> str:
    if isinstance(value, str):
        return value
    if key not in _SPANS:
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    size, *said = next((unit for unit in _UNITS if value >= unit[0]), _UNITS[-1])
    number = f"{value / size:,.0f}" if value >= _ROUND * size else f"{value / size:.2g}"
    return said[language == "zh"].format(n=number)


_ROUND = 10
"""From so many of a unit on, spans are told in whole ones."""

"""Words: what is said of segments, one line each, in English and Chinese."""

from __future__ import annotations

from regard.customers.segments.rfm import CELLS
from regard.sequences.content import BANDS

MUCH, LITTLE = 1.5, 0.67
"""Money a customer beside everybody's mean, from which a segment spends much, and up to which little."""

GROWS, SHRINKS = 0.05, -0.05
"""Growth from which a segment grows, and up to which it shrinks: within a twentieth it is the same."""


def name(words: list[str], spending: float, number: int, language: str) -> str:
    """A segment's name from its words and its spending (1 = the mean, NaN = unknown).

    >>> name(["lights", "Acme"], 2.0, 3, "en"), name(["灯具", "Acme"], 2.0, 3, "zh")
    ('Big spenders: lights, Acme', '高消费：灯具、Acme')
    >>> name(["lights"], 1.0, 3, "en"), name([], float("nan"), 3, "zh")
    ('lights', '客群3')
    """
    chinese = language == "zh"
    level = ("高消费" if chinese else "Big spenders") if spending >= MUCH else ""
    level = ("低消费" if chinese else "Small spenders") if spending <= LITTLE else level
    told = ("、" if chinese else ", ").join(words)
    if not told:
        told = f"客群{number}" if chinese else f"Segment {number}"
    return (f"{level}：{told}" if chinese else f"{level}: {told}") if level else told


def too_few(customers: int, least: int, language: str) -> tuple[str, str]:
    """Why there are no clusters, and what to do.

    >>> too_few(12, 60, "en")
    ('12 customers are too few for clusters', 'at least 60; rules need none')
    """
    if language == "zh":
        return f"{customers} 位顾客太少，无法聚类", f"至少需要 {least} 位；规则客群不受此限"
    return f"{customers} customers are too few for clusters", f"at least {least}; rules need none"


def alike(language: str) -> tuple[str, str]:
    """Why there are no clusters, and what to do."""
    if language == "zh":
        return "在模型看来所有顾客都相似：没有聚类客群", "用更多事件训练"
    return "all customers look alike to the model: there are no clusters", "train on more events"


def use(spending: float, growth: float, what: str, language: str) -> str:
    """What the segment suits.

    Args:
        spending: money a customer beside the mean, NaN where unknown. growth: of its size, .1 = a tenth more, NaN where
            unknown. what: what it over-indexes in most, '' for nothing.

    >>> use(2.0, -0.2, "lights", "en")
    'Keep: it spends much and shrinks; a personal contact before a discount, about lights'
    """
    chinese = language == "zh"
    much, little = spending >= MUCH, spending <= LITTLE
    if growth <= SHRINKS:
        if much:
            told = "挽留：消费高但人数在减少；先做专人沟通，再考虑折扣" if chinese else (
                "Keep: it spends much and shrinks; a personal contact before a discount"
            )  # fmt: skip
        else:
            told = "唤回：人数在减少；用一次提醒或优惠测试" if chinese else (
                "Win back: it shrinks; test a reminder or an offer"
            )  # fmt: skip
    elif much:
        told = "维护：消费高；新品优先体验和会员权益，不必打折" if chinese else (
            "Reward: it spends much; early access and perks, no discount needed"
        )  # fmt: skip
    elif little:
        told = "培养：消费低；促成下一单" if chinese else "Develop: it spends little; lead to the next order"
    else:
        told = "交叉销售：推荐相关商品" if chinese else "Cross-sell: show what goes with what it likes"
    if not what:
        return told
    return f"{told}，主打{what}" if chinese else f"{told}, about {what}"


def few(size: int, least: int, language: str) -> str:
    """A warning about a small segment.

    >>> few(12, 30, "en")
    'only 12 customers: under 30, shares and averages say little'
    """
    if language == "zh":
        return f"仅{size}位顾客：少于{least}位，占比和均值参考价值有限"
    return f"only {size} customer{'' if size == 1 else 's'}: under {least}, shares and averages say little"


def unstable(stability: float, bar: float, language: str) -> str:
    """A warning about a cluster that other samples of the customers do not find again."""
    if language == "zh":
        return f"稳定性{stability:.2f}，低于{bar:.2f}：换一批样本未必能再次得到这一客群"
    return f"stability {stability:.2f}, below {bar:.2f}: another sample of the customers may not find it again"


FIELDS = {
    "category": ("category", "品类"), "brand": ("brand", "品牌"), "word": ("key word", "关键词"), "tag": ("tag", "标签"),
    "price": ("price band", "价格带"), "rfm": ("RFM", "RFM"), "value_tier": ("value tier", "价值等级"),
    "orders": ("orders", "订单数"), "mean_order_value": ("mean order value", "客单价"),
    "days_between_orders": ("days between orders", "下单间隔天数"), "channel": ("channel", "渠道"), "device": ("device", "设备"),
}  # fmt: skip
"""Fields of our own that tables compare -> what they are called; what a shop declares keeps its name."""

TIERS = {"gold": "金级", "silver": "银级", "bronze": "铜级"}
"""Tier of value -> in Chinese."""

TRUTHS = {"true": "是", "false": "否"}
"""What is true or false -> in Chinese."""


def trait(field: str, level: str, language: str) -> str:
    """Something that customers have in common.

    >>> trait("category", "lights", "en"), trait("orders", "> 3", "zh"), trait("rfm", "loyal", "zh"), trait("price", "0", "en")
    ('category lights', '订单数 > 3', 'RFM 忠诚客户', 'price band 1 of 8')
    >>> trait("city", "Ulm", "zh"), trait("会员", "true", "zh")
    ('city Ulm', '会员 是')
    """
    at = language == "zh"
    name = FIELDS.get(field, (field, field))[at]
    if field == "rfm" and level in CELLS:
        level = CELLS[level][at]
    elif field == "value_tier" and at:
        level = TIERS.get(level, level)
    elif at and level in TRUTHS:
        level = TRUTHS[level]
    elif field == "price" and level.isdigit():
        level = f"{int(level) + 1}/{BANDS}" if at else f"{int(level) + 1} of {BANDS}"
    return f"{name} {level}"


def reason(field: str, level: str, tgi: float, language: str) -> str:
    """A trait that a member shares with its segment.

    >>> reason("category", "lights", 240.4, "en"), reason("city", "Ulm", 130, "zh")
    ('category lights (TGI 240)', 'city Ulm（TGI 130）')
    """
    told = trait(field, level, language)
    return f"{told}（TGI {tgi:.0f}）" if language == "zh" else f"{told} (TGI {tgi:.0f})"


def field(name: str, value: object, language: str) -> str:
    """What a field of the profile says of a member.

    >>> field("churn_30d", 0.71234, "en"), field("city", "Ulm", "zh"), field("newsletter", True, "en")
    ('churn_30d 0.7123', 'city为Ulm', 'newsletter true')
    """
    told = str(value)
    if isinstance(value, bool):
        told = TRUTHS[told.lower()] if language == "zh" else told.lower()
    if isinstance(value, float):
        told = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{name}为{told}" if language == "zh" else f"{name} {told}"

"""Words: how the values of a profile are said, in English and Chinese."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from regard.customers.profile.fields import AHEAD, FIELDS, INTENT_DAYS
from regard.customers.segments.rfm import CELLS
from regard.insight.words import MONTHS
from regard.sequences.anomalies import words as anomaly_words

LABELS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "sufficiency": {
        "cold": ("cold: hardly anything is known", "极少：几乎没有可用信息"),
        "thin": ("thin: enough for a first idea", "较少：可作初步判断"),
        "rich": ("rich", "充分"),
    },
    "lifecycle": {
        "prospect": ("prospect, no order yet", "潜在客户，尚未下单"),
        "new": ("new", "新客户"),
        "growing": ("growing", "成长期客户"),
        "loyal": ("loyal", "忠诚客户"),
        "returned": ("won back", "回流客户"),
        "slowing": ("slowing", "活跃下降客户"),
        "silent": ("silent", "沉默客户"),
        "lost": ("lost", "流失客户"),
    },
    "aipl": {
        "awareness": ("A: awareness", "A 认知"),
        "interest": ("I: interest", "I 兴趣"),
        "purchase": ("P: purchase", "P 购买"),
        "loyalty": ("L: loyalty", "L 忠诚"),
    },
    "rfm": CELLS,
    "value_tier": {"gold": ("gold", "金级"), "silver": ("silver", "银级"), "bronze": ("bronze", "铜级")},
    "decision": {
        "browsing": ("browsing", "浏览中"),
        "considering": ("considering (an item looked at again)", "考虑中（反复查看同一商品）"),
        "cart": ("cart filled, not yet ordered", "已加购，尚未下单"),
        "abandoned_cart": ("cart abandoned", "弃购（加购后离开）"),
        "just_bought": ("just bought", "刚刚下单"),
    },
    "price_band": {"budget": ("budget", "低价"), "middle": ("middle", "中价"), "premium": ("premium", "高价")},
}
"""Field -> value -> what it is called."""

TRENDS = {"rising": ("rising", "升温"), "fading": ("fading", "降温"), "steady": ("", "")}

INTERESTS = {"category": ("category", "品类"), "brand": ("brand", "品牌"), "word": ("word", "关键词")}

WEEKDAYS = (
    ("Monday", "周一"), ("Tuesday", "周二"), ("Wednesday", "周三"), ("Thursday", "周四"), ("Friday", "周五"),
    ("Saturday", "周六"), ("Sunday", "周日"),
)  # fmt: skip

SHARES = (
    *(f"churn_{days}d" for days in (30, 60, 90)),
    *(f"intent_{days}d" for days in INTENT_DAYS),
    "intent_session",
    "discount_share",
)
"""Fields whose value is a share or a chance."""

MONEY = ("spend", "spend_30d", "spend_90d", "unit_price")

LIKELY = 0.05
"""Chance of a stage, and share of an answer, below which it is not said: one in twenty."""

BARS = "▁▂▃▄▅▆▇█"

PEAKS = 3
"""Hours named as active: those with the most visits."""


def title(name: str, language: str) -> str:
    """The name of a field."""
    return FIELDS[name].zh if language == "zh" else FIELDS[name].en


def said(name: str, value: Any, language: str, currency: str = "") -> str:
    """A value as people read it; '' for none.

    >>> said("lifecycle", "loyal", "zh"), said("churn_30d", 0.25, "en"), said("spend_90d", 1234.5, "en", "GBP")
    ('忠诚客户', '25 %', 'GBP 1,234')
    >>> said("reach", {"weekday": 1, "from_hour": 20, "to_hour": 22}, "zh")
    '周二 20:00–22:00'
    """
    zh = language == "zh"
    if value is None:
        return ""
    if name in LABELS:
        return LABELS[name][value][zh]
    if name in SHARES:
        return share(value, language)
    if name in MONEY:
        return money(value, currency, language)
    writer = _WRITERS.get(name)
    if writer is not None:
        return writer(value, language)
    if isinstance(value, datetime):
        return day(value, language)
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 or value.is_integer() else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def share(value: float, language: str) -> str:
    """A share in per cent, never rounded to nothing or to all.

    >>> share(0.5, "en"), share(0.0001, "zh"), share(0.9999, "en")
    ('50 %', '<1%', '>99 %')
    """
    sign = "%" if language == "zh" else " %"
    if 0 < value < 0.01 or 0.99 < value < 1:
        return f"<1{sign}" if value < 0.5 else f">99{sign}"
    return f"{100 * value:.0f}{sign}"


def money(value: float, currency: str, language: str) -> str:
    """Money with its currency: whole from a hundred on."""
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
    if language == "zh" and currency == "CNY":
        return f"{digits}元"
    return f"{currency} {digits}".strip()


def day(moment: datetime, language: str) -> str:
    """A day with its year."""
    if language == "zh":
        return f"{moment.year}年{moment.month}月{moment.day}日"
    return f"{moment.day} {MONTHS[moment.month - 1][:3]} {moment.year}"


def listed(parts: Sequence[str], language: str) -> str:
    """An enumeration."""
    return ("、" if language == "zh" else ", ").join(parts)


def _interests(value: Sequence[Mapping[str, Any]], language: str, part: str = "share") -> str:
    """Each with its share of attention and its trend, and then how much of the next items rests on which, where that is known.

    >>> one = {"kind": "category", "word": "lamps", "share": 0.4, "trend": "rising", "of_answer": 0.25}
    >>> _interests([one], "en"), _interests([one], "zh")
    ('lamps (40 %, rising); next best items rest on: lamps 25 %', 'lamps（40%，升温）；推荐依据：lamps 25%')
    """
    zh = language == "zh"
    called, told = interest_names(value, language), []
    for name, one in zip(called, value, strict=True):
        trend = TRENDS[one["trend"]][zh]
        sure = share(one[part], language) + (f"{'，' if zh else ', '}{trend}" if trend else "")
        told.append(f"{name}（{sure}）" if zh else f"{name} ({sure})")
    carry = sorted(((one.get("of_answer") or 0.0, name) for name, one in zip(called, value, strict=True)), reverse=True)
    rests = listed([f"{name} {share(much, language)}" for much, name in carry if much >= LIKELY], language)
    if not rests:
        return listed(told, language)
    return listed(told, language) + (f"；推荐依据：{rests}" if zh else f"; next best items rest on: {rests}")


def interest_names(value: Sequence[Mapping[str, Any]], language: str) -> list[str]:
    """The words of interests, with their kinds where two are called the same.

    >>> interest_names([{"kind": "category", "word": "bath"}, {"kind": "word", "word": "bath"}, {"kind": "word", "word": "mat"}], "en")
    ['bath [category]', 'bath [word]', 'mat']
    """
    words = [one["word"] for one in value]
    return [
        f"{one['word']} [{INTERESTS[one['kind']][language == 'zh']}]" if words.count(one["word"]) > 1 else one["word"]
        for one in value
    ]


def _next_stage(value: Sequence[Mapping[str, Any]], language: str) -> str:
    """The likeliest stages, and of how many customers that is known.

    >>> odds = [{"stage": "loyal", "probability": 0.7, "customers": 1200}, {"stage": "slowing", "probability": 0.3, "customers": 1200}]
    >>> _next_stage(odds, "en"), _next_stage(odds, "zh")
    ('loyal 70 %, slowing 30 % (from 1,200 customers at this stage)', '忠诚客户70%、活跃下降客户30%（依据1,200位同阶段顾客）')
    """
    zh = language == "zh"
    brief = {stage: label[zh].split("，" if zh else ",")[0] for stage, label in LABELS["lifecycle"].items()}
    shown = [one for one in value if one["probability"] >= LIKELY] or value[:1]
    gap, of = "" if zh else " ", f"{value[0]['customers']:,}"
    odds = listed([f"{brief[one['stage']]}{gap}{share(one['probability'], language)}" for one in shown], language)
    return f"{odds}（依据{of}位同阶段顾客）" if zh else f"{odds} (from {of} customers at this stage)"


def _segments(value: Sequence[Mapping[str, Any]], language: str) -> str:
    """Names, and the ids of clusters: a rule's name is its id."""
    zh = language == "zh"
    told = [
        one["name"]
        if one["name"] == one["id"]
        else f"{one['name']}（{one['id']}）"
        if zh
        else f"{one['name']} ({one['id']})"
        for one in value
    ]
    return listed(told, language) or ("无" if zh else "none")


def _anomalies(value: Sequence[str], language: str) -> str:
    none = "无" if language == "zh" else "none"
    return listed([anomaly_words.name(kind, language) for kind in value], language) or none


def _hours(value: Sequence[float], language: str) -> str:
    top = sorted(sorted(range(len(value)), key=lambda hour: -value[hour])[:PEAKS])
    peaks = listed([f"{hour}:00" for hour in top if value[hour] > 0], language)
    return f"{bars(value)}  {'高峰' if language == 'zh' else 'most at'} {peaks}"


def _weekdays(value: Sequence[float], language: str) -> str:
    best = max(range(len(value)), key=lambda place: value[place])
    most = "最多" if language == "zh" else "most on"
    return f"{bars(value)}  {most} {WEEKDAYS[best][language == 'zh']}"


def _survival(value: Sequence[float], language: str) -> str:
    """The chance of no order by each of AHEAD."""
    unit = "天" if language == "zh" else " d"
    return listed(
        [f"{days}{unit} {share(chance, language)}" for days, chance in zip(AHEAD, value, strict=True)], language
    )


def _reach(value: Mapping[str, int], language: str) -> str:
    name = WEEKDAYS[value["weekday"]][language == "zh"]
    return f"{name} {value['from_hour']}:00–{value['to_hour']}:00"


def _items(value: Sequence[Mapping[str, Any]], language: str) -> str:
    return listed([str(one["name"] or one["item"]) for one in value], language)


_WRITERS: Mapping[str, Callable[[Any, str], str]] = {
    "interests_long": _interests,
    "interests_short": lambda value, language: _interests(value, language, "lately"),
    "anomalies": _anomalies,
    "next_stage": _next_stage,
    "segments": _segments,
    "active_hours": _hours,
    "weekdays": _weekdays,
    "survival": _survival,
    "reach": _reach,
    "next_items": _items,
    "bot": lambda value, language: f"{value:.2f}",
}


def bars(shares: Sequence[float]) -> str:
    """Shares as a row of bars.

    >>> bars([0.0, 0.5, 0.25])
    '▁█▅'
    """
    most = max(max(shares, default=0.0), 1e-9)
    return "".join(BARS[round(part / most * (len(BARS) - 1))] for part in shares)


def replaced(answer: str, rule: str, language: str) -> str:
    """A note about an answer that a simple rule gives.

    >>> replaced("churn", "recency", "en")
    'churn ahead is told by a simple rule, recency: in the rehearsal it was better than the model'
    """
    if language == "zh":
        answers = {"churn": "流失", "orders": "订单", "spend": "消费"}
        rules = {"recency": "最近一次购买", "rfm": "RFM", "decayed_spend": "衰减消费额", "counts": "计数"}
        return f"未来{answers.get(answer, answer)}由简单规则“{rules.get(rule, rule)}”给出：预演中它优于模型"
    name = rule.replace("_", " ")
    return f"{answer} ahead is told by a simple rule, {name}: in the rehearsal it was better than the model"


def no_horizon(language: str) -> str:
    """A note where no model foresees anything."""
    if language == "zh":
        return "没有流失与消费的预测：尚无模型能给出（regard train 会训练）"
    return "churn and spend ahead are not told: no model here can (regard train makes one)"


def no_clock(language: str) -> str:
    """A note about a log without times."""
    return (
        "日志没有时间：与时间有关的字段从缺"
        if language == "zh"
        else "the log has no times: fields that need them are missing"
    )


def base_rate(language: str) -> str:
    """A note about intent without a model."""
    return (
        "购买意向为全体平均：没有模型读取该顾客"
        if language == "zh"
        else "intent is everybody's base rate: no model reads this customer"
    )

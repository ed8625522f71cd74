"""Fields: what a profile says, in which order, how each is found and how long it holds. All else follows this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["fact", "statistic", "rule", "mined", "predicted"]
"""How a field is found: read off the log, counted, judged by a rule, found among everybody, or foreseen by a model."""

AHEAD = (7, 14, 30, 60, 90, 180)
"""Days ahead of the survival curve, and of the fields below: from the next campaign to the next season."""

CHURN_DAYS, VALUE_DAYS, INTENT_DAYS = (30, 60, 90), (30, 90), (1, 7, 30)
"""Days over which no order, how much, and an order soon are foreseen."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of the catalogue.

    Args:
        group: of the page. kind: how it is found. fresh: days after which it says nothing certain any more, even of a
            customer who has done nothing since. en, zh: its name.
    """

    group: str
    kind: Kind
    fresh: float
    en: str
    zh: str


def _field(group: str, kind: Kind, fresh: float, en: str, zh: str) -> Field:
    return Field(group=group, kind=kind, fresh=fresh, en=en, zh=zh)


GROUPS = {
    "data": ("What is known", "数据基础"),
    "stage": ("Stage", "生命周期"),
    "value": ("Value", "价值"),
    "retention": ("Retention", "留存"),
    "intent": ("Intent", "购买意向"),
    "interests": ("Interests", "兴趣偏好"),
    "money": ("Prices", "价格偏好"),
    "rhythm": ("Rhythm", "活跃规律"),
    "touch": ("Channel and device", "渠道与设备"),
    "segments": ("Segments", "客群"),
    "next": ("Next best items", "下一步推荐"),
}
"""Group -> its title in English and Chinese, in the order of the page."""

FIELDS: Mapping[str, Field] = {
    "first_seen": _field("data", "fact", 3650, "first seen", "首次出现"),
    "last_seen": _field("data", "fact", 30, "last seen", "最近出现"),
    "events": _field("data", "fact", 30, "events", "事件数"),
    "sufficiency": _field("data", "rule", 30, "data sufficiency", "数据充分度"),
    "bot": _field("data", "mined", 30, "bot score", "机器人得分"),
    "anomalies": _field("data", "mined", 30, "anomalies", "异常"),
    "lifecycle": _field("stage", "rule", 7, "life-cycle stage", "生命周期阶段"),
    "next_stage": _field("stage", "statistic", 7, "stage in 30 days", "30天后阶段"),
    "aipl": _field("stage", "rule", 7, "AIPL stage", "AIPL阶段"),
    "orders": _field("value", "fact", 30, "orders", "订单数"),
    "spend": _field("value", "fact", 30, "spent", "累计消费"),
    "recency_score": _field("value", "rule", 7, "recency score (R)", "最近消费得分（R）"),
    "frequency_score": _field("value", "rule", 7, "frequency score (F)", "消费频次得分（F）"),
    "money_score": _field("value", "rule", 7, "money score (M)", "消费金额得分（M）"),
    "rfm": _field("value", "rule", 7, "RFM tier", "RFM分层"),
    "orders_30d": _field("value", "predicted", 7, "orders in the next 30 days", "未来30天订单数"),
    "orders_90d": _field("value", "predicted", 7, "orders in the next 90 days", "未来90天订单数"),
    "spend_30d": _field("value", "predicted", 7, "spend in the next 30 days", "未来30天消费"),
    "spend_90d": _field("value", "predicted", 7, "spend in the next 90 days", "未来90天消费"),
    "value_tier": _field("value", "predicted", 7, "value tier", "价值等级"),
    "churn_30d": _field("retention", "predicted", 7, "no order within 30 days", "30天内不下单"),
    "churn_60d": _field("retention", "predicted", 7, "no order within 60 days", "60天内不下单"),
    "churn_90d": _field("retention", "predicted", 7, "no order within 90 days", "90天内不下单"),
    "survival": _field("retention", "predicted", 7, "survival curve: no order by", "生存曲线（仍未下单）"),
    "next_order": _field("retention", "predicted", 7, "next order", "下次下单日期"),
    "intent_session": _field("intent", "predicted", 1, "buys in this session", "本次会话内购买"),
    "intent_1d": _field("intent", "predicted", 1, "buys within 1 day", "1天内购买"),
    "intent_7d": _field("intent", "predicted", 1, "buys within 7 days", "7天内购买"),
    "intent_30d": _field("intent", "predicted", 7, "buys within 30 days", "30天内购买"),
    "decision": _field("intent", "rule", 1, "stage of the decision", "决策阶段"),
    "interests_long": _field("interests", "statistic", 90, "long-term interests", "长期兴趣"),
    "interests_short": _field("interests", "statistic", 7, "short-term interests", "短期兴趣"),
    "price_band": _field("money", "statistic", 90, "price band", "价格带"),
    "unit_price": _field("money", "statistic", 90, "price paid a piece", "成交单价"),
    "discount_share": _field("money", "statistic", 90, "share bought below the usual price (observed)", "低价购买占比（观测值）"),
    "active_hours": _field("rhythm", "statistic", 30, "active hours", "活跃时段"),
    "weekdays": _field("rhythm", "statistic", 30, "weekdays", "活跃星期"),
    "order_gap": _field("rhythm", "statistic", 30, "days between orders", "下单间隔（天）"),
    "visit_gap": _field("rhythm", "statistic", 30, "days between active days", "活跃间隔（天）"),
    "reach": _field("rhythm", "statistic", 30, "best time to reach", "最佳触达时间"),
    "channel": _field("touch", "statistic", 30, "channel", "渠道"),
    "device": _field("touch", "statistic", 30, "device", "设备"),
    "place": _field("touch", "statistic", 30, "place", "地区"),
    "segments": _field("segments", "mined", 7, "segments", "所属客群"),
    "next_items": _field("next", "predicted", 7, "next best items", "推荐商品"),
}  # fmt: skip
"""Every field by its name, in the order of the page. Rules of segments may test any of them."""

KINDS: Mapping[Kind, tuple[str, str]] = {
    "fact": ("fact", "事实"),
    "statistic": ("statistic", "统计"),
    "rule": ("rule", "规则"),
    "mined": ("mined", "挖掘"),
    "predicted": ("predicted", "预测"),
}
"""What the kinds of tags are called."""

"""Words: reasons as people say them, one line each, in English and Chinese."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

ENGLISH = {
    "purchase": "you bought {item}",
    "view_item": "you looked at {item}",
    "select_item": "you clicked on {item}",
    "add_to_cart": "you put {item} in the basket",
    "remove_from_cart": "you took {item} out of the basket",
    "add_to_wishlist": "you put {item} on the wish list",
    "favourite": "you marked {item} as a favourite",
    "begin_checkout": "you began to check out {item}",
    "refund": "you returned {item}",
    "review": "you reviewed {item}",
    "rating": "you rated {item}",
    "play": "you played {item}",
    "like": "you liked {item}",
    "share": "you shared {item}",
    "follow": "you followed {item}",
    "impression": "you were shown {item}",
}
BARE_ENGLISH = {
    "search": "you searched",
    "page_view": "you visited",
    "session_start": "you visited",
    "sign_up": "you signed up",
    "login": "you logged in",
    "message_open": "you opened a message",
    "message_click": "you clicked in a message",
}
CHINESE = {
    "purchase": "购买了{item}",
    "view_item": "浏览了{item}",
    "select_item": "点击了{item}",
    "add_to_cart": "把{item}加入了购物车",
    "remove_from_cart": "把{item}移出了购物车",
    "add_to_wishlist": "把{item}加入了心愿单",
    "favourite": "收藏了{item}",
    "begin_checkout": "为{item}开始结账",
    "refund": "退回了{item}",
    "review": "评论了{item}",
    "rating": "给{item}打了分",
    "play": "播放了{item}",
    "like": "点赞了{item}",
    "share": "分享了{item}",
    "follow": "关注了{item}",
    "impression": "看到了{item}",
}
BARE_CHINESE = {
    "search": "进行了搜索",
    "page_view": "访问了商店",
    "session_start": "访问了商店",
    "sign_up": "注册了账号",
    "login": "登录了账号",
    "message_open": "打开了消息",
    "message_click": "点击了消息",
}
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def day(time: datetime, now: datetime, language: str) -> str:
    """A day, with its year only where it is not this year's.

    >>> day(datetime(2026, 3, 1), datetime(2026, 5, 1), "en"), day(datetime(2025, 3, 1), datetime(2026, 5, 1), "zh")
    ('1 March', '2025年3月1日')
    """
    other = time.year != now.year
    if language == "zh":
        return (f"{time.year}年" if other else "") + f"{time.month}月{time.day}日"
    return f"{time.day} {MONTHS[time.month - 1]}" + (f" {time.year}" if other else "")


def local(seconds: int, zone: str) -> datetime:
    """Seconds since 1970 as the shop's wall clock."""
    return datetime.fromtimestamp(seconds, ZoneInfo(zone))


def event(behaviour: str, item: str, times: int, when: str, language: str) -> str:
    """Something the customer did.

    >>> event("purchase", "red lamp", 3, "3 March", "en")
    'you bought red lamp 3 times, last on 3 March'
    >>> event("purchase", "台灯", 3, "3月3日", "zh")
    '您3次购买了台灯，最近一次是3月3日'
    >>> event("search", "", 1, "3 March", "en")
    'you searched on 3 March'
    """
    if language == "zh":
        bare = BARE_CHINESE.get(behaviour, f"有过“{behaviour}”行为")
        act = CHINESE.get(behaviour, f"对{{item}}有过“{behaviour}”行为") if item else bare
        act = act.replace("{item}", item)
        if times > 1:
            return f"您{times}次{act}" + (f"，最近一次是{when}" if when else "")
        return "您" + (f"在{when}" if when else "") + act
    bare = BARE_ENGLISH.get(behaviour, f"you did '{behaviour}'")
    act = ENGLISH.get(behaviour, f"you did '{behaviour}' on {{item}}") if item else bare
    act = act.replace("{item}", item)
    if times > 1:
        return f"{act} {times} times" + (f", last on {when}" if when else "")
    return act + (f" on {when}" if when else "")


def lies_there(item: str, language: str) -> str:
    """Something in the open basket that came with the question.

    >>> lies_there("red lamp", "en")
    'red lamp is in your basket'
    """
    return f"{item}在您的购物车里" if language == "zh" else f"{item} is in your basket"


def it(language: str) -> str:
    """The item that is being talked about."""
    return "它" if language == "zh" else "it"


def because(deed: str, language: str) -> str:
    """The deed as a reason.

    >>> because("you bought red lamp", "en")
    'because you bought red lamp'
    """
    return f"因为{deed}" if language == "zh" else f"because {deed}"


def similar(item: str, language: str) -> str:
    """Because its content is like an item's.

    >>> similar("red lamp", "en")
    'similar to red lamp'
    """
    return f"与{item}相似" if language == "zh" else f"similar to {item}"


def interest(what: str, language: str) -> str:
    """Because of a declared interest."""
    return f"符合您的兴趣：{what}" if language == "zh" else f"matches your interest in {what}"


def popular(customers: int, days: int | None, language: str) -> str:
    """Because many want it.

    >>> popular(1, 30, "en")
    'wanted by 1 customer in the last 30 days'
    """
    if language == "zh":
        return f"最近{days}天有{customers}位顾客选择" if days else f"有{customers}位顾客选择"
    people = f"{customers:,} customer" + ("" if customers == 1 else "s")
    return f"wanted by {people}" + (f" in the last {days} days" if days else "")


def fresh(language: str) -> str:
    """Because it is new."""
    return "新品" if language == "zh" else "new in the shop"


def pinned(language: str) -> str:
    """Because the shop's people put it there."""
    return "由商店置顶" if language == "zh" else "placed here by the shop"


def rests(scenario: str, language: str) -> str:
    """A note about a scenario outside its time."""
    return f"方案“{scenario}”当前未生效" if language == "zh" else f"scenario '{scenario}' does not hold at this time"


def absent(model: str, language: str) -> str:
    """A note about a model that should have answered."""
    return (
        f"模型 {model} 无法使用，由当前模型回答"
        if language == "zh"
        else f"model {model} cannot be used; the current one answers"
    )


def nothing_matches(interests: list[str], language: str) -> str:
    """A note about interests that nothing in the catalogue answers to."""
    listed = ", ".join(interests)
    return (
        f"商品库中没有与以下兴趣相符的商品：{listed}"
        if language == "zh"
        else f"nothing in the catalogue matches: {listed}"
    )


def stranger(customer: str, language: str) -> str:
    """A note about a customer of whom the log holds nothing."""
    return f"没有顾客“{customer}”的任何记录" if language == "zh" else f"nothing is known of customer '{customer}'"


def no_consent(customer: str, language: str) -> str:
    """A note about a customer who must not be looked at."""
    if language == "zh":
        return f"顾客“{customer}”不同意处理其数据：以下为热门商品，未使用其任何数据"
    return f"customer '{customer}' does not consent to being looked at: this is what is popular, without anything of theirs"


def not_in_catalogue(items: list[str], language: str) -> str:
    """A note about told items that the shop does not have."""
    listed = ", ".join(items)
    return (
        f"商品库中没有这些商品，未予考虑：{listed}" if language == "zh" else f"not in the catalogue, ignored: {listed}"
    )


def unproven(days: list[int], language: str) -> str:
    """A note about horizons whose chances the last evaluation did not find better than a simple rule.

    >>> unproven([1], "en"), unproven([7, 30], "en")[:18]
    ('within 1 day: not shown to be better than a simple rule in the last evaluation', 'within 7, 30 days:')
    """
    if language == "zh":
        return f"{'、'.join(map(str, days))} 天内：上次评估未能证明优于简单规则"
    unit = "day" if days == [1] else "days"
    return (
        f"within {', '.join(map(str, days))} {unit}: not shown to be better than a simple rule in the last evaluation"
    )


def interests_unused(language: str) -> str:
    """A note about interests of somebody of whom more is known."""
    if language == "zh":
        return "未采用所填兴趣：已有该顾客的行为可依据"
    return "interests were not used: they are for newcomers, and here events answer"


def worse(model: str, language: str) -> str:
    """A note about a model that was set aside."""
    if language == "zh":
        return f"以计数回答：上次评估发现模型 {model} 不如计数"
    return f"counted: the last evaluation found model {model} worse than counting"


def unreadable(model: str, why: str, other: str, language: str) -> str:
    """A note about a damaged model, in whose place another answers."""
    if language == "zh":
        return f"模型 {model} 无法读取：{why}；由 {other} 回答"
    return f"model {model} cannot be read: {why}; {other} answers"


def fewer(found: int, asked: int, language: str) -> str:
    """A note about a list that could not be filled."""
    if language == "zh":
        return f"符合条件的商品只有{found}件（要求{asked}件）"
    return f"only {found} of {asked}: no more items pass the conditions"

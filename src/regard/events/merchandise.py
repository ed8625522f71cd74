"""Which items are not merchandise: postage, charges, corrections, samples, vouchers. By rule from words, codes,
prices and orders.

They count as value and as history; they are never recommended and never a target. The rule is a help, not a judge:
`not_merchandise` and `merchandise` in regard.toml have the last word.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from regard.config import Config
from regard.events.engine import Engine

_PHRASES = (
    "postage",
    "post and packing",
    "shipping",
    "shipping fee",
    "delivery",
    "delivery charge",
    "carriage",
    "freight",
    "handling fee",
    "bank charges",
    "bank charge",
    "amazon fee",
    "amazonfee",
    "commission",
    "service charge",
    "surcharge",
    "transaction fee",
    "manual",
    "manual correction",
    "adjust",
    "adjustment",
    "adjust bad debt",
    "bad debt",
    "discount",
    "samples",
    "sample",
    "gift voucher",
    "voucher",
    "gift card",
    "e gift card",
    "gift certificate",
    "coupon",
    "store credit",
    "test product",
    "this is a test product",
    "deposit",
    "donation",
    "tip",
    "rounding",
    "dotcom postage",
    "dotcomgiftshop gift voucher",
    "next day carriage",
    "cruk commission",
    "post",
    "dot",
)
_EUROPEAN = (
    *("versand", "versandkosten", "versandkostenpauschale", "versandpauschale", "versandgebuhr", "expressversand"),
    *("porto", "portokosten", "porto und verpackung", "lieferkosten", "nachnahmegebuhr", "bearbeitungsgebuhr"),
    *("mindermengenzuschlag", "gutschein", "geschenkgutschein", "wertgutschein", "gutschrift", "rabatt", "skonto"),
    *("pfand", "trinkgeld", "spende", "frais de port", "frais de livraison", "frais d expedition", "livraison"),
    *("remise", "bon d achat", "bon de reduction", "carte cadeau", "cheque cadeau", "gastos de envio", "envio"),
    *("coste de envio", "costes de envio", "descuento", "tarjeta regalo", "vale regalo", "cupon de descuento"),
    *("spedizione", "spese di spedizione", "costi di spedizione", "spese di consegna", "sconto", "buono regalo"),
    *("buono sconto", "contrassegno"),
)
"""German, French, Spanish and Italian, without accents."""
_WORDS = frozenset((*_PHRASES, *_EUROPEAN))
_CHINESE = (
    "邮费", "运费", "快递费", "邮资", "配送费", "手续费", "服务费", "补差价", "差价", "补拍", "优惠券", "代金券",
    "抵用券", "礼品卡", "购物卡", "红包", "定金", "押金", "样品", "小样", "试用装", "测试商品", "专拍链接",
)  # fmt: skip
_WEAK = {
    *("post", "dot", "tip", "manual", "sample", "delivery", "discount", "deposit", "versand", "pfand", "rabatt"),
    *("livraison", "remise", "envio", "descuento", "spedizione", "sconto", "spende"),
}
"""Words that real products carry as well: they convict only as the whole name, or the code."""
_WINE = "porto"
"""Postage in German and a wine elsewhere: even as the whole name it needs a second sign."""
_HINT = re.compile("|".join((*map(re.escape, sorted(_WORDS)), *_CHINESE)))
_ACCENT = re.compile("[\u0300-\u036f]")
_DIGIT = re.compile(r"\d")
_NEUTRAL = re.compile(r"[^a-z ]+|\b(?:the|and|of|by|uk|gbp|usd|eur|fee|fees|charges?)\b")

SPREAD = 20.0
"""Ratio of the 95th to the 5th percentile of an item's price that no product has, promotions and wholesale included."""

SHARE = 0.05
"""Share of all orders from which an item is suspiciously universal."""

_LINES = 10
"""Lines an item needs before its price spread says anything."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """An item that is not merchandise, and why.

    Args:
        item: its id.
        name: its commonest name, '' where none is known.
        reasons: in words; why the rule thinks so, or that regard.toml names it.
        rows: events on it.
    """

    item: str
    name: str
    reasons: tuple[str, ...]
    rows: int


def words_in(text: str) -> tuple[bool, bool]:
    """Whether a name or a code is (wholly, partly) made of words for services.

    >>> words_in("DOTCOM POSTAGE"), words_in("Next Day Carriage"), words_in("POSTAGE STAMP"), words_in("运费补差价专用")
    ((True, True), (True, True), (False, True), (False, True))
    """
    lowered = " ".join(text.lower().replace("_", " ").replace("'", " ").replace("’", " ").split())
    if not lowered.isascii():
        lowered = _ACCENT.sub("", unicodedata.normalize("NFKD", lowered))
    if not _HINT.search(lowered):
        return False, False
    plain = " ".join(_NEUTRAL.sub(" ", lowered).split())
    whole = (plain in _WORDS and plain != _WINE) or lowered in _PHRASES or lowered in _CHINESE
    padded = f" {plain} "
    part = any(f" {phrase} " in padded for phrase in _WORDS - _WEAK) or any(word in lowered for word in _CHINESE)
    return whole, whole or part


def services(engine: Engine, config: Config) -> list[Service]:
    """Items of the view `events` that are not merchandise, the most frequent first.

    The rule takes an item for one when its name or code is wholly a word for a service; or holds one and shows a second
    sign (a code without digits where nearly all codes have some; a price spread no product has; a share of the orders
    no product has; a Chinese word needs none); or has an odd code and either an impossible price spread or twice the
    orders of any product.

    Args:
        config: its lists correct the rule; an item named there is one whether it is in the view or not.
    """
    listing = _listing(engine)
    found = [service for service in _by_rule(engine, listing) if service.item not in config.merchandise]
    named = set(config.not_merchandise) - {service.item for service in found}
    known = {item: (name, rows) for item, name, rows in listing if item in named}
    for item in named:
        name, rows = known.get(item, ("", 0))
        found.append(Service(item=item, name=name, reasons=("named in regard.toml",), rows=rows))
    return sorted(found, key=lambda service: (-service.rows, service.item))


def _listing(engine: Engine) -> list[tuple[str, str, int]]:
    """(item, its commonest name, events on it) of the view `events`."""
    return engine.rows("""
        SELECT item, coalesce(arg_max(item_name, (named, item_name)), ''), sum(n)::BIGINT
        FROM (
            SELECT item, item_name, count(*) AS n, count(item_name) AS named FROM events
            WHERE item IS NOT NULL GROUP BY item, item_name
        )
        GROUP BY item ORDER BY item
    """)


def _by_rule(engine: Engine, listing: list[tuple[str, str, int]]) -> list[Service]:
    digits = sum(_DIGIT.search(item) is not None for item, _, _ in listing)
    coded = len(listing) >= 20 and digits >= 0.95 * len(listing)
    suspects: dict[str, tuple[str, int, bool, bool, bool]] = {}
    for item, name, rows in listing:
        wholly, partly = (a or b for a, b in zip(words_in(name), words_in(item), strict=True))
        odd = coded and _DIGIT.search(item) is None
        if partly or odd:
            suspects[item] = (name, rows, wholly or any(word in name for word in _CHINESE), partly, odd)
    spread, share = _prices_and_shares(engine, list(suspects))
    asked = any(odd and share.get(item, 0.0) >= SHARE for item, (*_, odd) in suspects.items())
    crowd = 2 * _commonest(engine) if asked else 0.0
    found = []
    for item, (name, rows, wholly, partly, odd) in suspects.items():
        over = share.get(item, 0.0) >= max(SHARE, crowd)
        wild, everywhere = spread.get(item, 1.0) >= SPREAD, share.get(item, 0.0) >= SHARE
        if wholly or (partly and (odd or wild or everywhere)) or (odd and (wild or over)):
            words = (
                ("its name", partly),
                ("its code has no digits", odd),
                ("its price varies widely", wild),
                ("it is in many orders", everywhere),
            )
            found.append(Service(item=item, name=name, rows=rows, reasons=tuple(word for word, true in words if true)))
    return found


def _prices_and_shares(engine: Engine, items: list[str]) -> tuple[dict[str, float], dict[str, float]]:
    if not items:
        return {}, {}
    engine.rows("CREATE OR REPLACE TABLE asked AS SELECT unnest(?::VARCHAR[]) AS item", [items])
    spread = engine.rows(
        "SELECT item, quantile_cont(price, 0.95) / quantile_cont(price, 0.05) FROM events SEMI JOIN asked USING (item)"
        " WHERE price > 0 GROUP BY item HAVING count(*) >= ?",
        [_LINES],
    )
    orders = int(engine.one("SELECT count(DISTINCT \"order\") FROM events WHERE behaviour = 'purchase'")[0])
    if orders < 2 * _LINES:
        return dict(spread), {}
    share = engine.rows(
        'SELECT item, count(DISTINCT "order") / ? FROM events SEMI JOIN asked USING (item)'
        " WHERE behaviour = 'purchase' GROUP BY item",
        [orders],
    )
    return dict(spread), dict(share)


def _commonest(engine: Engine) -> float:
    """Share of the orders that the commonest item beside those in `asked` has."""
    orders = "count(DISTINCT \"order\") FILTER (behaviour = 'purchase')"
    others = f"SELECT {orders} AS n FROM events ANTI JOIN asked USING (item) WHERE item IS NOT NULL GROUP BY item"
    return float(engine.one(f"SELECT (SELECT max(n) FROM ({others})) / (SELECT {orders} FROM events)")[0] or 0.0)

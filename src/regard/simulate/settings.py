"""What kind of shop is drawn."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from regard.config import LANGUAGES
from regard.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The shop to draw. The defaults give about 200,000 events of 2,000 customers in one year.

    The three switches say what the truth depends on. A purchase is drawn from the customer's earlier events alone
    (see `cause.py`), each weighted by what was done, how many events ago, and how long ago. Switched off, that
    factor is gone from every weight:

    - `order_matters` off: an event weighs the same wherever it stands in the sequence, so the weights are sums over
      the *set* of earlier events, and shuffling which item and behaviour stands at which place leaves every sum as
      it was. Elapsed time then means the time since the last visit, which a shuffle keeps. What is looked at is
      drawn independently from a fixed taste.
    - `time_matters` off: the weights contain no clock, and visits are timed without regard to what happens in them,
      so timestamps say nothing about the next purchase that the sequence does not say. Interest drifts from one
      event to the next, not from visit to visit.
    - `behaviours_matter` off: every event has the same weights whatever was done, everything is drawn by the same
      rule, and the behaviour is a coin toss afterwards. List clicks, reviews and refunds, told from views by name
      only, do not happen.

    Args:
        customers: people; bots come on top.
        items: size of the catalogue; 20 at least, so that there are substitutes and complements.
        days: length of the log; a year shows every season once.
        seed: another seed, another shop; the same seed, the same bytes.
        language: 'en' or 'zh', of names, descriptions, searches and reviews.
        start: first day of the log, UTC; a leap year's first of January by default.
        horizons: days after the end for which the truth says who would buy; the continuation is drawn to the
            longest.
        visits_gap: mean days between spells of visits of an average customer; 20 gives most customers several
            baskets a year.
        follow_up: chance that a visit is followed by another of the same spell; makes gaps between visits short or
            long, seldom middling.
        follow_up_days: mean days to that next visit.
        looks: mean items looked at in a visit beyond the first.
        buying: share of an average customer's visits that end in an order.
        lines: mean lines of an order beyond the first.
        lifetime: mean days until a customer leaves for good.
        dormant: share of customers with one spell of 40 to 120 days without a visit.
        noise: share of looks that come from the shop's popularity and not from taste, as banners and search engines
            cause.
        refunds: share of order lines sent back.
        reviews: share of order lines reviewed.
        bots: crawlers per customer; they only view.
        order_matters: recent interest outweighs old interest.
        time_matters: wants fade, consumables run out, seasons come.
        behaviours_matter: what was put in the cart is bought rather than what was merely seen.
    """

    customers: int = 2000
    items: int = 800
    days: int = 365
    seed: int = 7
    language: str = "en"
    start: dt.date = dt.date(2024, 1, 1)
    horizons: tuple[int, ...] = (7, 30)
    visits_gap: float = 20.0
    follow_up: float = 0.45
    follow_up_days: float = 2.0
    looks: float = 2.5
    buying: float = 0.3
    lines: float = 0.6
    lifetime: float = 700.0
    dormant: float = 0.2
    noise: float = 0.1
    refunds: float = 0.04
    reviews: float = 0.06
    bots: float = 0.005
    order_matters: bool = True
    time_matters: bool = True
    behaviours_matter: bool = True

    def __post_init__(self) -> None:
        shares = ("follow_up", "buying", "dormant", "noise", "refunds", "reviews", "bots")
        wrong = [name for name in shares if not 0 <= getattr(self, name) < 1]
        wrong += [name for name in ("visits_gap", "follow_up_days", "lifetime") if not getattr(self, name) > 0]
        wrong += [name for name in ("looks", "lines") if not 0 <= getattr(self, name) <= 50]
        wrong += [name for name, least in (("customers", 1), ("items", 20), ("days", 1)) if getattr(self, name) < least]
        if not self.horizons or min(self.horizons) < 1:
            wrong.append("horizons")
        if wrong:
            raise UsageError(f"a shop cannot be drawn with {wrong[0]} = {getattr(self, wrong[0])!r}")
        if self.language not in LANGUAGES:
            raise UsageError(f"unknown language '{self.language}'", hint=" or ".join(LANGUAGES))

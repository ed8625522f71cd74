"""Answers: what to show, what is alike, who is likely to buy, who somebody is, what grows and what is new."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import Response

from regard.insight.history import given
from regard.insight.scenario import FACTOR, PLACES, Boost
from regard.serving.access import Caller, needs
from regard.serving.documents import Body, Condition, Id, answers, document
from regard.serving.problems import Problem
from regard.serving.server import At
from regard.workspace.recommending import Question

router = APIRouter(tags=["answers"])

Serve = Annotated[Caller, Depends(needs("serve"))]
Read = Annotated[Caller, Depends(needs("read"))]
Language = Literal["en", "zh"]
EVENTS = 1_000
"""Events told with a question; the model reads the latest of them."""


class Told(Body):
    """Something that was done and was not sent as an event."""

    item: Id
    behaviour: Annotated[str, Field(min_length=1, max_length=80, examples=["view_item"])] = "add_to_cart"
    time: Annotated[str | None, Field(max_length=40, description="RFC 3339; now where it is missing")] = None


class Lift(Body):
    """A boost for this question alone."""

    when: Condition
    factor: Annotated[float, Field(ge=1 / FACTOR, le=FACTOR, description="on the odds; below 1 buries")]


class Context(Body):
    """Where the answer will be shown."""

    item: Annotated[Id | None, Field(description="whose page is open: read as a view, and not recommended")] = None


class Asked(Body):
    """A question for a list."""

    customer: Annotated[Id | None, Field(description="a known customer")] = None
    anonymous: Annotated[
        Id | None, Field(description="id of a visitor; not together with customer", examples=["a-1"])
    ] = None
    events: list[Told | Id] = Field(
        default_factory=list, max_length=EVENTS, description="a bare id: in the open basket"
    )
    interests: list[Annotated[str, Field(max_length=200)]] = Field(default_factory=list, max_length=50)
    scenario: Annotated[str, Field(max_length=80, examples=["home"])] = ""
    n: Annotated[int, Field(ge=1, le=PLACES)] = 10
    filter: Condition = ""
    boost: list[Lift] = Field(default_factory=list, max_length=20)
    exclude: Annotated[
        Literal["none", "target", "seen"] | None,
        Field(description="own items that are no candidates; null: by the data"),
    ] = None
    without: list[Id] = Field(default_factory=list, max_length=1_000, description="items that are no candidates")
    context: Context = Field(default_factory=Context)
    explain: Annotated[bool, Field(description="name the reasons; slower")] = False
    language: Language | None = None
    model: Annotated[str, Field(max_length=80, examples=["m2"])] = ""

    def question(self) -> Question:
        """The question as the workspace knows it."""
        return Question(
            customer=self.customer,
            anonymous=self.anonymous,
            events=given([event if isinstance(event, str) else event.model_dump() for event in self.events]),
            page=self.context.item,
            interests=tuple(self.interests),
            n=self.n,
            filter=self.filter,
            boosts=tuple(Boost(when=lift.when, factor=lift.factor) for lift in self.boost),
            exclude=self.exclude or "",
            without=tuple(self.without),
            explain=self.explain,
            language=self.language or "",
            model=self.model,
        )


class Alike(Body):
    """A question for items like others."""

    items: Annotated[list[Id], Field(min_length=1, max_length=50)]
    n: Annotated[int, Field(ge=1, le=PLACES)] = 10
    filter: Condition = ""


class Intents(Body):
    """A question for chances."""

    customers: Annotated[list[Id], Field(min_length=1, max_length=100)]
    days: list[Annotated[int, Field(ge=1, le=3_650)]] = Field(default_factory=list, max_length=10)
    of: Annotated[str, Field(max_length=600, examples=["category:cups"], description="of what; empty: of anything")] = (
        ""
    )


class Who(Body):
    """A question about one customer."""

    customer: Id
    language: Language | None = None


class Wanted(Body):
    """A question for customers: of an item, or of a condition."""

    item: Annotated[Id | None, Field(description="who is likeliest to want it next")] = None
    rule: Annotated[Condition, Field(examples=["churn_30d > 0.4"], description="condition on customers' fields")] = ""
    n: Annotated[int, Field(ge=1, le=1_000)] = 100


@router.post("/v1/recommendations", response_class=Response, responses=answers("recommendation", "What to show.", 413))
async def post_recommendations(asked: Asked, at: At, caller: Serve) -> Response:
    """What to show a customer or a visitor, best first; the answer is noted as shown, for /v1/outcomes.

    Somebody unknown gets an answer too: `fallback_level` says where it comes from. Who has not consented gets what is popular, and
    no id is noted.
    """
    question = asked.question()
    told = await at.ask(at.shop.serve, question, asked.scenario)
    at.measures.answered("recommendations", told.answer.fallback_level)
    return document(told.to_json())


@router.post("/v1/similar", response_class=Response, responses=answers("similar", "Items like the given ones."))
async def post_similar(asked: Alike, at: At, caller: Serve) -> Response:
    """Items like the given ones, by the model, by shared customers and by what is known of them."""
    found = await at.ask(at.shop.similar, asked.items, asked.n, filter=asked.filter or None)
    return document({"answers": [answer.to_json() for answer in found]})


@router.post("/v1/intents", response_class=Response, responses=answers("intent", "How likely each is to buy."))
async def post_intents(asked: Intents, at: At, caller: Read) -> Response:
    """How likely customers are to buy within some days: anything, an item, or something of a category."""
    found = await at.ask(at.shop.intent, asked.customers, days=asked.days or None, of=asked.of or None)
    return document({"answers": [answer.to_json() for answer in found]})


@router.post("/v1/profile", response_class=Response, responses=answers("profile", "Who a customer is."))
async def post_profile(asked: Who, at: At, caller: Read) -> Response:
    """Who a customer is, field by field, each with what shows it."""
    return document((await at.study(at.shop.profile, asked.customer, language=asked.language)).to_json())


@router.post("/v1/audience", response_class=Response, responses=answers("audience", "Customers."))
async def post_audience(asked: Wanted, at: At, caller: Read) -> Response:
    """Customers for an item, the likeliest first, or those who meet a condition."""
    if (asked.item is None) == (not asked.rule):
        raise Problem("invalid", detail="either `item` or `rule`, and not both")
    if asked.item is not None:
        return document((await at.study(at.shop.audience, asked.item, asked.n)).to_json())
    size, ids = await at.study(at.shop.meeting, asked.rule, asked.n)
    customers = [{"customer": name, "probability": None} for name in ids]
    return document({"rule": asked.rule, "size": size, "customers": customers})


@router.get("/v1/trending", response_class=Response, responses=answers("trending", "What grows."))
async def get_trending(
    at: At,
    caller: Serve,
    n: Annotated[int, Query(ge=1, le=PLACES)] = 10,
    days: Annotated[int, Query(ge=1, le=365)] = 7,
    filter: Annotated[str, Query(max_length=4_096)] = "",
) -> Response:
    """Items that more customers want than before, beyond luck and beyond the shop's own growth."""
    return document((await at.study(at.shop.trending, n, days=days, filter=filter or None)).to_json())


@router.get("/v1/new", response_class=Response, responses=answers("new", "What is new."))
async def get_new(
    at: At,
    caller: Serve,
    n: Annotated[int, Query(ge=1, le=PLACES)] = 10,
    days: Annotated[int, Query(ge=1, le=365)] = 30,
    filter: Annotated[str, Query(max_length=4_096)] = "",
) -> Response:
    """Items that are new, most wanted first."""
    return document((await at.study(at.shop.new, n, days=days, filter=filter or None)).to_json())

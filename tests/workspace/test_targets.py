from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import regard
from regard.errors import ConfigError, InputError
from regard.workspace.targets import targets


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ({"view_item", "purchase", "add_to_cart"}, ("purchase",)),
        ({"view_item", "add_to_cart"}, ("add_to_cart",)),
        ({"view_item", "like", "favourite"}, ("favourite", "like")),
        ({"rating", "play"}, ("play",)),
        ({"rating", "refund"}, ("rating",)),
        ({"view_item", "impression"}, ("view_item",)),
        ({"borrowed"}, ("borrowed",)),
    ],
)
def test_the_strongest_seen(seen: set[str], found: tuple[str, ...]) -> None:
    assert targets(seen) == found


def test_settings_win() -> None:
    assert targets({"view_item", "purchase"}, ("view_item", "play")) == ("view_item",)
    with pytest.raises(ConfigError, match="purchase, view_item"):
        targets({"view_item", "purchase"}, ("play",))


def test_settings_that_no_event_can_meet() -> None:
    with pytest.raises(ConfigError, match="no event of the behaviour refund can be a target") as told:
        targets({"purchase", "refund"}, ("refund",))
    assert told.value.hint == "set targets in regard.toml to one of: purchase"


@pytest.mark.parametrize("configured", [(), ("purchase",)])
def test_nothing_to_want(configured: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="no event names an item") as told:
        targets(set(), configured)
    assert told.value.hint == "ingest a log with an item column"
    with pytest.raises(InputError, match="every event that names one is of the behaviour impression or refund") as told:
        targets({"refund", "impression"}, configured)
    assert told.value.hint.startswith("ingest purchases")


@pytest.mark.parametrize("verb", ["train", "recommend", "report"])
def test_a_store_of_refunds_alone_says_so(tmp_path: Path, verb: str) -> None:
    shop = regard.init(tmp_path / "shop")
    times = [f"2024-01-0{day}" for day in range(1, 4)]
    rows = {"customer": ["c1", "c2", "c1"], "behaviour": ["refund"] * 3, "item": ["i1", "i2", "i2"], "time": times}
    shop.ingest(pa.table(rows))
    with pytest.raises(InputError, match="every event that names one is of the behaviour refund"):
        getattr(shop, verb)(*["c1"][: verb == "recommend"])

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("seen", [set(), {"refund", "impression"}])
def test_nothing_to_want(seen: set[str]) -> None:
    with pytest.raises(InputError):
        targets(seen)

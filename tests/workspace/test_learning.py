"""What is judged by rule in an evaluation is judged as of the cut; what is fitted for one question answers no other."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import regard
from regard.config import Config
from regard.errors import InputError, UsageError
from regard.sequences.view import Split, View
from regard.workspace import learning
from regard.workspace.data import Data
from regard.workspace.learning import asked

FIRST, CUT, LAST = "2024-01-01", "2024-03-02", "2024-03-31"


def rows(customer: str, start: str, count: int, *, every: str = "1D", **fields: object) -> pd.DataFrame:
    items = [f"item {n % 7} no {n % 7}" for n in range(count)]
    frame = pd.DataFrame(
        {"customer": customer, "behaviour": "purchase", "item": items, "item_name": items, "price": 3.0}
    )
    frame["time"] = pd.date_range(start, periods=count, freq=every).strftime("%Y-%m-%dT%H:%M:%S")
    return frame.assign(**fields)


def split(folder: Path, *parts: pd.DataFrame) -> Split:
    shop = regard.init(folder)
    shop.ingest(pd.concat(parts))
    return asked(Data(shop.store), days=30, mask=None)[1]


PAST = [rows(f"c{n}", FIRST, 8 + n, every="36h") for n in range(30)]
SERVICE = rows("c1", "2024-01-20", 12).assign(item="item 8 no 8", item_name="A lamp")
ROBOT = rows("robot", "2024-02-01", 4000, every="20s", behaviour="view_item")
END = [rows(f"c{n}", LAST, 1) for n in range(30)]


def same(ours: Split, theirs: Split) -> None:
    one, other = ours.view, theirs.view
    assert (one.cut, one.target, one.log.behaviours) == (other.cut, other.target, other.log.behaviours)
    assert one.log.customers.ids.to_pylist() == other.log.customers.ids.to_pylist()
    assert one.log.items.ids.to_pylist() == other.log.items.ids.to_pylist()
    for name in ("offsets", "item", "behaviour", "time", "basket", "quantity", "value", "merchandise"):
        np.testing.assert_array_equal(getattr(one.log, name), getattr(other.log, name), err_msg=name)
    assert one.content.names == other.content.names
    np.testing.assert_array_equal(one.content.features.values, other.content.features.values)


def test_later_events_change_neither_the_view_nor_who_is_left_out(tmp_path: Path) -> None:
    plain = split(tmp_path / "plain", *PAST, SERVICE, ROBOT, *END)
    assert plain.view.cut == pd.Timestamp(CUT).timestamp()
    assert "robot" not in plain.view.log.customers and plain.view.log.merchandise.all()
    later = [
        # c2 acts like a robot, the robot like a person, the lamp becomes postage, all of it too late to count
        rows("c2", "2024-03-05", 4000, every="5s", behaviour="view_item"),
        *(rows("robot", f"2024-03-{day:02}", 1) for day in range(3, 31)),
        rows("c3", "2024-03-04", 300, every="1h").assign(item="item 8 no 8", item_name="POSTAGE", price=0.01),
        rows("stranger", "2024-03-04", 9, behaviour="subscribe"),
    ]
    changed = split(tmp_path / "changed", *PAST, SERVICE, ROBOT, *END, *later)
    same(plain, changed)
    assert {"c2", "c3"} <= set(changed.queries.customers.ids.to_pylist())
    assert "robot" not in changed.queries.customers


def test_the_rules_would_have_been_fooled(tmp_path: Path) -> None:
    """The events of the test above do change what is judged by all events, so that it cannot pass for nothing."""
    shop = regard.init(tmp_path / "shop")
    late = rows("c3", "2024-03-04", 300, every="1h").assign(item="item 8 no 8", item_name="POSTAGE", price=0.01)
    busy = rows("c2", "2024-03-05", 4000, every="5s", behaviour="view_item")
    shop.ingest(pd.concat([*PAST, SERVICE, *END, late, busy]))
    data, cut = Data(shop.store), int(pd.Timestamp(CUT).timestamp())
    now, then = data.people(), data.people(cut)
    assert ("c2" in now.customers.take(np.flatnonzero(now.lengths)), "c2" in then.customers) == (False, True)
    lamp = int(now.items.codes(["item 8 no 8"])[0])
    assert (bool(now.merchandise[lamp]), bool(then.merchandise[lamp])) == (False, True)


def test_without_a_clock_everything_is_judged_by_all_events(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    frame = pd.DataFrame(
        {"customer": np.repeat(["a", "b"], 5), "position": [0, 1, 2, 3, 4] * 2, "item": list("vwxyz") * 2}
    )
    shop.ingest(frame.assign(behaviour="purchase"))
    _, found = asked(Data(shop.store), days=30, mask=None)
    assert (found.kind, found.view.cut, len(found)) == ("leave-one-out", None, 2)


@pytest.mark.parametrize("days", [1, 7])
def test_the_cut_is_a_midnight_of_the_last_days(tmp_path: Path, days: int) -> None:
    shop = regard.init(tmp_path / "shop")
    shop.ingest(pd.concat([*PAST, *END]))
    _, found = asked(Data(shop.store), days=days, mask=None)
    assert found.view.cut == pd.Timestamp(LAST).timestamp() - 86_400 * (days - 1)


Fits = list[tuple[int | None, str | None]]


@pytest.fixture
def fits(stand_in: None, monkeypatch: pytest.MonkeyPatch) -> Fits:
    """(cut, mask) of every fit; `trained` forgets its own."""
    plain, seen = learning._fit, Fits()

    def watched(view: View, **how: Any) -> None:
        seen.append((view.cut, how.get("mask")))
        plain(view, **how)

    monkeypatch.setattr(learning, "_fit", watched)
    return seen


def trained(folder: Path, fits: Fits, *parts: pd.DataFrame) -> regard.Workspace:
    shop = regard.init(folder)
    shop.ingest(pd.concat(parts))
    shop.train()
    fits.clear()
    return shop


def test_the_same_answers_on_another_cut_are_another_fit(tmp_path: Path, fits: Fits) -> None:
    """On the day between the two cuts nobody buys, some look: a fit that saw them must not be asked about them."""
    looks = [rows(f"c{n}", "2024-03-24", 3, every="1h", behaviour="view_item") for n in range(30)]
    shop = trained(tmp_path / "shop", fits, *PAST, *looks, *END)
    longer, shorter = shop.evaluate(days=9), shop.evaluate(days=7)
    assert longer.split["hash"] == shorter.split["hash"] and longer.split["customers"] == 30
    assert [cut for cut, _ in fits] == [pd.Timestamp(day).timestamp() for day in ("2024-03-23", "2024-03-25")]
    assert shop.evaluate(days=9).to_json() == longer.to_json() and len(fits) == 2


def test_an_evaluation_fits_as_it_asks(tmp_path: Path, fits: Fits) -> None:
    shop = trained(tmp_path / "shop", fits, *PAST, *END)
    rule = shop.evaluate(days=7).split["mask"]
    for mask in ("seen", rule, None):
        shop.evaluate(days=7, mask=mask)
    assert [mask for _, mask in fits] == [rule, "seen"]


def test_chances_are_judged_of_whoever_gives_them(tmp_path: Path, fits: Fits, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, heads = trained(tmp_path / "shop", fits, *PAST, *END), list[bool]()
    kind = type(shop._load(shop.models.all()[0].folder))

    def asked_of(view: View, *, ahead: bool, **how: Any) -> None:
        heads.append(ahead)
        raise InterruptedError

    monkeypatch.setattr(learning, "_fit", asked_of)
    for head in (None, object()):
        monkeypatch.setattr(kind, "horizon", head, raising=False)
        with pytest.raises(InterruptedError):
            shop.evaluate(days=7)
    assert heads == [False, True]


def test_an_evaluation_fits_the_recipe_that_was_trained(
    tmp_path: Path, fits: Fits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heads are told of the customers tables and of the session gap, and of those linked only what lies before the cut."""
    shop = regard.init(tmp_path / "shop", config=Config(session_gap=45))
    people = pd.DataFrame({"customer": [f"c{n}" for n in range(30)], "children": range(30)})
    linked = pd.DataFrame({"customer": ["c1"], "other": ["c2"]})
    shop.ingest(pd.concat([*PAST, *END]), customers=people, edges=linked)
    plain, told = learning._fit, list[dict[str, Any]]()

    def watched(view: View, **how: Any) -> None:
        told.append(how)
        plain(view, **how)

    monkeypatch.setattr(learning, "_fit", watched)
    shop.train()
    monkeypatch.setattr(type(shop._load(shop.models.all()[0].folder)), "horizon", object(), raising=False)
    with suppress(AttributeError):  # what stands in for a head answers nothing
        shop.evaluate(days=7)
    trained, judged = told
    heads = {"ahead", "about", "session_gap"}
    assert heads <= set(trained) and heads <= set(judged)
    assert (trained["ahead"], trained["session_gap"]) == (judged["ahead"], judged["session_gap"]) == (True, 45)
    assert trained["about"].names == judged["about"].names == ("declared:children",)
    assert trained["about"].links is not None and judged["about"].links is not None
    cut = pd.Timestamp("2024-03-25").timestamp()
    assert trained["about"].log.time.max() > cut > judged["about"].log.time.max()


def test_what_is_found_of_a_model_without_a_pointer_is_not_kept_as_found_of_the_current_one(
    tmp_path: Path, fits: Fits
) -> None:
    shop = trained(tmp_path / "shop", fits, *PAST, *END)
    rule = shop.evaluate(days=7).split["mask"]
    assert rule != "seen" and shop.evaluate(days=7, mask="seen").split["mask"] == "seen"
    kept = shop.models.all()[0].evaluation
    assert kept is not None and kept["split"]["mask"] == rule


@pytest.mark.parametrize("clock", [True, False])
@pytest.mark.parametrize("mask", ["none", "target", "seen"])
def test_baselines_choose_their_weights_under_the_mask_they_are_judged_under(
    tmp_path: Path, clock: bool, mask: str
) -> None:
    shop = regard.init(tmp_path / "shop")
    log = pd.concat([*PAST, *END])
    shop.ingest(log if clock else log.rename(columns={"time": "position"}).assign(position=range(len(log))))
    found = asked(Data(shop.store), days=45, mask=mask)[1]
    assert found.mask == mask and found.kind == ("time" if clock else "leave-one-out")
    earlier = learning._validation(found, 45)
    assert earlier is not None and earlier.mask == mask


def test_an_unknown_mask_is_refused_before_anything_is_fitted(tmp_path: Path, fits: Fits) -> None:
    shop = trained(tmp_path / "shop", fits, *PAST, *END)
    with pytest.raises(UsageError, match="unknown mask 'foo'") as caught:
        shop.evaluate(days=7, mask="foo")
    assert caught.value.hint == "none, target or seen" and fits == []


@pytest.mark.parametrize("days", [91, 120, 1_000_000, 10**12])
def test_more_days_than_the_log_has_are_refused(tmp_path: Path, days: int) -> None:
    shop = regard.init(tmp_path / "shop")
    shop.ingest(pd.concat([*PAST, *END]))
    with pytest.raises(UsageError, match="the log covers 91 days") as caught:
        asked(Data(shop.store), days=days, mask=None)
    assert caught.value.hint == "ask for fewer --days"
    assert asked(Data(shop.store), days=90, mask=None)[1].view.log.events > 0


def test_nobody_to_ask_says_what_could_help(tmp_path: Path, fits: Fits) -> None:
    shop = trained(tmp_path / "shop", fits, *PAST, *(rows(f"stranger {n}", LAST, 1) for n in range(30)))
    with pytest.raises(InputError, match="no returning customer has a basket in the last 7 days") as caught:
        shop.evaluate(days=7)
    assert caught.value.hint == "ask for more --days, or for fewer if little lies before them"
    timeless = regard.init(tmp_path / "timeless")
    twice = pd.DataFrame({"customer": np.repeat([f"c{n}" for n in range(30)], 2), "position": [0, 1] * 30, "item": "x"})
    timeless.ingest(twice.assign(behaviour="purchase"))
    timeless.train()
    with pytest.raises(InputError, match="no customer has wanted an item three times"):
        timeless.evaluate()

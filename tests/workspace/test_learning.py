"""What is judged by rule in an evaluation is judged as of the cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import regard
from regard.sequences.view import Split
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

"""Splits: where the cut falls, who is asked, what the answers are, which mask and hash follow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from regard.errors import RegardError
from regard.events.store import Store
from regard.sequences.log import Log
from regard.sequences.pack import read_log
from regard.sequences.split import default_mask, held_out, last_cut, leave_one_out, midnight, time_split, view_until
from regard.sequences.view import Split

BUY = ("purchase",)
LogOf = Callable[..., Log]


def said(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes").removesuffix("+00:00")


def answers(split: Split) -> dict[str, list[str]]:
    """Customer -> its answers; '?' for an item that the view has never seen."""
    names = [*split.view.log.items.ids.to_pylist(), "?"]
    ids = split.queries.customers.ids.to_pylist()
    return {name: sorted(names[code] for code in row) for name, row in zip(ids, split.targets, strict=True)}


def histories(split: Split) -> dict[str, list[str]]:
    log, names = split.queries, [*split.queries.items.ids.to_pylist(), "?"]
    ids = log.customers.ids.to_pylist()
    return {ids[c]: [names[i] for i in log.item[log.offsets[c] : log.offsets[c + 1]]] for c in range(len(log))}


@pytest.mark.parametrize(
    ("zone", "last", "days", "cut"),
    [
        ("UTC", "2024-06-30T00:00", 1, "2024-06-30T00:00"),  # the first second of a day: that day counts
        ("UTC", "2024-06-30T23:59", 30, "2024-06-01T00:00"),
        ("Asia/Shanghai", "2024-06-30T07:00", 1, "2024-06-29T16:00"),  # still the 29th in UTC
        ("America/New_York", "2024-06-30T21:00", 1, "2024-06-30T04:00"),
        ("Europe/Berlin", "2024-04-02T12:00", 7, "2024-03-26T23:00"),  # the clocks go forward on 31 March: 143 hours and a half day
        ("Europe/Berlin", "2024-10-29T12:00", 7, "2024-10-22T22:00"),  # and back on 27 October
    ],
)  # fmt: skip
def test_the_cut_is_the_local_midnight_that_starts_the_nth_last_day(
    log_of: LogOf, zone: str, last: str, days: int, cut: str
) -> None:
    assert said(last_cut(log_of({"ann": [f"{last} pen"]}, zone=zone), days)) == cut


def test_a_midnight_that_summer_time_skips_is_the_first_second_of_that_day() -> None:
    noon = int(datetime(2018, 11, 4, 15, tzinfo=UTC).timestamp())  # São Paulo went from 23:59 to 01:00 that night
    assert said(midnight(noon, "America/Sao_Paulo")) == "2018-11-04T03:00"


def test_the_first_basket_after_the_cut_is_asked_for(log_of: LogOf) -> None:
    log = log_of(
        {
            "ann": ["2024-05-01T10:00 pen", "2024-06-10T09:00 cup view_item", "2024-06-10T10:00 cup", "2024-06-10T10:00 new", "2024-06-20T10:00 pen"],
            "bob": ["2024-06-05T10:00 pen"],  # no past
            "cid": ["2024-05-02T10:00 cup"],  # no future
            "dee": ["2024-05-02T10:00 cup view_item", "2024-06-05T10:00 cup"],  # never wanted anything before
            "eve": ["2024-05-31T23:59 cup", "2024-06-01T00:00 postage", "2024-06-30T23:00 pen"],
        }
    )  # fmt: skip
    split = time_split(log, target=BUY, days=30)
    assert said(split.view.cut or 0) == "2024-06-01T00:00"
    assert answers(split) == {"ann": ["?", "cup"], "eve": ["pen"]}
    assert histories(split) == {"ann": ["pen"], "eve": ["cup"]}
    assert split.asof.tolist() == [split.view.cut] * 2 and split.days == 30 and split.kind == "time"
    assert split.view.log.customers.ids.to_pylist() == ["ann", "cid", "dee", "eve"]
    assert split.view.log.items.ids.to_pylist() == ["cup", "pen"]


def test_an_order_that_spans_the_cut_lies_before_it_as_a_whole(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    rows = [
        ("ann", "pen", "o1", datetime(2024, 5, 1, 12, tzinfo=UTC)),
        ("ann", "cup", "o2", datetime(2024, 5, 31, 23, 59, tzinfo=UTC)),
        ("ann", "jug", "o2", datetime(2024, 6, 1, 0, 1, tzinfo=UTC)),
        ("ann", "mug", "o3", datetime(2024, 6, 30, 12, tzinfo=UTC)),
    ]
    names = ("customer", "item", "order", "time")
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    store.ingest(table.append_column("behaviour", pa.array(["purchase"] * 4)))
    split = time_split(read_log(store), target=BUY, days=30)
    assert histories(split) == {"ann": ["pen", "cup", "jug"]} and answers(split) == {"ann": ["?"]}


def test_a_time_split_needs_a_clock_and_events(log_of: LogOf) -> None:
    for log in (log_of({"ann": ["2024-05-01T10:00 pen"]}, clock="order"), log_of({})):
        with pytest.raises(RegardError, match="leave-one-out"):
            time_split(log, target=BUY)


def test_leave_one_out_holds_back_the_last_two(log_of: LogOf) -> None:
    days = [f"2024-05-0{day}T10:00" for day in range(1, 10)]
    log = log_of(
        {
            "ann": [f"{days[0]} pen", f"{days[1]} cup", f"{days[2]} jug view_item", f"{days[3]} pen", f"{days[4]} mug", f"{days[5]} pen view_item"],
            "bob": [f"{days[0]} pen", f"{days[1]} cup"],  # too short to be asked; all of it is learned from
            "cid": [f"{days[0]} cup", f"{days[1]} pen", f"{days[2]} cup", f"{days[3]} postage"],  # postage is nobody's wish
        }
    )  # fmt: skip
    test, validation = (leave_one_out(log, target=BUY, part=part) for part in ("test", "validation"))
    assert answers(test) == {"ann": ["?"], "cid": ["cup"]}
    assert histories(test) == {"ann": ["pen", "cup", "jug", "pen"], "cid": ["cup", "pen"]}
    assert answers(validation) == {"ann": ["pen"], "cid": ["pen"]}
    assert histories(validation) == {"ann": ["pen", "cup", "jug"], "cid": ["cup"]}
    seen = {"ann": 3, "bob": 2, "cid": 1}
    for split in (test, validation):
        log_seen = split.view.log
        assert dict(zip(log_seen.customers.ids.to_pylist(), log_seen.lengths.tolist(), strict=True)) == seen
        assert split.view.cut is None and split.mask == "seen"
        last = [split.queries.time[end - 1] for end in split.queries.offsets[1:]]
        assert split.asof.tolist() == last


def test_a_history_asked_with_is_in_the_words_of_the_view(log_of: LogOf) -> None:
    day = "2024-05-0{}T10:00".format
    log = log_of(
        {
            "ann": [f"{day(1)} pen", f"{day(2)} cup", f"{day(3)} cup add_to_cart", f"{day(4)} pen"],
            "bob": [f"{day(1)} cup"],
        }
    )
    split = leave_one_out(log, target=BUY)  # the cart lies after the validation event: the view knows no such word
    assert split.view.log.behaviours == split.queries.behaviours == BUY
    assert split.queries.lengths.tolist() == [2]


def test_held_out_answers_come_from_elsewhere(log_of: LogOf) -> None:
    log = log_of({"ann": ["2024-05-01T10:00 pen"], "bob": ["2024-05-02T10:00 cup"], "cid": []})
    given = {"bob": ["new", "pen", "pen"], "ann": ["cup"], "cid": ["pen"], "zoe": ["pen"]}
    split = held_out(log, given, target=BUY)
    assert answers(split) == {"bob": ["?", "pen"], "ann": ["cup"]}
    assert histories(split) == {"bob": ["cup"], "ann": ["pen"]}
    assert split.view.log.events == log.events
    assert len(held_out(log, {"ann": []}, target=BUY)) == 0


def test_nothing_is_masked_where_people_buy_things_again(log_of: LogOf) -> None:
    def view(lines: list[str]) -> str:
        return default_mask(view_until(log_of({"ann": lines}), None, target=BUY))

    once = [f"2024-05-{day:02d}T10:00 item{day}" for day in range(1, 21)]
    again = ["2024-06-01T10:00 item1"]
    assert view(once) == "target"
    assert view([*once, "2024-05-20T10:00 item20"]) == "target"  # twice in one basket is no repeat
    assert view([*once, *again]) == "target"  # 1 of 21
    assert view([*once[:18], *again]) == "none"  # 1 of 19
    assert view([*once[:18], "2024-06-01T10:00 item1 view_item"]) == "target"
    assert view(["2024-06-01T10:00 item1 view_item"]) == "target"


def test_the_hash_names_the_questions_and_their_answers(log_of: LogOf) -> None:
    ann = ["2024-05-01T10:00 pen", "2024-05-02T10:00 cup", "2024-06-10T10:00 cup"]
    bob = ["2024-05-01T10:00 pen", "2024-06-10T10:00 pen", "2024-06-30T10:00 jug"]

    def split_hash(ann: list[str], bob: list[str]) -> str:
        return time_split(log_of({"ann": ann, "bob": bob}), target=BUY).hash

    told = split_hash(ann, bob)
    assert len(told) == 16 and int(told, 16) >= 0
    assert time_split(log_of({"bob": bob, "ann": ann}), target=BUY).hash == told
    assert split_hash(["2024-04-01T10:00 mug", *ann], bob) == told
    assert split_hash([*ann[:2], "2024-06-10T10:00 pen"], bob) != told
    assert split_hash(ann[:2], bob) != told
    ann_bought = held_out(log_of({"ann": ann}), {"ann": ["cup"]}, target=BUY).hash
    assert held_out(log_of({"bob": ann}), {"bob": ["cup"]}, target=BUY).hash != ann_bought


def test_nobody_to_ask_is_an_empty_split(log_of: LogOf) -> None:
    log = log_of({"ann": ["2024-06-30T10:00 pen"]})
    assert len(time_split(log, target=BUY)) == 0
    assert len(leave_one_out(log, target=BUY)) == 0
    assert len(leave_one_out(log_of({}), target=BUY)) == 0
    assert np.array_equal(time_split(log, target=BUY).targets.offsets, [0])

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.events.live.tail import Arrived
from regard.events.store import Store
from regard.sequences.arrivals import joined
from regard.sequences.log import DAY, Log
from regard.sequences.pack import read_log
from regard.workspace.arriving import arrival

START = 1_700_006_400
"""A midnight."""

VIEW = {"customer": "ann", "behaviour": "view_item"} | dict.fromkeys(("order", "quantity", "price", "value", "channel"))

events = st.lists(
    st.fixed_dictionaries(
        {
            "customer": st.sampled_from(["ann", "bob"]),
            "behaviour": st.sampled_from(["view_item", "purchase", "refund", "search"]),
            "item": st.sampled_from(["pen", "cup", None]),
            "hour": st.integers(0, 60),
            "order": st.sampled_from([None, "o1", "o2"]),
            "quantity": st.sampled_from([None, 1.0, 3.0]),
            "price": st.sampled_from([None, 2.5]),
            "value": st.sampled_from([None, 9.0]),
            "channel": st.sampled_from([None, "web", "app"]),
        }
    ),
    max_size=12,
)


def as_table(rows: list[dict]) -> pa.Table:
    table = pa.Table.from_pylist(
        [{**row, "event_id": f"e{n}", "time": datetime.fromtimestamp(row["time"], UTC)} for n, row in enumerate(rows)]
    )
    return table.select([name for name in table.column_names if table[name].null_count < len(table)])


def lines(log: Log) -> list[list[tuple]]:
    """Every customer's events in words, those of a basket in any order."""
    told = []
    for row in range(len(log)):
        part = slice(log.offsets[row], log.offsets[row + 1])
        channel = log.context.get("channel", ((), np.full(log.events, -1)))
        told.append(
            sorted(
                (
                    int(log.basket[at]), int(log.time[at]), log.behaviours[log.behaviour[at]],
                    log.items.id(int(log.item[at])) if log.item[at] >= 0 else "", str(log.quantity[at]),
                    str(log.value[at]), channel[0][channel[1][at]] if channel[1][at] >= 0 else "",
                )
                for at in range(part.start, part.stop)
            )
        )  # fmt: skip
    return told


def arrived(row: dict, number: int) -> Arrived:
    fields = {name: row[name] for name in ("order", "quantity", "price", "value", "channel") if row[name] is not None}
    return Arrived(
        seq=number, received_us=0, customer=row["customer"], behaviour=row["behaviour"], item=row["item"],
        time_us=row["time"] * 1_000_000, event_id=f"e{number}", fields=fields,
    )  # fmt: skip


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=events, after=events)
def test_a_log_and_what_arrived_later_are_the_log_of_all_of_it(
    tmp_path_factory, before: list[dict], after: list[dict]
) -> None:
    anchor = {
        "customer": "", "behaviour": "view_item", "item": "pen", "hour": 0, "order": None, "quantity": 1.0, "price": 1.0,
        "value": 1.0, "channel": "web",
    }  # fmt: skip
    known = [
        {**anchor, "customer": name, "item": item, "order": "x"} for name in ("ann", "bob") for item in ("pen", "cup")
    ]
    # The two sides share no day and no order, or a basket would lie across.
    first = [{**row, "time": START + row["hour"] * 3600} for row in known + before]
    later = [
        {**row, "time": START + 4 * DAY + row["hour"] * 3600, "order": row["order"] and f"later {row['order']}"}
        for row in after
    ]
    folder = Path(tmp_path_factory.mktemp("logs"))
    part, whole = Store.create(folder / "part"), Store.create(folder / "whole")
    part.ingest(as_table(first))
    whole.ingest(as_table(first + later))
    log = read_log(part)
    own = [
        [arrival(arrived(row, n)) for n, row in enumerate(later) if row["customer"] == name]
        for name in log.customers.ids.to_pylist()
    ]
    assert lines(joined(log, own)) == lines(read_log(whole))


def test_what_came_late_stands_where_it_was_done(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    store.ingest(
        as_table([{**VIEW, "item": item, "time": START + hour * 3600} for item, hour in (("pen", 1), ("cup", 5))])
    )
    found = joined(read_log(store), [[arrival(arrived({**VIEW, "item": "pen", "time": START + 3 * 3600}, 1))]])
    assert found.items.names(found.item) == ["pen", "pen", "cup"] and found.basket.tolist() == [0, 1, 2]
    assert found.time.tolist() == [START + hour * 3600 for hour in (1, 3, 5)]


def test_an_unknown_item_is_no_item(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "shop")
    store.ingest(as_table([{**VIEW, "item": "pen", "time": START}]))
    found = joined(read_log(store), [[arrival(arrived({**VIEW, "item": "lamp", "time": START + 60}, 1))]])
    assert found.item.tolist() == [0, -1]

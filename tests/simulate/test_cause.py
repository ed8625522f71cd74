"""The truth, recomputed from the exported log in plain Python, and what each switch takes from it."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from regard.simulate import Settings, Shop, shop
from regard.simulate import cause as truth
from regard.simulate.catalogue import season
from regard.simulate.cause import BEHAVIOURS, KINDS, PURCHASE, History

BASE = Settings(customers=250, items=120, seed=6, bots=0.0)
SWITCHES = ("order_matters", "time_matters", "behaviours_matter")
DAY = 86_400


def _logs(drawn: Shop) -> dict[str, list[dict[str, Any]]]:
    """Customer -> events in order without refunds and reviews; items as codes, times in seconds from the start."""
    codes = {name: code for code, name in enumerate(drawn.catalogue.ids.tolist())}
    start = np.datetime64(drawn.settings.start, "s").astype(np.int64)
    logs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in drawn.table("events").to_pylist():
        if row["behaviour"] in ("refund", "review"):
            continue
        item = -1 if row["item"] is None else codes[row["item"]]
        second = int(row["time"].timestamp()) - int(start)
        logs[row["customer"]].append({**row, "item": item, "time": second, "code": BEHAVIOURS.index(row["behaviour"])})
    return logs


def _history(log: list[dict[str, Any]], place: int, drawn: Shop) -> History:
    """What the truth knows before event number `place` of a log, found the slow way."""
    now = log[place]
    past = [event for event in log if event["time"] < now["time"]]
    before = [event["time"] for event in past if event["session"] != now["session"]]
    opening = min(event["time"] for event in log if event["session"] == now["session"])
    bought = [event["item"] for event in past if event["code"] == PURCHASE]
    owned = set(bought) if drawn.settings.behaviours_matter else set()
    latest = {event["item"]: event["event_id"] for event in past if event["code"] == PURCHASE}
    moments = sorted({event["time"] for event in past})
    complement = drawn.catalogue.complement
    return History(
        item=np.array([event["item"] for event in past], dtype=np.int64),
        behaviour=np.array([event["code"] for event in past], dtype=np.int64),
        rank=np.array([len(moments) - 1 - moments.index(event["time"]) for event in past], dtype=np.int64),
        elapsed=np.array([(now["time"] - event["time"]) / DAY for event in past]),
        pause=np.full(len(past), (opening - max(before)) / DAY if before else 0.0),
        owned=np.array([event["item"] in owned for event in past], dtype=bool),
        complement_owned=np.array([complement[event["item"]] in owned for event in past], dtype=bool),
        latest=np.array(
            [latest.get(event["item"]) == event["event_id"] or not drawn.settings.behaviours_matter for event in past]
        ),
    )


def _weights(history: History, when: int, drawn: Shop) -> tuple[np.ndarray, np.ndarray]:
    stocked = np.diff(drawn.catalogue.bounds) > 0
    in_season = season(np.array([drawn.settings.start.timetuple().tm_yday - 1.0 + when // DAY])) * stocked
    return truth.calls(history, drawn.catalogue, drawn.settings), truth.uncaused(in_season, drawn.settings)[0]


def _by_item(history: History, when: int, drawn: Shop) -> np.ndarray:
    """Weight of every (item called from, kind), and of season and impulse: all that the next purchase depends on."""
    weights, beside = _weights(history, when, drawn)
    total = np.zeros((len(drawn.catalogue) + 1, 4), dtype=np.int64)
    np.add.at(total, history.item, weights)
    return np.append(total.ravel(), beside)


@pytest.mark.parametrize("off", [None, *SWITCHES])
def test_purchases_follow_the_weights_of_the_exported_log(off: str | None) -> None:
    drawn = shop(dataclasses.replace(BASE, **({off: False} if off else {})))
    told = {row["event_id"]: row for row in drawn.table("causes").to_pylist()}
    expected, spread, seen = np.zeros(6), np.zeros(6), Counter[str]()
    chance_of_cause = []
    for log in _logs(drawn).values():
        for place, event in enumerate(log):
            if event["code"] != PURCHASE:
                continue
            history = _history(log, place, drawn)
            weights, beside = _weights(history, event["time"], drawn)
            chance = np.append(weights.sum(axis=0), beside) / (weights.sum() + beside.sum())
            expected += chance
            spread += chance * (1 - chance)
            row = told[event["event_id"]]
            seen[row["kind"]] += 1
            if row["cause_event_id"] is not None:
                ids = [past["event_id"] for past in log if past["time"] < event["time"]]
                chance_of_cause.append(weights[ids.index(row["cause_event_id"]), KINDS.index(row["kind"])])
    assert min(chance_of_cause) > 0, "a cause without weight"
    observed = np.array([seen[kind] for kind in KINDS])
    # Lines of one order that fall on one item are merged, so the counts are a little below independent draws.
    assert np.all(np.abs(observed - expected) <= 4 * np.sqrt(spread) + 0.02 * expected), (observed, expected)


def _occasions(drawn: Shop) -> list[tuple[list[dict[str, Any]], int]]:
    found = []
    for log in _logs(drawn).values():
        places = [place for place, event in enumerate(log) if event["code"] == PURCHASE and place > 10]
        found += [(log, place) for place in places[-1:]]
    return found


def _shuffled(history: History, rng: np.random.Generator, drawn: Shop) -> History:
    """The same events at each other's places: item and behaviour move, place and time stay."""
    mix = rng.permutation(len(history.item))
    item, behaviour = history.item[mix], history.behaviour[mix]
    bought = [(place, code) for place, code in enumerate(item) if behaviour[place] == PURCHASE]
    last = {code: place for place, code in bought}
    latest = np.array([last.get(code) == place for place, code in enumerate(item)], dtype=bool)
    return dataclasses.replace(
        history,
        item=item,
        behaviour=behaviour,
        owned=history.owned[mix],
        complement_owned=history.complement_owned[mix],
        latest=latest | (not drawn.settings.behaviours_matter),
    )


def _timeless(history: History, rng: np.random.Generator, drawn: Shop) -> History:
    gone = np.zeros(len(history.item))
    return dataclasses.replace(history, elapsed=gone, pause=gone)


def _merged(history: History, rng: np.random.Generator, drawn: Shop) -> History:
    behaviour = np.where(history.item < 0, history.behaviour, truth.VIEW)
    return dataclasses.replace(history, behaviour=behaviour)


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("others", [{}, "off"])
def test_a_switch_takes_exactly_its_own_information(switch: str, others: Any) -> None:
    """Off: the reduced log gives the next purchase the same distribution, to the last bit. On: it hardly ever does."""
    reduce = {"order_matters": _shuffled, "time_matters": _timeless, "behaviours_matter": _merged}[switch]
    rest = {name: False for name in SWITCHES if name != switch} if others == "off" else {}
    rng = np.random.default_rng(1)
    for on in (False, True):
        drawn = shop(dataclasses.replace(BASE, customers=80, **{**rest, switch: on}))
        same = []
        for log, place in _occasions(drawn):
            history = _history(log, place, drawn)
            when = log[place]["time"]
            left = _by_item(reduce(history, rng, drawn), 0 if switch == "time_matters" else when, drawn)
            same.append(np.array_equal(_by_item(history, when, drawn), left))
        assert len(same) > 30
        if on:
            assert np.mean(same) < 0.2, "the reduced log says as much as the whole one"
        else:
            assert all(same), "the switch is off and yet the reduced log says something else"


def _caused(settings: Settings) -> pa.Table:
    """Purchases with a cause, joined with the causing event."""
    drawn = shop(settings)
    events = drawn.table("events").select(["event_id", "behaviour", "time", "session"])
    told = drawn.table("causes").filter(pc.is_valid(drawn.table("causes")["cause_event_id"]))
    return told.join(events, "cause_event_id", "event_id", right_suffix="_cause", join_type="inner")


def _days(table: pa.Table) -> np.ndarray:
    return (table["time"].cast(pa.int64()).to_numpy() - table["time_cause"].cast(pa.int64()).to_numpy()) / 1e6 / DAY


def test_order_off_makes_old_events_as_good_as_new_ones() -> None:
    recent, any_age = (_caused(dataclasses.replace(BASE, order_matters=on, time_matters=False)) for on in (True, False))
    wanted = [table.filter(pc.equal(table["kind"], "interest")) for table in (recent, any_age)]
    assert 3 * np.median(_days(wanted[0])) < np.median(_days(wanted[1]))


def test_time_on_makes_consumables_wait_for_their_cycle() -> None:
    drawn = shop(BASE)
    cycle = dict(zip(drawn.catalogue.ids.tolist(), drawn.catalogue.cycle.tolist(), strict=True))
    early = []
    for on in (True, False):
        again = _caused(dataclasses.replace(BASE, time_matters=on))
        again = again.filter(pc.equal(again["kind"], "repurchase"))
        turns = _days(again) / np.array([cycle[item] for item in again["item"].to_pylist()])
        early.append(np.mean(turns < 0.7))
    assert early[0] < 0.05 < 0.3 < early[1]


def test_behaviours_on_makes_carts_count_for_more_than_views() -> None:
    for on in (True, False):
        settings = dataclasses.replace(BASE, behaviours_matter=on)
        events, caused = shop(settings).table("events"), _caused(settings)
        rate = {
            name: pc.sum(pc.equal(caused["behaviour"], name)).as_py()
            / pc.sum(pc.equal(events["behaviour"], name)).as_py()
            for name in ("add_to_cart", "favourite", "view_item")
        }
        if on:
            assert rate["add_to_cart"] > 2 * rate["favourite"] > 4 * rate["view_item"]
        else:
            assert 0.7 < rate["add_to_cart"] / rate["view_item"] < 1.4

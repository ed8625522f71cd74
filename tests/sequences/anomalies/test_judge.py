"""Every kind is found in a crowd of people, rests on events that are shown, and knows nothing of what came later."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from regard.errors import UsageError
from regard.sequences.anomalies import SCRIPTED, judge, words
from regard.sequences.anomalies.judge import EVIDENCE, FLAGGED
from regard.sequences.log import DAY, Log
from regard.sequences.vocabulary import Vocabulary
from regard.simulate.bots import SCRIPTS, Bots, inject

CrowdOf = Callable[..., Log]
Changed = Callable[..., Log]


def busiest(log: Log) -> int:
    return int(np.argmax(log.lengths))


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_found_and_people_are_not_accused(crowd: Log, script: str) -> None:
    found = judge(inject(crowd, Bots(script=script, count=20, seed=1)), kinds=SCRIPTED)
    bot = np.arange(len(found.log)) >= len(crowd)
    assert (found.bot[bot] > np.quantile(found.bot[~bot], 0.99)).mean() >= 0.9
    assert found.flagged[~bot].mean() <= 0.01
    own = [anomaly for code in np.flatnonzero(bot) for anomaly in found.of(found.log.customers.id(code))]
    assert sum(anomaly.kind == script for anomaly in own) >= 18


def test_where_others_act_once_a_visit_browsing_is_no_burst_and_a_script_is(crowd_of: CrowdOf) -> None:
    once = crowd_of(days=400, pages=1)
    chance = np.random.default_rng(3)
    minutes, seconds = (np.append(0, np.cumsum(chance.exponential(pace, 39))).astype(np.int64) for pace in (60, 4))
    log = sitting(sitting(once, "browser", minutes), "script", seconds)
    found = judge(inject(log, Bots(script="bursts", count=20, seed=1)), kinds=["bursts"])
    bot = np.arange(len(found.log)) >= len(log)
    assert (found.score[bot] >= FLAGGED).mean() >= 0.9 and found.flagged[~bot].sum() == 1
    (told,) = found.of("script")
    assert told.score >= FLAGGED and told.figures["usual"] > 10 * told.figures["seconds"]  # type: ignore[operator]
    assert all(anomaly.score < FLAGGED for anomaly in found.of("browser"))


def test_the_usual_pace_is_that_of_the_shops_sessions(crowd: Log) -> None:
    whole = inject(crowd, Bots(script="bursts", count=4, seed=1))
    (told,) = judge(whole, kinds=["bursts"]).of("bot:bursts:0")
    pauses = [np.diff(crowd.time[begin:end]) for begin, end in zip(crowd.offsets[:-1], crowd.offsets[1:], strict=True)]
    within = [own[own <= 1800] for own in pauses]
    each = float(told.figures["usual"]) / (float(told.figures["count"]) - 1)
    assert each == pytest.approx(np.median(np.concatenate(within)), rel=0.15)


def sitting(log: Log, name: str, moments: np.ndarray) -> Log:
    """The log and behind it a customer who views an item at each of these seconds of one afternoon."""
    count = len(moments)
    rows = np.arange(count) % log.events
    added = {"time": int(np.median(log.time)) + moments, "basket": np.arange(count)}
    columns = ("item", "behaviour", "time", "basket", "quantity", "value")
    return replace(
        log,
        customers=Vocabulary([*log.customers.ids.to_pylist(), name]),
        offsets=np.append(log.offsets, log.offsets[-1] + count),
        context={},
        **{
            column: np.append(old := getattr(log, column), added.get(column, old[rows])).astype(old.dtype)
            for column in columns
        },
    )


def test_people_alone_are_left_in_peace(crowd: Log) -> None:
    found = judge(crowd)
    assert found.missing == {} and set(found.found) == set(words.NAMES)
    assert found.flagged.sum() <= 2, found.counts()
    assert all((scores >= 0).all() and (scores < 1).all() for scores in found.scores.values())


def test_who_buys_large_lines_resells(crowd: Log, changed: Changed) -> None:
    code = busiest(crowd)
    rows = np.arange(crowd.offsets[code], crowd.offsets[code + 1])
    found = judge(changed(crowd, "quantity", rows, 50.0))
    first = found.of(f"c{code}")[0]
    assert first.kind == "reselling" and first.score >= FLAGGED
    assert first.figures["count"] == first.figures["of"] == first.of > 0
    assert all(event["behaviour"] == "purchase" for event in first.events)


def test_who_always_pays_less_farms_coupons_and_a_sale_for_all_is_none(crowd: Log, changed: Changed) -> None:
    code = busiest(crowd)
    rows = np.arange(crowd.offsets[code], crowd.offsets[code + 1])
    cheap = changed(changed(crowd, "value", rows, crowd.value[rows] / crowd.quantity[rows] / 2), "quantity", rows, 1.0)
    assert judge(cheap).of(f"c{code}")[0].kind == "coupons"
    sale = np.flatnonzero(crowd.time > np.median(crowd.time))
    assert not judge(changed(crowd, "value", sale, crowd.value[sale] / 2), kinds=["coupons"]).flagged.any()


def test_who_jumps_between_devices_is_several(crowd: Log) -> None:
    code = busiest(crowd)
    device = np.array(crowd.context["device"][1])
    rows = np.arange(crowd.offsets[code], crowd.offsets[code + 1])
    device[rows] = np.arange(len(rows)) % 2
    found = judge(replace(crowd, context={"device": (("phone", "desktop"), device)}))
    assert [anomaly.kind for anomaly in found.of(f"c{code}", least=FLAGGED)] == ["sharing"]


def test_what_comes_later_changes_nothing(crowd: Log) -> None:
    whole = inject(crowd, Bots(script="copies", count=10, seed=2))
    cut = int(np.quantile(whole.time, 0.6))
    asof, known = judge(whole, before=cut), judge(whole.where(whole.time < cut))
    rng = np.random.default_rng(0)
    later = np.flatnonzero(whole.time >= cut)
    item = np.array(whole.item)
    item[later] = rng.permutation(item[later])
    other = judge(replace(whole, item=item), before=cut)
    for kind, scores in asof.scores.items():
        assert np.array_equal(scores, known.scores[kind]) and np.array_equal(scores, other.scores[kind])
    assert (asof.log.time < cut).all()


def test_the_first_of_a_sequence_is_no_copy(crowd_of: CrowdOf) -> None:
    crowd = crowd_of(seed=4)
    found = judge(inject(crowd, Bots(script="copies", count=5, jitter=0.0, seed=0)), kinds=["copies"])
    told = found.worst(50)
    assert {anomaly.customer for anomaly in told} == {f"bot:copies:{number}" for number in range(5)}
    sources = {str(anomaly.figures["source"]) for anomaly in told}
    assert len(sources) == 1 and sources.pop() in crowd.customers


def test_a_timetable_moved_by_hours_is_the_same_timetable(crowd: Log) -> None:
    owls = replace(crowd, time=crowd.time + 11 * 3600)
    for kind in ("fixed_gaps", "bursts", "all_hours"):
        assert np.allclose(judge(crowd, kinds=[kind]).scores[kind], judge(owls, kinds=[kind]).scores[kind])


@pytest.mark.parametrize(
    ("clock", "left"), [("order", {"one_item", "copies", "reselling"}), ("none", {"one_item", "reselling"})]
)
def test_what_a_log_cannot_show_is_named(crowd_of: CrowdOf, clock: str, left: set[str]) -> None:
    found = judge(crowd_of(customers=60, clock=clock))
    assert set(found.found) == left
    assert {found.missing["all_hours"], found.missing["coupons"]} == {"clock"} and found.missing["sharing"] == "context"
    for why in found.missing.values():
        assert words.missing(why) != words.missing(why, "zh")


def test_an_empty_log_has_no_anomalies(crowd: Log) -> None:
    found = judge(crowd, before=0)
    assert not found.flagged.any() and found.worst() == [] and found.of("c0") == found.of("nobody") == []
    nobody = judge(crowd.take(np.array([], dtype=np.int64)))
    assert nobody.score.shape == (0,) and nobody.of("c0") == nobody.worst() == []


def test_evidence_of_one_item_is_of_one_item(crowd: Log, changed: Changed) -> None:
    code = busiest(crowd)
    rows = np.arange(crowd.offsets[code], crowd.offsets[code] + crowd.lengths[code] // 2 * 2)
    whole = changed(crowd, "item", rows, np.arange(len(rows)) % 2)  # back and forth between two
    (found,) = (each for each in judge(whole, kinds=["one_item"]).of(f"c{code}") if each.score > 0)
    assert found.of == found.figures["count"] == len(rows) // 2
    assert len({event["item"] for event in found.events}) == 1


def test_evidence_is_the_customers_own_and_can_be_printed(crowd: Log) -> None:
    whole = inject(crowd, Bots(script="fixed_gaps", count=5, seed=0))
    for anomaly in judge(whole).worst(5):
        assert 0 < len(anomaly.events) <= EVIDENCE and anomaly.of >= len(anomaly.events)
        code = whole.customers.code(anomaly.customer)
        times = whole.time[whole.offsets[code] : whole.offsets[code + 1]]
        span = {int(np.datetime64(event["time"][:19], "s").astype(np.int64)) for event in anomaly.events}
        assert span <= set(times.tolist())
        for language in ("en", "zh"):
            told = anomaly.to_json(language)
            assert json.loads(json.dumps(told)) == told and "{" not in told["reason"]
    assert int(whole.time.max() - whole.time.min()) > 30 * DAY


def test_an_unknown_kind_is_refused(crowd: Log) -> None:
    with pytest.raises(UsageError, match="witch"):
        judge(crowd, kinds=["witch"])


def test_every_kind_has_words_in_both_languages() -> None:
    assert set(words.NAMES) == set(words.REASONS)
    for pair in (*words.NAMES.values(), *words.REASONS.values(), *words.MISSING.values()):
        assert pair[0] != pair[1] and any("\u4e00" <= letter <= "\u9fff" for letter in pair[1])
    span = {"count": 3, "of": 4, "low": 61.0, "high": 90_000.0}
    assert words.reason("fixed_gaps", span).endswith("came 1 min to 1 d after the one before")

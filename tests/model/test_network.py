"""The network's invariants: what may change an answer, and what may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from regard.model.network import Items, Network
from regard.model.settings import Settings
from regard.sequences.log import DAY, Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Content

NEAR = {"rtol": 1e-4, "atol": 1e-4}


def starts(log: Log) -> list[tuple[int, int, int]]:
    """(customer, place, moment) before every basket but a customer's first, asked half an hour before it."""
    asked = []
    for customer in range(len(log)):
        first, last = int(log.offsets[customer]), int(log.offsets[customer + 1])
        for row in range(first + 1, last):
            if log.basket[row] != log.basket[row - 1]:
                moment = max(int(log.time[row]) - 1800, int(log.time[row - 1])) if log.clock == "clock" else 0
                asked.append((customer, row - first, moment))
    return asked


def permuted(log: Log, rows: np.ndarray) -> Log:
    return replace(
        log, item=log.item[rows], behaviour=log.behaviour[rows], time=log.time[rows], basket=log.basket[rows],
        quantity=log.quantity[rows], value=log.value[rows],
        context={name: (names, codes[rows]) for name, (names, codes) in log.context.items()},
    )  # fmt: skip


def test_no_later_event_changes_an_earlier_answer(case: Any) -> None:
    log = case.view.log
    for customer in range(6):
        first, last = int(log.offsets[customer]), int(log.offsets[customer + 1])
        for asked in [question for question in starts(log) if question[0] == customer]:
            before = case.ask(log, [asked])
            late = np.arange(first + asked[1], last)
            item, behaviour, quantity, time = (
                log.item.copy(),
                log.behaviour.copy(),
                log.quantity.copy(),
                log.time.copy(),
            )
            item[late] = (item[late] + 4) % len(log.items)
            behaviour[late] = (behaviour[late] + 1) % len(log.behaviours)
            quantity[late] = 99
            context = {
                "channel": (
                    log.context["channel"][0],
                    np.where(np.isin(np.arange(log.events), late), 1, log.context["channel"][1]),
                )
            }
            changed = replace(log, item=item, behaviour=behaviour, quantity=quantity, context=context)
            for one, two in zip(before, case.ask(changed, [asked]), strict=True):
                np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-5)
            time[late] += 3 * DAY if log.clock == "clock" else 1
            for one, two in zip(before, case.ask(replace(changed, time=time), [asked]), strict=True):
                np.testing.assert_allclose(one, two, **NEAR)
            gone = np.ones(log.events, dtype=bool)
            gone[late] = False
            for one, two in zip(before, case.ask(log.where(gone), [asked]), strict=True):
                np.testing.assert_allclose(one, two, **NEAR)


def test_an_earlier_event_does_change_a_later_answer(case: Any) -> None:
    log = case.view.log
    asked = [question for question in starts(log) if question[1] >= 2][:8]
    before = case.ask(log, asked)
    for n, (customer, place, _) in enumerate(asked):
        for back in (1, place):
            item = log.item.copy()
            row = int(log.offsets[customer]) + place - back
            item[row] = (item[row] + 5) % len(log.items)
            for one, two in zip(before, case.ask(replace(log, item=item), asked), strict=True):
                assert not np.allclose(one[n], two[n], atol=1e-4)


def test_padding_and_company_change_nothing(case: Any) -> None:
    log, asked = case.view.log, starts(case.view.log)
    together = case.ask(log, asked)
    for n in range(0, len(asked), 5):
        for one, alone in zip(together, case.ask(log, [asked[n]]), strict=True):
            np.testing.assert_allclose(one[n], alone[0], **NEAR)


def test_the_order_of_rows_changes_nothing(case: Any) -> None:
    log, asked = case.view.log, starts(case.view.log)
    order = np.random.default_rng(0).permutation(len(log))
    place = np.argsort(order)
    shuffled = [(int(place[customer]), before, moment) for customer, before, moment in asked]
    for one, two in zip(case.ask(log, asked), case.ask(log.take(order), shuffled), strict=True):
        np.testing.assert_allclose(one, two, **NEAR)


def test_the_order_of_lines_within_a_basket_changes_nothing(case: Any) -> None:
    log, asked = case.view.log, starts(case.view.log)
    rows = np.lexsort((np.random.default_rng(1).random(log.events), log.basket, log.owner))
    assert (rows != np.arange(log.events)).sum() > 20
    mixed = permuted(log, rows)
    if log.clock != "clock":
        mixed = replace(mixed, time=log.time)
    for one, two in zip(case.ask(log, asked), case.ask(mixed, asked), strict=True):
        np.testing.assert_allclose(one, two, **NEAR)


def test_lines_of_one_basket_do_not_see_each_other(case: Any) -> None:
    """Two more lines in the last basket leave the first line's token, read through the encoder's blocks, as it was."""
    log = case.view.log
    network: Network = case.network
    big = next(
        c for c in range(len(log))
        if log.lengths[c] > 3 and (log.basket[log.offsets[c] : log.offsets[c + 1]] == log.basket[log.offsets[c + 1] - 1]).sum() >= 2
    )  # fmt: skip
    kept: list[torch.Tensor] = []
    hook = network.blocks[-2].register_forward_hook(lambda module, args, out: kept.append(out))
    item = log.item.copy()
    item[log.offsets[big + 1] - 1] = (item[log.offsets[big + 1] - 1] + 3) % len(log.items)
    asked = [(big, int(log.lengths[big]), int(log.time[log.offsets[big + 1] - 1]) + 60)]
    case.ask(log, asked)
    case.ask(replace(log, item=item), asked)
    hook.remove()
    before, after = kept
    lines = int(log.lengths[big])
    torch.testing.assert_close(before[:, : lines - 1], after[:, : lines - 1], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(before[:, lines - 1], after[:, lines - 1])
    assert not torch.allclose(before[:, lines], after[:, lines])


def test_an_item_still_to_come_is_no_own_item_yet(case: Any) -> None:
    log = case.view.log
    asked = starts(log)
    customer, place, moment = max(asked, key=lambda question: log.lengths[question[0]] - question[1])
    with_future = case.ask(log, [(customer, place, moment)])[1]
    without = case.ask(
        log.where((log.owner != customer) | (np.arange(log.events) < log.offsets[customer] + place)),
        [(customer, place, moment)],
    )[1]
    np.testing.assert_allclose(with_future, without, **NEAR)


def test_a_longer_horizon_is_never_less_likely(case: Any) -> None:
    state = torch.randn(200, case.network.settings.width, generator=torch.Generator().manual_seed(0))
    days = torch.tensor([0.0, 0.01, 0.5, 1.0, 7.0, 30.0, 90.0, 365.0, 10_000.0])
    with torch.no_grad():
        told = torch.stack([case.network.wanted_within(state, day.expand(200)) for day in days])
    assert torch.isfinite(told).all()
    assert (told.diff(dim=0) >= 0).all() and (told[5] > told[3]).float().mean() > 0.9  # bounded at either end


def test_the_moment_of_asking_matters_where_there_is_a_clock(case: Any) -> None:
    log = case.view.log
    soon, late = ([(0, int(log.lengths[0]), int(log.time[log.offsets[1] - 1]) + wait)] for wait in (60, 40 * DAY))
    same = np.allclose(case.ask(log, soon)[0], case.ask(log, late)[0], atol=1e-4)
    assert same == (log.clock != "clock")


@pytest.mark.parametrize("features", [0, 3])
def test_ids_are_hidden_at_random_where_content_can_speak(features: int) -> None:
    torch.manual_seed(0)
    settings = Settings(items=4_000, behaviours=1, contexts=(), features=features, width=8, id_dropout=0.25)
    bags = Ragged.of([[n % 3] if features and n % 2 else [] for n in range(4_000)])
    items = Items(settings, Content(("a", "b", "c")[:features], bags), None)
    whole = items.eval()()
    hidden = (items.train()() != whole).any(dim=1)
    if not features:
        assert not hidden.any()
        return
    assert float(hidden.float().mean()) == pytest.approx(0.25, abs=0.03)
    alone = items.train()()
    odd = torch.arange(4_000) % 2 == 1
    gone = (alone != whole).any(dim=1)
    torch.testing.assert_close(alone[gone & odd], whole[gone & odd] - items.id.weight[gone & odd])
    assert (alone[gone & ~odd] == 0).all()


def test_features_are_averaged_by_rarity(case_of: Callable[..., Any]) -> None:
    items = case_of().network.items
    assert items.features is not None
    with torch.no_grad():
        table, features = items(), items.features.weight
        torch.testing.assert_close(table[0], items.id.weight[0])
        rare, common = items.rarity[[1, 3]] / items.rarity[[1, 3]].sum()
        assert rare != common
        torch.testing.assert_close(table[1], items.id.weight[1] + rare * features[1] + common * features[3])

"""Sampled losses: a sample of the catalogue stands for the whole, in expectation and, when it is the whole, exactly."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from regard.model.counts import Popular
from regard.model.loss import Answers, Logits, chunked_loss, plain_loss
from regard.model.sampled import Sample, draw, gbce_loss

N, D, U, C, T = 9, 6, 3, 2, 4
"""Questions, width, own items, channels and moments of a problem."""

NAMES = ("state", "item", "bias", "own", "weight")


def problem(V: int, seed: int, *, barred: bool = False) -> tuple[Logits, Answers]:
    """Questions with one to three answers among few items, as if these were popular."""
    g = torch.Generator().manual_seed(seed)
    count = torch.randint(1, 4, (N,), generator=g).clamp(max=min(V, 5))
    row = torch.repeat_interleave(torch.arange(N), count)
    logits = Logits(
        state=torch.randn(N, D, generator=g), item=torch.randn(V, D, generator=g), bias=torch.randn(V, generator=g),
        own=torch.randn(N, U, generator=g), own_item=torch.randint(0, V + 1, (N, U), generator=g),
        weight=torch.randn(N, C, generator=g),
        popular=Popular(table=F.pad(torch.rand(T, C, V, generator=g), (0, 1)), moment=torch.randint(0, T, (N,), generator=g)),
        barred=torch.arange(V) % 7 == 6 if barred else torch.zeros(V, dtype=torch.bool),
    )  # fmt: skip
    item = torch.cat([torch.randperm(min(V, 5), generator=g)[:n] for n in count.tolist()])
    answers = Answers(row=row, item=item, share=1 / count[row].float(), weight=torch.rand(N, generator=g))
    return logits, answers


def sample_of(logits: Logits, answers: Answers, negatives: int) -> Sample:
    known = torch.cat([logits.own_item.flatten(), answers.item])
    return draw(known, barred=logits.barred.nonzero()[:, 0], items=len(logits.bias), negatives=negatives)


def narrowed(logits: Logits, answers: Answers, sample: Sample) -> tuple[Logits, Answers]:
    """The problem over the sample's columns, lifted."""
    few = replace(
        logits, item=logits.item[sample.item], bias=logits.bias[sample.item] + sample.lift, barred=logits.barred[sample.item],
        own_item=sample.places(logits.own_item), popular=sample.popular(logits.popular),
    )  # fmt: skip
    return few, replace(answers, item=sample.places(answers.item))


def with_gradients(way: object, logits: Logits, answers: Answers) -> list[Tensor]:
    parts = [getattr(logits, name).clone().requires_grad_() for name in NAMES]
    told = way(replace(logits, **dict(zip(NAMES, parts, strict=True))), answers)  # type: ignore[operator]
    told.backward()
    return [told.detach(), *(part.grad for part in parts)]


def chunked(logits: Logits, answers: Answers) -> Tensor:
    return chunked_loss(logits, answers, fast=False)


def sampled(sample: Sample, way: object = chunked) -> object:
    return lambda logits, answers: way(*narrowed(logits, answers, sample))  # type: ignore[operator]


@settings(max_examples=60, deadline=None)
@given(V=st.integers(1, 60), negatives=st.integers(0, 70), barred=st.booleans(), seed=st.integers(0, 999))
def test_a_sample_is_what_the_batch_names_and_one_of_each_part_of_the_rest(
    V: int, negatives: int, barred: bool, seed: int
) -> None:
    logits, answers = problem(V, seed, barred=barred)
    sample = sample_of(logits, answers, negatives)
    known = {*logits.own_item.flatten().tolist(), *answers.item.tolist()} - {V}
    rest = set(range(V)) - known - set(logits.barred.nonzero()[:, 0].tolist())
    chosen = sample.item.tolist()
    assert chosen == sorted(set(chosen)) and set(chosen) >= known and set(chosen) - known <= rest
    assert len(chosen) == len(known) + min(negatives, len(rest))
    told = dict(zip(chosen, sample.lift.exp().tolist(), strict=True))
    assert all(told[item] == 1 for item in known)
    if negatives and rest:  # the parts are of like size, and together they are the rest
        stood = [told[item] for item in chosen if item not in known]
        assert sum(stood) == pytest.approx(len(rest), rel=1e-5) and max(stood) - min(stood) < 1.01
    assert sample.places(torch.tensor([V])).tolist() == [len(chosen)]
    assert torch.equal(sample.item[sample.places(answers.item)], answers.item)


@pytest.mark.parametrize("seed", range(4))
def test_the_expected_denominator_is_that_of_the_whole_catalogue(seed: int) -> None:
    torch.manual_seed(seed)
    logits, answers = problem(200, seed, barred=True)
    whole = logits.dense(slice(0, N)).double().logsumexp(1)
    told = []
    for _ in range(3_000):
        few, _ = narrowed(logits, answers, sample_of(logits, answers, 12))
        told.append((few.dense(slice(0, N)).double().logsumexp(1) - whole).exp())
    ratio = torch.stack(told)  # [3000, N], the sample's denominator as a share of the whole one
    error = ratio.std(0) / len(ratio) ** 0.5
    assert (error < 0.1).all() and (error > 1e-4).all() and float(error.median()) < 0.03
    assert ((ratio.mean(0) - 1).abs() < 4 * error).all()


@pytest.mark.parametrize("barred", [False, True])
def test_a_sample_of_all_gives_the_whole_loss_and_every_gradient(barred: bool) -> None:
    logits, answers = problem(40, 3, barred=barred)
    sample = sample_of(logits, answers, 40)
    assert (sample.lift == 0).all()
    few, whole = with_gradients(sampled(sample), logits, answers), with_gradients(chunked, logits, answers)
    for one, two in zip(few, whole, strict=True):
        if barred:  # the items that are no candidates are not there to be added as zeros
            torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-7)
        else:
            assert torch.equal(one, two)


@settings(max_examples=40, deadline=None)
@given(V=st.integers(1, 60), negatives=st.integers(0, 30), barred=st.booleans(), seed=st.integers(0, 999))
def test_chunks_give_the_sampled_loss_written_out_and_only_the_sample_gets_gradients(
    V: int, negatives: int, barred: bool, seed: int
) -> None:
    logits, answers = problem(V, seed, barred=barred)
    sample = sample_of(logits, answers, negatives)
    fast = with_gradients(sampled(sample), logits, answers)
    for name, one, two in zip(
        ("loss", *NAMES), fast, with_gradients(sampled(sample, plain_loss), logits, answers), strict=True
    ):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}")
    others = torch.ones(V, dtype=torch.bool).index_fill(0, sample.item, False)
    assert (fast[2][others] == 0).all() and (fast[3][others] == 0).all()


def test_bf16_is_near() -> None:
    logits, answers = problem(300, 5)
    sample = sample_of(logits, answers, 100)
    near = with_gradients(sampled(sample, lambda *args: chunked_loss(*args, fast=True)), logits, answers)
    for one, two in zip(near, with_gradients(sampled(sample, plain_loss), logits, answers), strict=True):
        assert float((one - two).norm() / two.norm()) < 4e-2


def test_the_gradient_is_that_of_the_refined_logq_loss() -> None:
    """arXiv 2507.09331: -(1 - p) log of the answer against the lifted others alone, p taken as given."""
    logits, answers = problem(80, 1)
    first = torch.ones(len(answers.row), dtype=torch.bool)
    first[1:] = answers.row.diff() > 0  # one answer each
    answers = replace(answers, row=answers.row[first], item=answers.item[first], share=torch.ones(N))
    sample = sample_of(logits, answers, 20)

    def refined(logits: Logits, answers: Answers) -> Tensor:
        few, told = narrowed(logits, answers, sample)
        z = few.dense(slice(0, N))
        chosen = z.gather(1, told.item[:, None])[:, 0]
        others = z.scatter(1, told.item[:, None], float("-inf")).logsumexp(1)
        unsure = torch.sigmoid(others - chosen).detach()
        return (unsure * (others - chosen) * answers.weight).sum() / answers.weight.sum()

    ours, theirs = with_gradients(sampled(sample), logits, answers), with_gradients(refined, logits, answers)
    for one, two in zip(ours[1:], theirs[1:], strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_what_padding_adds_changes_nothing() -> None:
    logits, answers = problem(60, 2)
    V = len(logits.bias)
    wide = replace(
        logits, own=F.pad(logits.own, (0, 2, 0, 3)), own_item=F.pad(logits.own_item, (0, 2, 0, 3), value=V),
        state=F.pad(logits.state, (0, 0, 0, 3)), weight=F.pad(logits.weight, (0, 0, 0, 3)),
        popular=replace(logits.popular, moment=F.pad(logits.popular.moment, (0, 3))),
    )  # fmt: skip
    told = []
    for some, said in ((logits, answers), (wide, replace(answers, weight=F.pad(answers.weight, (0, 3))))):
        torch.manual_seed(0)
        sample = sample_of(some, said, 15)
        told.append((with_gradients(sampled(sample), some, said), sample))
    (narrow, one), (padded, two) = told
    assert torch.equal(one.item, two.item) and torch.equal(one.lift, two.lift)
    for small, large in zip(narrow, padded, strict=True):
        if small.ndim and len(small) == N:
            assert (large[N:] == 0).all()
            large = large[:N, : small.shape[1]]
        torch.testing.assert_close(small, large, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("t", [0.0, 0.75, 1.0])
def test_gbce_is_its_formula(t: float) -> None:
    """The published form: the answer's probability to the power of beta, in float64, inside binary cross-entropy."""
    logits, answers = problem(30, 4)
    alpha, lift = 0.3, torch.rand(30)
    beta, z = alpha * ((1 - 1 / alpha) * t + 1 / alpha), logits.dense(slice(0, N))[:, :-1].double()
    total, count = 0.0, 1 + alpha * (float(lift.exp().sum()) - 1)
    for n in range(N):
        share = torch.zeros(30, dtype=torch.float64)
        share[answers.item[answers.row == n]] = answers.share[answers.row == n].double()
        for v in range(30):
            chance = torch.sigmoid(z[n, v])
            stands = alpha * float(lift[v].exp()) * (1 - share[v])
            told = -share[v] * torch.log(chance**beta) - stands * torch.log(1 - chance)
            total += float(told * answers.weight[n]) / count
    found = gbce_loss(logits, answers, lift, alpha=alpha, t=t)
    assert float(found) == pytest.approx(total / float(answers.weight.sum()), rel=1e-5)


@pytest.mark.parametrize("t", [0.0, 1.0])
def test_gbce_is_calibrated_with_t_1_and_too_sure_by_the_sampling_rate_with_t_0(t: float) -> None:
    """A table of logits, one question asked again and again: at the optimum the mean gradient over answers and samples is zero."""
    torch.manual_seed(0)
    V, rounds, negatives = 12, 4_000, 3
    truth = torch.softmax(torch.linspace(0, 3, V), 0)
    alpha = negatives / (V - 1)
    wanted = truth if t == 1 else truth / (truth + alpha * (1 - truth))
    gradients = []
    for answer in torch.multinomial(truth, rounds, replacement=True).tolist():
        answers = Answers(
            row=torch.zeros(1, dtype=torch.int64), item=torch.tensor([answer]), share=torch.ones(1), weight=torch.ones(1)
        )  # fmt: skip
        sample = draw(answers.item, barred=torch.empty(0, dtype=torch.int64), items=V, negatives=negatives)
        table = torch.logit(wanted).requires_grad_()
        few = Logits(
            state=torch.zeros(1, 1), item=torch.zeros(len(sample.item), 1), bias=table[sample.item], own=torch.zeros(1, 0),
            own_item=torch.zeros(1, 0, dtype=torch.int64), weight=torch.zeros(1, 0), barred=torch.zeros(len(sample.item), dtype=torch.bool),
            popular=Popular(table=torch.zeros(1, 0, len(sample.item) + 1), moment=torch.zeros(1, dtype=torch.int64)),
        )  # fmt: skip
        told = gbce_loss(few, replace(answers, item=sample.places(answers.item)), sample.lift, alpha=alpha, t=t)
        told.backward()
        gradients.append(table.grad)
    found = torch.stack(gradients)  # [rounds, V]
    error = found.std(0) / rounds**0.5
    assert (found.mean(0).abs() < 4 * error).all() and (error < 0.01).all()

"""A sample of the catalogue: the items that one training step reads where all would be too many, and how many each stands for.

Legend: `V` items, `S` items of the sample, `N` questions.
Item S of a sample, as item V of the catalogue, is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.model.counts import Popular
from regard.model.loss import Answers, Logits


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """S of V items.

    Args:
        item: int64 [S] their codes, ascending.
        lift: [S] -log of the chance that each had to be here: the log of how many items it stands for.
    """

    item: Tensor
    lift: Tensor

    def places(self, item: Tensor) -> Tensor:
        """Where in the sample each of these items is; V, none, becomes S."""
        return torch.searchsorted(self.item, item)

    def popular(self, popular: Popular) -> Popular:
        """The same popularity, [T, C, S + 1]: of the sample's items, and 0 of none."""
        return Popular(table=F.pad(popular.table.index_select(2, self.item), (0, 1)), moment=popular.moment)


def draw(known: Tensor, *, barred: Tensor, items: int, negatives: int) -> Sample:
    """The items that a batch names, and `negatives` of the rest, one from each of as many equal parts of it.

    Given the batch, one of the rest is here with a chance pi and then adds e^z / pi to the denominator, one that the batch names is
    here for certain and adds e^z: whatever the logits, the expected denominator is that of the whole catalogue. Nothing popular is
    punished for being in many batches, as it would be if a batch's items stood for the rest; and the answer, which was not drawn,
    is not corrected. So the gradient is that of the refined logQ loss, whose weight 1 - p(answer) comes out of the derivative.
    What is left is the bias of a logarithm, half the relative variance of the denominator.
    Sources: Bengio and Senécal, 2008; 'Correcting the logQ correction', arXiv 2507.09331.

    Args:
        known: int64 item codes that the batch names, own items and answers, in any order; V for none.
        barred: int64 item codes that are no candidates, ascending; they are never drawn.
        items: V. negatives: items to draw, all of the rest where it has no more.

    >>> sample = draw(torch.tensor([7, 2, 7]), barred=torch.tensor([0]), items=10, negatives=7)
    >>> sample.item.tolist(), sample.lift.tolist()
    ([1, 2, 3, 4, 5, 6, 7, 8, 9], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    """
    known = torch.unique(known)
    known = known[known < items]
    gone = torch.unique(torch.cat([known, barred]))
    rest = items - len(gone)
    count = min(negatives, rest)
    edge = torch.arange(count + 1, device=known.device) * rest // max(1, count)
    size = edge.diff()
    chance = torch.rand(count, dtype=torch.float64, device=known.device)
    place = edge[:-1] + (chance * size).long()  # [count], places among the rest
    drawn = place + torch.searchsorted(gone - torch.arange(len(gone), device=known.device), place, right=True)
    item, order = torch.cat([known, drawn]).sort()
    return Sample(item=item, lift=torch.cat([torch.zeros(len(known), device=known.device), size.log()])[order])


def gbce_loss(logits: Logits, answers: Answers, lift: Tensor, *, alpha: float, t: float) -> Tensor:
    """Binary cross-entropy of each answer against sampled others, the answer's probability to the power of beta.

    beta = alpha ((1 - 1 / alpha) t + 1 / alpha) = 1 - t (1 - alpha). With t = 1 (beta = alpha) the sigmoid of a logit is the probability
    that the item is the answer: answers weigh as little as others are rarely sampled. t = 0 (beta = 1) is plain BCE, which is surer
    the fewer are sampled.
    An answer that is one of several counts its share, and the rest of it counts against the item.
    Source: Petrov and Macdonald, gSASRec, 2023. There log sigmoid(z)^beta is taken by way of powers, in float64; beta logsigmoid(z) needs none.

    Args:
        lift: [V] as in `Sample`, the log of how many items each stands for; every item thus counts alpha times in expectation.
        alpha: share of the others that are sampled, k / (V - 1). t: 0 to 1, how much of that is made up for.
    """
    beta = 1 - t * (1 - alpha)
    z = logits.dense(slice(0, len(logits.state)))[:, :-1]  # [N, V]
    share = torch.zeros_like(z).index_put((answers.row, answers.item), answers.share)
    against = alpha * lift.exp() * (1 - share) * F.softplus(z)
    told = beta * answers.share * F.logsigmoid(z[answers.row, answers.item]) * answers.weight[answers.row]
    count = 1 + alpha * (lift.exp().sum() - 1)  # as many as one question has, answer included
    return ((against.sum(dim=1) * answers.weight).sum() - told.sum()) / (count * answers.weight.sum())

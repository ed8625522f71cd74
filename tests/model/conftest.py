"""A small network whose every weight matters, over a small random log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from regard.model.counts import Counts
from regard.model.loss import Logits
from regard.model.network import Network, Read, to_tensors
from regard.model.settings import Settings
from regard.sequences.batches import Batch, Windows, assemble
from regard.sequences.covisits import covisits, neighbours
from regard.sequences.log import DAY, Log
from regard.sequences.popularity import popularity
from regard.sequences.ragged import Ragged
from regard.sequences.split import view_until
from regard.sequences.view import Content, View
from regard.sequences.vocabulary import Vocabulary
from regard.training import fitting
from regard.training.fitting import to_artefact
from regard.training.loop import Loop


@dataclass(frozen=True, kw_only=True)
class Case:
    """A view, and a network in its sizes with random weights instead of its quiet beginning."""

    view: View
    network: Network
    counts: Counts

    def read(self, batch: Batch) -> Read:
        return self.network(to_tensors(batch) | {"own_popular": self.counts.own(batch)})

    def logits(self, batch: Batch, read: Read) -> Logits:
        return Logits(
            state=read.state, item=read.item, bias=read.bias, own=read.own, own_item=read.own_item, weight=read.weight,
            popular=self.counts.popular(batch),
            barred=torch.from_numpy(~self.view.log.merchandise),
        )  # fmt: skip

    def ask(self, log: Log, asked: list[tuple[int, int, int]], *, length: int = 64) -> tuple[np.ndarray, np.ndarray]:
        """States and logits of questions (customer, events before it, moment), one row a customer, in the order asked."""
        people = sorted({customer for customer, _, _ in asked})
        numbers = [[n for n, question in enumerate(asked) if question[0] == customer] for customer in people]
        size = np.minimum(log.lengths[people], length)
        start = log.lengths[people] - size
        rows = Windows(
            customer=np.array(people), start=start, length=size, questions=Ragged.of(numbers),
            places=Ragged.of([[asked[n][1] - int(first) for n in own] for own, first in zip(numbers, start, strict=True)]),
        )  # fmt: skip
        moment = np.array([question[2] for question in asked], dtype=np.int64)
        batch = assemble(log, rows, moment=moment, behaviour=np.zeros(len(asked), dtype=np.int64))
        with torch.no_grad():
            read = self.read(batch)
            z = self.logits(batch, read).dense(slice(0, len(asked)))[:, :-1]
        back = np.argsort(rows.questions.values)
        return read.state.numpy()[back], z.numpy()[back]


def stir(network: Network, seed: int) -> None:
    """Random weights everywhere, also where training begins with zeros."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.parameters():
            value += torch.randn(value.shape, generator=generator) * 0.2


@pytest.fixture(scope="session")
def case_of(draw_log: Callable[..., Log]) -> Callable[..., Case]:
    """A Case over a random log."""

    def make(*, clock: str = "clock", seed: int = 0, **sizes: Any) -> Case:
        log = draw_log(clock=clock, seed=seed, customers=20, visits=10)

        def content(items: Vocabulary, before: int | None) -> Content:
            bags = [[code % 3, 3] if code % 4 else [] for code in range(len(items))]
            return Content(tuple(f"word:{n}" for n in range(4)), Ragged.of(bags))

        view = view_until(
            log, int(log.time.max()) + DAY if clock == "clock" else None, target=("purchase",), content_of=content
        )
        popular, near = popularity(view), neighbours(covisits(view), width=6)
        settings = Settings(
            items=len(view.log.items), behaviours=len(view.log.behaviours), contexts=(3, 1, 1, 25, 8), features=4, width=16, layers=2,
            time_scales=(0.0, 3.0, 40.0, 0.0) if clock == "clock" else (0.0,) * 4, neighbours=near.items.shape[1],
            half_lives=() if popular is None else popular.half_lives, **sizes,
        )  # fmt: skip
        torch.manual_seed(seed)
        network = Network(settings, view.content)
        stir(network, seed)
        return Case(view=view, network=network.eval(), counts=Counts(popular, len(view.log.items)))

    return make


@pytest.fixture(scope="session", params=["clock", "order"])
def case(request: pytest.FixtureRequest, case_of: Callable[..., Case]) -> Case:
    """A Case with a clock and one without."""
    return case_of(clock=request.param)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model folder, and the loop that wrote it."""

    view: View
    loop: Loop
    folder: Path

    @property
    def covisits(self) -> float:
        """The weight of the co-visits."""
        weight: float = load_file(self.folder / "weights.safetensors")["covisits"][0]
        return weight


@pytest.fixture(scope="session", params=["clock", "order", "seen"])
def trained(
    request: pytest.FixtureRequest, draw_log: Callable[..., Log], tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """A model trained for a few steps and then stirred, so that no weight is still zero; 'seen': what was seen is no candidate."""
    clock, mask = ("clock", "seen") if request.param == "seen" else (request.param, None)
    log = draw_log(clock=clock, customers=150, visits=10)

    def content(items: Vocabulary, before: int | None) -> Content:
        return Content(("word:a", "word:b"), Ragged.of([[code % 2] if code % 3 else [] for code in range(len(items))]))

    end = int(log.time.max()) + DAY if clock == "clock" else None
    view = view_until(log, end, target=("view_item", "purchase"), content_of=content)
    folder, loops = tmp_path_factory.mktemp("model"), list[Loop]()

    def stirred(loop: Loop, *args: Any, **facts: Any) -> Any:
        loop.network.load_state_dict(loop.average)
        stir(loop.network, 1)
        loop.average = {name: value.detach().clone() for name, value in loop.network.state_dict().items()}
        loops.append(loop)
        return to_artefact(loop, *args, **facts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "to_artefact", stirred)
        fitting.fit(view, folder=folder, steps=12, mask=mask)
    return Trained(view=view, loop=loops[0], folder=folder)

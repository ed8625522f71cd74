"""A small simulated shop as a workspace, and a stand-in for the trained model, for the rooms that only use one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from regard.errors import ModelError
from regard.sequences.log import DAY, Log
from regard.sequences.view import View
from regard.sequences.vocabulary import Vocabulary

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")


@dataclass
class StandIn:
    """Scores items by what others wanted, a little more if it is the customer's own."""

    view_items: Vocabulary
    behaviours: tuple[str, ...]
    popularity: np.ndarray
    card: dict[str, Any]
    name: str = "stand-in"

    @property
    def item_vectors(self) -> np.ndarray:
        rng = np.random.default_rng(0)
        return rng.normal(size=(len(self.view_items), 8)).astype(np.float32)

    def score(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        assert queries.behaviours == self.behaviours and len(queries.items) == len(self.view_items)
        scores = np.tile(self.popularity.astype(np.float32), (len(queries), 1))
        rows = queries.item >= 0
        np.add.at(scores, (queries.owner[rows], queries.item[rows]), np.float32(0.5))
        return scores

    def propensity(self, queries: Log, asof: np.ndarray, horizons_days: np.ndarray) -> np.ndarray:
        return np.tile(1 - np.exp(-np.asarray(horizons_days) / 10), (len(queries), 1)).astype(np.float32)


def stand_in_fit(
    view: View, *, folder: Path, progress: Any, resume: bool, steps: int | None = None, seed: int = 0, **limits: Any
) -> None:
    """Writes what `stand_in_load` reads, in the place of a training; its card tells what was asked of it."""
    wanted = view.log.item[view.targets]
    cut = None if view.cut is None else datetime.fromtimestamp(view.cut, UTC).isoformat()
    model = {
        "items": view.log.items.ids.to_pylist(),
        "behaviours": view.log.behaviours,
        "popularity": np.log1p(np.bincount(wanted, minlength=len(view.log.items))).tolist(),
        "card": {"steps": steps or 70, "seed": seed, "events": view.log.events, "data": {"cut": cut}},
    }
    (folder / "model.json").write_text(json.dumps(model))


def stand_in_load(folder: Path) -> StandIn:
    """Raises ModelError for a folder that is not whole, as the runtime does."""
    try:
        raw = json.loads((folder / "model.json").read_text())
    except (OSError, ValueError):
        raise ModelError(f"{folder / 'model.json'} is damaged", hint="regard train trains a new one") from None
    return StandIn(Vocabulary(raw["items"]), tuple(raw["behaviours"]), np.array(raw["popularity"]), raw["card"])


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training and loading a model take no time and no torch."""
    monkeypatch.setattr("regard.workspace.learning._fit", stand_in_fit)
    monkeypatch.setattr("regard.workspace.learning.need_torch", lambda: None)
    monkeypatch.setattr("regard.workspace.workspace._load", stand_in_load)


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A simulated shop's files: 'events', 'items', 'customers' and the truth."""
    from regard import simulate

    drawn = simulate.shop(simulate.Settings(customers=80, items=40, days=150, seed=3))
    return simulate.write(drawn, tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="session")
def _ingested(export: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    import regard

    folder = tmp_path_factory.mktemp("workspaces") / "shop"
    shop = regard.init(folder)
    shop.ingest(str(export["events"]), items=str(export["items"]), customers=str(export["customers"]))
    shop.log()
    return folder


@pytest.fixture
def shop_folder(_ingested: Path, tmp_path: Path) -> Iterator[Path]:
    """A workspace of its own for each test, with the simulated shop in it."""
    folder = tmp_path / "shop"
    shutil.copytree(_ingested, folder)
    yield folder


@pytest.fixture(scope="session")
def draw_log() -> Callable[..., Log]:
    """Small random logs of customers who walk along the items, come back to one of their own, look around and return things."""

    def draw(*, customers: int = 30, items: int = 12, visits: int = 8, clock: str = "clock", seed: int = 0) -> Log:
        rng = np.random.default_rng(seed)
        rows: list[tuple[int, int, int, int, int]] = []  # customer, item, behaviour, time, basket
        for customer in range(customers):
            time, at = 1_700_000_000 + int(rng.integers(30 * DAY)), int(rng.integers(items))
            for basket in range(int(rng.integers(0, visits + 1))):
                time += int(rng.exponential(6 * DAY))
                behaviour = int(rng.choice(3, p=(0.6, 0.3, 0.1)))
                at = customer % items if rng.random() < 0.3 else (at + 1) % items
                lines = [at] if behaviour == 1 else {at, *rng.integers(items, size=rng.integers(3)).tolist()}
                rows += [
                    (customer, -1 if behaviour == 1 and at == 0 else item, behaviour, time, basket) for item in lines
                ]
        owner, item, behaviour, moment, basket = np.array(rows, dtype=np.int64).reshape(-1, 5).T
        offsets = np.append(0, np.cumsum(np.bincount(owner, minlength=customers))).astype(np.int64)
        place = np.arange(len(rows)) - offsets[owner]
        return Log(
            customers=Vocabulary([f"c{number}" for number in range(customers)]),
            items=Vocabulary([f"i{number}" for number in range(items)]),
            behaviours=("purchase", "view_item", "refund"),
            offsets=offsets,
            item=item.astype(np.int32),
            behaviour=behaviour.astype(np.int16),
            time={"clock": moment, "order": place, "none": 0 * place}[clock],
            basket=basket.astype(np.int32),
            quantity=rng.choice([1.0, 2.0, -1.0, np.nan], size=len(rows)).astype(np.float32),
            value=np.full(len(rows), np.nan, dtype=np.float32),
            merchandise=np.arange(items) != 3,
            context={"channel": (("web", "shop"), rng.integers(-1, 2, size=len(rows)).astype(np.int16))},
            clock=clock,  # type: ignore[arg-type]
            time_zone="Europe/London",
        )

    return draw

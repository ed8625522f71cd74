"""Servers with the console, of an empty workspace, of one without a model and of one with everything."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

import regard
from regard.console import attach
from regard.model.runtime.picture import Picture
from regard.sequences.log import Log
from regard.serving.app import create
from regard.serving.settings import Settings
from regard.workspace import Workspace, workspace

STRANGE = 'C/<b>1</b>&"'
"""A customer whose id would be markup where nobody escapes it."""

EVIL = "<script>alert(1)</script>"
"""Likewise the title of an item."""


def _drawn(queries: Log, asof: np.ndarray) -> list[Picture]:
    """A picture for the stand-in of a model: every event alike."""
    return [
        Picture(now=np.full(n, 0.5 / n, np.float32), between=np.tril(np.full((n, n), 0.1, np.float32), -1), unread=0.5)
        for n in queries.lengths.tolist()
    ]


@pytest.fixture(scope="session")
def simulated(_ingested: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated shop with a customer and an item whose names are markup."""
    folder = tmp_path_factory.mktemp("console") / "shop"
    shutil.copytree(_ingested, folder)
    shop = regard.open(folder)
    last = pd.Timestamp(int(shop.log().time.max()), unit="s")
    known = [shop.log().items.id(code) for code in range(3)]
    events = pd.DataFrame(
        {
            "customer": [STRANGE] * 4, "item": ["evil/1", *known], "behaviour": ["view_item"] * 3 + ["purchase"],
            "time": [last - pd.Timedelta(hours=n) for n in range(4)],
        }
    )  # fmt: skip
    shop.ingest(events, items=pd.DataFrame({"item": ["evil/1"], "item_name": [EVIL]}))
    return folder


@contextmanager
def served(shop: Workspace) -> Iterator[TestClient]:
    """Somebody at this machine, with a browser that asks for pages."""
    app = create(shop, Settings(answer_seconds=60))
    attach(app)
    with TestClient(
        app, base_url="http://localhost", client=("127.0.0.1", 50_000), headers={"accept-language": "en"}
    ) as client:
        yield client


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[TestClient]:
    with served(regard.init(tmp_path / "shop")) as client:
        yield client


@pytest.fixture
def counting(simulated: Path, tmp_path: Path) -> Iterator[TestClient]:
    """Events, and no model."""
    shutil.copytree(simulated, tmp_path / "shop")
    with served(regard.open(tmp_path / "shop")) as client:
        yield client


@pytest.fixture
def full(simulated: Path, tmp_path: Path, stand_in: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Events, a model and its evaluation."""
    plain: Callable[[Path], Any] = workspace._load

    def seeing(folder: Path) -> Any:
        model = plain(folder)
        model.pictures = _drawn
        return model

    monkeypatch.setattr(workspace, "_load", seeing)
    shutil.copytree(simulated, tmp_path / "full")
    shop = regard.open(tmp_path / "full")
    shop.train()
    with served(shop) as client:
        yield client

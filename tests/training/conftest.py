"""Views small enough to train on within a blink."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from regard.sequences.log import Log
from regard.sequences.split import view_until
from regard.sequences.view import View


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five customers are asked where a real trial wants fifty, so that the logs may be small."""
    monkeypatch.setattr("regard.training.trial.LEAST_ASKED", 5)


@pytest.fixture(scope="session")
def view_of(draw_log: Callable[..., Log]) -> Callable[..., View]:
    """A view of a random log in the middle of its life; of 150 customers enough come back to hold a slice back, of 20 not."""

    def make(*, customers: int = 150, **how: Any) -> View:
        log = draw_log(customers=customers, **{"visits": 10, **how})
        cut = int(np.quantile(log.time, 0.7)) if log.clock == "clock" and log.events else None
        return view_until(log, cut, target=("purchase",))

    return make

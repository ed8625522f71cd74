"""benchmarks.refresh: both models are asked the same, and only the refreshed one has seen what came before a slice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.refresh import replay
from tests.conftest import stand_in_fit, stand_in_load

import regard
from regard.errors import UsageError
from regard.workspace.data import Data


def test_the_refreshed_one_learns_slice_by_slice(shop_folder: Path) -> None:
    data, fits = Data(regard.open(shop_folder).store), list[tuple[int, str | None]]()
    log = data.people()

    def fit(view: Any, *, folder: Path, start: Path | None = None, **how: Any) -> None:
        fits.append((view.cut, start and start.name))
        stand_in_fit(view, folder=folder, progress=None, resume=False, **how)

    def run(days: int) -> dict[str, Any]:
        return replay(
            log, target=data.target(log), content_of=data.content, fit=fit, load=stand_in_load, days=days, every=7,
            budget=1.0, seed=0,
        )  # fmt: skip

    found = run(28)
    cuts = [cut for cut, _ in fits]
    assert [start for _, start in fits] == [None, "m0", "m1", "m2"] and np.diff(cuts).tolist() == [7 * 86_400] * 3
    assert all(cut % 86_400 == 0 for cut in cuts) and [one["cut"] for one in found["slices"]] == cuts
    first = found["slices"][0]
    assert first["never"] == first["refreshed"] and found["difference"]["n"] > 0
    gap = found["refreshed"]["mean"] - found["never"]["mean"]
    assert np.isclose(found["difference"]["mean"], gap) and found["difference"]["interval"] is not None
    with pytest.raises(UsageError, match="nothing lies before"):
        run(10_000)

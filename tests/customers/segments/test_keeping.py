"""A fit that is kept is the fit that is read, and what is no fit is one clear line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regard.customers.segments.clusters import Settings
from regard.customers.segments.identity import found, refit
from regard.customers.segments.keeping import Fit, read, write
from regard.customers.segments.naming import Name
from regard.customers.segments.people import People
from regard.errors import ModelError

QUICK = Settings(counts=(2, 3), widths=(3,), screen=1, rerun=2, proof=2, finalists=1)


@pytest.fixture(scope="module")
def people() -> People:
    random = np.random.default_rng(0)
    states = np.eye(4)[np.arange(120) % 2] + 0.1 * random.normal(size=(120, 4))
    return People.of([f"顾客{n}" for n in range(120)], states=states)


def test_what_is_written_is_read(people: People, tmp_path: Path) -> None:
    first = found(people, QUICK)
    change = refit(first, people, settings=QUICK)
    names = tuple(Name(en=f"a{n}", zh=f"客群{n}", words=("a",)) for n in range(len(change.segments)))
    for fit in (
        Fit(segments=first, events=np.arange(120), names=names, refit=None),
        Fit(segments=change.segments, events=np.arange(120), names=names, refit=change),
    ):
        folder = tmp_path / str(fit.refit is None)
        folder.mkdir()
        write(fit, folder)
        again = read(folder)
        assert again.names == names and np.array_equal(again.events, fit.events)
        assert again.segments.ids == fit.segments.ids and again.segments.number == fit.segments.number
        everybody = people.customers.ids.to_pylist()
        assert again.segments.of(everybody) == fit.segments.of(everybody)
        assert (again.refit is None) == (fit.refit is None)
    assert again.refit is not None and again.refit.log == change.log and again.refit.stayed == change.stayed
    assert np.array_equal(again.refit.moves.customers, change.moves.customers)
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".parquet", ".safetensors"]


@pytest.mark.parametrize("harm", ["missing", "cut", "format"])
def test_what_is_no_fit_is_one_clear_line(people: People, tmp_path: Path, harm: str) -> None:
    segments = found(people, QUICK)
    names = tuple(Name(en=str(n), zh=str(n), words=()) for n in range(len(segments)))
    write(Fit(segments=segments, events=np.zeros(120, np.int64), names=names, refit=None), tmp_path)
    path = tmp_path / {"missing": "customers.parquet", "cut": "segments.safetensors", "format": "segments.json"}[harm]
    if harm == "missing":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:50])
    else:
        path.write_text(path.read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(ModelError, match="cannot be read") as caught:
        read(tmp_path)
    assert "found anew" in caught.value.hint

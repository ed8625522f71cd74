"""The session benchmark divides customers and asks trees and the head about the same moments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import session
from benchmarks.intent import MODEL

import regard
from regard.errors import InputError


def test_half_the_customers_teach_and_the_others_are_asked(shop_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taught, plain = [], session.fit_session
    monkeypatch.setattr("regard.training.session.LEAST", 5)
    monkeypatch.setattr(session, "fit_session", lambda view, **how: taught.append(view) or plain(view, **how))
    asked, moments = [], session.moments
    monkeypatch.setattr(session, "moments", lambda log, *how: asked.append(log) or moments(log, *how))
    result = session.measured(str(shop_folder), 2)
    mine = set(taught[0].log.customers.ids.to_pylist())
    theirs = set(asked[0].customers.ids.to_pylist())
    assert mine and theirs and not mine & theirs
    assert {MODEL, "events", "pause"} <= set(result["rows"]) and len(result["asked"]) == 2
    assert all(0 <= value <= 1 for row in result["rows"].values() for value in row["auroc"])
    assert "head less events" in session.table(result) and result["command"].endswith("--seeds 2")


def test_a_log_without_a_clock_has_no_sessions(tmp_path: Path) -> None:
    regard.init(tmp_path / "shop")
    with pytest.raises(InputError, match="times"):
        session.measured(str(tmp_path / "shop"), 1)

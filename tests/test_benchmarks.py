"""The benchmarks run on any file of their formats, and say what they measured."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import logs, next_item, simulated


def _sequences(path: Path, customers: int = 120, items: int = 30) -> Path:
    """People who walk round a circle of items, mostly one step at a time: easy for a sequence, hard for popularity."""
    chance = np.random.default_rng(0)
    lines = []
    for customer in range(customers):
        steps = chance.choice([1, 1, 1, 2], size=12)
        lines.append(
            f"c{customer} " + " ".join(f"i{place}" for place in (chance.integers(items) + steps.cumsum()) % items)
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_formats_give_the_same_log(tmp_path: Path) -> None:
    sequences = _sequences(tmp_path / "s.txt", customers=5)
    rows = [line.split() for line in sequences.read_text().splitlines()]
    pairs, gaps = tmp_path / "pairs.txt.gz", tmp_path / "gaps.txt"
    with gzip.open(pairs, "wt") as file:
        file.writelines(f"{customer} {item}\n" for customer, *items in rows for item in items)
    gaps.write_text("".join(f"{' '.join(row)}\t{' '.join('0' for _ in row[1:])}\n" for row in rows))
    found = [
        logs.read([str(path)], form)[0] for path, form in ((sequences, "sequences"), (pairs, "pairs"), (gaps, "gaps"))
    ]
    for log in found:
        assert log.customers.ids.to_pylist() == [row[0] for row in rows]
        assert [log.items.names(log.item[a:b]) for a, b in zip(log.offsets[:-1], log.offsets[1:], strict=True)] == [
            row[1:] for row in rows
        ]
        assert log.clock == "order"


def test_the_next_item_is_measured_beside_every_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    words = [
        str(_sequences(tmp_path / "s.txt")),
        "--format",
        "sequences",
        "--split",
        "leave-one-out",
        "--json",
        str(out),
    ]
    monkeypatch.setattr(sys, "argv", ["next_item", *words, "--budget", "4"])
    next_item.main()
    found = json.loads(out.read_text())
    assert found["split"]["kind"] == "leave-one-out" and found["split"]["customers"] == 120
    assert {"popularity", "sequential_knn"} <= set(found["baselines"])
    assert found["metrics"]["ndcg_at_10"]["mean"] > found["baselines"]["popularity"]["ndcg_at_10"]["mean"]
    assert found["verdict"]["words"] in capsys.readouterr().out


def test_a_simulated_shop_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.json"
    monkeypatch.setattr(simulated, "SWITCHES", {"remove_time": ("time_matters",)})
    words = ["--customers", "250", "--steps", "2", "--explained", "3", "--seeds", "5", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["simulated", *words])
    simulated.main()
    (shop,) = json.loads(out.read_text())["shops"]
    assert shop["seed"] == 5 and shop["asked"] == shop["ndcg_at_10"]["n"] > 50
    assert shop["cause"]["purchases"] == 3 and shop["cause"]["difference"]["n"] <= 3
    for found in (shop["ablations"]["remove_time"][case] for case in ("matters", "does_not")):
        assert found["drop"]["mean"] == pytest.approx(found["with"] - found["without"])

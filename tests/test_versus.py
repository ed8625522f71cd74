"""Peers answer the questions that ours answers, and are measured the same way; a peer that cannot run says so in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import logs
from benchmarks.versus import __main__ as versus
from benchmarks.versus import inputs, ranks, speed
from benchmarks.versus.course import Course
from benchmarks.versus.problem import Problem, Rows
from benchmarks.versus.process import Worker, pose
from benchmarks.versus.recipes import PEERS

from regard.errors import ModelError, UsageError
from regard.evaluation.measure import measure
from regard.metrics import ranking
from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.split import leave_one_out
from regard.sequences.view import Split

IMPLICIT = '''
"""Stands in for implicit: what follows what is not its business, how often two are together is."""
import numpy as np

class AlternatingLeastSquares:
    def __init__(self, *, factors, alpha, regularization, random_state, use_gpu):
        assert factors == 128 and not use_gpu
        print("a library that prints")
        self.alpha = alpha
    def fit(self, cells, show_progress):
        self.item_factors = (cells.T @ cells).toarray() * (1 if self.alpha == 10 else -1)
    def recalculate_user(self, users, cells):
        assert len(users) == cells.shape[0]
        return cells.toarray()
'''


@pytest.fixture
def peers_python(tmp_path: Path) -> str:
    """A Python with NumPy, SciPy and a stand-in for implicit, and without RecTools."""
    package = tmp_path / "site" / "implicit"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "als.py").write_text(IMPLICIT)
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path / "site"}" exec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    """People who buy along a line of items, one or two steps at a time."""
    chance = np.random.default_rng(0)
    path = tmp_path / "sequences.txt"
    starts, steps = chance.integers(30, size=(80, 1)), chance.choice([1, 1, 2], size=(80, 8))
    path.write_text(
        "\n".join(
            f"c{row} " + " ".join(f"i{item}" for item in items)
            for row, items in enumerate((starts + steps.cumsum(axis=1)) % 40)
        )
    )
    return path


def _split(path: Path, part: str = "test") -> Split:
    log, _ = logs.read([str(path)], "sequences")
    return leave_one_out(log, target=("purchase",), part=part)


def _rows(found: Sequence[Sequence[int]]) -> Rows:
    return Rows(*vars(Ragged.of(found)).values())


class Together:
    """Scores by how often items are together in the view: what the stand-in does with alpha 10."""

    name = "together"

    def __init__(self, split: Split) -> None:
        rows = pose(split).train
        cells = np.zeros((len(split.view.log), len(split.view.log.items)))
        np.add.at(cells, (rows.owner, rows.values), 1)
        self.table = (cells.T @ cells).astype(np.float32)

    def score(self, queries: Log, asof: object) -> np.ndarray:
        cells = np.zeros((len(queries), len(self.table)), dtype=np.float32)
        np.add.at(cells, (queries.owner, queries.item), 1)
        return cells @ self.table


def test_a_split_is_posed_without_what_may_not_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_text("a x y z w\nb y z x\nc z v\n")
    test = _split(path)
    names = test.view.log.items.ids.to_pylist()
    posed = pose(test)
    told = [[[names[code] for code in row] for row in rows.lists()] for rows in (posed.train, posed.history)]
    assert told == [[["x", "y"], ["y"], ["z", "v"]], [["x", "y", "z"], ["y", "z"]]]
    assert [row.tolist() for row in posed.blocked.lists()] == [row.tolist() for row in posed.history.lists()]
    assert posed.target.values.tolist() == [-1, names.index("x")]  # nobody had w in training
    posed.save(tmp_path / "posed.npz")
    again = Problem.load(tmp_path / "posed.npz")
    assert len(again) == 2 and again.catalogue.tolist() == posed.catalogue.tolist()
    for name in ("train", "history", "blocked", "target"):
        for one, other in zip(getattr(again, name), getattr(posed, name), strict=True):
            assert one.tolist() == other.tolist()


def _slow_ranks(scores: list[float], targets: list[int]) -> list[int]:
    """Order everything as badly for the targets as the scores allow, then count; of targets that tie the first named comes last."""

    def place(item: int) -> tuple[float, int]:
        return -scores[item], -(targets.index(item) if item in targets else len(scores))

    order = sorted((item for item in range(len(scores)) if scores[item] > -np.inf), key=place)
    others_first = sorted(order, key=lambda item: (-scores[item], item in targets, place(item)[1]))
    return [others_first.index(item) + 1 if item in others_first else ranks.MISS for item in targets]


@given(st.data())
def test_ranks_are_those_of_the_metrics_and_of_counting(data: st.DataObject) -> None:
    few = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 0.5, 2.0])
    scores = np.array(data.draw(st.lists(st.lists(few, min_size=6, max_size=6), min_size=1, max_size=4)))
    targets = [data.draw(st.lists(st.integers(-1, 5), max_size=4, unique=True)) for _ in scores]
    found = ranks.ranks(scores, _rows(targets))
    assert found.tolist() == ranking.ranks(scores, Ragged.of(targets)).values.tolist()
    slow = [_slow_ranks(row.tolist(), items) for row, items in zip(scores, targets, strict=True)]
    assert found.tolist() == [rank for row in slow for rank in row]
    assert ranks.best(scores, 4).tolist() == ranking.top_k(scores, 4).tolist()


def test_answers_come_in_blocks_without_what_is_no_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "CELLS", 8)  # two customers at once
    problem = Problem(
        catalogue=np.array([True, True, True, False]), train=_rows([[0]]), history=_rows([[0], [1], [2]]),
        blocked=_rows([[0], [1], []]), target=_rows([[1], [2, 1], [-1, 3]]),
    )  # fmt: skip
    asked: list[int] = []

    def score(histories: list[np.ndarray]) -> np.ndarray:
        asked.append(len(histories))
        return np.tile([4.0, 3.0, 2.0, 5.0], (len(histories), 1))

    places, lists = ranks.answer(problem, score)
    assert asked == [2, 1]
    assert places.tolist() == [1, 2, ranks.MISS, ranks.MISS, ranks.MISS]
    assert lists[:, :3].tolist() == [[1, 2, -1], [0, 2, -1], [0, 1, 2]]


def test_a_worker_answers_as_the_same_method_measured_here(tmp_path: Path, peers_python: str, sequences: Path) -> None:
    test, chosen = _split(sequences), _split(sequences, "validation")
    pose(chosen).save(tmp_path / "choose.npz")
    pose(test).save(tmp_path / "test.npz")
    with Worker(peers_python, tmp_path, "choose", "als", seed=0, length=50, chosen=chosen) as worker:
        good = next(number for number, choice in enumerate(PEERS["als"].choices) if dict(choice)["alpha"] == 10)
        assert worker.round(good) > 0
        expected = measure(chosen, Together(chosen)).metrics["ndcg_at_10"].mean()
        assert worker.look() == pytest.approx(expected)
        worker.keep()
        worker.round(0)
        assert worker.look() < expected
        found = worker.answer(test)
    reference = measure(test, Together(test))
    assert found.name == "implicit_als" and worker.targets == len(pose(test).train.values)
    assert found.places.values.tolist() == reference.places.values.tolist()
    assert found.top.tolist() == reference.top.tolist()
    for metric, values in reference.metrics.items():
        assert found.metrics[metric].tolist() == pytest.approx(values.tolist()), metric
    assert worker.process.returncode is not None


def test_the_table_has_the_peer_beside_ours(
    tmp_path: Path, peers_python: str, sequences: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "out.json"
    words = [str(sequences), "--format", "sequences", "--peers-python", peers_python, "--peers", "als"]
    monkeypatch.setattr(sys, "argv", ["versus", *words, "--seeds", "2", "--our-budget", "3", "--json", str(out)])
    versus.main()
    result = json.loads(out.read_text())
    peer, (first, second) = result["baselines"]["implicit_als"], result["peers"]["implicit_als"]["runs"]
    assert result["split"]["hash"] == _split(sequences).hash and peer["ndcg_at_10"]["sd"] == 0.0
    assert first["chosen"]["alpha"] == 10 and first["rounds"] == len(PEERS["als"].choices) == len(second["curve"])
    difference = result["differences"]["implicit_als"]["ndcg_at_10"]
    assert difference["mean"] == pytest.approx(result["metrics"]["ndcg_at_10"]["mean"] - peer["ndcg_at_10"]["mean"])
    assert difference["interval"][0] <= difference["mean"] <= difference["interval"][1]
    assert "sequential_knn" in result["baselines"] and "implicit_als" in capsys.readouterr().out
    assert str(tmp_path) not in out.read_text()


def test_what_cannot_run_is_said_in_one_line(
    tmp_path: Path, peers_python: str, sequences: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = _split(sequences, "validation")
    pose(chosen).save(tmp_path / "choose.npz")

    def start(python: str, peer: str) -> Worker:
        return Worker(python, tmp_path, "choose", peer, seed=0, length=50, chosen=chosen)

    with pytest.raises(UsageError, match=r"'.*nowhere' cannot be run: No such file.*peers\.txt"):
        start(str(tmp_path / "nowhere"), "als")
    with pytest.raises(UsageError, match=r"cannot run RecTools EASE: ModuleNotFoundError.*rectools.*peers\.txt"):
        start(peers_python, "ease")
    with pytest.raises(ModelError, match="implicit ALS, 128 factors failed: "):
        start("false", "als")
    with start(peers_python, "als") as worker, pytest.raises(ModelError, match="IndexError"):
        worker.round(99)
    words = [str(sequences), "--format", "sequences", "--peers-python", "nowhere/python", "--peers", "als"]
    monkeypatch.setattr(sys, "argv", ["versus", *words])
    with pytest.raises(SystemExit, match=r"^benchmarks\.versus: 'nowhere/python' cannot be run") as told:
        versus.main()
    assert "\n" not in str(told.value)


def test_unknown_peers_are_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parser = inputs.parser("")
    parser.add_argument("--peers", type=inputs.peers)
    with pytest.raises(SystemExit):
        parser.parse_args(["x", "--peers-python", "p", "--peers", "als,sas"])
    assert "no peer is called 'sas'" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["speed", "x", "--peers-python", "p", "--peers", "als"])
    with pytest.raises(SystemExit):
        speed.main()
    assert "'als' has no epochs" in capsys.readouterr().err


class Scripted:
    """Learns by the book: a figure a round."""

    set_up_seconds = 1.0

    def __init__(self, figures: Sequence[float], seconds: float = 2.0) -> None:
        self.figures, self.seconds, self.number = figures, seconds, -1

    def round(self, number: int) -> float:
        assert number == self.number + 1
        self.number = number
        return self.seconds

    def look(self) -> float:
        return self.figures[self.number]


def _course(figures: Sequence[float], *, rounds: int = 9, patience: int | None = 2, seconds: float = 2.0) -> Course:
    course = Course(Scripted(figures, seconds), rounds=rounds, patience=patience, budget=60.0)
    while course.stopped is None:
        course.step()
    return course


def test_a_course_ends_by_patience_rounds_or_budget() -> None:
    patient, through = _course([0.1, 0.3, 0.2, 0.3]), _course([0.2, 0.1, 0.1, 0.3], rounds=4, patience=None)
    assert (patient.stopped, len(patient.curve), patient.best) == ("patience", 4, 1)
    assert (through.stopped, len(through.curve), through.best) == ("rounds", 4, 3)
    poor = Course(Scripted([0.1]), rounds=9, patience=2, budget=0.0)
    assert poor.step() and poor.stopped == "budget"
    told = patient.to_json()
    assert (told["best_round"], told["seconds_to_best"], told["seconds_per_round"]) == (2, 5.0, 2.0)


def test_seconds_are_told_per_epoch_and_to_the_peers_best() -> None:
    ours, peer = _course([0.1, 0.3, 0.5, 0.4, 0.4]), _course([0.1, 0.2, 0.3, 0.1, 0.1], seconds=20.0)
    each = speed.per_epoch(ours, peer, pairs=3)
    assert (each["our_seconds_per_epoch"], each["peer_seconds_per_epoch"], each["ratio"]) == (2.0, 20.0, 10.0)
    assert each["pairs"] == [[2.0, 20.0]] * 3 and each["ratio_of_pairs"] == [10.0, 10.0]
    race = speed.to_best(ours, peer)
    assert race["ours_passes"]["round"] == 2 and race["ratio"] == round(61 / 5, 2)
    assert not race["peer_stopped_by_budget"]
    said = speed.line({"title": "Peer", **each, "race": race})
    assert "10.0 times" in said and "NDCG@10 0.3000 after 61 s, its best; ours there after 5 s, 12.2 times" in said
    peer.stopped = "budget"
    never = speed.to_best(_course([0.1, 0.2, 0.1, 0.1]), peer)
    assert never["ratio"] is None and never["peer_stopped_by_budget"]
    said = speed.line({"title": "Peer", **each, "race": never})
    assert "stopped by its budget; ours never got there" in said


def test_turns_are_taken_and_a_race_goes_on() -> None:
    order: list[str] = []

    class Noted(Scripted):
        def __init__(self, name: str) -> None:
            super().__init__([0.1, 0.2, 0.3, 0.2, 0.2])
            self.name = name

        def round(self, number: int) -> float:
            order.append(self.name)
            return super().round(number)

    def take(race: bool) -> None:
        pair = [Course(Noted(name), rounds=9, patience=2, budget=60.0) for name in ("ours", "peer")]
        speed.take_turns(*pair, pairs=2, race=race)

    take(False)
    assert order == ["ours", "peer"] * 2
    order.clear()
    take(True)
    assert order == ["ours", "peer"] * 2 + ["peer"] * 3 + ["ours"] * 3


def test_ours_trains_in_the_shape_of_the_peers(sequences: Path) -> None:
    ours = speed.Ours(_split(sequences, "validation"), length=16)
    settings = ours.setup.settings
    assert (settings.width, settings.layers, settings.heads, settings.length) == (64, 2, 4, 16)
    assert ours.set_up_seconds > 0 and ours.round(0) > 0 and 0 <= ours.look() <= 1
    assert ours.targets == (np.diff(pose(ours.chosen).train.offsets) - 1).sum()


def test_with_a_time_split_a_peer_is_fitted_anew_on_the_whole_view(tmp_path: Path, peers_python: str) -> None:
    chance, path = np.random.default_rng(0), tmp_path / "events.csv"
    rows = ["customer,item,time"]
    for customer in range(70):
        days = np.sort(chance.choice(120, size=12, replace=False))
        items = (chance.integers(20) + np.arange(12)) % 20
        rows += [
            f"c{customer},i{item},{np.datetime64('2025-01-01') + int(day)} 12:00:00"
            for item, day in zip(items, days, strict=True)
        ]
    path.write_text("\n".join(rows) + "\n")
    words = [str(path), "--map", "behaviour=purchase", "--split", "time", "--peers-python", peers_python]
    wish = inputs.parser("").parse_args(words)
    wish.budget = 60.0
    test, validation, chosen = inputs.splits(wish)
    assert test.kind == "time" and validation.view.log.events < test.view.log.events
    pose(chosen).save(tmp_path / "choose.npz")
    pose(test).save(tmp_path / "test.npz")
    answers, told = versus._train_peer(wish, tmp_path, "als", 0, test, chosen)
    assert told["chosen"]["alpha"] == 10
    assert answers.places.values.tolist() == measure(test, Together(test)).places.values.tolist()

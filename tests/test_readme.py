"""What the documents say exists: verbs, options, links, modules; and the READMEs' tables equal the files they are made from."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main

from regard.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
READMES = {"README.md": "en", "README.zh-CN.md": "zh"}
RESULTS = {"docs/results.md": "en", "docs/results.zh-CN.md": "zh"}
PAGES = [
    *READMES,
    *RESULTS,
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(f"docs/{name}.md" for name in ("tour", "concepts", "data", "api", "live", "live.zh-CN")),
]
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """benchmarks/readme.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("readme", ROOT / "benchmarks" / "readme.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def fenced(page: str, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(read(page)) if language in languages]


def options(words: list[str]) -> set[str]:
    """The options of the verb that a command line names, in whatever group it stands."""
    command: Any = typer.main.get_command(app)
    for word in words[1:]:
        if not hasattr(command, "commands"):
            break
        assert word in command.commands, words
        command = command.commands[word]
    named = {word for parameter in command.params for word in (*parameter.opts, *parameter.secondary_opts)}
    return named | {"--help"}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists_with_its_options(page: str) -> None:
    lines = [line.removeprefix("$ ") for body in fenced(page, "sh", "console") for line in body.splitlines()]
    lines += re.findall(r"`(regard [a-z][^`]*)`", read(page))
    for line in lines:
        if not line.startswith("regard "):
            continue
        words = shlex.split(line, comments=True)
        known = options(words)
        for word in words[2:]:
            if re.match(r"--?[a-z]", word):
                assert word.partition("=")[0] in known, line


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", read(page)):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / page).parent / file
        assert path.is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [heading.lower().replace(" ", "-") for heading in headings], target


@pytest.mark.parametrize("page", PAGES)
def test_python_examples_are_python_and_name_what_there_is(page: str) -> None:
    from regard.workspace import Workspace

    for body in fenced(page, "python"):
        for node in ast.walk(ast.parse(body)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "shop":
                assert hasattr(Workspace, node.attr) or node.attr in ("folder", "models", "store"), node.attr
            if isinstance(node, ast.Import):
                for name in node.names:
                    importlib.import_module(name.name)
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, name.name) for name in node.names), ast.unparse(node)


@pytest.mark.parametrize("page", PAGES)
def test_named_files_of_the_package_exist(page: str) -> None:
    for path in re.findall(r"`(src/regard/[\w./]+|benchmarks/[\w.]+/?)`", read(page)):
        assert (ROOT / path).exists(), path


def test_every_schema_is_listed() -> None:
    listed = set(re.findall(r"`(\w+\.json)`", read("docs/api.md")))
    there = {path.name for path in (ROOT / "src" / "regard" / "schemas").glob("*.json")}
    assert there - listed <= {"init.json", "undo.json", "error.json", "demo.json"}
    assert listed <= there


@pytest.mark.parametrize("page", [*READMES, *RESULTS])
def test_a_page_equals_the_results(script: ModuleType, page: str) -> None:
    text = read(page)
    assert script.rendered(text, {**READMES, **RESULTS}[page]) == text, "run python benchmarks/readme.py"


def test_both_languages_show_the_same_blocks_and_commands() -> None:
    for pages in (READMES, RESULTS):
        blocks = [re.findall(r"<!-- results: ([\w-]+) -->", read(page)) for page in pages]
        assert blocks[0] == blocks[1]
    verbs = [re.findall(r"^regard (\w+)", "\n".join(fenced(page, "sh")), re.MULTILINE) for page in READMES]
    assert verbs[0] == verbs[1]


def test_a_block_shows_the_file_and_nothing_without_it(script: ModuleType, tmp_path: Path) -> None:
    def found(mean: float) -> dict[str, Any]:
        return {"mean": mean, "interval": [mean - 0.01, mean + 0.01], "n": 1486, "sd": 0.0012}

    text = "a\n<!-- results: online_retail -->\nold\n<!-- end -->\nb\n"
    bare = "a\n<!-- results: online_retail -->\n<!-- end -->\nb\n"
    assert script.rendered(text, "en", tmp_path) == bare
    result = {
        "split": {"kind": "time", "customers": 1486, "mask": "none", "hash": "ab12"},
        "metrics": {"ndcg_at_10": found(0.3), "hr_at_10": found(0.6)},
        "baselines": {"own_decayed": {"ndcg_at_10": found(0.31)}, "popularity": {"ndcg_at_10": found(0.07)}},
        "verdict": {"best_baseline": "own_decayed", "difference": {"ndcg_at_10": found(-0.01)}},
        "train_seconds": 281.4, "hardware": {"cores": 2, "machine": "x", "system": "Linux", "python": "3.11"},
    }  # fmt: skip
    (tmp_path / "online_retail.json").write_text(json.dumps(result), encoding="utf-8")
    shown = script.rendered(text, "en", tmp_path)
    rows = [line for line in shown.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[2:]] == [
        "| own decayed baskets with recent popularity", "| **Regard**", "| popularity",
    ]  # fmt: skip
    assert "0.3000 ± 0.0012 | 0.2900 – 0.3100 | 0.6000 ± 0.0012 |" in rows[3]
    assert "-0.0100 (-0.0200 to +0.0000)" in shown and "Trained in 281 s." in shown and "1,486 customers" in shown
    assert "| 方法 |" in script.rendered(text, "zh", tmp_path)
    assert script.rendered(shown, "en", tmp_path) == shown


def test_the_summary_has_a_line_of_each_log_that_was_measured(script: ModuleType, tmp_path: Path) -> None:
    text = "<!-- results: summary -->\n<!-- end -->\n"
    taken = {"mean": 0.2, "interval": [0.1, 0.3]}
    result = {
        "split": {"customers": 1486},
        "metrics": {"ndcg_at_10": taken},
        "baselines": {"ease": {"ndcg_at_10": taken | {"mean": 0.15}}},
        "verdict": {"best_baseline": "ease", "difference": {"ndcg_at_10": {"mean": 0.05, "interval": [0.01, 0.09]}}},
        "train_seconds": 94.4,
    }
    for name in ("online_retail", "xmarket_uk"):
        (tmp_path / f"{name}.json").write_text(json.dumps(result), encoding="utf-8")
    rows = script.rendered(text, "en", tmp_path).splitlines()[3:-1]
    assert len(rows) == 2
    assert rows[0].endswith("| 0.2000 | EASE 0.1500 | +0.0500 (+0.0100 – +0.0900) | 1,486 | 94 |")


def test_speed_shows_what_was_not_run(script: ModuleType) -> None:
    told = {
        "title": "Peer", "peer_seconds_per_epoch": 80.0, "our_seconds_per_epoch": 2.0, "ratio": 40.0, "ratio_of_pairs": [39.0, 41.0],
    }  # fmt: skip
    result = {
        "peers": {"peer": told},
        "settings": {"width": 64, "layers": 2, "length": 50, "budget": 7_200.0},
        "split": {"customers": 4_000},
        "command": "python -m benchmarks.versus.speed",
    }
    assert "| Peer | 80.0 | 2.0 | 40.0 (39.0 – 41.0) | not run |" in script.block("versus_speed", result, "en")
    told["race"] = {
        "peer": {"seconds_to_best": 900.0}, "ours_passes": {"seconds": 10.0}, "ratio": 90.0, "peer_stopped_by_budget": True,
    }  # fmt: skip
    shown = script.block("versus_speed", result, "en")
    assert "900 s against 10 s: 90.0 times; stopped by its budget of 7,200 s" in shown
    told["race"]["ours_passes"] = None
    assert "900 s; ours never got there" in script.block("versus_speed", result, "en")


def test_growth_and_top_ten_and_value_say_what_was_found(script: ModuleType) -> None:
    size = {
        "events": 1_000, "length": 50, "set_up_us_per_event": 1.0, "step_us_per_event": 9.0, "us_per_event": 10.0, "peak_mb": 1_500,
    }  # fmt: skip
    grown = {
        "growth": [size, size | {"us_per_event": 11.0}], "histories": [size, size | {"length": 4_096, "us_per_event": 15.0}],
        "items": 20, "width": 64, "layers": 2, "command": "c",
    }  # fmt: skip
    shown = script.block("growth", grown, "en")
    assert "the longest time per event is 10% above the shortest" in shown and "costs 1.50 times" in shown
    fast = {"median_ms": 1.0, "p90_ms": 2.0, "p99_ms": 3.0, "customers_per_second": {"1": 400, "2": 800}}
    best = {
        "items": 100,
        "width": 64,
        "customers": 9,
        "events_each": 50,
        "same items": True,
        "int8, rescored": fast,
        "fp32": fast,
    }
    assert "| fp32 | 1.00 ms | 2.00 ms | 3.00 ms | 400 customers/s on 1; 800 customers/s on 2 |" in script.block(
        "topk", best | {"command": "c"}, "en"
    )
    none, some = {"mean": None}, {"mean": 0.25, "sd": 0.01}
    columns = ("gini", "decile_mape", "churn_auroc", "ece", "bias")
    value = {
        "metrics": dict.fromkeys(columns, some), "baselines": {"rfm": dict.fromkeys(columns, none)}, "best_baseline": {},
        "differences": {"model": {"gini": {"mean": 0.1, "interval": [0.05, 0.15]}}},
        "split": {"customers": 9, "calibration_days": 10, "holdout_days": 5, "hash": "ab"}, "command": "c",
    }  # fmt: skip
    shown = script.block("value_cdnow", value, "en")
    assert (
        "| **Regard** | 0.2500 ± 0.0100 |" in shown and "| +25% |" in shown and "| RFM | – | – | – | – | – |" in shown
    )
    assert "spend Gini +0.1000 (+0.0500 – +0.1500)" in shown


def test_reasons_are_shown_for_everybody_and_where_they_say_more_than_the_latest(script: ModuleType) -> None:
    area = {"area": {"mean": 0.5}}
    change = {"mean": 0.2, "interval": [0.1, 0.3]}
    found = {
        "curves": dict.fromkeys(("explained", "recency", "random"), area),
        "difference": {"recency": change, "random": change},
    }
    told = {"all": found, "not_latest": found, "rank_correlation_with_mixed_weights": {"mean": None}}
    shown = script.block("faithfulness_retail", {"answers": {"churn_30d": told}, "customers": 7, "command": "c"}, "en")
    assert "| no order for 30 days | 0.500 | 0.500 | 0.500 | +0.200 (+0.100 – +0.300) |" in shown
    assert "| no order for 30 days * |" in shown and "7 customers" in shown


def test_who_buys_is_shown_beside_what_order_and_time_are_worth(script: ModuleType) -> None:
    def row(mean: float, **more: Any) -> dict[str, Any]:
        return {"auroc": {"mean": mean, "interval": [mean - 0.01, mean + 0.01]}, **more}

    result = {
        "rows": {"model": row(0.73, ece={"mean": 0.02}), "trees": row(0.72), "times removed": row(0.71), "recency": row(0.6)},
        "best_baseline": "trees", "differences": {"trees": {"mean": 0.01, "interval": [0.005, 0.015]}}, "asked": [500, 700],
        "cuts": ["a", "b"], "horizon_days": 1, "counting_is_enough": False, "command": "c",
    }  # fmt: skip
    shown = script.block("intent_taobao", result, "en")
    assert "| **Regard** | 0.7300 (0.7200 – 0.7400) | 0.020 |" in shown and "| the latest event | 0.6000" in shown
    assert (
        "within 1 day, 2 cuts and 1,200 questions" in shown and "+0.0100 (+0.0050 to +0.0150). Order and time" in shown
    )
    assert "只用计数就够了" in script.block("intent_taobao", {**result, "counting_is_enough": True}, "zh")


def test_segments_show_each_way_to_cluster(script: ModuleType) -> None:
    told = {
        "offered": [5, 6], "jaccard": {"mean": 0.95}, "lowest_jaccard": [0.93, 0.91],
        "stayed": {"mean": 0.905, "interval": [0.897, 0.913]},
    }  # fmt: skip
    result = {"methods": {"states": told}, "runs": [{}, {}], "days": 7, "steps": 60, "command": "c"}
    shown = script.block("segments_retail", result, "en")
    assert "| what the model sees, former segments held | 5, 6 | 0.950 | 0.910 | 0.905 (0.897 – 0.913) |" in shown
    assert "Refitted 7 days later. Seeds: 2, each training of 60 steps." in shown


def test_questions_about_segments_are_shown_as_a_server_and_as_a_command_asks_them(script: ModuleType) -> None:
    told = {"warm_ms": {"median": 46.2}, "fresh": {"median_seconds": 0.985}}
    result = {
        "questions": {"overlap of two": told}, "customers": 100_000, "events": 10_000_000, "looking_seconds": 70.1, "command": "c"
    }  # fmt: skip
    shown = script.block("segments_speed", result, "en")
    assert "| overlap of two segments | 46 | 0.98 |" in shown and "10,000,000 events" in shown and "70 s" in shown


def test_an_ablation_shows_what_is_kept_before_what_was_tried(script: ModuleType) -> None:
    def row(name: str, kept: bool, mean: float) -> dict[str, Any]:
        change = None if name == "whole" else {"mean": mean - 0.3, "interval": [mean - 0.31, mean - 0.29]}
        return {"name": name, "chinese": name.upper(), "kept": kept, "ndcg_at_10": {"mean": mean}, "difference": change}

    result = {
        "rows": [row("whole", True, 0.3), row("a try", False, 0.31), row("no gates", True, 0.28)],
        "split": {"kind": "time", "asked": 1234, "mask": "none"}, "seeds": 3, "steps": 800, "command": "python -m x",
    }  # fmt: skip
    shown = script.block("ablation_beauty", result, "en").splitlines()
    assert [line.split(" | ")[0] for line in shown if line.startswith("| ")][2:] == [
        "| whole", "| no gates", "| *Tried and not kept:*", "| a try",
    ]  # fmt: skip
    assert "| no gates | 0.2800 | -0.0200 (-0.0300 – -0.0100) |" in shown and "1,234 customers" in shown[-3]
    assert "| NO GATES | 0.2800 |" in script.block("ablation_beauty", result, "zh")


def test_recorded_output_is_shown_as_it_was(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setattr(script, "RESULTS", tmp_path)
    script.record("hello", [sys.executable, "-c", "print('two  words   ')"])
    kept = json.loads((tmp_path / "hello.json").read_text(encoding="utf-8"))
    assert kept["output"] == "two  words"
    shown = script.block("hello", kept | {"command": "regard recommend demo C1"}, "en")
    assert shown == "```console\n$ regard recommend demo C1\ntwo  words\n```\n"
    with pytest.raises(SystemExit, match="no table is known"):
        script.block("odd", {"figures": 1}, "en")

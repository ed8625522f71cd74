"""Every verb through the command line: what a person sees, what a program gets, how it fails."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from typer.testing import CliRunner

import regard
from regard.cli.app import app, run
from regard.cli.ask import listed, units
from regard.cli.store import mapping_of
from regard.errors import UsageError
from regard.evaluation.verdict import baseline_name
from regard.events.schema import BEHAVIOURS

SCHEMAS = Path(regard.__file__).parent / "schemas"


def call(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "80"})


def shown(*words: object) -> str:
    result = call(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def told(schema: str, *words: object) -> Any:
    """The JSON of a verb, checked against its schema; nothing else was printed."""
    result = call(*words, "--json")
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    data = json.loads(result.stdout)
    check(schema, data)
    return data


def check(name: str, data: Any) -> None:
    loaded = {path.name: json.loads(path.read_text("utf-8")) for path in SCHEMAS.glob("*.json")}
    registry = Registry().with_resources((key, Resource.from_contents(value)) for key, value in loaded.items())
    Draft202012Validator(loaded[f"{name}.json"], registry=registry).validate(data)


def refused(code: int, *words: object) -> tuple[str, str]:
    """error and hint of a verb that fails, which are the same for people and for programs."""
    plain, coded = call(*words), call(*words, "--json")
    assert plain.exit_code == coded.exit_code == code, plain.output
    assert plain.stdout == coded.stdout == ""
    data = json.loads(coded.stderr)
    check("error", data)
    said = f"error: {data['error']}\n" + (f"  try: {data['hint']}\n" if data["hint"] else "")
    assert plain.stderr.endswith(said)
    return data["error"], data["hint"]


def width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def buyer(folder: Path) -> str:
    log = regard.open(folder).log()
    return log.customers.id(int(log.owner[log.is_behaviour(("purchase",))][0]))


def item(folder: Path) -> str:
    return regard.open(folder).log().items.id(0)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_schemas_are_schemas(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text("utf-8")))


def test_from_files_to_history_and_back(export: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    assert told("init", "init", folder, "--currency", "GBP")["currency"] == "GBP"
    dry = told("ingest", "ingest", folder, export["events"], "--dry-run")
    assert (dry["number"], told("history", "history", folder)["ingests"]) == (None, [])
    first = told("ingest", "ingest", folder, export["events"], "--items", export["items"])
    assert (first["number"], first["accepted"]) == (1, dry["accepted"])
    again = told("ingest", "ingest", folder, export["events"])
    assert (again["number"], again["already_there"]) == (None, first["accepted"])
    assert [entry["undone"] for entry in told("history", "history", folder)["ingests"]] == [False]
    assert told("undo", "undo", folder, 1) == {"undone": 1}
    assert [entry["undone"] for entry in told("history", "history", folder)["ingests"]] == [True]
    assert told("doctor", "doctor", folder)["events"] == 0


def test_every_question_has_its_schema(shop_folder: Path, tmp_path: Path, stand_in: None) -> None:
    who, what = buyer(shop_folder), item(shop_folder)
    counted = told("recommend", "recommend", shop_folder, who, "nobody", "-n", 3, "--why")["answers"]
    assert [answer["fallback_level"] for answer in counted] == ["counting", "recent popularity"]
    card = told("train", "train", shop_folder, "--steps", 3, "--seed", 5)["card"]
    assert (card["steps"], card["seed"]) == (3, 5)
    modelled = told("recommend", "recommend", shop_folder, who, "--why", "--lang", "zh")["answers"][0]
    assert (modelled["model_version"], len(modelled["items"])) == ("m1", 10)
    assert modelled["items"][0]["reasons"][0]["text"].startswith("因为您")
    assert told("recommend", "recommend", shop_folder, "--basket", what)["answers"][0]["fallback_level"] == "history"
    everybody = told("recommend_all", "recommend", shop_folder, "--all", tmp_path / "all.parquet", "-n", 2)
    assert pq.read_metadata(tmp_path / "all.parquet").num_rows == everybody["rows"]
    assert told("similar", "similar", shop_folder, what, "-n", 4)["answers"][0]["item"] == what
    assert told("trending", "similar", shop_folder, "--trending", "--days", 14)["days"] == 14
    assert told("new", "similar", shop_folder, "--new")["days"] == 30
    assert [
        p["days"] for p in told("intent", "intent", shop_folder, who, "--days", 3)["answers"][0]["propensities"]
    ] == [3]
    assert told("intent", "intent", shop_folder, who, "--of", f"item:{what}")["answers"][0]["of"] == f"item:{what}"
    assert told("explain", "explain", shop_folder, who)["rank"] == 1
    assert told("doctor", "doctor", shop_folder)["events"] > 0
    assert told("evaluate", "evaluate", shop_folder, "--mask", "seen")["split"]["mask"] == "seen"


def test_limits_of_the_answer(shop_folder: Path, tmp_path: Path) -> None:
    first, second = (regard.open(shop_folder).log().items.id(code) for code in (0, 1))
    (tmp_path / "ids.txt").write_text(f"{first}\n\n{second}\n")
    (tmp_path / "stock.csv").write_text(f"item,units\n{first},3\n{second},0\n")

    def items(*words: object) -> set[str]:
        answer = told("recommend", "recommend", shop_folder, "x", "-n", 90, *words)["answers"][0]
        return {found["item"] for found in answer["items"]}

    assert items("--allow", f"@{tmp_path / 'ids.txt'}") == {first, second}
    assert items("--allow", first, "--allow", second, "--deny", first) == {second}
    assert items("--stock", tmp_path / "stock.csv") == {first}
    assert items("--filter", "price < 0") == set()


def test_what_people_see_fits_80_columns(shop_folder: Path, stand_in: None) -> None:
    who, what = buyer(shop_folder), item(shop_folder)
    call("train", shop_folder)
    for words in (
        ("recommend", shop_folder, who, "--why"), ("recommend", shop_folder, who, "--why", "--lang", "zh"),
        ("recommend", shop_folder, "nobody", "-n", 50), ("similar", shop_folder, what),
        ("similar", shop_folder, "--trending"), ("similar", shop_folder, "--new", "--days", 100),
        ("intent", shop_folder, who), ("explain", shop_folder, who), ("history", shop_folder), ("doctor", shop_folder),
        ("evaluate", shop_folder),
    ):  # fmt: skip
        lines = shown(*words).splitlines()
        assert lines and max(width(line.rstrip()) for line in lines) <= 80, words


def english(said: str, *names: str) -> set[str]:
    """Latin words that are no path, command, option or name."""
    typed = (
        r"/\S*",
        r"regard\s+[a-z]+",
        r"-n \d+|--[a-z]+( none| target| seen)?",
        r"屏蔽 (none|target|seen)|哈希 [0-9a-f]+",
        r"regard\.toml",
    )
    for known in (*typed, *map(re.escape, sorted(names, key=len, reverse=True))):
        said = re.sub(known, " ", said)
    return set(re.findall("[a-z]{3,}", said))


def test_wide_letters_fit_too(tmp_path: Path, stand_in: None) -> None:
    from regard import simulate

    drawn = simulate.shop(simulate.Settings(customers=80, items=40, days=150, seed=3, language="zh"))
    files = simulate.write(drawn, tmp_path / "export")
    folder, names = tmp_path / "店", {*BEHAVIOURS, "nobody", "events.csv.gz"}
    assert english(shown("init", folder, "--lang", "zh")) == set()
    flags = ("--items", files["items"], "--customers", files["customers"])
    for words in ((*flags, "--dry-run"), flags, flags):
        taken = call("ingest", folder, files["events"], *words)
        assert taken.exit_code == 0, taken.output
        assert english(taken.stdout, *names) == set(), taken.stdout
        assert "checking" not in taken.stderr and "检查各行" in taken.stderr and "未注明时区" in taken.stderr
    who, what = buyer(folder), item(folder)
    assert "因为您" in shown("recommend", folder, who, "--why")
    asked = (
        ("recommend", folder, who, "--why"), ("recommend", folder, "nobody"), ("similar", folder, what),
        ("similar", folder, "--trending"), ("similar", folder, "--new", "--days", 100), ("intent", folder, who),
        ("explain", folder, who), ("history", folder), ("doctor", folder),
    )  # fmt: skip
    learnt = (("train", folder), ("evaluate", folder), ("recommend", folder, "--basket", what))
    for words in (*asked, *learnt, *asked, ("undo", folder, 1)):
        result = call(*words)
        assert result.exit_code == 0, result.output
        assert max(width(line.rstrip()) for line in result.stdout.splitlines()) <= 80, words
        assert english(result.stdout, *names) == set(), words
        assert english(result.stderr, *names) == set(), words


def test_the_workspace_speaks_unless_told_otherwise(shop_folder: Path) -> None:
    who = buyer(shop_folder)
    assert "商品" in shown("recommend", shop_folder, who, "--lang", "zh")
    assert "商品" not in shown("recommend", shop_folder, who)
    assert "unknown language 'fr'" in refused(2, "recommend", shop_folder, who, "--lang", "fr")[0]


def test_what_an_ingest_found_is_said_in_plain_words(tmp_path: Path) -> None:
    rows = [f"ann,purchase,i{n},2024-01-{n + 1:02},o{n},1,2.0,Lamp {n}" for n in range(25)]
    rows += [f"ann,purchase,POST,2024-01-{n + 1:02},o{n},1,{1 + 90 * (n % 2)},POSTAGE" for n in range(12)]
    rows += ["ann,refund,i1,2024-01-28,o1,1,2.0,Lamp 1", ",purchase,i1,2024-01-28,o9,1,2.0,Lamp 1"]
    head = "customer,behaviour,item,time,order,quantity,price,item_name"
    (tmp_path / "a.csv").write_text("\n".join([head, *rows]))
    (tmp_path / "b.csv").write_text("\n".join([head, *rows[20:]]))
    call("init", tmp_path / "shop")
    said = " ".join(shown("ingest", tmp_path / "shop", tmp_path / "a.csv", tmp_path / "b.csv").split())
    assert "b.csv has 18 rows in common with a.csv, counted once" in said
    assert "rejected: no customer 2" in said
    assert "in the store now: 1 refund, 1 matched to a purchase" in said
    assert "1 customer, 26 items, 2024-01-01 to 2024-01-28" in said
    assert "in the store now: 12 rows are postage and the like, never recommended: POST 12" in said
    again = shown("ingest", tmp_path / "shop", tmp_path / "a.csv")
    assert "nothing new: the store has all of these rows already" in again and "nothing written" in again
    (tmp_path / "items.csv").write_text("item,name\ni1,Lamp\n")
    table = shown("ingest", tmp_path / "shop", "--items", tmp_path / "items.csv")
    assert "1 row taken in" in table and "refund" not in table and "postage" not in table


def test_history_says_what_was_accepted_then(shop_folder: Path) -> None:
    assert "accepted then" in shown("history", shop_folder)


def test_ids_cannot_command_the_terminal(tmp_path: Path) -> None:
    red, turned, long = "\x1b[31mred", "\u202eRTLevil", "x" * 5000
    rows = pd.DataFrame(
        [
            (who, what, f"2024-01-{day:02}")
            for day in range(1, 20)
            for who in (turned, long, "b")
            for what in (red, "i", "k")
        ],
        columns=["customer", "item", "time"],
    )
    shop = regard.init(tmp_path / "shop")
    shop.ingest(rows.assign(behaviour="purchase", item_name=rows.item + "\x9b1m \u2066"))
    folder = tmp_path / "shop"
    for words in (
        ("recommend", folder, turned, "--exclude", "none", "--why"), ("similar", folder, red), ("intent", folder, turned),
        ("explain", folder, turned, red), ("similar", folder, "--new", "--days", 9999), ("doctor", folder),
    ):  # fmt: skip
        said = shown(*words)
        assert not set(said) & {"\x1b", "\u202e", "\x9b", "\u2066"}, words
        assert "\\x1b" in said or "\\u202e" in said or words[0] == "doctor", said
    for words in (("recommend", folder, long), ("explain", folder, long, "i"), ("intent", folder, long)):
        said = shown(*words)
        assert "x…" in said and len(said.splitlines()) < 20, words
    assert said.count("100.0%") == 4
    error = call("similar", folder, "\x1b[2J").stderr
    assert "\x1b" not in error and "\\x1b[2J" in error


def test_what_a_shop_calls_its_things_is_shown_as_it_is(tmp_path: Path) -> None:
    items = ["[/x]", "[sale]cup", ":bell:"]
    rows = [f"{who},purchase,{what},2024-01-{day:02},[/]" for day in range(1, 29) for who in "ab" for what in items]
    (tmp_path / "[b].csv").write_text(
        "\n".join(["customer,behaviour,item,time,[/z]", *rows, ",purchase,x,2024-01-01,"])
    )
    folder = tmp_path / "[shop]"
    assert "[shop]" in shown("init", folder)
    taken = call("ingest", folder, tmp_path / "[b].csv")
    assert taken.exit_code == 0 and "[/z]" in taken.stderr and "[b].csv" in taken.stderr
    assert "[b].csv" in shown("history", folder) and "[b].csv" in shown("doctor", folder)
    for words in (
        ("similar", folder, "[sale]cup"), ("recommend", folder, "a", "--exclude", "none", "--why"),
        ("explain", folder, "a", "[/x]"), ("similar", folder, "--new", "--days", 9999),
    ):  # fmt: skip
        said = shown(*words)
        assert sum(name in said for name in items) >= (1 if "explain" in words else 3), said


def test_a_known_table_is_said_to_be_known(shop_folder: Path, export: dict[str, Path]) -> None:
    again = told("ingest", "ingest", shop_folder, "--items", export["items"])
    assert (again["number"], again["tables_unchanged"]) == (None, ["items"])
    said = shown("ingest", shop_folder, "--items", export["items"])
    assert "items table: nothing new, all 40 rows are known  nothing written" in said


def test_an_evaluation_is_printed_whole(shop_folder: Path, stand_in: None) -> None:
    call("train", shop_folder)
    lines = shown("evaluate", shop_folder).splitlines()
    found = told("evaluate", "evaluate", shop_folder)

    def row(heading: str, label: str) -> str:
        """The lines below a heading that begin with a label."""
        after = lines[next(at for at, line in enumerate(lines) if line.startswith(heading)) :]
        return "".join(line for line in after if line.startswith(f"{label} "))

    customers = f"{found['split']['customers']} customers"
    for name in found["baselines"]:
        assert f"{found['baselines'][name]['ndcg_at_10']['mean']:.4f}" in row(customers, baseline_name(name)[:19])
    assert f"{found['model']['ndcg_at_10']['mean']:.4f}" in row(customers, "model")
    assert len(found["robustness"]) == 2 and len(found["propensity"]) == 3
    for damage in found["robustness"]:
        what = "events dropped" if damage["change"] == "dropped" else "baskets moved"
        line = row("Histories that are a little wrong", f"{damage['share']:.0%} of the {what}")
        assert f"{damage['difference']['ndcg_at_10']['mean']:+.4f}" in line
    for chance in found["propensity"]:
        line = row("Chances to buy", f"{chance['days']} d")
        assert f"{chance['model']['auroc']['mean']:.4f}" in line and f"{chance['model']['ece']['mean']:.4f}" in line
    everyone = next(group for group in found["faithfulness"] if group["group"] == "all")
    for order, label in (("explained", "the named events"), ("recency", "the latest events"), ("random", "any events")):
        assert f"{everyone['curves'][order]['area']['mean']:.4f}" in row("Are the reasons true?", label)


def test_every_verb_and_option_says_what_it_is_for() -> None:
    import typer.main

    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        assert command.help and command.help.strip().endswith("."), name
        for parameter in command.params:
            assert parameter.help and parameter.help.strip().endswith("."), (name, parameter.name)
        assert "Usage" in shown(name, "--help")


def test_columns_are_shown_before_anything_is_written(export: dict[str, Path], tmp_path: Path) -> None:
    call("init", tmp_path / "shop")
    result = call("ingest", tmp_path / "shop", export["events"], "--dry-run")
    assert "events.csv.gz  is read as" in result.stderr
    assert "customer" in result.stderr and "times, read in UTC" in result.stderr
    assert "dry run, nothing written" in result.stdout


def test_of_many_files_that_overlap_some_are_named_and_all_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for month in range(1, 10):
        Path(f"{month}").mkdir()
        rows = "".join(f"ann,purchase,i{n},2024-01-{n + 1:02}\n" for n in range(month))
        Path(f"{month}/log.csv").write_text(f"customer,behaviour,item,time\n{rows}")
    call("init", "shop")
    said = shown("ingest", "shop", "*/log.csv")
    common = [line for line in said.splitlines() if "in common" in line]
    assert len(common) == 7 and len(set(common)) == 7
    assert "2/log.csv has 1 row in common with 1/log.csv, counted once" in common
    assert common[-1] == "and 30 more pairs of files with rows in common"


def test_map_overrides(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a, b": ["c1"], "what": ["x"], "did": ["buy"], "when": ["2026-01-01"]})
    frame.to_csv(tmp_path / "odd.csv", index=False)
    call("init", tmp_path / "shop")
    refused(1, "ingest", tmp_path / "shop", tmp_path / "odd.csv")
    words = ("--map", 'customer="a, b",item=what', "--map", "behaviour=did,time=when")
    assert told("ingest", "ingest", tmp_path / "shop", tmp_path / "odd.csv", *words)["accepted"] == 1


@pytest.mark.parametrize("words", [["item=A,item=B"], ["item=A", "item=B"]])
def test_maps_that_contradict_each_other(words: list[str]) -> None:
    with pytest.raises(UsageError, match="reads item from both 'A' and 'B'") as caught:
        mapping_of(words)
    assert caught.value.hint == "one --map item=COLUMN"
    assert mapping_of(["item=A", "item=A"]) == {"item": "A"}


@pytest.mark.parametrize("words", ["customer", "=x", "item=x,customer"])
def test_wrong_maps(words: str) -> None:
    with pytest.raises(UsageError, match="FIELD=COLUMN"):
        mapping_of([words])


def test_failures_are_one_line_that_says_what_to_do(shop_folder: Path, tmp_path: Path) -> None:
    assert refused(1, "history", tmp_path / "none")[1] == f"regard init {tmp_path / 'none'}"
    assert "already" in refused(1, "init", shop_folder)[0]
    assert "does not exist" in refused(1, "ingest", shop_folder, tmp_path / "none.csv")[0]
    assert refused(2, "ingest", shop_folder)[0] == "nothing to ingest"
    assert refused(2, "recommend", shop_folder, "x", "--exclude", "all") == ("exclude is 'all'", "none, target or seen")
    assert "no_such_column" in refused(2, "recommend", shop_folder, "x", "--filter", "no_such_column = 1")[0]
    assert "--all" in refused(2, "recommend", shop_folder, "x", "--all", tmp_path / "all.parquet")[0]
    error, hint = refused(2, "recommend", shop_folder, "x", "--stock", tmp_path / "none")
    assert "cannot read" in error and "check the path" in hint
    assert refused(2, "recommend", shop_folder, "--all", tmp_path / "all.csv")[1] == "name it all.parquet"
    assert "no item" in refused(2, "similar", shop_folder, "nothing like this")[0]
    assert "--trending" in refused(2, "similar", shop_folder)[0]
    assert "no trained model" in refused(1, "evaluate", shop_folder)[0]
    assert "budget" in refused(2, "train", shop_folder, "--budget", "soon")[0]
    assert "unknown device 'gpu'" in refused(2, "train", shop_folder, "--device", "gpu")[0]
    assert "no ingest 7" in refused(2, "undo", shop_folder, 7)[0]
    assert "cannot be written" in refused(1, "recommend", shop_folder, "--all", tmp_path / "no" / "all.parquet")[0]


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["recomend", "shop"], "recommend", "regard --help"),
        (["recommend"], "FOLDER", "regard recommend --help"),
        (["recommend", "shop", "-n", "zero"], "--count", "regard recommend --help"),
        (["undo", "shop"], "NUMBER", "regard undo --help"),
        (["train", "shop", "--seed", "-1"], "--seed", "regard train --help"),
        (["demo", "--seed", "-1"], "--seed", "regard demo --help"),
        (["similar", "shop", "--trending", "--days", "0"], "--days", "regard similar --help"),
    ],
)
def test_wrong_usage_exits_2(words: list[str], said: str, hint: str, capfd: pytest.CaptureFixture[str]) -> None:
    for flags in ([], ["--json"]):
        with pytest.raises(SystemExit) as stop:
            run([*words, *flags])
        out, err = capfd.readouterr()
        assert (stop.value.code, out) == (2, "")
        assert said in err and hint in err
    assert json.loads(err)["hint"] == hint


def test_help_and_version(capfd: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["recommend", "-h"], ["--version"]):
        with pytest.raises(SystemExit) as stop:
            run(words)
        assert stop.value.code == 0
    assert f"regard {regard.__version__}" in capfd.readouterr().out


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" not in call("history", tmp_path).stderr
    assert "Traceback" in call("history", tmp_path, "--debug").stderr


def test_what_nobody_foresaw_is_one_line_too(shop_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("regard.workspace.workspace.Workspace.history", broken)
    assert refused(1, "history", shop_folder)[0] == "ZeroDivisionError: division by zero"
    monkeypatch.setattr("regard.workspace.workspace.Workspace.history", interrupted)
    assert refused(1, "history", shop_folder)[0] == "stopped"


def interrupted(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt


def test_demo_goes_the_whole_way(tmp_path: Path, stand_in: None) -> None:
    small = ("--customers", 80, "--items", 40)
    done = told("demo", "demo", tmp_path / "demo", *small)
    assert "<html" in Path(done["page"]).read_text("utf-8")[:500].lower()
    again = told("demo", "demo", tmp_path / "demo", *small)
    assert (again["ingest"], again["train"]["model"]) == (done["ingest"], "m2")  # gone on with
    (tmp_path / "mine").mkdir()
    assert "is no demo" in refused(1, "demo", tmp_path / "mine", *small)[0]
    text = shown("demo", tmp_path / "again", *small, "--lang", "zh")
    assert "接下来可以试试" in text and "What to try next" not in text
    command = next(line.split() for line in text.splitlines() if line.startswith("  regard recommend"))
    assert call(*command[1:]).exit_code == 0


def test_report_in_both_languages(shop_folder: Path, stand_in: None) -> None:
    call("train", shop_folder)
    for language in ("en", "zh"):
        page = Path(told("report", "report", shop_folder, "--lang", language)["page"])
        assert page.is_relative_to(shop_folder) and f'lang="{language}' in page.read_text("utf-8")[:500]


def test_ids_and_units_from_files(tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes("\ufeff杯子\n\n a,b \n".encode())
    assert listed(["x", f"@{tmp_path / 'ids'}"]) == ["x", "杯子", "a,b"]
    (tmp_path / "stock").write_text("plain\na,b,2.5\n")
    assert units(str(tmp_path / "stock")) == {"plain": 1.0, "a,b": 2.5}
    (tmp_path / "stock").write_text("item,units\na,many\n")
    with pytest.raises(UsageError, match="line 2"):
        units(str(tmp_path / "stock"))


def test_as_a_program(shop_folder: Path) -> None:
    """Through a real process: no stray output, a closed pipe is no error, nothing on stderr with --json."""
    command = [sys.executable, "-m", "regard"]
    environment = {**os.environ, "COLUMNS": "80"}

    def process(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *map(str, words)], capture_output=True, text=True, env=environment)

    fine = process("recommend", shop_folder, "x", "--json")
    assert (fine.returncode, fine.stderr) == (0, "")
    assert json.loads(fine.stdout)["answers"][0]["customer"] == "x"
    failed = process("undo", shop_folder, 9)
    assert (failed.returncode, failed.stdout, failed.stderr.count("\n")) == (2, "", 2)
    wrong = process("undo", shop_folder)
    assert (wrong.returncode, wrong.stdout) == (2, "")

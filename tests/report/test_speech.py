from __future__ import annotations

import ast
import re
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import pytest

import regard.report
from regard.events.schema import BEHAVIOURS
from regard.events.store import Store
from regard.insight.answer import Level
from regard.model.settings import Settings
from regard.report.speech import Speech, catalogue
from regard.training.calibrate import Calibration

ROOM = Path(regard.report.__file__).parent
NAMES = re.compile(r"{(\w+)}")


@pytest.mark.parametrize("table", ["phrases", "behaviours", "card"])
def test_every_phrase_is_said_in_both_languages(table: str) -> None:
    for key, pair in catalogue()[table].items():
        assert len(pair) == 2 and all(text.strip() for text in pair), key
        if table != "card" and key != "title":
            assert re.search(r"[一-鿿]", pair[1]) or not re.search(r"[A-Za-z]", NAMES.sub("", pair[1])), key


def test_both_languages_fill_in_the_same_names() -> None:
    for key, (english, chinese) in catalogue()["phrases"].items():
        forms = [set(NAMES.findall(form)) for form in english.split("|")]
        assert all(form == set(NAMES.findall(chinese)) for form in forms), key
        assert "|" not in chinese, key


def test_every_phrase_is_used() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (*ROOM.glob("*.py"), *ROOM.glob("templates/*.html")))
    literals = set(re.findall(r"""(?<=["'])[\w. {}\[\]-]+(?=["'])""", code))
    stems = {text.partition("{")[0] for text in literals if re.match(r"[a-z_]+\.\{", text)}
    unused = [key for key in catalogue()["phrases"] if key not in literals and not key.startswith(tuple(stems))]
    assert not unused


def test_every_figure_of_the_model_card_has_a_name_and_no_other() -> None:
    """The facts are read in the source, as making them needs a training."""
    tree = ast.parse((files("regard.training") / "fitting.py").read_text("utf-8"))
    (facts,) = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "_facts")
    keys = {ast.literal_eval(key) for node in ast.walk(facts) if isinstance(node, ast.Dict) for key in node.keys if key}
    tables = {"data", "settings", "calibration", "curve"}
    assert tables < keys and {"steps", "events"} < keys
    inner = {field.name for table in (Settings, Calibration) for field in fields(table)}
    added = {"left_out", "left_out_change"}  # by the workspace, where customers were left out
    assert keys - tables | inner | added == set(catalogue()["card"])


def test_every_behaviour_and_every_level_has_a_name() -> None:
    assert set(BEHAVIOURS) == set(catalogue()["behaviours"])
    assert {f"level.{level}" for level in Level.__args__} <= set(catalogue()["phrases"])


def test_numbers_dates_and_shares_per_language() -> None:
    english, chinese = Speech("en", zone="Europe/London"), Speech("zh", zone="Asia/Shanghai", currency="USD")
    assert english.interval([-0.5, 0.25], signed=True) == "−0.500 to +0.250"
    assert chinese.interval(None) == "–"
    assert english.moment("2024-07-01T23:30:00Z") == "2\xa0Jul\xa02024\xa000:30"
    assert chinese.day("2024-07-01T23:30:00Z") == "2024年7月2日"
    assert chinese.money(-1234.4) == "−US$1,234"
    assert Speech("en", currency="SEK").money(10) == "SEK\xa010"
    assert english.share(0.9999) == ">99.9\xa0%" and english.share(0) == "0\xa0%" and english.share(1, 0) == "0\xa0%"
    assert english.number(None) == "–" and english.day(None) == "–" and english.moment("") == "–"


def test_plurals() -> None:
    english = Speech("en")
    assert english.count("people.events", 1) == "1 event" and english.count("people.events", 0) == "0 events"
    assert english.count("chance.within", 1) == "within 1 day"


def test_findings_of_the_store_in_chinese() -> None:
    chinese = Speech("zh")
    assert chinese.finding("unreadable quantity") == "数量无法识别"
    advice = "14,902 of 18,390 refunds match an earlier purchase; others may be older than the first file"
    assert chinese.finding(advice).startswith("18,390 条退款中有 14,902 条")
    assert Speech("en").finding("unreadable quantity") == "unreadable quantity"


def test_what_belongs_to_the_shop_is_no_name_of_a_field() -> None:
    chinese = Speech("zh")
    assert chinese.finding("item: 900 acts on an active day") == "item：活跃日平均 900 次行为"
    assert chinese.finding("behaviours kept as the shop calls them: value") == "行为沿用本店的叫法：value"


@pytest.mark.parametrize("pattern", catalogue()["findings"])
def test_a_finding_and_its_translation_hold_as_many_things(pattern: str) -> None:
    things = [str(number) for number in range(pattern.count("{}") + pattern.count("{field}"))]
    assert not {"{}", "{field}"} <= set(re.findall(r"{\w*}", pattern))
    said = Speech("zh").finding(pattern.replace("{field}", "0").format(*things))
    chinese = catalogue()["findings"][pattern]
    assert said == chinese.format(*things, field="0") and all(thing in said for thing in things)


def test_everything_that_the_store_finds_has_chinese_words(tmp_path: Path) -> None:
    head = "customer,behaviour,item,time,order,quantity,price,item_name"
    rows = [f"c{n % 20},purchase,i{n},2024-01-{n % 28 + 1:02},o{n},1,2.0,Lamp {n}" for n in range(60)]
    rows += [f"c{n},purchase,POST,2024-01-0{n + 1},o{n},1,{1 + 99 * (n % 2)},POSTAGE" for n in range(8)]
    rows += [f"robot,view_item,i{n % 50},2024-02-01T{n // 60:02}:{n % 60:02}:00,,,," for n in range(900)]
    rows += ["c1,view_item,i1,2024-01-05T10:00:00,,,,"] * 2  # an exact repeat
    rows += [
        "c1,refund,i59,2024-01-01,o1,1,2.0,",
        "c2,purchase,,2024-01-05,o99,1,2.0,",
        "c3,purchase,i3,2024-01-05,o98,1,0,",
    ]
    rows += [
        ",purchase,i1,2024-01-05,o97,1,2.0,",
        "c4,purchase,i4,2024-01-05,o96,lots,2.0,",
        "c4,purchase,i4,soon,o95,1,2.0,",
    ]
    rows += [
        "c4,purchase,i4,2098-01-05,o94,1,2.0,",
        "c5,purchase,i4,2024-01-05,o93,1,inf,",
        "c5,purchase,i4,2024-01-05,o92,1e30,1,",
    ]
    store = Store.create(tmp_path / "shop")
    for name, part in (("a", rows), ("b", rows[:30])):
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *part]))
    store.ingest([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")])
    report = store.doctor()
    said = {text for found in report.findings for text in (found.name, found.advice)}
    said |= {text.replace("robot", "7") for found in report.findings if found.unit != "rows" for text in found.examples}
    said |= {reason for service in report.not_merchandise for reason in service[2].split(", ")}
    assert len(said) > 18
    chinese = Speech("zh")
    assert {text for text in said if re.search("[a-z]{3}", chinese.finding(text).replace("regard.toml", ""))} <= {
        "not accepted; file, line and text are in rejected/"
    }  # names the folder

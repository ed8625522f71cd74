from __future__ import annotations

import re
from pathlib import Path

import pytest

import regard.report
from regard.events.schema import BEHAVIOURS
from regard.insight.answer import Level
from regard.report.speech import Speech, catalogue

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
    assert chinese.finding("unreadable quantity") == "quantity无法识别"
    advice = "14,902 of 18,390 refunds have an earlier purchase; the others may belong to orders before the first file"
    assert chinese.finding(advice).startswith("18,390 条退款中有 14,902 条")
    assert Speech("en").finding("unreadable quantity") == "unreadable quantity"

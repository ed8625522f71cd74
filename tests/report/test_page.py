from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from regard.errors import UsageError
from regard.events.recognise_shapes import SHAPES
from regard.report import Customer, Deed, ReportData, Totals, render, write
from regard.report.speech import catalogue

HOSTILE = "<script>alert('x')</script> & \"lamp\" '); } </style>"
VOID = {"meta", "link", "br", "hr", "img", "input"}
EMPTY = ReportData(shop="s", made_at=datetime(2026, 1, 1, tzinfo=UTC), version="0.1.0")


class Page(HTMLParser):
    """The page as tags, text and tables; fails on a tag that is closed wrongly or not at all."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            return
        self.words.append(data)
        if any(tag in self.open for tag in ("td", "th")):
            self.tables[-1][-1][-1] += f" {data.strip()}"

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def cells(self) -> list[list[str]]:
        return [[" ".join(cell.split()) for cell in row] for table in self.tables for row in table]


@pytest.fixture(params=["en", "zh"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_page_is_whole_html_with_landmarks_and_labelled_parts(full: ReportData, language: str) -> None:
    page = Page(render(full, language=language))
    names = [tag for tag, _ in page.tags]
    assert [names.count(tag) for tag in ("html", "header", "nav", "main", "footer", "h1")] == [1] * 6
    assert dict(page.tags)["html"]["lang"] == {"en": "en", "zh": "zh-CN"}[language]
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        if tag == "a":
            assert str(attributes["href"])[1:] in ids
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or attributes["aria-label"]
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids


def test_page_needs_nothing_from_outside(full: ReportData, language: str) -> None:
    text = render(full, language=language)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|javascript:", text)
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not {"src", "srcset", "data", "action", "style"} & set(attributes)
        assert str(attributes.get("href", "#")).startswith("#")
        assert not [name for name in attributes if name.startswith("on")]


def test_hostile_names_stay_text(full: ReportData, language: str) -> None:
    text = render(full, language=language)
    assert "<script" not in text and text.count("</style>") == 1
    page = Page(text)
    assert HOSTILE in page.text
    assert "X<1>" in page.text


def test_hostile_words_of_the_shop_stay_text(full: ReportData) -> None:
    assert full.evaluation is not None
    odd = replace(
        full, shop=HOSTILE, model=HOSTILE, version=HOSTILE, currency="<b>", card={HOSTILE: HOSTILE, "deep": {"<i>": "<u>"}},
        evaluation={**full.evaluation, "baselines": {HOSTILE: full.evaluation["baselines"]["ease"]},
                    "verdict": {**full.evaluation["verdict"], "best_baseline": HOSTILE}},
        customers=[Customer(id=HOSTILE, events=[Deed(behaviour=HOSTILE, item=HOSTILE)])],
    )  # fmt: skip
    text = render(odd)
    assert "<script" not in text and "<b>" not in text and "<i>" not in text and "<u>" not in text
    Page(text)


def test_tables_hold_the_figures_given(full: ReportData) -> None:
    rows = Page(render(full)).cells()
    assert ["Regard's model", "0.0 0.2 0.4", "NDCG@10 95 % interval"] not in rows
    assert any(row[0] == "Regard's model" and row[-1] == "0.291 0.271 to 0.311" for row in rows)
    assert any(row[0] == "nearest customers" and row[-1] == "0.257 0.237 to 0.277" for row in rows)
    assert any(row[0].startswith("Rejected: no customer") and row[-2:] == ["242,257", "22.7 %"] for row in rows)
    assert any(row[0].startswith("In several files, counted once") and row[-2:] == ["26,479", "2.5 %"] for row in rows)
    assert ["within 30 days", "", "29.1 %"] in rows
    assert ["200", "8.4", "6.4000", "0.2350"] in rows
    assert ["split hash", "0123456789abcdef"] in rows
    assert ["bought", "", "779,495", "97.7 %"] in rows


def test_what_came_in_is_named_in_plain_words(full: ReportData) -> None:
    english, chinese = Page(render(full)).text, Page(render(full, language="zh")).text
    assert "invoices-2010-2011.csv.gz has 26,479 rows in common with invoices-2009-2010.csv.gz, counted once" in english
    assert "invoices-2010-2011.csv.gz 与 invoices-2009-2010.csv.gz 有 26,479 行相同，只计一次" in chinese
    assert "14,902 of 18,390 refunds match an earlier purchase" in english
    assert "18,390 条退款中有 14,902 条找到了之前的购买" in chinese
    assert "3,100 rows of postage, charges and the like, never recommended" in english
    assert "3,100 行为邮费、手续费等，从不推荐" in chinese
    assert "未接受：没有顾客" in chinese


def test_notes_on_files_and_bots_are_in_the_language_of_the_page(full: ReportData) -> None:
    notes = [shape.note for shape in SHAPES]
    notes += [
        "no customer id: each session is taken as a customer",
        "behaviours kept as the shop calls them: rent, lend",
    ]
    file = {"name": "u.data", "rows": 9, "rejected": 0, "columns": [], "notes": notes}
    told = replace(full, ingests=({**full.ingests[0], "files": [file], "overlaps": []},))
    english, chinese = (Page(render(told, language=language)).text for language in ("en", "zh"))
    assert [note for note in notes if note not in english] == [] and [note for note in notes if note in chinese] == []
    assert "没有表头：用户、商品、评分、秒，同 MovieLens 和亚马逊评分" in chinese
    assert "没有顾客编号：每个 session 当作一位顾客" in chinese and "行为沿用本店的叫法：rent, lend" in chinese
    assert "17841: 812 acts on an active day" in english and "17841：活跃日平均 812 次行为" in chinese


def test_whatever_a_finding_counts_has_a_phrase() -> None:
    schema = json.loads((files("regard.schemas") / "doctor.json").read_text("utf-8"))
    units = schema["properties"]["findings"]["items"]["properties"]["unit"]["enum"]
    assert {f"unit.{unit}" for unit in units} == {key for key in catalogue()["phrases"] if key.startswith("unit.")}


@pytest.mark.parametrize("name", ["evaluate", "ingest", "doctor"])
def test_the_results_behind_the_page_are_of_the_shapes_that_the_verbs_print(full: ReportData, name: str) -> None:
    schema = json.loads((files("regard.schemas") / f"{name}.json").read_text("utf-8"))
    found: Any = {"evaluate": full.evaluation, "ingest": full.ingests[0], "doctor": full.doctor}[name]
    jsonschema.validate(json.loads(json.dumps(found)), schema)


def brought(full: ReportData, *pairs: tuple[str, str, int]) -> ReportData:
    """The page's data after an ingest of files of which these pairs have rows in common."""
    names = list(dict.fromkeys(name for pair in pairs for name in pair[:2]))
    told = [{"name": name, "rows": 9, "rejected": 0, "columns": [], "notes": []} for name in names]
    overlaps = [{"files": [first, again], "rows": rows} for first, again, rows in pairs]
    return replace(full, ingests=({**full.ingests[0], "files": told, "overlaps": overlaps},))


def test_many_overlaps_are_counted_beyond_the_first_six(full: ReportData) -> None:
    pairs = [(f"2024-{n:02}.csv", f"2024-{n + 1:02}.csv", 100 + n) for n in range(1, 9)]
    english, chinese = (Page(render(brought(full, *pairs), language=language)).text for language in ("en", "zh"))
    assert "2024-09.csv has 108 rows in common with 2024-08.csv, counted once" in english
    assert "103 rows in common" in english and "102 rows in common" not in english
    assert "and 2 more pairs of files with rows in common" in english and "另有 2 对文件有相同的行" in chinese
    assert "more pair" not in Page(render(brought(full, *pairs[:6]))).text
    assert "and 1 more pair of files" in Page(render(brought(full, *pairs[:7]))).text


def test_files_of_one_name_are_told_apart_by_their_folders(full: ReportData) -> None:
    text = Page(
        render(brought(full, ("north/orders.csv", "south/orders.csv", 7), ("a/x.csv", "north/orders.csv", 1)))
    ).text
    assert "south/orders.csv has 7 rows in common with north/orders.csv" in text
    assert "north/orders.csv has 1 row in common with x.csv" in text and "a/x.csv" not in text


def test_metrics_are_called_as_the_field_calls_them(full: ReportData) -> None:
    english, chinese = (Page(render(full, language=language)).cells() for language in ("en", "zh"))
    assert ["Method", "AUROC", "ECE", "log loss"] in english
    assert ["方法", "AUROC", "ECE", "对数损失"] in chinese
    assert any("召回率@10" in cell for row in chinese for cell in row)
    assert not any("auroc" in cell or "ece" in cell.split() for row in english for cell in row)


def test_lines_are_merged_by_basket(full: ReportData) -> None:
    merged = replace(full, totals=replace(full.totals, events=790_000))
    english, chinese = (Page(render(merged, language=language)).text for language in ("en", "zh"))
    assert "797,885 accepted rows make 790,000 events: lines of one item in one basket are one event" in english
    assert "797,885 行构成 790,000 个事件：同一购物篮中同一商品的多行合为一个事件" in chinese
    odd = Page(render(replace(full, totals=replace(full.totals, future=1, far=2)))).text
    assert "1 event lies in the future" in odd and "2 events lie far from all others in time" in odd


def test_samples_say_how_many_customers_were_drawn(full: ReportData) -> None:
    assert full.evaluation is not None
    (chance,) = full.evaluation["propensity"]
    larger = {"propensity": [{**chance, "of": 5_700}], "split": {**full.evaluation["split"], "customers": 2_000}}
    drawn = Page(render(replace(full, evaluation={**full.evaluation, **larger}))).text
    assert "Asked about: 1,990 of the 5,700 customers who had bought before, drawn at random." in drawn
    assert "Asked again: 1,486 of the 2,000 customers, drawn at random." in drawn
    assert "1,211 of the 2,000 customers, each with at least ten events" in drawn
    every, more = full.evaluation["faithfulness"]
    whole = {"faithfulness": [{**every, "n": 1_486}, more]}
    everyone = Page(render(replace(full, evaluation={**full.evaluation, **whole}))).text
    assert "Asked about: all 1,990 customers who had bought before." in everyone
    assert "Asked again: all 1,486 customers." in everyone
    assert "all 1,486 customers, each with at least ten events" in everyone
    assert "drawn at random" not in everyone


def test_one_table_is_enough_where_no_named_event_is_the_latest(full: ReportData) -> None:
    assert full.evaluation is not None
    every, more = full.evaluation["faithfulness"]
    alike = replace(full, evaluation={**full.evaluation, "faithfulness": [every, {**more, "n": every["n"]}]})
    text = Page(render(alike)).text
    assert "For none of them are the named events simply the latest." in text
    assert text.count("Deleted first") == 1 and Page(render(full)).text.count("Deleted first") == 2


def test_every_slice_and_baseline_is_there_and_in_order(full: ReportData) -> None:
    assert full.evaluation is not None
    rows = Page(render(full)).cells()
    first = [row[0] for row in rows]
    order = [
        "Regard's model",
        "own decayed baskets with recent popularity",
        "nearest customers",
        "own frequency",
        "EASE",
    ]
    places = [first.index(name) for name in order]
    assert places == sorted(places)
    assert len([row for row in rows if "difference +0.012" in row[-1]]) == len(full.evaluation["slices"])


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("better", "The model recommends better"),
        ("worse", "a simple method recommends better than the model"),
        ("open", "No difference between the model"),
        ("small", "too few customers to say"),
        ("alone", "no simple method beside it"),
        ("nobody", "nothing was measured"),
    ],
)
def test_headline_says_what_was_found(full: ReportData, outcome: str, said: str) -> None:
    assert full.evaluation is not None
    verdict = {**full.evaluation["verdict"], "outcome": outcome}
    evaluation = {**full.evaluation, "verdict": verdict}
    if outcome in ("alone", "nobody"):
        evaluation["baselines"] = {}
        evaluation["verdict"] = {**verdict, "best_baseline": None, "difference": {}}
    if outcome == "nobody":
        nothing = {"mean": None, "interval": None, "n": 0}
        evaluation["model"] = dict.fromkeys(evaluation["model"], nothing)
        evaluation["split"] = {**evaluation["split"], "customers": 0}
        evaluation |= {"slices": [], "robustness": [], "faithfulness": [], "propensity": []}
    for language in ("en", "zh"):
        page = Page(render(replace(full, evaluation=evaluation), language=language))
        if language == "en":
            assert said in page.text
            if outcome != "better":
                assert "The model recommends better" not in page.text


def test_small_shop_makes_no_claims(full: ReportData) -> None:
    assert full.evaluation is not None
    evaluation = {
        **full.evaluation,
        "split": {**full.evaluation["split"], "customers": 11},
        "verdict": {**full.evaluation["verdict"], "outcome": "small"},
        "slices": [],
    }
    text = Page(render(replace(full, evaluation=evaluation))).text
    assert "fewer than 200 tested customers" in text and "No group had enough customers" in text
    assert "Tested on 11 customers." in text


def test_empty_workspace_and_untrained_shop(full: ReportData, language: str) -> None:
    Page(render(EMPTY, language=language))
    untrained = replace(full, model=None, card={}, curve=(), evaluation=None, attention=None)
    counting = Page(render(untrained, language=language))
    unmeasured = Page(render(replace(full, evaluation=None, curve=()), language=language))
    if language == "en":
        assert "Next: regard train corner-shop" in counting.text and "No model has been trained yet." in counting.text
        assert "has not been measured yet" in unmeasured.text and "No training curve was kept." in unmeasured.text


def test_customers_without_a_clock_without_events_without_an_answer(full: ReportData, language: str) -> None:
    deeds = [Deed(behaviour="play", item=str(n)) for n in range(4)]
    odd = [Customer(id="a", events=deeds), Customer(id="b", events=()), Customer(id="c", events=deeds[:1])]
    timeless = replace(full.totals, clock="order", first=None, last=None)
    page = Page(render(replace(full, customers=odd, totals=timeless), language=language))
    if language == "en":
        assert "no times" in page.text and "This customer has no events" in page.text


def test_what_was_not_looked_at_has_no_heading(full: ReportData) -> None:
    assert full.evaluation is not None
    bare = {**full.evaluation, "slices": [], "robustness": [], "faithfulness": [], "propensity": []}
    text = Page(render(replace(full, evaluation=bare))).text
    assert "Are the reasons true?" not in text and "Are the purchase chances right?" not in text


def test_figures_that_do_not_exist_are_dashes(full: ReportData) -> None:
    curve = [*full.curve, {"step": 2000, "seconds": 90.0, "loss": float("nan"), "ndcg": float("nan")}]
    page = Page(render(replace(full, curve=curve)))
    assert ["2,000", "90.0", "–", "–"] in page.cells() and "nan" not in page.text.split()


def test_attention_is_called_a_picture(full: ReportData) -> None:
    text = Page(render(full)).text
    assert "This is a picture of the machine at work and not a reason" in text
    assert "这只是模型运行时的一幅图，不是理由" in Page(render(full, language="zh")).text


def test_page_in_chinese_is_chinese(full: ReportData) -> None:
    text = Page(render(full, language="zh")).text
    for english in ("Rejected", "customers", "The model", "within", "bought", "Number", "Share", "Next:"):
        own = [full.customers[0].id, HOSTILE, "because you bought", "because you put", "because you looked"]
        for word in own:
            text = text.replace(word, "")
        assert english not in text.replace("bought Red lamp", ""), english


def test_figures_follow_the_money_and_the_time(full: ReportData) -> None:
    assert "£16,382,583 revenue before returns" in swapped(full, "GBP") and "CN¥16,382,583" in swapped(full, "CNY")
    assert "from 1 Dec 2009 to 9 Dec 2011" in Page(render(full)).text
    plain = replace(full, totals=Totals(events=3, customers=2, items=1))
    assert "revenue" not in Page(render(plain)).text


def test_chances_that_beat_no_baseline_are_called_unproven(full: ReportData) -> None:
    said = "did not show these chances to be better than a simple rule: within 30 days."
    assert said not in Page(render(full)).text  # the fixture's evaluation found them better
    assert full.evaluation is not None
    (horizon,) = full.evaluation["propensity"]
    for outcome in ("worse", "open", "small"):
        found = {**horizon, "verdict": {**horizon["verdict"], "outcome": outcome}}
        page = replace(full, evaluation={**full.evaluation, "propensity": [found]})
        assert Page(render(page)).text.count(said) == 1  # of the customer the model answers, not of the base rate's
        assert "优于简单规则：30 天内" in Page(render(page, language="zh")).text


def swapped(data: ReportData, currency: str) -> str:
    """Text of the page in another currency, each figure before its name as the eye reads them."""
    text = Page(render(replace(data, currency=currency))).text
    return re.sub(r"(revenue before returns) (\S+)", r"\2 \1", text)


def luminance(colour: str) -> float:
    full = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
    parts = [int(full[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_are_told_apart_in_light_dark_and_print() -> None:
    sheet = render(EMPTY)
    palettes = re.findall(r":root \{([^}]*--paper[^}]*)\}", sheet)
    assert len(palettes) == 3
    for palette in palettes:
        colours = dict(re.findall(r"--(\w+): #(\w+)", palette))
        paper = luminance(colours["paper"])
        for name, least in (("ink", 7.0), ("quiet", 4.5), ("ours", 4.5), ("other", 3.0)):
            low, high = sorted((luminance(colours[name]), paper))
            assert (high + 0.05) / (low + 0.05) >= least, (name, palette)


def test_write_replaces_a_page_whole(full: ReportData, tmp_path: Path) -> None:
    path = tmp_path / "reports" / "page.html"
    assert write(EMPTY, path) == path
    write(full, path, language="zh")
    assert path.read_text(encoding="utf-8") == render(full, language="zh")
    assert [one.name for one in path.parent.iterdir()] == ["page.html"]


def test_write_refuses_an_unknown_language(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown language 'fr'"):
        write(EMPTY, tmp_path / "page.html", language="fr")
    assert list(tmp_path.iterdir()) == []

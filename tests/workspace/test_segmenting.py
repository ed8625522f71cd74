"""Segments of a workspace: kept with ids that survive, rules, members, lookalikes, and every refusal in one line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

import regard
from regard.cli.app import run
from regard.customers.segments import clusters
from regard.errors import ConsentError, InputError, ModelError, UsageError
from regard.model.runtime.horizon import Outlook
from regard.sequences.log import Log
from regard.workspace import audience

SCHEMAS = Path(regard.__file__).parent / "schemas"
WIDTH = 6


class Seeing:
    """A model that sees two kinds of customers, by the parity of what they have done, in a space of its own."""

    def __init__(self, folder: Path) -> None:
        told = json.loads((folder / "seeing.json").read_text())
        from regard.sequences.vocabulary import Vocabulary

        self.name, self.card = folder.name, {"steps": 1}
        self.view_items, self.behaviours = Vocabulary(told["items"]), tuple(told["behaviours"])
        self.item_vectors = np.zeros((len(self.view_items), WIDTH), np.float32)
        self.seed, self.width, self.horizon = told["seed"], told["width"], self

    def score(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        return np.zeros((len(queries), len(self.view_items)), np.float32)

    def propensity(self, queries: Log, asof: np.ndarray, horizons_days: np.ndarray) -> np.ndarray:
        return np.full((len(queries), len(horizons_days)), 0.25, np.float32)

    def facts(self, queries: Log, asof: np.ndarray) -> Log:
        return queries

    def chances(self, facts: Log, horizons_days: np.ndarray) -> np.ndarray:
        return np.full((len(facts), len(horizons_days)), 0.25)

    def outlook(self, facts: Log, horizons_days: np.ndarray) -> Outlook:
        part = np.tile(np.linspace(0.1, 0.9, len(facts))[:, None], (1, len(horizons_days)))
        return Outlook(**{field.name: part for field in fields(Outlook)})

    def states(self, queries: Log, asof: np.ndarray) -> np.ndarray:
        kind = np.array([int(name[1:]) % 2 for name in queries.customers.ids.to_pylist()])
        turn = np.linalg.qr(np.random.default_rng(self.seed).normal(size=(self.width, self.width)))[0]
        noise = np.random.default_rng(9).normal(size=(len(queries), self.width))
        return ((np.eye(self.width)[kind] + 0.1 * noise) @ turn).astype(np.float32)


def see(shop: regard.Workspace, *, seed: int = 0, width: int = WIDTH) -> None:
    """Register another model that sees."""
    name, folder = shop.models.begin(resume=False)
    log = shop.log()
    told = {"items": log.items.ids.to_pylist(), "behaviours": log.behaviours, "seed": seed, "width": width}
    (folder / "seeing.json").write_text(json.dumps(told))
    shop.models.add(name, shop.store.version)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clusters are looked for briefly, and models are those that see."""
    brief = clusters.Settings(counts=(2,), widths=(2,), screen=1, rerun=2, proof=2, finalists=1, members=10)
    monkeypatch.setattr(clusters, "Settings", lambda: brief)
    monkeypatch.setattr("regard.workspace.workspace._load", Seeing)
    yield


@pytest.fixture
def shop(shop_folder: Path, quick: None) -> regard.Workspace:
    shop = regard.open(shop_folder)
    see(shop)
    return shop


def more(shop: regard.Workspace, customers: list[str]) -> None:
    """Somebody does something later."""
    day = pd.Timestamp(int(shop.log().time.max()), unit="s") + pd.Timedelta(days=1)
    item = shop.log().items.id(0)
    rows = {"customer": customers, "behaviour": "view_item", "item": item, "time": day.strftime("%Y-%m-%dT%H:%M:%SZ")}
    shop.ingest(pd.DataFrame(rows))


def test_without_a_model_the_rfm_grid_is_told(shop_folder: Path, quick: None) -> None:
    shop = regard.open(shop_folder)
    told, of_one = shop.segments(), shop.segments_of(shop.log().customers.id(0))
    assert told.segments == () and told.others is None and "regard train" in told.notes[0]
    assert of_one.cluster is None and of_one.notes == told.notes[-1:]
    assert sum(cell.size for cell in told.rfm) > 0


def test_clusters_are_found_once_and_kept(shop: regard.Workspace) -> None:
    first = shop.segments()
    assert [card.id for card in first.segments] in (["s1", "s2"], ["s2", "s1"])
    assert sum(card.size for card in first.segments) + (first.others or 0) == first.customers
    assert all(card.examples[0].timeline and card.use and card.stability for card in first.segments)
    assert regard.open(shop.folder).segments() == first
    assert len(first.fits) == 1 and first.fits[0].renewed is None


@pytest.mark.parametrize("width", [WIDTH, WIDTH + 1])
def test_ids_and_names_survive_a_refit_in_another_space(shop: regard.Workspace, width: int, tmp_path: Path) -> None:
    first = {card.id: card for card in shop.segments().segments}
    someone = shop.log().customers.id(0)
    see(shop, seed=5, width=width)
    more(shop, [someone, "C77777"])
    again = shop.segments()
    assert {card.id: card.name for card in again.segments} == {id: card.name for id, card in first.items()}
    assert again.fits[0].model == "m2" and (again.fits[0].stayed or 0) > 0.95 and len(again.fits) == 2
    assert sum(flow.customers for card in again.segments for flow in card.flows_in if flow.segment == "new") == 1
    kept = list((shop.folder / "models").glob("*/segments/*"))
    assert [path.parent.parent.name for path in kept] == ["m2"]
    assert {path.suffix for path in kept[0].iterdir()} == {".json", ".safetensors", ".parquet"}


def test_a_rule_counts_saves_and_tells_how_it_grew(shop: regard.Workspace) -> None:
    told = shop.segments("churn_30d > 0.4 and orders >= 1", save="at risk")
    (card,) = told.rules
    assert (card.id, card.rule, card.growth) == ("at risk", "churn_30d > 0.4 and orders >= 1", None)
    saved = {card.id: card for card in shop.segments().rules}["at risk"]
    assert (saved.size, saved.growth) == (card.size, 0)
    assert shop.segments("lifecycle is not null and aipl is not null and place is null or events > 0").rules[0].size
    clustered = shop.segments('segment = "s1"').rules[0]
    assert clustered.size == next(one.size for one in shop.segments().segments if one.id == "s1")


def test_what_a_csv_declares_is_tested_by_its_kind(shop: regard.Workspace, tmp_path: Path) -> None:
    everybody = shop.log().customers.ids.to_pylist()
    yes = ("true", "Yes", "是", "1", "2024年3月1日", "2024-03-01", "00123", "12.5", "yes")
    no = ("false", "no", "否", "0", "2023年12月9日", "2023-12-09", "00456", "7", "maybe")
    heads = ("member", "letters", "会员", "flag", "signed_up", "last_call", "code", "points", "answer")
    path = tmp_path / "customers.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("customer_id", *heads))
        lines.writerows((name, *(yes if place % 3 == 0 else no)) for place, name in enumerate(everybody[:30]))
        lines.writerow((everybody[30], *[""] * len(heads)))
    shop.ingest(customers=path)
    met = [
        "member = true", "letters = true", '"会员" = true', "flag = 1", "signed_up >= 2024-01-01", "last_call = 2024-03-01",
        'code = "00123"', "points > 10", 'answer = "yes"', "not (member = false) and member is not null",
    ]  # fmt: skip
    for rule in met:
        assert shop.segments(rule).rules[0].size == 10, rule
    (card,) = shop.segments("letters != true").rules
    assert card.size == 20 and "letters" not in {index.field for index in card.over_indexes}
    assert {"member", "会员"} & {index.field for index in card.over_indexes}
    for rule, line in (
        ('member = "true"', r"is true or false, but .* with a text \(member = true\)"),
        ("flag = true", r"is a number, but .* \(write 1 for true\)"),
        ("answer = true", r'is a text, but .* \(quote it: "true"\)'),
        ("member > true", "compare it with = or !="),
    ):
        with pytest.raises(UsageError, match=line):
            shop.segments(rule)


def test_members_are_written_with_reasons(shop: regard.Workspace, tmp_path: Path) -> None:
    shop.segments('value_tier = "gold"', save="gold")
    told = shop.segments()
    sizes = {card.id: card.size for card in (*told.segments, *told.rules)}
    sizes[told.rfm[0].cell] = told.rfm[0].size
    for id, size in sizes.items():
        file = shop.members(id, tmp_path / "m.csv")
        rows = list(csv.DictReader((tmp_path / "m.csv").open(encoding="utf-8-sig")))
        assert file.customers == len(rows) == size and {row["segment"] for row in rows} == {id}
        assert id not in ("gold", told.rfm[0].cell) or all(row["reasons"] for row in rows)
    shop.members("gold", tmp_path / "gold.csv")
    assert "value_tier gold" in (tmp_path / "gold.csv").read_text("utf-8-sig")


def test_who_is_in_which_segment_and_what_two_share(shop: regard.Workspace, tmp_path: Path) -> None:
    shop.segments("orders > 1", save="more")
    shop.segments('segment = "s1" and orders > 1', save="more of s1")
    cards = {card.id: card.size for card in (*shop.segments().segments, *shop.segments().rules)}
    shared = shop.overlap("s1", "more")
    assert shared.both == cards["more of s1"] and shared.customers == (cards["s1"], cards["more"])
    assert shared.shares[1] == pytest.approx(shared.both / cards["more"])
    assert shared.lift == pytest.approx(shared.both * shared.everybody / cards["s1"] / cards["more"])
    assert (shop.overlap("s1", "s2").both, shop.overlap("s1", "s1").shares) == (0, (1.0, 1.0))
    belongings = [shop.segments_of(name) for name in shop.log().customers.ids.to_pylist()]
    assert sum(found.cluster == "s1" for found in belongings) == cards["s1"]
    assert sum("more" in found.rules for found in belongings) == cards["more"]
    with pytest.raises(UsageError, match="no segment 's9'"):
        shop.overlap("s1", "s9")
    with pytest.raises(InputError, match="no customer 'zz'"):
        shop.segments_of("zz")
    shop.ingest(customers=pd.DataFrame({"customer": ["C00001"], "consent": [False]}))
    with pytest.raises(ConsentError, match="consent"):
        shop.segments_of("C00001")


def test_lookalikes_of_a_seed(shop: regard.Workspace, tmp_path: Path) -> None:
    even = [name for name in shop.log().customers.ids.to_pylist() if int(name[1:]) % 2 == 0]
    seed = tmp_path / "seed.csv"
    seed.write_text("Customer ID,note\n" + "".join(f"{name},x\n" for name in even[:15]))
    found = shop.lookalike(seed, 10, out=tmp_path / "audience.csv")
    assert sum(int(one.customer[1:]) % 2 == 0 for one in found.customers) >= 9
    assert shop.lookalike(even[:15], 10) == found
    bare = tmp_path / "bare.txt"
    for header in ("", "user_id\n"):
        bare.write_text(header + "".join(f"{name}\n" for name in even[:15]))
        assert shop.lookalike(bare, 10) == found
    rows = list(csv.reader((tmp_path / "audience.csv").open(encoding="utf-8-sig")))
    assert rows[0] == ["customer", "score", "reasons"] and len(rows) == 11


def test_strangers_and_the_unasked_in_a_seed_are_refused_unless_passed_over(
    shop: regard.Workspace, tmp_path: Path
) -> None:
    everybody = shop.log().customers.ids.to_pylist()
    with pytest.raises(InputError, match="1 of the seed's 13 customers are not known here, such as 'zz'"):
        shop.lookalike([*everybody[:12], "zz"], 5)
    shop.ingest(customers=pd.DataFrame({"customer": everybody, "consent": [n != 3 for n in range(len(everybody))]}))
    with pytest.raises(ConsentError, match="consent"):
        shop.lookalike(everybody[:12], 5)
    found = shop.lookalike([*everybody[:12], "zz"], 5, known_only=True)
    assert (found.seed, found.unknown) == (11, 2)
    told = shop.segments("events >= 1")
    assert told.customers == len(everybody) - 1
    shop.segments("events >= 1", save="all")
    shop.members("all", tmp_path / "all.csv")
    assert everybody[3] not in (tmp_path / "all.csv").read_text("utf-8-sig")
    assert everybody[3] not in json.dumps(shop.segments().to_json())


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ({"rule": "chrun_30d > 0.4"}, "no column 'chrun_30d'"),
        ({"rule": 'churn_30d > "high"'}, "'churn_30d' is a number"),
        ({"rule": "orders > 100000"}, "nobody meets the rule"),
        ({"rule": "orders >="}, "expected"),
        ({"rule": "orders > 0", "save": "s1"}, "is the id of a cluster"),
        ({"rule": "orders > 0", "save": "champions"}, "RFM cell"),
        ({"rule": "orders > 0", "save": " \n"}, "one line"),
        ({"save": "x"}, "only a rule can be saved"),
    ],
)
def test_what_is_wrong_is_one_clear_line(shop: regard.Workspace, how: dict[str, str], line: str) -> None:
    with pytest.raises(UsageError, match=line) as caught:
        shop.segments(**how)
    assert "\n" not in str(caught.value)


def test_nobody_and_nothing_are_refused(shop: regard.Workspace, shop_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no segment 's99'"):
        shop.members("s99", tmp_path / "m.csv")
    with pytest.raises(InputError, match="no customers to segment"):
        regard.init(tmp_path / "empty").segments()
    untrained = regard.init(tmp_path / "untrained")
    row = {"customer": ["a"], "item": ["x"], "behaviour": ["purchase"], "time": ["2026-01-01"]}
    untrained.ingest(pd.DataFrame(row))
    with pytest.raises(ModelError, match="needs a trained model"):
        untrained.lookalike(["a"])


def test_no_cell_of_a_file_is_run_by_a_spreadsheet(tmp_path: Path) -> None:
    cells = ["=1+1", "+1", "-1", "@x", "\t=1", "＝1", "plain", "a,b\nc", "", "顾客"]
    audience.write(tmp_path / "a.csv", ("customer",), ([cell] for cell in cells))
    rows = [row[0] if row else "" for row in csv.reader((tmp_path / "a.csv").open(encoding="utf-8-sig", newline=""))]
    assert not any(row[:1] in tuple(audience.FORMULA) for row in rows[1:] if row)
    assert [audience.plainly(row) for row in rows[1:]] == cells


def told(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        run([str(word) for word in words])
    said = capsys.readouterr()
    assert end.value.code == code, said.err
    return said.out if code == 0 else said.err


def checked(schema: str, text: str) -> Any:
    data = json.loads(text)
    Draft202012Validator(json.loads((SCHEMAS / f"{schema}.json").read_text("utf-8"))).validate(data)
    return data


def test_the_command_line_in_both_languages_and_as_json(
    shop: regard.Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shop.folder
    data = checked("segments", told(capsys, "segments", folder, "--json"))
    assert data["segments"][0]["examples"][0]["timeline"]
    see(shop, seed=3)
    english, chinese = told(capsys, "segments", folder), told(capsys, "segments", folder, "--lang", "zh")
    assert "clusters of" in english and "The RFM grid" in english and "stayed" in english
    assert "聚类客群" in chinese and "RFM 网格" in chinese
    assert checked("segments", told(capsys, "segments", folder, "--json"))["fits"][0]["model"] == "m2"
    rule = checked("segments", told(capsys, "segments", folder, "--rule", "orders > 1", "--save", "more", "--json"))
    assert rule["rules"][0]["id"] == "more"
    words = ("segments", folder, "--members", "more", "--out", tmp_path / "m.csv")
    assert checked("members", told(capsys, *words, "--json"))["customers"] == rule["rules"][0]["size"]
    someone = shop.log().customers.id(0)
    assert checked("belonging", told(capsys, "segments", folder, "--of", someone, "--json"))["cluster"]
    shared = checked("overlap", told(capsys, "segments", folder, "--overlap", "more", "s1", "--json"))
    assert shared["customers"][0] == rule["rules"][0]["size"]
    assert re.search(r"\bs[12]\b", told(capsys, "segments", folder, "--of", someone))
    assert "in both" in told(capsys, "segments", folder, "--overlap", "more", "s1")
    assert "共有" in told(capsys, "segments", folder, "--overlap", "more", "s1", "--lang", "zh")
    assert "one at a time" in told(capsys, "segments", folder, "--of", someone, "--rule", "orders > 1", code=2)
    seed = ("lookalike", folder, tmp_path / "m.csv", "-n", 3, "--out", tmp_path / "a.csv")
    assert len(checked("lookalike", told(capsys, *seed, "--json"))["customers"]) == 3
    assert "hidden fifth" in told(capsys, *seed)
    assert "no column 'x'" in told(capsys, "segments", folder, "--rule", "x = 1", code=2)
    assert "go together" in told(capsys, "segments", folder, "--members", "s1", code=2)
    (tmp_path / "s.csv").write_text("customer\nzz\n")
    assert "not known here" in told(capsys, "lookalike", folder, tmp_path / "s.csv", code=1)

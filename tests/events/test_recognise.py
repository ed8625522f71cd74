"""Which column is which field, and what is asked instead of guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from regard.config import Config
from regard.errors import InputError, UsageError
from regard.events.mapping import Mapping
from regard.events.names import BEHAVIOUR_WORDS, behaviour_of, plain
from regard.events.read import open_source
from regard.events.recognise import recognise
from regard.events.schema import BEHAVIOURS


def look(folder: Path, text: str, config: Config | None = None, **overrides: str) -> Mapping:
    path = folder / "log.csv"
    path.write_text(text, encoding="utf-8")
    return recognise(open_source(path), overrides=overrides, config=config or Config())


LOG = "user_id,item_id,event,timestamp\nu1,i1,view,1700000000\nu2,i2,spin_wheel,1700000001\n"


def test_every_behaviour_is_known_by_its_own_name() -> None:
    assert all(behaviour_of(name) == name for name in BEHAVIOURS)
    assert set(BEHAVIOUR_WORDS.values()) <= set(BEHAVIOURS)
    assert all(word == plain(word) for word in BEHAVIOUR_WORDS)


def test_unknown_words_are_kept_and_the_shop_may_name_its_own(tmp_path: Path) -> None:
    assert look(tmp_path, LOG).behaviours == {"view": "view_item", "spin_wheel": "spin_wheel"}
    own = Config(behaviours={"Spin Wheel": "play", "view": "impression"})
    assert look(tmp_path, LOG, own).behaviours == {"view": "impression", "spin_wheel": "play"}


def test_two_equally_good_columns_are_a_question(tmp_path: Path) -> None:
    text = "user_id,customer_id,item_id,event,timestamp\n1,2,3,view,1700000000\n"
    with pytest.raises(InputError, match="could each be the customer") as caught:
        look(tmp_path, text)
    assert "--map customer=" in caught.value.hint
    mapping = look(tmp_path, text, customer="customer_id")
    assert mapping.columns["customer"] == ("customer_id",)
    assert mapping.extra == ("user_id",)


def test_columns_told_before_are_used_where_they_exist(tmp_path: Path) -> None:
    config = Config(columns={"item": "variant", "customer": "who"})
    mapping = look(tmp_path, "user_id,item_id,variant,event,timestamp\n1,2,3,view,1700000000\n", config)
    assert mapping.columns["item"] == ("variant",)
    assert mapping.columns["customer"] == ("user_id",)


def test_overrides_meet_columns_whatever_their_spelling(tmp_path: Path) -> None:
    text = "Who Bought,Thing,When\na,b,2024-03-01\n"
    mapping = look(tmp_path, text, customer="who_bought", item="Thing", time="#3", behaviour="purchase")
    assert mapping.columns == {"customer": ("Who Bought",), "item": ("Thing",), "time": ("When",)}
    assert mapping.behaviour == "purchase"
    assert any("every row is 'purchase'" in row[2] for row in mapping.describe())


def test_a_field_may_be_left_out(tmp_path: Path) -> None:
    mapping = look(tmp_path, LOG, time="")
    assert mapping.clock == "none"
    assert "time" not in mapping.columns
    assert mapping.extra == ("timestamp",)


def test_behaviours_that_cannot_be_told_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="behaviour=view_item"):
        look(tmp_path, "user_id,item_id,timestamp\n1,2,1700000000\n")
    many = "user_id,item_id,event,timestamp\n" + "".join(f"1,2,e{at},1700000000\n" for at in range(300))
    with pytest.raises(InputError, match="different words"):
        look(tmp_path, many)


@pytest.mark.parametrize(
    ("header", "row", "behaviour"),
    [
        ("user,item,rating,timestamp", "1,2,4.5,1700000000", "rating"),
        ("reviewerID,asin,overall,reviewText,unixReviewTime", "A,B,5.0,good,1393545600", "review"),
        ("household_id,basket_id,product_id,sales_value,transaction_timestamp", "1,2,3,4,2017-01-28", "purchase"),
        ("user_id,search_term,timestamp", "1,tea,1700000000", "search"),
    ],
)
def test_what_every_row_is(tmp_path: Path, header: str, row: str, behaviour: str) -> None:
    assert look(tmp_path, f"{header}\n{row}\n").behaviour == behaviour


def test_an_order_total_is_not_the_value_of_a_line(tmp_path: Path) -> None:
    mapping = look(tmp_path, "customer,order_id,sku,qty,unit_price,total,order_date\na,1,x,2,3,99,2024-03-01\n")
    assert "value" not in mapping.columns
    assert mapping.extra == ("total",)
    alone = look(tmp_path, "customer,order_id,total,order_date\na,1,99,2024-03-01\n")
    assert alone.columns["value"] == ("total",)


def test_no_header_and_no_known_form_is_a_question(tmp_path: Path) -> None:
    text = "17,3,view,1700000000\n18,4,buy,1700000001\n"
    with pytest.raises(InputError, match="no header") as caught:
        look(tmp_path, text)
    assert "customer=#1" in caught.value.hint
    mapping = look(tmp_path, text, customer="#1", item="#2")
    assert mapping.columns == {"customer": ("#1",), "behaviour": ("#3",), "item": ("#2",), "time": ("#4",)}


def test_wrong_words_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no field 'colour'"):
        look(tmp_path, LOG, colour="event")
    with pytest.raises(UsageError, match="no such column"):
        look(tmp_path, LOG, behaviour="frobnicate")
    with pytest.raises(UsageError) as caught:
        look(tmp_path, LOG, foo="event")
    assert "the fields are customer, behaviour, item, time," in str(caught.value.hint)
    with pytest.raises(UsageError) as caught:
        look(tmp_path, LOG, timeformat="dmy")
    assert caught.value.hint == "did you mean time_format?"


def test_the_description_names_every_field_and_its_column(tmp_path: Path) -> None:
    rows = look(tmp_path, LOG).describe()
    assert ("customer", "user_id", "") in rows
    assert ("time", "timestamp", "seconds since 1970") in rows
    assert ("behaviour", "event", "view = view_item, spin_wheel = spin_wheel") in rows

"""Items and customers tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from regard.errors import InputError, UsageError
from regard.events.read import Table, open_source, read_table


def read(given: Any, kind: Any = "items", **overrides: str) -> tuple[Table, list[dict[str, Any]]]:
    with duckdb.connect() as connection:
        table = read_table(connection, open_source(given), kind=kind, overrides=overrides, table="t")
        result = connection.execute("SELECT * FROM t")
        names = [column[0] for column in result.description]
        return table, [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def make(folder: Path, text: str) -> Path:
    path = folder / "items.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_usual_columns_get_their_names_and_the_others_their_types(tmp_path: Path) -> None:
    text = """Product ID,Title,Category,Brand,Price,Launched,Stock,EAN,Note
p1,"Mug, red",Kitchen,Pots,"£9.50",2024-03-01,12,0012,fine
p2,Cap,Apparel,,12,2024-04-01,,0044,NULL
p1,Mug red,Kitchen,Pots,8.50,2024-03-02,11,0012,
,Ghost,,,,,,,
"""
    table, rows = read(make(tmp_path, text))
    assert (table.rows, table.missing, table.repeated) == (2, 1, 1)
    assert rows[1] == {
        "item": "p1",
        "item_name": "Mug red",
        "category": "Kitchen",
        "brand": "Pots",
        "price": 8.5,
        "Launched": date(2024, 3, 2),
        "Stock": 11.0,
        "EAN": "0012",
        "Note": None,
    }
    assert rows[0]["price"] == 12.0
    assert rows[0]["brand"] is None


def test_chinese_names_and_a_file_without_header(tmp_path: Path) -> None:
    _, rows = read(make(tmp_path, "商品编号,名称,类目,价格\n7,茶壶,厨具,25.5\n"))
    assert rows == [{"item": "7", "item_name": "茶壶", "category": "厨具", "price": 25.5}]
    path = tmp_path / "movies.dat"
    path.write_text("1::Toy Story (1995)::Animation|Comedy\n2::Jumanji (1995)::Adventure\n", encoding="latin-1")
    _, rows = read(path, item="#1", item_name="#2", category="#3")
    assert rows[0] == {"item": "1", "item_name": "Toy Story (1995)", "category": "Animation|Comedy"}


def test_prices_with_points_and_commas(tmp_path: Path) -> None:
    _, rows = read(make(tmp_path, 'sku,price\na,5.99\nb,"12,95"\nc,7.50\nd,"1.234,50"\ne,"1,234.50"\n'))
    assert [row["price"] for row in rows] == [5.99, 12.95, 7.5, 1234.5, 1234.5]


def test_customers_from_a_frame() -> None:
    frame = pd.DataFrame({"CustomerID": [17850.0, 13047.0], "age": [31, 44], "city": ["York", None]})
    table, rows = read(frame, kind="customers")
    assert rows[0] == {"customer": "17850", "age": 31, "city": "York"}
    assert table.columns == {"customer": "CustomerID", "age": "age", "city": "city"}


def test_names_that_collide_stay_apart(tmp_path: Path) -> None:
    _, rows = read(make(tmp_path, "sku,Item,line,Line\np1,x,1,2\n"), item="sku")
    assert sorted(rows[0]) == ["Item_", "Line__", "item", "line_"]


def test_what_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="item=COLUMN"):
        read(make(tmp_path, "colour,size\nred,5\n"))
    with pytest.raises(UsageError, match="did you mean 'sku_'"):
        read(make(tmp_path, "sku_,a\nred,5\n"), item="skuu")
    with pytest.raises(InputError, match="no row with an item"):
        read(make(tmp_path, "sku,a\n,5\n"))

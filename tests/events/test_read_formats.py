"""Every export a shop may bring along, as small as it can be, read from file to events."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regard.config import Config
from regard.events.mapping import Mapping
from regard.events.read import expand_sources, open_source, stage
from regard.events.recognise import recognise

ReadOf = Callable[..., Any]
Write = Callable[..., Path]

ONLINE_RETAIL = """Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
489434,85048,"GLASS BALL, 20 LIGHTS",12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom
C489449,22087,PAPER BUNTING,-12,2009-12-01 10:33:00,2.95,16321.0,Australia
489450,POST,POSTAGE,1,2009-12-01 10:34:00,0.00,,France
489451,22087,PAPER BUNTING,-2,2009-12-01 10:35:00,2.95,16321.0,Australia
"""


def test_online_retail(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    read = read_of(write(tmp_path, ONLINE_RETAIL))
    assert read.events[0] == {
        "customer": "13085",
        "behaviour": "purchase",
        "item": "85048",
        "time": datetime(2009, 12, 1, 7, 45),
        "order": "489434",
        "quantity": 12.0,
        "price": 6.95,
        "value": 83.4,
        "place": "United Kingdom",
        "item_name": "GLASS BALL, 20 LIGHTS",
        "file": 3,
        "line": 1,
    }
    assert read.column("behaviour") == ["purchase", "refund", "refund"]
    assert [(line, reason) for line, reason, _ in read.rejects] == [(3, "no customer")]
    assert read.mapping.clock == "clock"


def test_online_retail_of_the_other_year(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    text = ONLINE_RETAIL.replace(ONLINE_RETAIL.splitlines()[0], header)
    read = read_of(write(tmp_path, text))
    assert read.column("price") == [6.95, 2.95, 2.95]
    assert read.column("customer") == ["13085", "16321", "16321"]


def test_taobao_without_header(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    text = "1,2268318,2520377,pv,1511544070\n1,2333346,2520771,buy,1511561733\n2,2576651,149192,fav,1511572885\n"
    read = read_of(write(tmp_path, text))
    assert read.column("behaviour") == ["view_item", "purchase", "favourite"]
    assert read.column("item")[0] == "2268318"
    assert read.column("category")[0] == "2520377"
    assert read.column("time")[0] == datetime(2017, 11, 24, 17, 21, 10)
    assert read.column("line") == [1, 2, 3]


def test_movielens(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    read = read_of(
        write(tmp_path, "1::1193::5::978300760\n1::661::3::978302109\n2::914::3::978301968\n", name="ratings.dat")
    )
    assert read.column("behaviour") == ["rating"] * 3
    assert read.column("rating") == [5.0, 3.0, 3.0]
    assert read.column("item") == ["1193", "661", "914"]


def test_retailrocket(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    text = """timestamp,visitorid,event,itemid,transactionid
1433221332117,257597,view,355908,
1433224214164,992329,addtocart,248676,
1433222276276,599528,transaction,356475,4000
"""
    read = read_of(write(tmp_path, text))
    assert read.column("behaviour") == ["view_item", "add_to_cart", "purchase"]
    assert read.column("time")[0] == datetime(2015, 6, 2, 5, 2, 12, 117000)
    assert read.column("order") == [None, None, "4000"]


def test_rees46(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    text = """event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session
2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3-4e00-8c23-a032dfed738c
2019-10-01 00:00:01 UTC,cart,3900821,2053013552326770905,appliances.water_heater,aqua,33.20,554748717,9333dfbd-b87a-4708
"""
    read = read_of(write(tmp_path, text))
    assert read.column("behaviour") == ["view_item", "add_to_cart"]
    assert read.column("customer") == ["541312140", "554748717"]
    assert read.column("session")[1] == "9333dfbd-b87a-4708"
    assert read.column("category")[1] == "appliances.water_heater"
    assert read.column("time")[1] == datetime(2019, 10, 1, 0, 0, 1)


def test_sessions_stand_for_customers_and_the_behaviour_is_asked_for(
    tmp_path: Path, read_of: ReadOf, write: Write
) -> None:
    path = write(tmp_path, "SessionId\tItemId\tTime\n1\t214536502\t1396860669.277\n2\t214536506\t1396860886.998\n")
    with pytest.raises(Exception, match="behaviour=view_item"):
        read_of(path)
    read = read_of(path, behaviour="view_item")
    assert read.column("customer") == ["1", "2"]
    assert read.column("time")[0] == datetime(2014, 4, 7, 8, 51, 9, 277000)
    assert any("SessionId" in note for note in read.mapping.notes)


def test_columns_apart_by_blanks(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    path = write(tmp_path, "userId itemId rate date\nAE7 B00V 5.0 2016-06-13\nAGJ B01M 4.0 2018-01-22\n", name="de.txt")
    read = read_of(path)
    assert read.column("behaviour") == ["rating", "rating"]
    assert read.column("time") == [datetime(2016, 6, 13), datetime(2018, 1, 22)]
    aligned = write(
        tmp_path, " customer_id  date number_of_cds  dollar_value\n 00001 19970101  1   11.77\n", name="cd.txt"
    )
    read = read_of(aligned)
    assert read.events[0] | {"file": 3} == {
        "customer": "00001",
        "behaviour": "purchase",
        "time": datetime(1997, 1, 1),
        "quantity": 1.0,
        "value": 11.77,
        "file": 3,
        "line": 1,
    }


def test_positions_without_a_clock(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    path = write(tmp_path, "user,pos,movie,rating\n1,0,3186,4\n1,1,1270,5\n")
    read = read_of(path)
    assert (read.mapping.clock, read.column("position")) == ("order", [0, 1])
    pairs = write(tmp_path, "user,item\na,x\na,y\n", name="pairs.csv")
    assert read_of(pairs, behaviour="view_item").mapping.clock == "none"
    ordered = read_of(pairs, behaviour="view_item", position="#row")
    assert (ordered.mapping.clock, ordered.column("position")) == ("order", [1, 2])


CHINESE = """用户,商品,行为,时间,数量,单价,订单号,类目,品牌
张三,茶壶,加购,2024年03月01日 00:48:00,1,25.5,,厨具,景德
李四,茶杯,购买,2024年03月02日 10:00:00,2,9,N7,厨具,
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_chinese_in_every_encoding(tmp_path: Path, encoding: str, read_of: ReadOf, write: Write) -> None:
    read = read_of(write(tmp_path, CHINESE, encoding=encoding), Config(time_zone="Asia/Shanghai"))
    assert read.column("customer") == ["张三", "李四"]
    assert read.column("item") == ["茶壶", "茶杯"]
    assert read.column("behaviour") == ["add_to_cart", "purchase"]
    assert read.column("time") == [datetime(2024, 2, 29, 16, 48), datetime(2024, 3, 2, 2, 0)]
    assert read.column("value") == [25.5, 18.0]
    assert read.column("order") == [None, "N7"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_semicolons_and_decimal_commas(tmp_path: Path, encoding: str, read_of: ReadOf, write: Write) -> None:
    text = """Kunde;product_id;order_id;order_date;quantity;price
Müller;Tür-1;A1;01.03.2024;2;1.234,50
Groß;Öl-2;A2;15.03.2024 14:30;1;0,99
"""
    read = read_of(write(tmp_path, text, encoding=encoding), customer="Kunde")
    assert read.column("customer") == ["Müller", "Groß"]
    assert read.column("price") == [1234.5, 0.99]
    assert read.column("value") == [2469.0, 0.99]
    assert read.column("time") == [datetime(2024, 3, 1), datetime(2024, 3, 15, 14, 30)]
    assert read.mapping.comma == ("price",)


@pytest.mark.parametrize(
    ("cells", "prices"),
    [
        (["5.99", "12,95", "7.50"], [5.99, 12.95, 7.5]),
        (["71,65", "1.234,50", "12.95", "1.234", "9,5", "0.125"], [71.65, 1234.5, 12.95, 1234, 9.5, 0.125]),
        (["5.99", "7.50", "1.234,50", "1,234.50", "1,234", "1.234"], [5.99, 7.5, 1234.5, 1234.5, 1234, 1.234]),
        (["€ 12,95", "-1.234.567", "(3,5)", "₹1,23,456.70"], [12.95, -1234567, -3.5, 123456.7]),
        (["1,2", "0,125", "1234,567", "5.", ",5"], [1.2, 0.125, 1234.567, 5, None]),
        (["1.5", "2.5", "3", "1.234,567.8", "1,2,3", "12.34,5"], [1.5, 2.5, 3, None, None, None]),
        (["1,5", "2,5", "1.2.3,4", "1.23.456"], [1.5, 2.5, None, None]),
    ],
)
def test_each_number_is_read_by_its_own_marks(
    tmp_path: Path, cells: list[str], prices: list[float | None], read_of: ReadOf, write: Write
) -> None:
    rows = "".join(f'u{n};i{n};buy;1700000000;"{cell}"\n' for n, cell in enumerate(cells))
    read = read_of(write(tmp_path, "user_id;item_id;event;timestamp;price\n" + rows))
    assert read.column("price") == [price for price in prices if price is not None]
    assert [reason for _, reason, _ in read.rejects] == ["unreadable price"] * prices.count(None)


def test_tabs_and_carriage_returns_and_gzip(tmp_path: Path, read_of: ReadOf) -> None:
    text = "user_id\titem_id\tevent\ttimestamp\r\nu1\ti1\tview\t1700000000\r\nu2\ti2\tbuy\t1700000001\r\n"
    path = tmp_path / "log.tsv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    read = read_of(path)
    assert read.column("item") == ["i1", "i2"]
    assert read.column("behaviour") == ["view_item", "purchase"]


def test_shopify_orders_are_filled_down(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    text = """Name,Email,Financial Status,Total,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Created at
#1001,ann@example.com,paid,35.00,1,Red mug,10.00,MUG-R,2024-03-01 10:00:00 +0100
#1001,,,,2,Blue mug,12.50,MUG-B,2024-03-01 10:00:00 +0100
#1002,bob@example.com,refunded,10.00,1,Red mug,10.00,MUG-R,2024-03-02 11:00:00 +0100
"""
    read = read_of(write(tmp_path, text))
    assert read.column("customer") == ["ann@example.com", "ann@example.com", "bob@example.com"]
    assert read.column("behaviour") == ["purchase", "purchase", "refund"]
    assert read.column("value") == [10.0, 25.0, 10.0]
    assert read.column("item") == ["MUG-R", "MUG-B", "MUG-R"]
    assert read.column("time")[0] == datetime(2024, 3, 1, 9, 0)
    assert "customer" in read.mapping.fill


FRAME = pd.DataFrame(
    {
        "user_id": [17850.0, 13047.0, float("nan")],
        "item": ["a", "b", "c"],
        "event": ["view", "purchase", "view"],
        "time": pd.to_datetime(["2024-03-01 10:00", "2024-03-02 11:00", "2024-03-03 12:00"]),
        "price": [1.5, float("nan"), 2.0],
    }
)


def test_frames_of_pandas_and_arrow(read_of: ReadOf) -> None:
    for given in (FRAME, pa.Table.from_pandas(FRAME)):
        read = read_of(given, Config(time_zone="Europe/Berlin"))
        assert read.column("customer") == ["17850", "13047"]
        assert read.column("time") == [datetime(2024, 3, 1, 9), datetime(2024, 3, 2, 10)]
        assert read.column("price") == [1.5, None]
        assert [(line, reason) for line, reason, _ in read.rejects] == [(3, "no customer")]


def test_frames_with_mixed_objects_and_categories(read_of: ReadOf) -> None:
    frame = pd.DataFrame(
        {
            "user": [1, "b", 2.5],
            "item": pd.Categorical(["x", "y", "x"]),
            "behaviour": pd.Categorical(["pv", "buy", "pv"]),
            "timestamp": [1700000000, 1700000001, 1700000002],
        }
    )
    read = read_of(frame)
    assert read.column("customer") == ["1", "b", "2.5"]
    assert read.column("item") == ["x", "y", "x"]
    assert read.column("behaviour") == ["view_item", "purchase", "view_item"]


def test_frame_of_polars(read_of: ReadOf) -> None:
    polars = pytest.importorskip("polars")
    assert read_of(polars.from_pandas(FRAME)).staged.rows == 2


def test_parquet_keeps_its_types_and_line_numbers(tmp_path: Path, read_of: ReadOf) -> None:
    table = pa.table(
        {
            "customer_id": pa.array([5, 6, None], pa.int64()),
            "sku": ["0012", " x ", "y"],
            "action": ["View", "ADD_TO_CART", "buy"],
            "ts": pa.array([1700000000000000] * 3, pa.timestamp("us", tz="Asia/Tokyo")),
            "colour": ["red", None, "blue"],
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    read = read_of(tmp_path / "log.parquet")
    assert read.column("customer") == ["5", "6"]
    assert read.column("item") == ["0012", "x"]
    assert read.column("behaviour") == ["view_item", "add_to_cart"]
    assert read.column("time")[0] == datetime(2023, 11, 14, 22, 13, 20)
    assert json.loads(read.events[0]["extra"]) == {"colour": "red"}
    assert read.column("line") == [1, 2]


def test_globs_and_lists(tmp_path: Path, write: Write) -> None:
    for name in ("b.csv", "a.csv", "c.txt"):
        write(tmp_path, "user,item,rating\n1,2,3\n", name=name)
    sources = expand_sources([str(tmp_path / "*.csv"), tmp_path / "c.txt", FRAME])
    assert [Path(source.name).name for source in sources[:3]] == ["a.csv", "b.csv", "c.txt"]
    assert sources[3].kind == "frame"
    with pytest.raises(Exception, match="no file matches"):
        expand_sources([str(tmp_path / "*.parquet")])


def test_date_and_hour_columns_make_one_time(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    text = "会员号,商品编号,日期,时间,数量,金额\nA,茶,2024-03-01,08:15:00,1,5\nB,咖啡,2024-03-02,19:30:00,2,18\n"
    read = read_of(write(tmp_path, text))
    assert read.column("time") == [datetime(2024, 3, 1, 8, 15), datetime(2024, 3, 2, 19, 30)]
    assert read.mapping.joined


def test_mapping_survives_json(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    mapping = read_of(write(tmp_path, ONLINE_RETAIL)).mapping
    assert Mapping.from_json(json.loads(json.dumps(mapping.to_json()))) == mapping


def test_names_that_look_like_patterns_are_names(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    names = ["a[1].csv", "a1.csv", "it's *.csv", "茶 {x}.csv"]
    for name in names:
        write(tmp_path, f'user_id,item_id,event,timestamp\n"{name}",i,view,1700000000\n', name=name)
    assert [read_of(tmp_path / name).column("customer") for name in names] == [[name] for name in names]


def test_compression_is_known_by_its_bytes(tmp_path: Path, read_of: ReadOf) -> None:
    text = b"user_id,item_id,event,timestamp\nu,i,view,1700000000\n"
    (tmp_path / "packed.csv").write_bytes(gzip.compress(text))
    (tmp_path / "plain.csv.gz").write_bytes(text)
    record = b'{"user_id": "u", "item_id": "i", "event": "view", "timestamp": 1700000000}\n'
    (tmp_path / "log.jsonl.gz").write_bytes(gzip.compress(record))
    for path in tmp_path.iterdir():
        assert read_of(path).column("customer") == ["u"]


def test_order_lines_of_other_shop_systems(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    woo = """Order ID,Order Date,Order Status,Customer Email,SKU,Item Name,Quantity,Item Cost
10,2024-03-01 10:00,completed,a@example.com,S1,Mug,1,5
10,,,,S2,Cap,2,6
11,2024-03-02 10:00,refunded,b@example.com,S1,Mug,1,5
"""
    read = read_of(write(tmp_path, woo))
    assert read.column("customer") == ["a@example.com", "a@example.com", "b@example.com"]
    assert read.column("time")[1] == datetime(2024, 3, 1, 10)
    assert read.column("behaviour") == ["purchase", "purchase", "refund"]
    seller = """订单编号,买家会员名,商品名称,商品编码,数量,单价,订单状态,订单创建时间,实付金额
1,张三,茶壶,A1,1,25.5,交易成功,2024-03-01 00:48:00,25.5
2,李四,茶杯,A2,2,9,已退款,2024/3/2 0:48,18
"""
    read = read_of(write(tmp_path, seller, encoding="gbk"))
    assert read.column("customer") == ["张三", "李四"]
    assert read.column("behaviour") == ["purchase", "refund"]
    assert read.column("value") == [25.5, 18.0]
    assert read.column("time")[1] == datetime(2024, 3, 2, 0, 48)


def test_codes_of_tianchi(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    text = """user_id,item_id,behavior_type,user_geohash,item_category,time
98047837,232431562,1,,4245,2014-12-06 02
97726136,383583590,4,94gn,5894,2014-12-09 20
"""
    read = read_of(write(tmp_path, text))
    assert read.column("behaviour") == ["view_item", "purchase"]
    assert read.column("time")[0] == datetime(2014, 12, 6, 2)


def test_a_purchase_without_a_quantity_is_worth_its_price(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    text = "user_id,item_id,event,price,timestamp\nu,a,view,5,1700000000\nu,a,buy,5,1700000001\n"
    assert read_of(write(tmp_path, text)).column("value") == [None, 5.0]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_typed_times_of_every_unit(unit: str, zone: str | None, read_of: ReadOf) -> None:
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    table = pa.table(
        {
            "user": ["a", "b", "c"],
            "item": ["x"] * 3,
            "event": ["view"] * 3,
            "time": pa.array([1700000000 * scale, 1700000001 * scale, -(10**9) * scale], pa.timestamp(unit, tz=zone)),
        }
    )
    read = read_of(table)
    assert read.column("time") == [datetime(2023, 11, 14, 22, 13, 20), datetime(2023, 11, 14, 22, 13, 21)]
    assert [(line, reason) for line, reason, _ in read.rejects] == [(3, "absurd time")]


def test_numbers_for_times_out_of_all_bounds(read_of: ReadOf) -> None:
    for numbers in ([1704067200, 1704067200, 2**62], [1704067200.5, 1704067200.0, float("inf")]):
        read = read_of(pa.table({"user": ["a"] * 3, "item": ["b"] * 3, "event": ["view"] * 3, "time": numbers}))
        assert [(line, reason) for line, reason, _ in read.rejects] == [(3, "absurd time")]


def test_line_numbers_hold_over_many_buffers(tmp_path: Path, read_of: ReadOf, write: Write) -> None:
    rows = [f'u{at % 100},"i,{at % 77} {"x" * 60}",view,1700000000,{at}\n' for at in range(1, 120_001)]
    rows[50_000] = 'u,"open,view,1700000000,50001\n'
    header = "user_id,item_id,event,timestamp,row\n"
    for broken in (False, True):
        text = header + "".join(rows if broken else [row for at, row in enumerate(rows) if at != 50_000])
        read = read_of(write(tmp_path, text))
        numbers = [int(json.loads(extra)["row"]) for extra in read.column("extra")]
        late = [line + (not broken and line > 50_000) for line in read.column("line")]
        assert (len(numbers), numbers) == (119_999, late)
    assert read.rejects == [(50_001, "broken quotes or number of columns", rows[50_000].strip())]


def test_stage_within_a_transaction_that_can_be_taken_back(tmp_path: Path, write: Write) -> None:
    source = open_source(write(tmp_path, 'user,item,rating\n1,2,3\n4,"5,4\n6,7,5\n8,9,5\n'))
    mapping = recognise(source, overrides={}, config=Config())
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        connection.execute("BEGIN")
        staged = stage(connection, source, mapping, table="t", rejects="r", file=0, config=Config())
        assert (staged.rows, staged.rejected) == (3, 1)
        connection.execute("ROLLBACK")
        tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    assert tables == [("kept",)]

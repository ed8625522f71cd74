"""Times as they are written in the wild."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from regard.errors import InputError, UsageError
from regard.events.clean_time import find_format, time_sql
from regard.events.read_sql import Binder


def read(texts: list[str], *, zone: str = "UTC", wanted: str = "", sample: int = 1000) -> list[datetime | None]:
    form = find_format(texts[:sample], "VARCHAR", column="t", zone=zone, wanted=wanted, whole=lambda: texts)
    binder = Binder()
    sql = f"SELECT {time_sql('x', 'VARCHAR', form, binder)} FROM (SELECT unnest({binder(texts)}::VARCHAR[]) AS x)"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")  # nothing may hang on the session's zone
        return [row[0] for row in connection.execute(sql, binder.of(sql)).fetchall()]


NOON = datetime(2024, 3, 1, 12, 30)


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-01 12:30:00",
        "2024-03-01 12:30",
        "2024-03-01T12:30:00",
        "2024-03-01T12:30:00Z",
        "2024-03-01T12:30:00.000Z",
        "2024-03-01 12:30:00 UTC",
        "2024-03-01 14:30:00+02:00",
        "2024-03-01 14:30:00+0200",
        "2024-03-01 14:30:00 +0200",
        "2024-03-01 14:30:00+02",
        "2024-03-01T07:00:00-05:30",
        "2024/3/1 12:30",
        "2024/03/01 12:30:00",
        "2024.03.01 12:30",
        "2024年03月01日 12:30:00",
        "2024年3月1日12:30",
        "2024年3月1日 12时30分",
        "01.03.2024 12:30",
        "1.3.2024 12:30:00",
        "01.03.24 12:30",
        "20240301123000",
        "1709296200",
        "1709296200.0",
        "1709296200000",
        "1709296200000000",
        "01-Mar-2024 12:30:00",
        "Mar 1, 2024 12:30 PM",
        "March 1, 2024 12:30",
        "Fri, 01 Mar 2024 12:30:00 GMT",
        "2024-03-01 12:30:00 PM",
        " 2024-03-01 12:30:00 ",
    ],
)
def test_one_time_in_every_hand(text: str) -> None:
    assert read([text]) == [NOON]


@pytest.mark.parametrize("text", ["2024-03-01", "20240301", "01.03.2024", "2024年3月1日", "1 Mar 2024", "2024/3/1"])
def test_days(text: str) -> None:
    assert read([text]) == [datetime(2024, 3, 1)]


def test_zone_less_times_are_read_in_the_zone_of_the_shop() -> None:
    assert read(["2024-03-01 12:30:00", "2024-07-01 12:30:00"], zone="Europe/London") == [
        NOON,
        datetime(2024, 7, 1, 11, 30),
    ]
    assert read(["2024年03月01日 20:30:00"], zone="Asia/Shanghai") == [NOON]
    assert read(["2024-03-01T12:30:00Z"], zone="Asia/Shanghai") == [NOON]
    assert read(["1709296200"], zone="Asia/Shanghai") == [NOON]


def test_mixed_formats_that_are_each_plain() -> None:
    texts = [
        "2024-03-01 12:30:00",
        "2024年03月01日 12:30:00",
        "01.03.2024 12:30",
        "1709296200",
        "2024-03-01T13:30:00+01:00",
    ]
    assert read(texts) == [NOON] * len(texts)


def test_the_whole_column_tells_day_from_month() -> None:
    assert read(["12/1/2010 8:26", "12/13/2010 9:00"])[0] == datetime(2010, 12, 1, 8, 26)
    assert read(["12/1/2010 8:26", "13/12/2010 9:00"])[0] == datetime(2010, 1, 12, 8, 26)
    late = ["03/04/2024"] * 2000 + ["25/04/2024"]
    assert read(late)[0] == datetime(2024, 4, 3)


def test_day_or_month_is_asked_for_where_nothing_tells() -> None:
    with pytest.raises(InputError, match="time_format=dmy") as caught:
        read(["03/04/2024", "05/06/2024"])
    assert "\n" not in str(caught.value)
    assert read(["03/04/2024"], wanted="dmy") == [datetime(2024, 4, 3)]
    assert read(["03/04/2024"], wanted="mdy") == [datetime(2024, 3, 4)]


def test_a_stray_ambiguous_date_is_not_guessed() -> None:
    texts = ["2024-03-01"] * 1000 + ["03/04/2024", "25/04/2024", "04/04/2024"]
    assert read(texts)[1000:] == [None, datetime(2024, 4, 25), datetime(2024, 4, 4)]


def test_the_unit_of_numbers_is_asked_for_where_it_cannot_be_known() -> None:
    with pytest.raises(InputError, match="time_format=s"):
        read(["17", "18", "4000"])
    assert read(["17"], wanted="s") == [datetime(1970, 1, 1, 0, 0, 17)]
    assert read(["1709296200000", "1709296200"]) == [NOON, NOON]


def test_what_is_no_time() -> None:
    with pytest.raises(InputError, match="no time that Regard can read"):
        read(["soon", "later"])
    with pytest.raises(UsageError, match="time_format"):
        read(["2024-03-01"], wanted="fortnights")
    assert read(["2024|03|01"], wanted="%Y|%m|%d") == [datetime(2024, 3, 1)]
    assert read(["2024-03-01", "2024-02-30", ""])[1:] == [None, None]

"""Times keep their zone on the way out, for both clients and whatever the session's zone is."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from .serving import Either, Server

SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
TIME = dt.datetime(2025, 11, 20, 13, 5, tzinfo=SAIGON)
LITERAL = "toDateTime('2025-11-20 13:05:00', 'Asia/Ho_Chi_Minh')"


@pytest.mark.parametrize(
    "column",
    [LITERAL, LITERAL.replace("toDateTime(", "toDateTime64(").replace(", '", ", 3, '"), f"toNullable({LITERAL})"],
)
async def test_a_column_with_a_zone_comes_back_in_it(either: Either, column: str) -> None:
    result = await either("query", f"SELECT 1, {column} AS t, 'x', t AS again")
    assert result.result_rows == [(1, TIME, "x", TIME)]
    assert result.first_row[1].tzinfo == SAIGON
    assert result.column_names == ("1", "t", "'x'", "again")


async def test_a_zone_survives_order_settings_duplicate_names_and_many_blocks(either: Either) -> None:
    query = f"""SELECT {LITERAL} + number AS t, number AS n, 'DateTime' AS s, number AS n FROM numbers(300000)
        ORDER BY n DESC SETTINGS max_block_size = 1000, max_threads = 2 -- FORMAT CSV"""
    rows = await either.pieces("query_rows_stream", query)
    assert rows == [(TIME + dt.timedelta(seconds=n), n, "DateTime", n) for n in range(299999, -1, -1)]
    assert rows[0][0].tzinfo == SAIGON


async def test_rows_of_a_table_with_a_zone_and_bound_parameters(either: Either) -> None:
    await either("command", "CREATE TABLE t (at DateTime('Asia/Ho_Chi_Minh'), n UInt8) ENGINE = MergeTree ORDER BY n")
    await either("insert", "t", [(TIME, 1), (TIME, 2)], column_names=["at", "n"])
    result = await either("query", "WITH 1 AS k SELECT at FROM t WHERE n > {n:UInt8} * k", parameters={"n": 1})
    assert result.result_rows == [(TIME,)]
    assert result.first_row[0].tzinfo == SAIGON
    empty = await either("query", "SELECT at FROM t WHERE n > 5")
    assert empty.result_rows == []


def test_an_error_of_a_query_with_a_zone_does_not_name_the_stand_in_columns(server: Server) -> None:
    reply = server.ask(f"SELECT {LITERAL} AS t, throwIf(number = 5) FROM numbers(10) FORMAT Native")
    assert reply.headers["x-clickhouse-exception-code"] == "395"


async def test_session_timezone_holds_for_its_query(either: Either) -> None:
    settings = {"session_timezone": "Asia/Ho_Chi_Minh"}
    query = "SELECT toString(toDateTime(0)), timezone()"
    assert (await either("query", query, settings=settings)).result_rows == [
        ("1970-01-01 08:00:00", "Asia/Ho_Chi_Minh")
    ]
    assert (await either("query", query)).result_rows == [("1970-01-01 00:00:00", "UTC")]


def test_the_answer_names_the_session_timezone(server: Server) -> None:
    reply = server.ask("SELECT 1", session_timezone="Asia/Ho_Chi_Minh")
    assert reply.headers["x-clickhouse-timezone"] == "Asia/Ho_Chi_Minh"


async def test_a_query_zone_is_applied_by_the_client(either: Either) -> None:
    result = await either("query", "SELECT toDateTime(0)", query_tz="Asia/Tokyo")
    assert result.first_row[0].isoformat() == "1970-01-01T09:00:00+09:00"

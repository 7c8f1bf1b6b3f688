"""Every public method of clickhouse-connect's HTTP clients works unchanged, sync and async."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.httpclient import HttpClient

from .serving import Either, Server

ROWS = [(1, "một"), (2, "hai"), (3, "ba")]
COVERED: set[str] = set()
Test = TypeVar("Test", bound=Callable[..., Any])


def covers(*methods: str) -> Callable[[Test], Test]:
    COVERED.update(methods)
    return lambda test: test


def public_methods(client: type) -> set[str]:
    return {name for name, value in inspect.getmembers(client, callable) if not name.startswith("_")}


@pytest.mark.parametrize("client_class", [HttpClient, AsyncClient])
def test_every_public_method_of_the_client_has_a_test(client_class: type) -> None:
    assert public_methods(client_class) == COVERED


@pytest.fixture
async def table(either: Either) -> str:
    await either("command", "CREATE TABLE numbers_and_words (n UInt32, w String) ENGINE = MergeTree ORDER BY n")
    return "numbers_and_words"


@pytest.fixture
async def filled(either: Either, table: str) -> str:
    await either("insert", table, ROWS, column_names=["n", "w"])
    return table


async def content(either: Either, table: str) -> list[tuple[int, str]]:
    result = await either("query", f"SELECT n, w FROM {table} ORDER BY n")
    return list(result.result_rows)


@covers("command")
async def test_command_returns_values_and_for_ddl_a_summary(either: Either, filled: str) -> None:
    assert await either("command", f"SELECT count() FROM {filled}") == 3
    assert await either("command", "SELECT 'a', 'b'") == ["a", "b"]
    assert await either("command", f"SELECT w FROM {filled} WHERE n = 99") == ""
    created = await either("command", "CREATE TABLE other (n UInt8) ENGINE = Memory")
    assert created.summary["query_id"]


@covers("command")
async def test_command_takes_data_and_parameters(either: Either, table: str) -> None:
    await either("command", f"INSERT INTO {table} FORMAT CSV", data="7,bảy\n8,tám\n")
    assert await content(either, table) == [(7, "bảy"), (8, "tám")]
    assert await either("command", "SELECT {x:String}", parameters={"x": "O'Neil \\ \t"}) == "O\\'Neil \\\\ \\t"


@covers("query")
async def test_query_returns_rows_names_and_types(either: Either, filled: str) -> None:
    result = await either("query", f"SELECT * FROM {filled} ORDER BY n")
    assert result.result_rows == ROWS
    assert result.column_names == ("n", "w")
    assert [kind.name for kind in result.column_types] == ["UInt32", "String"]


@covers("query")
async def test_query_of_no_rows_still_names_its_columns(either: Either, filled: str) -> None:
    result = await either("query", f"SELECT * FROM {filled} LIMIT 0")
    assert (result.result_rows, result.column_names) == ([], ("n", "w"))


@covers("query_np")
async def test_query_np(either: Either, filled: str) -> None:
    array = await either("query_np", f"SELECT n FROM {filled} ORDER BY n")
    assert array.dtype == np.uint32
    assert array[:, 0].tolist() == [1, 2, 3]


@covers("query_np_stream")
async def test_query_np_stream(either: Either) -> None:
    blocks = await either.pieces("query_np_stream", "SELECT number FROM numbers(200000)")
    assert len(blocks) > 1
    assert sum(int(block.sum()) for block in blocks) == sum(range(200000))


@covers("query_df")
async def test_query_df(either: Either, filled: str) -> None:
    frame = await either("query_df", f"SELECT * FROM {filled} ORDER BY n")
    assert frame.to_dict("list") == {"n": [1, 2, 3], "w": ["một", "hai", "ba"]}


@covers("query_df_stream")
async def test_query_df_stream(either: Either) -> None:
    frames = await either.pieces("query_df_stream", "SELECT number AS n FROM numbers(200000)")
    assert len(frames) > 1
    assert sum(int(frame["n"].sum()) for frame in frames) == sum(range(200000))


@covers("query_arrow")
@pytest.mark.parametrize("use_strings", [True, False])
async def test_query_arrow(either: Either, filled: str, use_strings: bool) -> None:
    arrow = await either("query_arrow", f"SELECT * FROM {filled} ORDER BY n", use_strings=use_strings)
    words = ["một", "hai", "ba"]
    assert arrow.column("w").to_pylist() == (words if use_strings else [word.encode() for word in words])


@covers("query_arrow_stream")
async def test_query_arrow_stream(either: Either) -> None:
    batches = await either.pieces("query_arrow_stream", "SELECT number AS n FROM numbers(200000)")
    assert len(batches) > 1
    assert sum(sum(batch.column("n").to_pylist()) for batch in batches) == sum(range(200000))


@covers("query_df_arrow")
@pytest.mark.parametrize("library", ["pandas", "polars"])
async def test_query_df_arrow(either: Either, filled: str, library: str) -> None:
    frame = await either("query_df_arrow", f"SELECT * FROM {filled} ORDER BY n", dataframe_library=library)
    assert isinstance(frame, pd.DataFrame if library == "pandas" else pl.DataFrame)
    assert list(frame["w"]) == ["một", "hai", "ba"]


@covers("query_df_arrow_stream")
@pytest.mark.parametrize("library", ["pandas", "polars"])
async def test_query_df_arrow_stream(either: Either, library: str) -> None:
    query = "SELECT number AS n FROM numbers(200000)"
    frames = await either.pieces("query_df_arrow_stream", query, dataframe_library=library)
    assert len(frames) > 1
    assert sum(int(frame["n"].sum()) for frame in frames) == sum(range(200000))


@covers("query_column_block_stream")
async def test_query_column_block_stream(either: Either) -> None:
    blocks = await either.pieces("query_column_block_stream", "SELECT number, 1 FROM numbers(200000)")
    assert len(blocks) > 1
    assert sum(sum(block[0]) for block in blocks) == sum(range(200000))


@covers("query_row_block_stream")
async def test_query_row_block_stream(either: Either) -> None:
    blocks = await either.pieces("query_row_block_stream", "SELECT number, 1 FROM numbers(200000)")
    assert len(blocks) > 1
    assert sum(row[0] for block in blocks for row in block) == sum(range(200000))


@covers("query_rows_stream")
async def test_query_rows_stream(either: Either) -> None:
    rows = await either.pieces("query_rows_stream", "SELECT number, 1 FROM numbers(200000)")
    assert rows == [(i, 1) for i in range(200000)]


@covers("raw_query")
@pytest.mark.parametrize("form", ["TabSeparated", "CSVWithNames", "JSONEachRow", "Parquet", "Arrow", "ORC"])
async def test_raw_query_in_a_format(either: Either, filled: str, form: str) -> None:
    raw = await either("raw_query", f"SELECT * FROM {filled} ORDER BY n", fmt=form)
    await either("command", f"TRUNCATE TABLE {filled}")
    await either("raw_insert", filled, ["n", "w"], raw, fmt=form)
    assert await content(either, filled) == ROWS


@covers("raw_stream")
async def test_raw_stream_gives_what_raw_query_gives(either: Either) -> None:
    query = "SELECT number, toString(number) AS s FROM numbers(100000)"
    pieces = await either.pieces("raw_stream", query, fmt="JSON")
    whole = await either("raw_query", query, fmt="JSON")
    # The last lines tell the time the query took.
    assert b"".join(pieces).split(b'"statistics"')[0] == whole.split(b'"statistics"')[0]


@covers("insert")
@pytest.mark.parametrize("column_oriented", [False, True])
async def test_insert_writes_rows_and_says_how_many(either: Either, table: str, column_oriented: bool) -> None:
    data = [[1, 2, 3], ["một", "hai", "ba"]] if column_oriented else ROWS
    summary = await either("insert", table, data, column_names=["n", "w"], column_oriented=column_oriented)
    assert summary.written_rows == 3
    assert await content(either, table) == ROWS


@covers("insert_df")
async def test_insert_df(either: Either, table: str) -> None:
    frame = pd.DataFrame({"n": [1, 2, 3], "w": ["một", "hai", "ba"]})
    assert (await either("insert_df", table, frame)).written_rows == 3
    assert await content(either, table) == ROWS


@covers("insert_arrow")
async def test_insert_arrow(either: Either, table: str) -> None:
    arrow = pa.table({"n": pa.array([1, 2, 3], pa.uint32()), "w": ["một", "hai", "ba"]})
    assert (await either("insert_arrow", table, arrow)).written_rows == 3
    assert await content(either, table) == ROWS


@covers("insert_df_arrow")
@pytest.mark.parametrize("library", ["pandas", "polars"])
async def test_insert_df_arrow(either: Either, table: str, library: str) -> None:
    data = {"n": [1, 2, 3], "w": ["một", "hai", "ba"]}
    frame: Any = (
        pl.DataFrame(data, schema={"n": pl.UInt32, "w": pl.String})
        if library == "polars"
        else pd.DataFrame(
            {"n": pd.array(data["n"], pd.ArrowDtype(pa.uint32())), "w": pd.array(data["w"], pd.ArrowDtype(pa.string()))}
        )
    )
    assert (await either("insert_df_arrow", table, frame)).written_rows == 3
    assert await content(either, table) == ROWS


@covers("create_insert_context", "data_insert")
async def test_data_insert_with_an_insert_context_used_twice(either: Either, table: str) -> None:
    context = await either("create_insert_context", table, ["n", "w"])
    for part in (ROWS[:2], ROWS[2:]):
        context.data = part
        assert (await either("data_insert", context)).written_rows == len(part)
    assert await content(either, table) == ROWS


@covers("create_query_context")
async def test_query_context_is_reused_with_other_parameters(either: Either, filled: str) -> None:
    query = f"SELECT w FROM {filled} WHERE n = {{n:UInt32}}"
    context = await either("create_query_context", query=query, parameters={"n": 1})
    assert (await either("query", context=context)).result_rows == [("một",)]
    context.set_parameters({"n": 2})
    assert (await either("query", context=context)).result_rows == [("hai",)]


@covers("raw_insert")
@pytest.mark.parametrize(
    ("form", "block"),
    [
        ("CSV", b"1,m\xe1\xbb\x99t\n2,hai\n3,ba\n"),
        ("TSV", "1\tmột\n2\thai\n3\tba\n"),
        ("JSONEachRow", '{"n":1,"w":"một"}\n{"n":2,"w":"hai"}\n{"n":3,"w":"ba"}'),
        ("Values", "(1,'một'),(1+1,lower('HAI')),(3,'ba')"),
        ("CSVWithNames", "w,n\nmột,1\nhai,2\nba,3\n"),
        ("RowBinary", b"\1\0\0\0\6m\xe1\xbb\x99t\2\0\0\0\3hai\3\0\0\0\2ba".replace(b"\6", b"\5")),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
async def test_raw_insert_in_a_format(either: Either, table: str, form: str, block: bytes | str) -> None:
    summary = await either("raw_insert", table, None if form == "CSVWithNames" else ["n", "w"], block, fmt=form)
    assert summary.written_rows == 3
    assert await content(either, table) == ROWS


@covers("raw_insert")
async def test_raw_insert_from_a_file_and_from_a_generator(either: Either, table: str) -> None:
    await either("raw_insert", table, ["n", "w"], io.BytesIO("1,một\n2,hai\n".encode()), fmt="CSV")
    await either("raw_insert", table, ["n", "w"], either.piecewise([b"3,", b"ba\n"]), fmt="CSV")
    assert await content(either, table) == ROWS


@covers("ping")
async def test_ping(either: Either) -> None:
    assert await either("ping") is True


@covers("min_version")
async def test_min_version_knows_the_server(either: Either) -> None:
    assert await either("min_version", "26.9") is True
    assert await either("min_version", "99.1") is False


@covers("set_client_setting", "get_client_setting")
async def test_a_client_setting_goes_with_every_query(either: Either) -> None:
    await either("set_client_setting", "max_block_size", 1234)
    assert await either("get_client_setting", "max_block_size") == "1234"
    assert await either("command", "SELECT getSetting('max_block_size')") == 1234


@covers("set_access_token")
async def test_an_access_token_that_is_not_the_password_is_refused(either: Either) -> None:
    await either("set_access_token", "not the password")
    with pytest.raises(DatabaseError, match="516"):
        await either("command", "SELECT 1")


@covers("close_connections")
async def test_a_client_works_on_after_close_connections(either: Either) -> None:
    await either("close_connections")
    assert await either("command", "SELECT 1") == 1


@covers("close")
async def test_close_ends_a_client(server: Server) -> None:
    client = server.connect()
    client.close()
    assert server.ask("SELECT 1").text == "1\n"

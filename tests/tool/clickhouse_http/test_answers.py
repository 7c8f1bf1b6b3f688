"""What an answer carries: its format, its packing, its figures, its headers, and an error that comes late."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib

import brotli
import lz4.frame
import psutil
import pytest
import zstandard
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from .serving import Either, Server

UNPACK = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "lz4": lz4.frame.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    "br": brotli.decompress,
}
LATE_ERROR = "SELECT throwIf(number = 3000000), number FROM numbers(4000000)"


@pytest.mark.parametrize("encoding", UNPACK)
@pytest.mark.parametrize("wait", [0, 1])
def test_an_answer_is_packed_as_the_client_accepts(server: Server, encoding: str, wait: int) -> None:
    reply = server.ask(
        "SELECT number FROM numbers(500000)",
        headers={"Accept-Encoding": encoding},
        enable_http_compression=1,
        wait_end_of_query=wait,
    )
    assert reply.headers["content-encoding"] == encoding
    assert UNPACK[encoding](reply.body) == b"".join(b"%d\n" % i for i in range(500000))


@pytest.mark.parametrize(("accept", "enabled"), [("gzip", 0), ("", 1), ("rot13", 1), ("identity;q=1, gzip;q=0", 1)])
def test_an_answer_is_plain_unless_asked_and_accepted(server: Server, accept: str, enabled: int) -> None:
    reply = server.ask("SELECT 1", headers={"Accept-Encoding": accept}, enable_http_compression=enabled)
    assert (reply.headers.get("content-encoding"), reply.body) == (None, b"1\n")


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", "br", False, True])
async def test_both_clients_read_every_packing(server: Server, compress: str | bool) -> None:
    client = server.connect(compress=compress)
    assert client.query("SELECT sum(n) FROM (SELECT number AS n FROM numbers(1000))").result_rows == [(499500,)]
    assert len(client.query("SELECT number FROM numbers(300000)").result_rows) == 300000
    client.close()


@pytest.mark.parametrize(
    ("query", "parameters", "headers", "form"),
    [
        ("SELECT 1 AS a FORMAT JSONEachRow", {}, {}, "JSONEachRow"),
        ("SELECT 1 AS a\nformat JSONEachRow;", {"default_format": "CSV"}, {}, "JSONEachRow"),
        ("SELECT 1 AS a FORMAT `JSONEachRow` SETTINGS max_threads = 1 -- FORMAT CSV", {}, {}, "JSONEachRow"),
        ("SELECT 1 AS a", {"default_format": "JSONEachRow"}, {}, "JSONEachRow"),
        ("SELECT 1 AS a", {}, {"X-ClickHouse-Format": "JSONEachRow"}, "JSONEachRow"),
        ("SELECT 1 AS a SETTINGS max_threads = 1", {}, {}, "TabSeparated"),
        ("SELECT 1 AS format", {}, {}, "TabSeparated"),
        ("SELECT 1 AS settings -- FORMAT CSV", {}, {}, "TabSeparated"),
        ("(SELECT 1 FORMAT CSV)", {}, {}, None),
        ("SELECT 'a FORMAT CSV'", {}, {}, "TabSeparated"),
        ("SHOW DATABASES LIKE 'system' FORMAT CSV", {}, {}, "CSV"),
        ("WITH 1 AS x SELECT x", {}, {}, "TabSeparated"),
        ("FROM numbers(1) SELECT number", {}, {}, "TabSeparated"),
        ("DESCRIBE (SELECT 1)", {}, {}, "TabSeparated"),
    ],
)
def test_the_format_is_the_statements_else_the_requests_else_tab_separated(
    server: Server, query: str, parameters: dict[str, str], headers: dict[str, str], form: str | None
) -> None:
    reply = server.ask(query, headers=headers, **parameters)
    assert reply.headers.get("x-clickhouse-format") == form
    if form == "JSONEachRow":
        assert json.loads(reply.body) == {"a": 1}


@pytest.mark.parametrize("form", ["JSON", "CSVWithNames", "XML", "Parquet", "Arrow", "PrettyCompact", "Null"])
def test_a_format_with_a_frame_streams_as_one_whole(server: Server, form: str) -> None:
    query = "SELECT number FROM numbers(300000) FORMAT "
    streamed, waited = server.ask(query + form), server.ask(query + form, wait_end_of_query=1)
    assert streamed.status == waited.status == 200
    if form == "JSON":
        assert json.loads(streamed.body)["rows"] == 300000
    elif form in ("Parquet", "Arrow"):
        again = server.ask(streamed.body, query=f"INSERT INTO FUNCTION null('number UInt64') FORMAT {form}")
        assert json.loads(again.headers["x-clickhouse-summary"])["written_rows"] == "300000"
    elif form != "XML":
        assert streamed.body == waited.body


def test_totals_and_extremes_come_behind_the_rows(server: Server) -> None:
    query = "SELECT number % 2 AS k, count() FROM numbers(5) GROUP BY k WITH TOTALS ORDER BY k"
    assert server.ask(query).text == "0\t3\n1\t2\n\n0\t5\n"


def test_the_summary_tells_rows_and_bytes_read_and_returned(server: Server, database: str) -> None:
    server.ask(f"CREATE TABLE {database}.t (a UInt64) ENGINE = MergeTree ORDER BY a")
    server.ask(f"INSERT INTO {database}.t SELECT number FROM numbers(1000)")
    reply = server.ask(f"SELECT a FROM {database}.t WHERE sipHash64(a) % 100 = 7 OR a = 0", wait_end_of_query=1)
    summary = {name: int(value) for name, value in json.loads(reply.headers["x-clickhouse-summary"]).items()}
    assert summary.pop("elapsed_ns") > 0
    assert summary.pop("result_bytes") > 0
    assert summary == {
        "read_rows": 1000,
        "read_bytes": 8000,
        "written_rows": 0,
        "written_bytes": 0,
        "total_rows_to_read": 1000,
        "result_rows": reply.body.count(b"\n"),
    }


def test_every_answer_names_query_zone_and_server(server: Server) -> None:
    reply = server.ask("SELECT 1", query_id="mine-1")
    assert reply.headers["x-clickhouse-query-id"] == "mine-1"
    assert reply.headers["x-clickhouse-timezone"] == "UTC"
    assert reply.headers["x-clickhouse-server-display-name"]
    others = {server.ask("SELECT 1").headers["x-clickhouse-query-id"] for _ in range(2)}
    assert len(others) == 2


async def test_an_error_after_the_answer_began_is_raised_by_every_streaming_method(either: Either) -> None:
    for method in (
        "query_rows_stream",
        "query_row_block_stream",
        "query_column_block_stream",
        "query_np_stream",
        "query_df_stream",
    ):
        with pytest.raises(StreamFailureError) as caught:
            await either.pieces(method, LATE_ERROR)
        # aiohttp may see the cut connection before it has handed over the last piece.
        assert caught.value.code == 395 or isinstance(either.client, AsyncClient)


def test_an_error_after_the_answer_began_is_raised_without_packing_too(server: Server) -> None:
    client = server.connect(compress=False)
    with pytest.raises(StreamFailureError, match="throwIf"), client.query_rows_stream(LATE_ERROR) as rows:
        list(rows)
    client.close()


async def test_a_raw_or_arrow_stream_that_fails_is_never_taken_for_whole(either: Either) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - each library has its own error for a cut answer
        await either.pieces("raw_stream", LATE_ERROR, fmt="CSV")
    with pytest.raises(Exception):  # noqa: B017, PT011
        await either.pieces("query_arrow_stream", LATE_ERROR)


def test_a_late_error_stands_at_the_end_behind_its_tag(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", "/", body=LATE_ERROR)
    response = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead) as caught:
        response.read()
    tag = response.headers["X-ClickHouse-Exception-Tag"]
    before, mark, block = caught.value.partial.partition(b"\r\n__exception__\r\n" + tag.encode() + b"\r\n")
    assert (response.status, bool(before), bool(mark)) == (200, True, True)
    message, _, length = block.removesuffix(f" {tag}\r\n__exception__\r\n".encode()).rpartition(b"\n")
    assert message.startswith(b"Code: 395. DB::Exception: Value passed to 'throwIf' function is non-zero")
    assert int(length) == len(message) + 1
    connection.close()


async def test_a_waited_for_query_that_fails_late_has_the_errors_status(either: Either) -> None:
    with pytest.raises(DatabaseError, match="395"):
        await either("query", LATE_ERROR)


@pytest.mark.parametrize("wait", [0, 1])
def test_a_long_answer_is_not_held_in_memory(server: Server, wait: int) -> None:
    process = psutil.Process(server.process.pid)
    query = "SELECT number FROM numbers({})"
    server.ask(query.format(5_000_000), wait_end_of_query=wait)  # the allocator keeps what one such answer needs
    before, most, read = process.memory_info().rss, 0, 0
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", f"/?wait_end_of_query={wait}", body=query.format(40_000_000))
    response = connection.getresponse()
    while piece := response.read(1 << 20):
        read += len(piece)
        most = max(most, process.memory_info().rss)
    connection.close()
    assert read > 340_000_000
    assert most - before < 150_000_000


def test_a_big_insert_is_not_held_in_memory(server: Server) -> None:
    process = psutil.Process(server.process.pid)
    client = server.connect()
    block = server.ask("SELECT number AS a FROM numbers(100000) FORMAT Native").body
    most = 0

    def blocks() -> object:
        nonlocal most
        for _ in range(400):  # 320 MB
            yield block
            most = max(most, process.memory_info().rss)

    before = process.memory_info().rss
    written = client.raw_insert("FUNCTION null('a UInt64')", insert_block=blocks(), fmt="Native").written_rows
    assert written == 40_000_000
    assert most - before < 150_000_000
    client.close()

"""An INSERT's rows arrive whatever packs them, wherever the statement stands, and however it is written."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import brotli
import lz4.frame
import pytest
import zstandard

from .serving import Either, Server

PACK = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "br": brotli.compress,
}


@pytest.fixture
def table(server: Server, database: str) -> str:
    name = f"{database}.t"
    assert server.ask(f"CREATE TABLE {name} (a Int32, b String) ENGINE = MergeTree ORDER BY a").status == 200
    return name


def rows(server: Server, table: str) -> str:
    return server.ask(f"SELECT * FROM {table} ORDER BY a, b").text


@pytest.mark.parametrize("encoding", [None, "gzip", "lz4", "zstd", "br"])
async def test_native_inserts_arrive_in_every_encoding_the_client_has(
    either: Either, server: Server, table: str, encoding: str | None
) -> None:
    context = await either("create_insert_context", table, ["a", "b"])
    context.compression = encoding
    context.data = [(i, "tiếng " * 10) for i in range(20000)]
    assert (await either("data_insert", context)).written_rows == 20000
    assert server.ask(f"SELECT count(), sum(a), uniq(b) FROM {table}").text == f"20000\t{sum(range(20000))}\t1\n"


@pytest.mark.parametrize("encoding", PACK)
def test_a_packed_body_is_unpacked(server: Server, table: str, encoding: str) -> None:
    body = PACK[encoding](b"1,one\n2,two\n")
    query = f"INSERT INTO {table} FORMAT CSV"
    assert server.ask(body, headers={"Content-Encoding": encoding}, query=query).status == 200
    assert rows(server, table) == "1\tone\n2\ttwo\n"


@pytest.mark.parametrize("encoding", ["gzip", "lz4", "zstd"])
def test_frames_in_a_row_are_one_body(server: Server, table: str, encoding: str) -> None:
    body = PACK[encoding](b"1,o") + PACK[encoding](b"ne\n2,two\n")
    server.ask(body, headers={"Content-Encoding": encoding}, query=f"INSERT INTO {table} FORMAT CSV")
    assert rows(server, table) == "1\tone\n2\ttwo\n"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd", "br"])
def test_a_packed_body_that_ends_early_inserts_nothing(server: Server, table: str, encoding: str) -> None:
    body = PACK[encoding](b"".join(b"%d,word %d\n" % (i, i * i) for i in range(2000)))[:-8]
    reply = server.ask(body, headers={"Content-Encoding": encoding}, query=f"INSERT INTO {table} FORMAT CSV")
    assert reply.headers["x-clickhouse-exception-code"] == "271"
    assert reply.text.startswith(f"Code: 271. DB::Exception: The request body is not a whole {encoding} stream")
    assert rows(server, table) == ""


def test_an_unknown_encoding_is_refused(server: Server, table: str) -> None:
    reply = server.ask(b"x", headers={"Content-Encoding": "rot13"}, query=f"INSERT INTO {table} FORMAT CSV")
    assert reply.text.startswith("Code: 89. DB::Exception: Unknown compression method 'rot13'")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {t} VALUES (1, 'one'), (2, 'two')",
        "INSERT INTO {t} VALUES (1, 'one'), (2, 'two');",
        "insert into {t} (b, a) values ('one', 1), (concat('t', 'wo'), 1 + 1) ;\n",
        "INSERT INTO TABLE {t}(a, b)VALUES(1,'one')(2,'two')",
        "-- a comment; VALUES (7, 'x')\nINSERT INTO {t} /* FORMAT CSV */ VALUES (1, 'one'), (2, 'two')",
        "# no\n#! no\nINSERT INTO {t} FORMAT CSV\n1,one\n2,two\n",
        "INSERT INTO {t} FORMAT CSV\r\n1,one\r\n2,two\r\n",
        "INSERT INTO {t} FORMAT CSV 1,one\n2,two",
        'INSERT INTO {t} (`a`, "b") FORMAT TSV\n1\tone\n2\ttwo\n',
        "INSERT INTO {t} (* EXCEPT(b)) SELECT 1 SETTINGS max_threads = 1",
        "INSERT INTO {t} SETTINGS max_insert_threads = 1, async_insert = 0 FORMAT CSV\n1,one\n2,two\n",
        "INSERT INTO {t} FORMAT CSV SETTINGS format_csv_delimiter = ';'\n1;one\n2;two\n",
        'INSERT INTO {t} FORMAT JSONEachRow {{"a":1,"b":"one"}} {{"a":2,"b":"two"}}',
        "INSERT INTO {t} SELECT number + 1, ['one', 'two'][number + 1] FROM numbers(2)",
        "INSERT INTO {t} (a, b) (SELECT number + 1, ['one', 'two'][number + 1] FROM numbers(2))",
        "INSERT INTO {t} WITH 1 AS x SELECT number + x, ['one', 'two'][number + 1] FROM numbers(2);",
        "INSERT INTO {t} SELECT * FROM VALUES('a Int32, b String', (1, 'one'), (2, 'two'))",
    ],
)
@pytest.mark.parametrize("place", ["body", "url"])
def test_an_insert_is_understood_however_it_is_written(server: Server, table: str, statement: str, place: str) -> None:
    text = statement.format(t=table)
    reply = server.ask(text) if place == "body" else server.ask(query=text)
    assert (reply.status, reply.text) == (200, "")
    assert rows(server, table) == ("1\t\n" if "EXCEPT" in statement else "1\tone\n2\ttwo\n")


def test_rows_may_contain_what_looks_like_sql(server: Server, table: str) -> None:
    server.ask(f"INSERT INTO {table} VALUES (1, 'x) FORMAT CSV; -- \\' VALUES (2'), (2, '/* tiếng 🎉')")
    assert rows(server, table) == "1\tx) FORMAT CSV; -- \\' VALUES (2\n2\t/* tiếng 🎉\n"


def test_bound_parameters_reach_the_rows_and_the_table_name(server: Server, table: str) -> None:
    name = table.partition(".")[2]
    reply = server.ask(
        "INSERT INTO {t:Identifier} VALUES ({a:Int32}, {b:String})",
        param_t=name,
        param_a=5,
        param_b="O'Neil\\t",
        database=table.partition(".")[0],
    )
    assert reply.status == 200
    assert rows(server, table) == "5\tO\\'Neil\\t\n"


def test_a_long_comment_before_an_insert_is_skipped(server: Server, table: str) -> None:
    server.ask(f"/* {'x' * 100_000} */ INSERT INTO {table} VALUES (1, 'one')")
    assert rows(server, table) == "1\tone\n"


def test_a_table_may_be_named_like_a_keyword(server: Server, database: str) -> None:
    for name in ("values", "format", "`select`"):
        server.ask(f"CREATE TABLE {database}.{name} (a Int8) ENGINE = Memory")
        assert server.ask(f"INSERT INTO {name} FORMAT CSV\n7\n", database=database).text == ""
        assert server.ask(f"SELECT * FROM {name}", database=database).text == "7\n"


def test_rows_that_cannot_be_read_are_an_error_with_its_code(server: Server, table: str) -> None:
    reply = server.ask(f"INSERT INTO {table} FORMAT CSV\n1,one\nzz,two\n")
    assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (400, "27")
    assert "at row 2" in reply.text
    assert rows(server, table) == ""


def test_the_summary_of_each_kind_of_insert_counts_what_was_written(server: Server, table: str) -> None:
    native = server.ask("SELECT toInt32(number) AS a, 'x' AS b FROM numbers(70000) FORMAT Native").body
    for body, query, written in (
        (b"", f"INSERT INTO {table} VALUES (1, 'a'), (2, 'b')", 2),
        (b"", f"INSERT INTO {table} SELECT number, 'x' FROM numbers(1000)", 1000),
        (native, f"INSERT INTO {table} FORMAT Native", 70000),
        (b"", f"INSERT INTO {table} SELECT a, b FROM {table} WHERE 0", 0),
    ):
        summary = json.loads(server.ask(body, query=query).headers["x-clickhouse-summary"])
        assert (int(summary["written_rows"]), int(summary["result_rows"])) == (written, written)
        assert (int(summary["written_bytes"]) > 0) == (written > 0)


def test_a_big_body_is_refused_with_its_reason_not_a_broken_connection(server: Server, database: str) -> None:
    client = server.connect(database=database)
    blocks = (b"1,x\n" * 250_000 for _ in range(30))
    with pytest.raises(Exception, match="UNKNOWN_TABLE"):
        client.raw_insert("nosuch", ["a", "b"], blocks, fmt="CSV")
    client.close()


@pytest.mark.parametrize("form", ["Parquet", "Arrow", "ArrowStream", "Native", "Avro", "ORC", "MsgPack"])
def test_a_binary_format_goes_in_as_it_came_out(server: Server, table: str, form: str) -> None:
    select = "SELECT toInt32(number) AS a, toString(number) AS b FROM numbers(1000)"
    body = server.ask(f"{select} FORMAT {form}").body
    assert server.ask(body, query=f"INSERT INTO {table} FORMAT {form}").status == 200
    assert server.ask(f"SELECT count(), sum(a), sum(toInt32(b)) FROM {table}").text == "1000\t499500\t499500\n"


async def test_an_insert_setting_counts_for_this_insert_only(either: Either, table: str, server: Server) -> None:
    settings: dict[str, Any] = {"format_csv_delimiter": ";"}
    await either("raw_insert", table, ["a", "b"], b"1;one\n", fmt="CSV", settings=settings)
    await either("raw_insert", table, ["a", "b"], b"2,two\n", fmt="CSV")
    assert rows(server, table) == "1\tone\n2\ttwo\n"

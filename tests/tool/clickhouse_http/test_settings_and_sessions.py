"""Settings count for their request only; a session keeps what was SET in it, for one request at a time."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from clickhouse_connect import common
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from .serving import Either, Server, eventually

CHANGED = "SELECT name, value FROM system.settings WHERE changed ORDER BY name"


@pytest.fixture(params=[None, "s-1"], ids=["alone", "in a session"])
def session(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"session_id": f"{request.node.name}"} if request.param else {}


def test_a_requests_settings_never_reach_the_next(server: Server, session: dict[str, str]) -> None:
    before = server.ask(CHANGED, **session).text
    given = {
        "max_threads": 3,
        "join_use_nulls": 1,
        "session_timezone": "Asia/Ho_Chi_Minh",
        "max_result_rows": 5,
        "format_csv_delimiter": "|",
        "limit": 2,
        "additional_table_filters": "{'t': 'a = 1'}",
    }
    assert server.ask("SELECT number, now() FROM numbers(3) FORMAT CSV", **session, **given).text.count("|") == 2
    assert server.ask("SELECT throwIf(1)", **session, **given).status == 500
    assert server.ask("SELEC", **session, **given).status == 400
    assert server.ask("SELECT 1 FORMAT CSV", max_threads="nonsense", **session).status == 400
    assert server.ask(CHANGED, **session).text == before
    assert server.ask("SELECT number, 1 FROM numbers(3) FORMAT CSV", **session).text == "0,1\n1,1\n2,1\n"


def test_a_requests_database_and_parameters_never_reach_the_next(
    server: Server, database: str, session: dict[str, str]
) -> None:
    ask = "SELECT currentDatabase()"
    assert server.ask(ask, database=database, **session).text == f"{database}\n"
    assert (
        server.ask("", query="INSERT INTO FUNCTION null('a Int8') VALUES ({x:Int8})", param_x=1, **session).status
        == 200
    )
    assert server.ask(ask, **session).text == "default\n"
    assert server.ask("SELECT {x:Int8}", **session).headers["x-clickhouse-exception-code"] == "456"


def test_what_was_set_inside_a_statement_or_request_is_gone_without_a_session(server: Server) -> None:
    assert server.ask("SET max_threads = 7").status == 200
    assert server.ask("CREATE TEMPORARY TABLE gone (a Int8)").status == 200
    assert server.ask(CHANGED).text == server.ask(CHANGED).text
    assert server.ask("SELECT * FROM gone").status == 404


def test_a_sessions_own_settings_survive_a_request_that_brings_others(server: Server) -> None:
    session = {"session_id": "own"}
    server.ask("SET max_threads = 7, session_timezone = 'Asia/Ho_Chi_Minh'", **session)
    server.ask("SELECT 1", max_threads=2, session_timezone="UTC", **session)
    reply = server.ask("SELECT getSetting('max_threads'), timezone()", **session)
    assert reply.text == "7\tAsia/Ho_Chi_Minh\n"
    assert reply.headers["x-clickhouse-timezone"] == "Asia/Ho_Chi_Minh"


def test_an_unknown_setting_or_value_is_named(server: Server, session: dict[str, str]) -> None:
    reply = server.ask("SELECT 1", nosuch_setting=1, **session)
    assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (404, "115")
    assert "nosuch_setting" in reply.text
    assert server.ask("SET max_threads = 2", nosuch_setting=1, **session).status == 404


@pytest.mark.parametrize("how", [{"readonly": 1}, {"readonly": 2}, {"method": "GET"}], ids=str)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE {}.t (a Int8) ENGINE = Memory",
        "INSERT INTO {}.t VALUES (1)",
        "INSERT INTO {}.t SELECT 1",
        "DROP DATABASE {}",
        "ALTER TABLE {}.t DELETE WHERE 1",
        "TRUNCATE TABLE {}.t",
        "RENAME TABLE {}.t TO {}.u",
    ],
)
def test_readonly_refuses_whatever_writes(
    server: Server, database: str, session: dict[str, str], statement: str, how: dict[str, Any]
) -> None:
    if not statement.startswith("CREATE"):
        server.ask(f"CREATE TABLE {database}.t (a Int8) ENGINE = MergeTree ORDER BY a")
    reply = server.ask(query=statement.replace("{}", database), **session, **how)
    assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (500, "164")
    assert server.ask("SELECT 1", **session).text == "1\n"
    writes = server.ask(f"CREATE TABLE {database}.after (a Int8) ENGINE = Memory", **session)
    assert writes.status == 200


@pytest.mark.parametrize("how", [{"readonly": 1}, {"readonly": 2}, {"method": "GET"}], ids=str)
def test_readonly_allows_whatever_reads(server: Server, session: dict[str, str], how: dict[str, Any]) -> None:
    for query in (
        "SELECT 1",
        "SHOW DATABASES LIKE 'default'",
        "DESCRIBE (SELECT 1)",
        "EXISTS TABLE x",
        "EXPLAIN SELECT 1",
    ):
        assert server.ask(query=query, **session, **how).status == 200
    assert server.ask(query="SELECT getSetting('max_threads')", max_threads=3, **session, **how).text == "3\n"


def test_get_cannot_lift_its_own_readonly(server: Server) -> None:
    reply = server.ask(query="SELECT 1", readonly=0, method="GET")
    assert reply.headers["x-clickhouse-exception-code"] == "164"


async def test_readonly_counts_for_one_query_of_a_client(either: Either) -> None:
    with pytest.raises(DatabaseError, match="READONLY"):
        await either("command", "CREATE TABLE t (a Int8) ENGINE = Memory", settings={"readonly": 1})
    await either("command", "CREATE TABLE t (a Int8) ENGINE = Memory")


def test_a_session_keeps_temporary_tables_settings_and_database(server: Server, database: str) -> None:
    client = server.connect(session_id="kept")
    client.command("CREATE TEMPORARY TABLE words (n UInt8, w String)")
    assert client.insert("words", [(1, "một"), (2, "hai")], column_names=["n", "w"]).written_rows == 2
    client.command("SET max_block_size = 77")
    client.command(f"USE {database}")
    client.close()
    again = server.connect(session_id="kept", database="")
    assert again.query("SELECT w FROM words ORDER BY n").result_rows == [("một",), ("hai",)]
    assert again.command("SELECT getSetting('max_block_size')") == 77
    again.close()
    assert server.ask("SELECT currentDatabase()", session_id="kept").text == f"{database}\n"
    assert server.ask("SELECT * FROM words", session_id="another").status == 404


def test_a_session_in_use_is_locked(server: Server) -> None:
    slow = threading.Thread(target=server.ask, args=("SELECT sleep(2)",), kwargs={"session_id": "busy"})
    slow.start()
    assert eventually(lambda: "sleep(2)" in server.ask("SELECT query FROM system.processes").text)
    reply = server.ask("SELECT 1", session_id="busy")
    assert reply.headers["x-clickhouse-exception-code"] == "373"
    assert "Session busy is locked by a concurrent client. (SESSION_IS_LOCKED)" in reply.text
    slow.join()
    assert server.ask("SELECT 1", session_id="busy").text == "1\n"


def test_a_session_that_must_exist_and_does_not_is_refused(server: Server) -> None:
    assert server.ask("SELECT 1", session_id="never", session_check=1).headers["x-clickhouse-exception-code"] == "372"
    server.ask("SELECT 1", session_id="never")
    assert server.ask("SELECT 1", session_id="never", session_check=1).status == 200


def test_a_session_ends_after_its_timeout_or_when_closed(server: Server) -> None:
    for last in ({"session_timeout": 0}, {"close_session": 1}):
        server.ask("SELECT 1", session_id="short", **last)
        assert server.ask("SELECT 1", session_id="short", session_check=1).status == 500


def test_a_session_timeout_beyond_an_hour_is_refused(server: Server) -> None:
    reply = server.ask("SELECT 1", session_id="long", session_timeout=3601)
    assert reply.headers["x-clickhouse-exception-code"] == "374"


@pytest.mark.parametrize(
    "described", [{"structure": "a Int8, b String"}, {"types": "Int8, String"}], ids=["structure", "types"]
)
async def test_external_data_can_be_queried_once(either: Either, described: dict[str, str]) -> None:
    data = ExternalData(file_name="ext.csv", data="1,một\n2,hai\n".encode(), fmt="CSV", **described)
    query = "SELECT * FROM ext ORDER BY 1"
    assert (await either("query", query, external_data=data)).result_rows == [(1, "một"), (2, "hai")]
    assert await either("raw_query", query, external_data=data, fmt="CSV") == '1,"một"\n2,"hai"\n'.encode()
    assert await either("command", "SELECT count() FROM ext", external_data=data) == 2
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        await either("query", query)


async def test_two_external_tables_are_joined_with_parameters_and_a_readonly_query(either: Either) -> None:
    data = ExternalData(file_name="one", data=b"1\ta\n2\tb\n", structure="n Int8, w String")
    data.add_file(file_name="two", data=b'{"n":2}\n{"n":3}\n', fmt="JSONEachRow", structure="n Int8")
    query = "SELECT w FROM one JOIN two USING n WHERE n = {n:Int8}"
    result = await either("query", query, parameters={"n": 2}, external_data=data, settings={"readonly": 1})
    assert result.result_rows == [("b",)]


def test_external_data_without_columns_is_refused(server: Server) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="e"; filename="e"\r\n\r\n1\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    reply = server.ask(body, headers=headers, query="SELECT * FROM e")
    assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (400, "36")
    assert "send e_structure or e_types in the URL" in reply.text
    assert server.ask(body, headers=headers, query="SELECT * FROM e", e_structure="a Int8").text == "1\n"


VALUES = [
    ("String", 'O\'Neil \\ "x" \t\n\r \0 tiếng 🎉 `b` {y:Int8}'),
    ("String", "\\N"),
    ("Nullable(String)", None),
    ("Array(String)", ["a'b", "c\\d", "", "tiếng"]),
    ("Array(Array(Int32))", [[1], [], [2, 3]]),
    ("Int64", -(2**63)),
    ("Float64", 0.1),
    ("Bool", True),
    ("Tuple(Int8, String)", (1, "x'y")),
]


@pytest.mark.parametrize("form_encoded", [False, True], ids=["in the URL", "in a form"])
@pytest.mark.parametrize(("kind", "value"), VALUES, ids=[f"{kind} {value!r:.12}" for kind, value in VALUES])
async def test_a_bound_parameter_arrives_as_it_is(either: Either, kind: str, value: object, form_encoded: bool) -> None:
    either.client.form_encode_query_params = form_encoded
    result = await either("query", f"SELECT {{x:{kind}}} AS v", parameters={"x": value})
    assert result.result_rows == [(value,)]
    if kind == "String" and isinstance(value, str):
        raw = await either("raw_query", f"SELECT {{x:{kind}}}", parameters={"x": value}, fmt="TSVRaw")
        assert raw == value.encode() + b"\n"


async def test_a_map_is_bound_as_clickhouse_writes_it(either: Either) -> None:
    format_before = common.get_setting("dict_parameter_format")
    common.set_setting("dict_parameter_format", "map")
    try:
        result = await either("query", "SELECT {x:Map(String, Int32)}", parameters={"x": {"k'": 1}})
    finally:
        common.set_setting("dict_parameter_format", format_before)
    assert result.result_rows == [({"k'": 1},)]

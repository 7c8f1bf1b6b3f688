"""Errors have ClickHouse's code, text and status; only the password opens; no request waits for another."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from .serving import Server, eventually, start, stop


@pytest.mark.parametrize(
    ("query", "status", "code", "name"),
    [
        ("SELEC 1", 400, 62, "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 400, 62, "SYNTAX_ERROR"),
        ("", 400, 62, "SYNTAX_ERROR"),
        ("SELECT * FROM nosuch", 404, 60, "UNKNOWN_TABLE"),
        ("SELECT nosuch", 404, 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT nosuch(1)", 404, 46, "UNKNOWN_FUNCTION"),
        (r"SELECT nosuch('\xA0\xFF')", 404, 46, "UNKNOWN_FUNCTION"),
        (r"CREATE VIEW default.v AS SELECT nosuch('\xA0\xFF')", 404, 46, "UNKNOWN_FUNCTION"),
        ("SELECT * FROM nosuch.t", 404, 81, "UNKNOWN_DATABASE"),
        ("INSERT INTO nosuch VALUES (1)", 404, 60, "UNKNOWN_TABLE"),
        ("SELECT 1 FORMAT NoSuch", 404, 73, "UNKNOWN_FORMAT"),
        ("SELECT toInt32('x')", 400, 6, "CANNOT_PARSE_TEXT"),
        ("SELECT sum('a')", 400, 43, "ILLEGAL_TYPE_OF_ARGUMENT"),
        ("SELECT sleep(3) SETTINGS max_execution_time = 1", 408, 159, "TIMEOUT_EXCEEDED"),
        ("SELECT throwIf(1)", 500, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT {x:Int8}", 400, 456, "UNKNOWN_QUERY_PARAMETER"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 500, 358, "INTO_OUTFILE_NOT_ALLOWED"),
    ],
)
def test_an_error_has_its_code_text_and_status(server: Server, query: str, status: int, code: int, name: str) -> None:
    reply = server.ask(query or " ")
    status = {43: 500, 456: 500}.get(code, status)  # as exceptionCodeToHTTPStatus.cpp leaves them
    assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (status, str(code))
    assert reply.text.startswith(f"Code: {code}. DB::Exception: ")
    assert reply.text.count("DB::Exception") == reply.text.count(f"({name})") == 1
    assert reply.text.endswith("(version 26.9.2.1)\n")


def test_the_database_of_a_request_must_exist(server: Server) -> None:
    assert server.ask("SELECT 1", database="nosuch").headers["x-clickhouse-exception-code"] == "81"
    assert server.ask("SELECT 1", headers={"X-ClickHouse-Database": "nosuch"}).status == 404


def test_health_checks_answer_ok(server: Server) -> None:
    for path in ("/", "/ping", "/replicas_status"):
        assert (server.ask(method="GET", path=path).status, server.ask(method="GET", path=path).text) == (200, "Ok.\n")
        assert (server.ask(method="HEAD", path=path).status, server.ask(method="HEAD", path=path).body) == (200, b"")
    missing = server.ask(method="GET", path="/nosuch")
    assert (missing.status, missing.text.splitlines()[0]) == (404, "There is no handle /nosuch")


def test_head_tells_about_a_query_without_its_rows(server: Server) -> None:
    reply = server.ask(method="HEAD", query="SELECT 1")
    assert (reply.status, reply.body, reply.headers["x-clickhouse-format"]) == (200, b"", "TabSeparated")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    file: Path = tmp_path_factory.mktemp("secret") / "password"
    file.write_text("mật khẩu\n")
    running = start(tmp_path_factory.mktemp("guarded"), "--user", "lan", "--password-file", str(file))
    yield running
    assert stop(running) == (0, "")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def latin(text: str) -> str:
    return text.encode().decode("latin-1")


WAYS = [
    *((way, "lan", "mật khẩu", True) for way in ("basic", "headers", "url", "token")),
    *((way, "lan", "gu3ss", False) for way in ("basic", "headers", "url", "token")),
    *((way, "eve", "mật khẩu", False) for way in ("basic", "headers", "url")),  # a token names no user
]


@pytest.mark.parametrize(("way", "user", "password", "good"), WAYS)
def test_only_the_user_with_the_password_is_answered(
    guarded: Server, way: str, user: str, password: str, good: bool
) -> None:
    headers = {
        "basic": basic(user, password),
        "headers": {"X-ClickHouse-User": user, "X-ClickHouse-Key": latin(password)},
        "token": {"Authorization": f"Bearer {latin(password)}"},
    }.get(way, {})
    reply = guarded.ask("SELECT 1", headers=headers, **({"user": user, "password": password} if way == "url" else {}))
    if good:
        assert (reply.status, reply.text) == (200, "1\n")
    else:
        assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (403, "516")
        assert "Authentication failed: password is incorrect, or there is no user with such name." in reply.text
        assert password not in reply.text


def test_without_credentials_only_health_checks_are_answered(guarded: Server) -> None:
    assert guarded.ask("SELECT 1").status == 403
    assert guarded.ask(method="GET", path="/ping").text == "Ok.\n"


def test_the_client_connects_with_the_password_and_not_without(guarded: Server) -> None:
    client = guarded.connect(username="lan", password="mật khẩu")  # noqa: S106
    assert client.command("SELECT 1") == 1
    client.close()
    with pytest.raises(DatabaseError, match="516"):
        guarded.connect(username="lan", password="wrong")  # noqa: S106


def test_a_long_query_does_not_hold_up_others(server: Server) -> None:
    with ThreadPoolExecutor(12) as pool:
        slow = [pool.submit(server.ask, "SELECT sleep(3)") for _ in range(4)]
        assert [server.ask("SELECT 1").text for _ in range(5)] == ["1\n"] * 5
        assert not any(future.done() for future in slow)
        assert [future.result().text for future in slow] == ["0\n"] * 4


def test_many_requests_at_once_each_get_their_own_answer(server: Server, database: str) -> None:
    server.ask(f"CREATE TABLE {database}.t (n UInt32) ENGINE = MergeTree ORDER BY n")

    def work(n: int) -> tuple[str, str]:
        inserted = server.ask(f"INSERT INTO {database}.t VALUES ({n})", max_threads=n % 3 + 1)
        assert inserted.status == 200
        reply = server.ask(f"SELECT {n}, getSetting('max_threads')", max_threads=n % 3 + 1)
        return reply.text, f"{n}\t{n % 3 + 1}\n"

    with ThreadPoolExecutor(16) as pool:
        assert all(got == wanted for got, wanted in pool.map(work, range(100)))
    assert server.ask(f"SELECT count(), uniqExact(n) FROM {database}.t").text == "100\t100\n"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))",
        "SELECT number FROM numbers(1000000000000)",
    ],
    ids=["before its answer", "during its answer"],
)
def test_a_query_stops_when_its_client_goes_away(server: Server, query: str) -> None:
    def running() -> bool:
        return (
            "1000000000000" in server.ask("SELECT query FROM system.processes WHERE query NOT LIKE '%processes%'").text
        )

    with socket.create_connection(("127.0.0.1", server.port)) as client:
        body = query.encode()
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        assert eventually(running)
    assert eventually(lambda: not running())


def test_an_insert_that_breaks_off_is_not_taken_for_whole(server: Server, database: str) -> None:
    server.ask(f"CREATE TABLE {database}.t (a UInt32) ENGINE = MergeTree ORDER BY a")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        head = f"INSERT INTO {database}.t FORMAT CSV\n".encode()
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n%b1\n2\n" % head)
        assert eventually(lambda: f"INSERT INTO {database}.t" in _statements(server))
    assert eventually(lambda: f"INSERT INTO {database}.t" not in _statements(server))
    assert server.ask(f"SELECT count() FROM {database}.t").text == "0\n"


def _statements(server: Server) -> str:
    return server.ask("SELECT query FROM system.processes").text

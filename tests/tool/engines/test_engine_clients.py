"""Clients of the three stores, and what is said about one that cannot be worked with."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tvmigrate.engines import clients as clients_module
from tvmigrate.engines.clients import Clients, check_reachable, masked, open_redis, supported
from tvmigrate.engines.embedded import NAMES, EmbeddedEngines
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.errors import EngineUnreachable, UnsupportedVersion
from tvmigrate.engines.live import LiveEngines, open_engines
from tvmigrate.errors import ExitCode, UsageError


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_redis_gives_bytes(clients: Clients) -> None:
    clients.redis.set("bytes", b"\xff\x00")
    assert clients.redis.get("bytes") == b"\xff\x00"


def test_each_redis_database_is_its_own(clients: Clients) -> None:
    clients.redis_db(3).set("only in three", "1")
    assert clients.redis_db(3).get("only in three") == b"1"
    assert clients.redis.get("only in three") is None
    assert clients.redis_db(0) is clients.redis
    assert clients.redis_db(3) is clients.redis_db(3)


def test_clickhouse_has_no_session_so_that_threads_may_share_it(clients: Clients) -> None:
    assert "session_id" not in clients.clickhouse.params


def test_clickhouse_takes_its_database_from_the_url(engines: EmbeddedEngines, clients: Clients) -> None:
    clients.clickhouse.command("CREATE DATABASE IF NOT EXISTS elsewhere")
    named = replace(engines.endpoints, clickhouse=f"{engines.endpoints.clickhouse}/elsewhere")
    with Clients(named) as opened:
        assert opened.clickhouse.command("SELECT currentDatabase()") == "elsewhere"
    assert clients.clickhouse.command("SELECT currentDatabase()") == "default"


def test_all_unreachable_stores_are_named_with_their_passwords_masked(closed_port: int) -> None:
    address = f"ann:s3cret@127.0.0.1:{closed_port}"
    with pytest.raises(EngineUnreachable) as raised:
        check_reachable(Endpoints(f"redis://{address}", f"http://{address}/db", f"http://{address}"))
    sentence = str(raised.value)
    for store, url in zip(NAMES, ("redis://{}", "http://{}/db", "http://{}"), strict=True):
        shown = url.format(f"ann:***@127.0.0.1:{closed_port}")
        assert f"{store} at {shown} cannot be worked with: " in sentence
    assert "s3cret" not in sentence
    assert sentence.endswith("correct REDIS_URL, CLICKHOUSE_URL, ELASTICSEARCH_URL (host, port, user, password).")
    assert raised.value.exit_code is ExitCode.COULD_NOT_CHECK


def test_only_the_store_that_is_away_is_named(engines: EmbeddedEngines, closed_port: int) -> None:
    away = replace(engines.endpoints, elasticsearch=f"http://127.0.0.1:{closed_port}")
    with pytest.raises(EngineUnreachable) as raised:
        check_reachable(away)
    assert str(raised.value).startswith(f"elasticsearch at http://127.0.0.1:{closed_port} cannot be worked with: ")
    assert "REDIS_URL" not in str(raised.value)


def test_a_refused_password_is_unreachable_and_not_shown(engines: EmbeddedEngines) -> None:
    refused = engines.endpoints.redis.replace("redis://", "redis://nobody:s3cret@")
    with pytest.raises(EngineUnreachable) as raised:
        check_reachable(replace(engines.endpoints, redis=refused))
    assert "WRONGPASS" in str(raised.value) or "invalid username-password pair" in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_clickhouse_away_is_named_on_opening_clients(engines: EmbeddedEngines, closed_port: int) -> None:
    away = replace(engines.endpoints, clickhouse=f"http://127.0.0.1:{closed_port}")
    with pytest.raises(EngineUnreachable, match=r"^clickhouse at http://127\.0\.0\.1:"):
        Clients(away)


def test_a_server_that_is_not_elasticsearch_is_not_taken_for_one(engines: EmbeddedEngines) -> None:
    wrong = replace(engines.endpoints, elasticsearch=engines.endpoints.clickhouse)
    with pytest.raises(EngineUnreachable, match=r"^elasticsearch at "):
        check_reachable(wrong)


def test_an_unsupported_version_is_refused_with_what_is_supported(
    engines: EmbeddedEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The servers here are what they are, so what is supported is moved beyond them.
    monkeypatch.setitem(clients_module.SUPPORTED, "redis", ((99, 1), None))
    monkeypatch.setitem(clients_module.SUPPORTED, "elasticsearch", ((7, 0), (8, 0)))
    with pytest.raises(UnsupportedVersion) as raised:
        check_reachable(engines.endpoints)
    assert str(raised.value) == (
        f"redis at {engines.endpoints.redis} is 8.2.3; supported is 99.1 and later. "
        f"elasticsearch at {engines.endpoints.elasticsearch} is 9.5.3; supported is 7.0 and later, before 8.0. "
        "Nothing was read or changed; point the tool at a supported server."
    )


@pytest.mark.parametrize(
    ("store", "version", "expected"),
    [
        ("redis", "6.0.20", False),
        ("redis", "6.2.0", True),
        ("redis", "8.2.3", True),
        ("clickhouse", "23.7.6.111", False),
        ("clickhouse", "23.8.1.1", True),
        ("clickhouse", "26.9.2.1", True),
        ("elasticsearch", "8.15.5", False),
        ("elasticsearch", "8.16.0", True),
        ("elasticsearch", "8.19.21", True),
        ("elasticsearch", "9.0.0", True),
        ("elasticsearch", "10.0.0", False),
    ],
)
def test_supported_versions_begin_and_end_where_the_message_says(store: str, version: str, expected: bool) -> None:
    assert supported(store, version) is expected


@pytest.mark.parametrize(
    ("endpoints", "message"),
    [
        (
            Endpoints("http://h:1", "http://h:1", "http://h:1"),
            (
                "REDIS_URL is 'http://h:1': expected is redis:// or rediss:// or unix:// or redis+cluster:// or "
                "rediss+cluster:// or redis+sentinel:// or rediss+sentinel:// with a host, such as redis:"
            ),
        ),
        (
            Endpoints("redis://h:1", "clickhouse://u:p@h:1", "http://h:1"),
            "CLICKHOUSE_URL is 'clickhouse://u:***@h:1': expected is http:// or https:// with a host, such as http:",
        ),
        (
            Endpoints("redis://h:1", "http://", "http://h:1"),
            "CLICKHOUSE_URL is 'http://': expected is http:// or https:// with a host, such as http:",
        ),
    ],
    ids=["redis-scheme", "clickhouse-scheme", "no-host"],
)
def test_a_url_of_another_form_is_refused_by_its_variable(endpoints: Endpoints, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_urls(endpoints)
    assert str(raised.value) == f"{message}//db.example:1234."


def check_urls(endpoints: Endpoints) -> None:
    open_redis(endpoints.redis).close()
    clients_module.open_clickhouse(endpoints.clickhouse)


def test_a_port_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^REDIS_URL is no URL \(Port could not be cast"):
        open_redis("redis://h:port")


def test_a_redis_url_with_another_database_is_refused() -> None:
    with pytest.raises(UsageError, match=r"names a database"):
        open_redis("redis://h:1/4")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:1", "redis://h:1"),
        ("redis://:pw@h:1/0", "redis://:***@h:1/0"),
        ("http://ann:p%40w@h:1/db", "http://ann:***@h:1/db"),
    ],
)
def test_masking_hides_the_password_alone(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_live_engines_name_every_variable_that_is_missing() -> None:
    with pytest.raises(UsageError, match=r"^REDIS_URL, ELASTICSEARCH_URL not set: "):
        LiveEngines({"CLICKHOUSE_URL": "http://h:1"})


def test_live_engines_hand_out_what_the_environment_names(engines: EmbeddedEngines) -> None:
    with LiveEngines(engines.endpoints.environ()) as live:
        assert live.endpoints == engines.endpoints
        assert live.versions() == engines.versions()
    engines.check()


def test_a_directory_makes_no_sense_for_live_engines(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^A directory is for embedded engines"):
        open_engines("live", tmp_path)

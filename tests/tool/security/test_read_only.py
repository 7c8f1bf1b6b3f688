"""A store that is opened to be read only cannot be written to: by the client, and as a user who may not write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
import redis
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.tool.migrate.stores import ROOT, Stores, different
from tests.tool.migrate.test_commands import tvmigrate
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import READ_ONLY, Endpoints
from tvmigrate.engines.errors import WriteRefused
from tvmigrate.engines.read_only import BESIDES_DATA, READS_DATA, refuse_writes
from tvmigrate.engines.redis_wire import ask, pack
from tvmigrate.engines.secrets import masked

READER, PASSWORD = "reader", "gelesen"
# What a user of Redis needs for `plan` and `status`, as docs/operations.md has it.
RIGHTS = "+@read +info +time +select +ping +client|setinfo +client|setname"


@pytest.fixture
def only_read(stores: Stores) -> Iterator[Clients]:
    with Clients(stores.endpoints.read_only()) as clients:
        yield clients


@pytest.fixture
def reader(stores: Stores) -> Iterator[Endpoints]:
    """The same stores, of which Redis is asked as a user who has no rights but to read."""
    stores.clients.redis.execute_command(*f"ACL SETUSER {READER} on >{PASSWORD} ~*".split(), *RIGHTS.split())
    address = stores.endpoints.redis.removeprefix("redis://")
    yield replace(stores.endpoints, redis=f"redis://{READER}:{PASSWORD}@{address}")
    stores.clients.redis.execute_command("ACL", "DELUSER", READER)


@pytest.mark.parametrize("command", ["plan", "status", "capture"])
def test_what_only_looks_runs_as_a_user_with_read_rights_and_changes_no_store(
    command: str, stores: Stores, reader: Endpoints, tmp_path: Path
) -> None:
    """Assert it of both dimensions: the server refuses this user any write, and all three stores are as before."""
    before = stores.picture()
    options = {"plan": ["--show", "the_voice"], "status": [], "capture": [str(tmp_path / "dataset")]}[command]
    code, out, err = tvmigrate(replace(stores, endpoints=reader), command, *options)
    assert (code, "Error" in err) == (0, False), err
    assert ("redis.eaos" in out) == (command == "plan")
    assert different(before, stores.picture()) == {}
    with redis.Redis.from_url(reader.redis) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.set("x", "y")


def test_verify_runs_as_a_user_with_read_rights_and_changes_no_store(
    stores: Stores, reader: Endpoints, tmp_path: Path
) -> None:
    stores.apply()
    before = stores.picture()
    code, out, err = tvmigrate(replace(stores, endpoints=reader), "verify", "--report", str(tmp_path / "report"))
    assert code == 0, out + err
    assert "verdict: pass" in out
    assert different(before, stores.picture()) == {}


def test_what_only_looks_is_refused_a_write_by_the_client_itself(stores: Stores, only_read: Clients) -> None:
    before, index = stores.picture(), only_read.elasticsearch
    all_of_it = {"match_all": dict[str, Any]()}
    writes: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("Redis was opened to be read only, and SET may write", lambda: only_read.redis.set("a", "b")),
        ("and LPUSH may write", lambda: ask(only_read.redis, pack(b"GET", b"a") + pack(b"lpush", b"a", b"b"), 2)),
        ("and CONFIG may write", lambda: only_read.redis.config_set("save", "")),
        ("and CLIENT KILL may write", lambda: only_read.redis.execute_command("CLIENT", "KILL", "x")),
        ("and DEL may write", lambda: only_read.redis_db(3).delete("a")),
        ("and EVAL may write", lambda: only_read.redis.eval("return 1", 0)),
        ("Elasticsearch was opened to be read only, and PUT /x may", lambda: index.indices.create(index="x")),
        ("and PUT /_bulk may write", lambda: index.bulk(operations=[{}])),
        ("and POST /tv_comments/_refresh may", lambda: index.indices.refresh(index="tv_comments")),
        ("and POST /tv_comments/_del", lambda: index.delete_by_query(index="tv_comments", query=all_of_it)),
        ("and DELETE /tv_comments may", lambda: index.indices.delete(index="tv_comments")),
        ("and GET /_refresh may", lambda: index.perform_request("GET", "/_refresh")),
        ("and POST /x/_doc/_search may", lambda: index.perform_request("POST", "/x/_doc/_search")),
    )  # fmt: skip
    for sentence, write in writes:
        with pytest.raises(WriteRefused) as refused:
            write()
        assert sentence in str(refused.value)
    with only_read.redis.pipeline() as pipe, pytest.raises(WriteRefused):
        pipe.get("a").set("a", "b").execute()
    for statement in ("DROP TABLE tv_analytics.comments", "INSERT INTO tv_analytics.comments (text) VALUES ('x')",
                      "SET readonly = 0", "CREATE TEMPORARY TABLE t (a Int8)"):  # fmt: skip
        with pytest.raises(DatabaseError, match="readonly"):
            only_read.clickhouse.command(statement)
    with pytest.raises(DatabaseError, match="readonly"):
        only_read.clickhouse.insert("tv_analytics.eaos_metrics", [["x", 1.0, "{}", 1, 1]])
    assert different(before, stores.picture()) == {}


def test_whoever_is_read_only_still_reads(stores: Stores, only_read: Clients) -> None:
    assert only_read.redis.dbsize() == stores.clients.redis.dbsize()
    counted = only_read.clickhouse.query("SELECT count() FROM tv_analytics.comments", settings={"max_threads": 1})
    assert counted.result_rows[0][0] > 0
    opened = only_read.elasticsearch.open_point_in_time(index="tv_comments", keep_alive="1m")
    found = only_read.elasticsearch.search(pit={"id": opened["id"]}, size=1)
    assert found["hits"]["hits"]
    assert only_read.elasticsearch.close_point_in_time(id=opened["id"])["succeeded"]
    assert only_read.elasticsearch.count(index="tv_comments")["count"] > 0
    with pytest.raises(elasticsearch.NotFoundError):
        only_read.elasticsearch.get(index="tv_comments", id="no such")


def test_the_commands_that_are_allowed_are_those_that_redis_calls_reads(stores: Stores) -> None:
    """Assert that the list is not our opinion alone: Redis flags each as `readonly`, and no other as a write."""
    told = {name.decode().upper(): flags for name, flags in _flags(stores.clients.redis).items()}
    assert {name for name in READS_DATA if b"readonly" not in told[name]} == set()
    assert {name for name in BESIDES_DATA if b"write" in told[name]} == set()


def _flags(client: redis.Redis) -> dict[bytes, set[bytes]]:
    answer = client.connection_pool.get_connection()
    answer.send_command("COMMAND")
    found = {one[0]: set(one[2]) for one in answer.read_response()}
    client.connection_pool.release(answer)
    return found


def test_the_page_names_the_rights_that_were_enough() -> None:
    assert f"~* {RIGHTS}\n" in (ROOT / "docs" / "operations.md").read_text("utf-8")


def test_a_command_in_pieces_is_seen_whole() -> None:
    """redis-py sends a long argument as a piece of its own."""
    words = pack(b"SET", b"a", b"x" * 100)
    with pytest.raises(WriteRefused):
        refuse_writes([words[:15], words[15:]])
    refuse_writes([pack(b"GET", b"set"), pack(b"MGET", b"a", b"DEL")])


def test_the_mark_is_said_once_and_no_message_shows_it() -> None:
    marked = Endpoints("redis://:p@h:1", "http://h:2", "http://h:3").read_only().read_only()
    assert marked == Endpoints(*(f"{url}{READ_ONLY}" for url in ("redis://:p@h:1", "http://h:2", "http://h:3")))
    assert masked(marked.redis) == "redis://:***@h:1"

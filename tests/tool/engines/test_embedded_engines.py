"""The three embedded engines together: they start, answer, keep what they acknowledged, say why they died."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tvmigrate.engines.clients import Clients, check_reachable
from tvmigrate.engines.embedded import NAMES, EmbeddedEngines, locks, redis
from tvmigrate.engines.embedded import engines as engines_module
from tvmigrate.engines.embedded.ports import free_ports
from tvmigrate.engines.embedded.process import EngineProcess
from tvmigrate.engines.embedded.versions import Versions
from tvmigrate.engines.errors import (
    DirectoryInUse,
    DirectoryUnusable,
    EngineDied,
    EngineError,
    PortTaken,
    UnknownEngine,
)
from tvmigrate.errors import UsageError

from .processes import Running, left_in


def test_all_three_answer_as_soon_as_the_start_returns(engines: EmbeddedEngines) -> None:
    assert check_reachable(engines.endpoints) == engines.versions()


@pytest.mark.parametrize("name", NAMES)
def test_the_version_that_runs_is_the_pinned_one(engines: EmbeddedEngines, name: str) -> None:
    pinned: str = getattr(Versions.read(), name)
    assert engines.versions()[name].split(".")[: pinned.count(".") + 1] == pinned.split(".")


def test_engines_start_side_by_side(running: Running) -> None:
    """Assert it by who tells of it: which engine is the faster one says nothing on a busy machine."""
    assert len({running.threads[name] for name in NAMES}) == len(NAMES)


def test_redis_starts_in_a_locale_that_the_machine_has_not_got(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "no_SUCH.UTF-8")
    (port,) = free_ports(1)
    process = EngineProcess(redis.launch(tmp_path, port), tmp_path / "redis.log")
    try:
        while process.running and redis.answer(port) is None:
            time.sleep(0.05)
        assert process.running
    finally:
        process.kill()


def test_engines_listen_on_the_loopback_address_alone(engines: EmbeddedEngines) -> None:
    for url in (engines.endpoints.redis, engines.endpoints.clickhouse, engines.endpoints.elasticsearch):
        port = urlsplit(url).port
        assert port is not None
        with socket.socket() as elsewhere:
            elsewhere.bind(("127.0.0.2", port))  # would be refused if the engine had bound every address


def test_elasticsearch_info_has_every_field_of_a_real_server(clients: Clients) -> None:
    info = clients.elasticsearch.info()
    assert set(info) == {"name", "cluster_name", "cluster_uuid", "version", "tagline"}
    assert set(info["version"]) == {
        "number",
        "build_flavor",
        "build_type",
        "build_hash",
        "build_date",
        "build_snapshot",
        "lucene_version",
        "minimum_wire_compatibility_version",
        "minimum_index_compatibility_version",
    }
    assert info["version"]["number"] == Versions.read().elasticsearch
    assert info["version"]["build_snapshot"] is False
    assert info["tagline"] == "You Know, for Search"
    assert len(info["cluster_uuid"]) == 22


def test_elasticsearch_ping_succeeds(clients: Clients) -> None:
    assert clients.elasticsearch.ping() is True


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("HEAD", "/"), ("GET", "/_cluster/health")])
def test_elasticsearch_names_its_product_in_every_answer(engines: EmbeddedEngines, method: str, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(engines.endpoints.elasticsearch).port or 0)
    connection.request(method, path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert (answer.status, answer.getheader("X-Elastic-Product")) == (200, "Elasticsearch")


def test_elasticsearch_root_minds_filter_path_like_any_other_answer(engines: EmbeddedEngines) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(engines.endpoints.elasticsearch).port or 0)
    connection.request("GET", "/?filter_path=version.number")
    answer = json.load(connection.getresponse())
    connection.close()
    assert answer == {"version": {"number": Versions.read().elasticsearch}}


def test_elasticsearch_compresses_best_where_the_system_has_libzstd(clients: Clients) -> None:
    clients.elasticsearch.indices.create(
        index="best", settings={"index.codec": "best_compression", "number_of_replicas": 0}
    )
    clients.elasticsearch.index(index="best", id="1", document={"text": "one"}, refresh=True)
    clients.elasticsearch.indices.forcemerge(index="best", max_num_segments=1)
    assert clients.elasticsearch.get(index="best", id="1")["_source"] == {"text": "one"}


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngines]:
    with EmbeddedEngines(tmp_path_factory.mktemp("crashing")) as engines:
        yield engines


def _write_redis(clients: Clients, value: str) -> None:
    clients.redis.rpush("acknowledged", value)


def _read_redis(clients: Clients) -> list[str]:
    return [item.decode() for item in clients.redis.lrange("acknowledged", 0, -1)]


def _write_clickhouse(clients: Clients, value: str) -> None:
    clients.clickhouse.command("CREATE TABLE IF NOT EXISTS acknowledged (v String) ENGINE = MergeTree ORDER BY v")
    clients.clickhouse.insert("acknowledged", [[value]], column_names=["v"])


def _read_clickhouse(clients: Clients) -> list[str]:
    return [row[0] for row in clients.clickhouse.query("SELECT v FROM acknowledged ORDER BY v").result_rows]


def _write_elasticsearch(clients: Clients, value: str) -> None:
    clients.elasticsearch.index(index="acknowledged", document={"v": value})


def _read_elasticsearch(clients: Clients) -> list[str]:
    clients.elasticsearch.indices.refresh(index="acknowledged")
    found = clients.elasticsearch.search(index="acknowledged")
    return sorted(hit["_source"]["v"] for hit in found["hits"]["hits"])


Write = Callable[[Clients, str], None]
Read = Callable[[Clients], list[str]]
STORES = pytest.mark.parametrize(
    ("name", "write", "read"),
    [
        pytest.param("redis", _write_redis, _read_redis, id="redis"),
        pytest.param("clickhouse", _write_clickhouse, _read_clickhouse, id="clickhouse"),
        pytest.param("elasticsearch", _write_elasticsearch, _read_elasticsearch, id="elasticsearch"),
    ],
)


@STORES
def test_what_was_acknowledged_is_there_after_kill_9(
    crashing: EmbeddedEngines, name: str, write: Write, read: Read
) -> None:
    with Clients(crashing.endpoints) as clients:
        for value in ("a", "b", "c"):
            write(clients, value)
    before = crashing.processes[name]
    crashing.kill(name)
    crashing.restart(name)
    assert crashing.processes[name] != before
    with Clients(crashing.endpoints) as clients:
        assert read(clients) == ["a", "b", "c"]


def test_a_restarted_engine_answers_at_the_same_url(crashing: EmbeddedEngines) -> None:
    before = crashing.endpoints
    crashing.restart("redis")
    assert crashing.endpoints == before
    assert check_reachable(before)["redis"] == crashing.versions()["redis"]


def test_an_engine_that_died_is_named_with_the_last_lines_of_its_log(crashing: EmbeddedEngines) -> None:
    crashing.kill("redis")
    with pytest.raises(EngineDied) as raised:
        crashing.check()
    crashing.restart("redis")
    sentence, _, log = str(raised.value).partition("\n")
    assert sentence == (
        "redis ended unasked (killed by SIGKILL). "
        f"The last lines of its log, {crashing.directory / 'logs' / 'redis.log'}:"
    )
    assert "Ready to accept connections" in log


def test_check_is_content_with_engines_that_run(engines: EmbeddedEngines) -> None:
    engines.check()


def test_an_unknown_engine_is_refused_by_name(engines: EmbeddedEngines) -> None:
    with pytest.raises(UnknownEngine) as raised:
        engines.kill("mysql")
    assert str(raised.value) == ("There is no engine 'mysql': the embedded ones are redis, clickhouse, elasticsearch.")


def test_data_in_a_directory_is_there_at_the_next_start_and_a_port_lost_meanwhile_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Assert both on one pair of starts, since each start takes seconds."""
    with EmbeddedEngines(tmp_path) as engines, Clients(engines.endpoints) as clients:
        for _, write, _ in (mark.values for mark in STORES.args[1]):
            write(clients, "kept")
    assert left_in(tmp_path) == []

    with socket.create_server(("127.0.0.1", 0)) as thief:
        lost = thief.getsockname()[1]
        honest = engines_module.free_ports
        offers = iter([[lost, *honest(2)]])
        monkeypatch.setattr(engines_module, "free_ports", lambda count: next(offers, None) or honest(count))
        with EmbeddedEngines(tmp_path) as engines, Clients(engines.endpoints) as clients:
            assert urlsplit(engines.endpoints.redis).port != lost
            for _, _, read in (mark.values for mark in STORES.args[1]):
                assert read(clients) == ["kept"]


def test_a_failure_beside_a_dead_engine_tells_of_its_death_and_nothing_temporary_stays() -> None:
    engines = EmbeddedEngines()

    def fail_beside_a_dead_engine() -> None:
        with engines:
            seen.append(engines.directory)
            engines.kill("redis")
            raise ConnectionError("refused")

    seen: list[Path] = []
    with pytest.raises(ConnectionError) as raised:
        fail_beside_a_dead_engine()
    (directory,) = seen
    assert raised.value.__notes__[0].startswith("redis had ended by then (killed by SIGKILL).")
    assert not directory.exists()
    assert left_in(directory) == []


def test_a_taken_port_is_named_with_its_holder_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(PortTaken) as raised:
            EmbeddedEngines(tmp_path, ports={"clickhouse": port}).start()
    assert str(raised.value).startswith(f"clickhouse cannot listen on 127.0.0.1:{port}: ")
    assert str(raised.value).endswith(
        " has that port. Stop it, or choose another port; without one, a free port is taken."
    )
    assert left_in(tmp_path) == []


def test_an_engine_that_cannot_start_takes_the_others_down(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "appendonlydir").write_text("a file where Redis wants a directory")
    with pytest.raises(EngineDied) as raised:
        EmbeddedEngines(tmp_path).start()
    assert str(raised.value).startswith("redis ended while it was starting (exit status 1).")
    assert "appendonlydir" in str(raised.value)
    assert left_in(tmp_path) == []


def test_a_directory_that_others_use_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_module, "_LOCK_WAIT", 0)
    held = locks.take(tmp_path / engines_module.LOCK_FILE, 0)
    assert held is not None
    with pytest.raises(DirectoryInUse) as raised:
        EmbeddedEngines(tmp_path).start()
    locks.release(held)
    assert str(raised.value) == (
        f"{tmp_path} is in use: other engines run there. Stop them with: "
        f"tvmigrate engines down --dir '{tmp_path}', or give another directory."
    )


def test_a_full_disk_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_module, "_SPACE_NEEDED", 2**70)
    with pytest.raises(DirectoryUnusable) as raised:
        EmbeddedEngines(tmp_path).start()
    assert str(raised.value).startswith(f"{tmp_path} has ")
    assert str(raised.value).endswith("Free some space, or give another directory.")


def test_a_directory_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DirectoryUnusable, match=r"cannot hold the engines' data: Not a directory\."):
        EmbeddedEngines(tmp_path / "file" / "below").start()


def test_endpoints_are_not_given_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"^The embedded engines have not been started\.$"):
        _ = EmbeddedEngines(tmp_path).endpoints


@pytest.mark.parametrize("heap", ["lots", "0g", "1", "-1g"])
def test_a_heap_that_is_no_size_is_refused(heap: str) -> None:
    with pytest.raises(UsageError, match=r"is no heap size for Elasticsearch"):
        EmbeddedEngines(heap=heap)

"""Closed on doubt: whatever keeps the verification from seeing all there is is an error that says so, never a pass."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from elasticsearch import ApiError

from tests.standstill import stopped
from tvmigrate.contract.outcome import Store
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.errors import EngineError
from tvmigrate.engines.whole_answers import ResultsCut
from tvmigrate.errors import ExitCode
from tvmigrate.events import Event, Started
from tvmigrate.verify import elasticsearch_live, elasticsearch_whole
from tvmigrate.verify.elasticsearch_whole import AnswerCut
from tvmigrate.verify.errors import ReferenceFailed
from tvmigrate.verify.findings import Phase, State
from tvmigrate.verify.reference import ReferenceEngine, load_reference
from tvmigrate.verify.rehearsal import Job, Rehearsal

from .conftest import FIXTURES, World
from .cutting import Proxy, proxy
from .small_redis import POLICY

SILENT = 2.0  # seconds that these tests wait for an engine that does not answer
READS = {Store.REDIS: "rollback.redis", Store.CLICKHOUSE: "rollback.clickhouse", Store.ELASTICSEARCH: "rollback.elast"}
each_store = pytest.mark.parametrize("loaded", [pytest.param(s, id=str(s)) for s in READS], indirect=True)


def store_of(request: pytest.FixtureRequest) -> Store:
    return Store(request.node.callspec.params["loaded"])


def judged(world: World, store: Store, **changes: Any) -> dict[str, Any]:
    """Run the checks of the rollback that read all of a store; as it is loaded, each would pass."""
    return world.judge(READS[store], **changes)


def pid_of(url: str) -> int:
    port = urlsplit(url).port
    listening = (c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port)
    return next(connection.pid for connection in listening if connection.pid)


@contextmanager
def through_a_proxy(engines: Endpoints, store: Store) -> Iterator[tuple[Proxy, Clients]]:
    """Yield a proxy before one store, and clients that use it."""
    with (
        proxy(getattr(engines, store)) as between,
        Clients(replace(engines, **{str(store): between.url}), timeout=5) as clients,
    ):
        yield between, clients


# ------------------------------------------------------------------------------------------------- silent and away


@each_store
def test_a_store_that_does_not_answer_in_time_is_an_error_that_says_so(
    request: pytest.FixtureRequest, loaded: World, engines: Endpoints
) -> None:
    store = store_of(request)
    with Clients(engines, SILENT) as clients, stopped(pid_of(getattr(engines, store))):
        results = judged(loaded, store, clients=clients)
    assert {result.state for result in results.values()} == {State.ERROR}
    assert all(f"{store} did not answer in the time that --timeout gives it" in r.error for r in results.values())


def test_a_store_that_is_away_is_not_asked_again(empty_engines: Endpoints, small_dataset: Dataset) -> None:
    """Assert that a silent store costs its time once: later checks that need it are errors that name it at once."""
    job = Job(small_dataset.path, POLICY, migration="true", rollback="true", engines="live")
    with live(empty_engines), Rehearsal(job) as rehearsal:
        rehearsal.migrated()
        rehearsal.job = replace(job, timeout=4 * SILENT)
        with stopped(pid_of(empty_engines.redis)):
            results, _ = rehearsal.look(Phase.MIGRATION)
    of_redis = [result for result in results if result.store is Store.REDIS]
    assert {result.state for result in of_redis} == {State.ERROR}
    balance = next(r for r in results if r.id == "ledger.balance")
    assert balance.state is State.ERROR
    assert balance.error == "Nothing was looked at. redis does not answer: Timeout reading from socket."
    assert next(r for r in results if r.id == "clickhouse.schema.raw_comments").state is State.FAIL


@contextmanager
def live(endpoints: Endpoints) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name, url in endpoints.environ().items():
            environment.setenv(name, url)
        yield


def test_engines_killed_during_a_check_make_the_verdict_an_error(clean_dataset: Dataset) -> None:
    """Assert that `kill -9` of each engine, as the first of its checks begins, is told and never passed over."""
    only = ("rollback.redis", "rollback.clickhouse", "rollback.elasticsearch")
    killed: list[str] = []

    def listener(event: Event) -> None:
        if isinstance(event, Started) and event.task.startswith("check rollback") and len(killed) < 1:
            for name, pid in rehearsal._engines.processes.items():  # type: ignore[union-attr]
                os.kill(pid, signal.SIGKILL)
                killed.append(name)

    job = Job(clean_dataset.path, POLICY, migration="true", rollback="true", only=frozenset(only), second_round=False)
    with Rehearsal(job, listener) as rehearsal:
        rehearsal.rolled_back()
        verdict = rehearsal.verdict()
    assert sorted(killed) == ["clickhouse", "elasticsearch", "redis"]
    assert {check.id: check.state for check in verdict.checks} == dict.fromkeys(only, State.ERROR)
    assert (verdict.state, verdict.exit_code) == (State.ERROR, ExitCode.COULD_NOT_CHECK)
    # Whether its end or its silence is noticed first is a race.
    for check in verdict.checks:
        assert f"{check.store} does not answer" in check.error or f"{check.store} ended unasked" in check.error


# ------------------------------------------------------------------------------------------------------- cut short


@each_store
@pytest.mark.parametrize("cut", [1, 60, 400], ids=lambda cut: f"after-{cut}-bytes")
def test_answers_that_are_cut_short_are_an_error(
    request: pytest.FixtureRequest, loaded: World, engines: Endpoints, cut: int
) -> None:
    with through_a_proxy(engines, store_of(request)) as (between, clients):
        between.cut = cut
        results = judged(loaded, store_of(request), clients=clients)
    assert between.cuts > 0
    assert {result.state for result in results.values()} == {State.ERROR}, results


def test_no_cut_of_a_clickhouse_answer_gives_fewer_rows(engines: Endpoints) -> None:
    """Assert it at each place of a small answer: the driver takes one that ends within its headers for an empty one."""
    query = "SELECT toString(number) FROM numbers(5)"
    with (
        proxy(engines.clickhouse, b"numbers(5)") as between,
        Clients(replace(engines, clickhouse=between.url), timeout=5) as clients,
    ):
        whole = clients.clickhouse.query(query).result_rows
        for cut in range(1, 620, 31):
            between.cut = cut
            try:
                rows = clients.clickhouse.query(query).result_rows
            except (ClickHouseError, OSError):
                continue
            assert rows == whole, f"cut after {cut} bytes"
    assert (len(whole), between.cuts > 10) == (5, True)


def test_an_exception_in_the_middle_of_a_clickhouse_stream_is_no_end_of_it(clients: Clients) -> None:
    query = "SELECT throwIf(number = 300000), toString(number) FROM numbers(400000) SETTINGS max_block_size = 1000"
    with pytest.raises(ClickHouseError, match="throwIf"), clients.clickhouse.query_rows_stream(query) as rows:
        for _ in rows:
            pass


@pytest.mark.parametrize(
    "settings",
    [
        b"result_overflow_mode=break&max_result_rows=10&",
        b"read_overflow_mode=break&max_rows_to_read=10&",
        b"timeout_overflow_mode=break&max_execution_time=0.001&",
        b"limit=10&",
        b"offset=10&",
    ],
    ids=["max-result-rows", "max-rows-to-read", "max-execution-time", "limit", "offset"],
)
def test_settings_that_cut_clickhouse_results_are_lifted_or_an_error(engines: Endpoints, settings: bytes) -> None:
    with proxy(engines.clickhouse) as between:
        between.added = settings
        try:
            with Clients(replace(engines, clickhouse=between.url), timeout=5) as clients:
                query = "SELECT number FROM numbers(100000) SETTINGS max_block_size = 100"
                rows = len(clients.clickhouse.query(query).result_rows)
        except (ClickHouseError, EngineError):
            rows = 100_000
    assert rows == 100_000


def test_settings_that_may_not_be_lifted_are_refused_with_a_sentence(engines: Endpoints) -> None:
    with proxy(engines.clickhouse) as between:
        between.added = b"result_overflow_mode=break&readonly=1&"
        with pytest.raises(ResultsCut) as raised:
            Clients(replace(engines, clickhouse=between.url), timeout=5)
    assert str(raised.value) == (
        "ClickHouse's user has the setting result_overflow_mode = 'break', which lets it cut results short without an "
        "error, and may not set it to 'throw': Setting result_overflow_mode is readonly. Nothing can be told of such "
        "results; name a user without that setting in CLICKHOUSE_URL."
    )


def test_a_user_who_may_change_nothing_can_verify(engines: Endpoints) -> None:
    with proxy(engines.clickhouse) as between:
        between.added = b"readonly=1&"
        with Clients(replace(engines, clickhouse=between.url), timeout=5) as clients:
            assert clients.clickhouse.query("SELECT number FROM numbers(3)").result_rows == [(0,), (1,), (2,)]


@pytest.fixture
def shard_away(clients: Clients) -> Iterator[Any]:
    """Two indices of which the second has no shard that answers."""
    client = clients.elasticsearch
    client.indices.create(index="doubt-1", settings={"number_of_replicas": 0})
    client.index(index="doubt-1", id="1", document={"a": 1}, refresh=True)
    nowhere = {"number_of_replicas": 0, "index.routing.allocation.require._name": "nobody"}
    client.indices.create(index="doubt-2", settings=nowhere, wait_for_active_shards=0)
    yield client
    client.indices.delete(index=["doubt-1", "doubt-2"])


@pytest.mark.parametrize(
    "read",
    [
        lambda client: list(elasticsearch_live.scan(client, "doubt-*")),
        lambda client: list(elasticsearch_live.by_ids(client, "doubt-*", iter(["1"]))),
        lambda client: elasticsearch_live.stored(client, "doubt-2", ["1"]),
        lambda client: elasticsearch_whole.count(client, "doubt-*", {"match_all": {}}),
    ],
    ids=["scan", "search", "get", "count"],
)
def test_a_shard_that_does_not_answer_is_no_lack_of_documents(shard_away: Any, read: Any) -> None:
    with pytest.raises((AnswerCut, ApiError), match=r"cut short|could not be read|search_phase_execution_exception"):
        read(shard_away)


def test_more_hits_than_a_page_holds_are_not_left_out(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticsearch_live, "PAGE", 4)
    client, names = clients.elasticsearch, [f"doubt-{n}" for n in range(3)]
    for name in names:
        for document in ("1", "2"):
            client.index(index=name, id=document, document={"a": 1}, refresh=True)
    try:
        with pytest.raises(AnswerCut, match="was cut short: 4 hits came, and there are 6"):
            list(elasticsearch_live.by_ids(client, "doubt-*", iter(["1", "2"])))
    finally:
        client.indices.delete(index=names)


def test_a_search_whose_time_ran_out_is_cut_short() -> None:
    with pytest.raises(AnswerCut) as raised:
        elasticsearch_whole.require_whole({"timed_out": True}, "A search")
    assert (
        str(raised.value)
        == "A search was cut short: its time ran out at the server (timed_out). Look again when it is idle."
    )


# --------------------------------------------------------------------------------------------------- the reference


@pytest.fixture
def own_tables(clean_dataset: Dataset) -> Iterator[ReferenceEngine]:
    with load_reference(clean_dataset) as tables:
        counts = {(t.database, name): tables.count(t.database, name) for name, t in clean_dataset.tables.items()}
        tables.require_rows(counts)
        yield tables


clickhouse_loaded = pytest.mark.parametrize("loaded", [Store.CLICKHOUSE], indirect=True)


def with_tables(world: World, tables: ReferenceEngine) -> dict[str, Any]:
    reference = replace(world.context.reference, tables=tables)
    return {n: r for n, r in judged(world, Store.CLICKHOUSE, reference=reference).items() if n == "rollback.clickhouse"}


@clickhouse_loaded
def test_a_reference_that_is_whole_is_compared_with(loaded: World, own_tables: ReferenceEngine) -> None:
    assert with_tables(loaded, own_tables)["rollback.clickhouse"].state is State.PASS


@clickhouse_loaded
def test_a_reference_that_is_empty_is_an_error(loaded: World, own_tables: ReferenceEngine) -> None:
    """Assert that two empty sides are no pass, where the old one was not empty when it was loaded."""
    own_tables.command("TRUNCATE TABLE tv_analytics.comments")
    loaded.sql("TRUNCATE TABLE tv_analytics.comments")
    result = with_tables(loaded, own_tables)["rollback.clickhouse"]
    assert result.state is State.ERROR
    assert "own copy of tv_analytics.comments holds 0 rows, and" in result.error


@clickhouse_loaded
def test_a_reference_that_is_killed_is_an_error(loaded: World, own_tables: ReferenceEngine) -> None:
    os.kill(own_tables.pid, signal.SIGKILL)
    result = with_tables(loaded, own_tables)["rollback.clickhouse"]
    assert result.state is State.ERROR
    assert "own ClickHouse has ended" in result.error


def test_a_reference_that_is_silent_is_an_error_and_ended() -> None:
    with closing(ReferenceEngine()) as engine:
        engine.answers_within(SILENT)
        os.kill(engine.pid, signal.SIGSTOP)
        with pytest.raises(ReferenceFailed, match=r"did not answer within 2 s and was ended.*'SELECT 1'"):
            engine.query("SELECT 1")
        with pytest.raises(ReferenceFailed, match="has ended"):
            engine.query("SELECT 2")


def test_a_reference_with_other_rows_than_were_loaded_is_refused(own_tables: ReferenceEngine) -> None:
    held = own_tables.count("tv_analytics", "comments")
    with pytest.raises(ReferenceFailed) as raised:
        own_tables.require_rows({("tv_analytics", "comments"): held + 1})
    assert str(raised.value) == (
        f"The verifier's own copy of tv_analytics.comments holds {held} rows, and {held + 1} were loaded from the "
        "dataset: nothing can be compared with it. Run the rehearsal again."
    )


# ------------------------------------------------------------------------------------------------ nothing to check


@pytest.mark.parametrize("loaded", [Store.REDIS], indirect=True)
def test_an_empty_store_beside_a_full_one_is_empty_and_no_pass(loaded: World) -> None:
    assert loaded.judge("rollback.redis")["rollback.redis"].state is State.PASS
    result = loaded.judge("rollback.elasticsearch")["rollback.elasticsearch"]
    assert (result.state, result.examined) == (State.EMPTY, 0)


@pytest.mark.parametrize(("migration", "state"), [("true", State.EMPTY), ("false", State.FAIL)])
def test_of_an_empty_dataset_nothing_passes(
    empty_engines: Endpoints, tmp_path: Path, migration: str, state: State
) -> None:
    """Assert that a command which ends well, and a store without anything new in it, prove nothing without a record."""
    for part in ("clickhouse", "elasticsearch"):
        (tmp_path / part).mkdir()
        for file in (FIXTURES / "clean" / part).iterdir():
            text = "" if file.suffix == ".ndjson" else file.read_text(encoding="utf-8")
            (tmp_path / part / file.name).write_text(text, encoding="utf-8")
    (tmp_path / "redis.ndjson").touch()
    (tmp_path / "dataset.toml").write_text((FIXTURES / "clean" / "dataset.toml").read_text(encoding="utf-8"))
    only = frozenset({"migration.exit", "redis.extra", "redis.eaos"})
    with live(empty_engines), Rehearsal(Job(tmp_path, POLICY, migration=migration, engines="live", only=only)) as run:
        run.migrated()
        verdict = run.verdict()
    assert {check.id: check.state for check in verdict.checks} == {
        "migration.exit": state, "redis.extra": State.EMPTY, "redis.eaos": State.EMPTY
    }  # fmt: skip
    code = {State.EMPTY: ExitCode.NOTHING_TO_CHECK, State.FAIL: ExitCode.DIFFERENT}[state]
    assert (verdict.state, verdict.exit_code) == (state, code)

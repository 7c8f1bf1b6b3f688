"""Engines that really die, stand still or refuse: killed and restarted, paused, without memory, disk or parts."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from clickhouse_connect.driver.exceptions import ClickHouseError
from elasticsearch import ApiError

from tests import profiles
from tests.conftest import Tell
from tests.dying.between import Strike
from tests.dying.conftest import Struck, store_of
from tests.dying.table import STORES, in_turn
from tests.dying.test_struck import RUN
from tests.tool.migrate.stores import Stores
from tvmigrate.contract import new, old
from tvmigrate.engines.failing import passes, told
from tvmigrate.errors import TvmigrateError
from tvmigrate.migrate.clickhouse_tables import place, staging
from tvmigrate.workers import Workers

PAUSE_SECONDS = 30.0 if profiles.is_nightly() else 2.0
SHORT = 1  # of these a short run
AGAIN = " is done again in "
AT = {
    "redis": ("backup.redis", "build.redis", "compare.redis", "remove.redis", "restore.redis", "clean.redis"),
    "clickhouse": (
        *("backup.clickhouse", "build.clickhouse", "build.quarantine", "compare.clickhouse", "switch.clickhouse"),
        *("remove.clickhouse", "restore.clickhouse", "clean.clickhouse"),
    ),
    "elasticsearch": (
        *("backup.elasticsearch", "build.elasticsearch", "compare.elasticsearch", "switch.elasticsearch"),
        *("restore.elasticsearch", "clean.elasticsearch"),
    ),
}
PAUSED_AT = {"redis": "remove.redis", "clickhouse": "build.clickhouse", "elasticsearch": "build.elasticsearch"}
DEATHS = [("killed", step) for store in STORES for step in AT[store]]
PAUSES = [("paused", PAUSED_AT[store]) for store in STORES]


def some() -> list[Any]:
    known = DEATHS + PAUSES
    if profiles.is_nightly():
        return known
    apart = len(known) // SHORT
    return known[profiles.turn() % apart :: apart][:SHORT]


@dataclass
class Fate:
    """What happens to an engine, and is over before the next test."""

    struck: Struck
    store: str
    after: threading.Thread | None = None

    def killed(self) -> None:
        self.struck.engines.kill(self.store)
        self.after = threading.Thread(target=self.struck.engines.restart, args=(self.store,))
        self.after.start()

    def paused(self) -> None:
        pid = self.struck.engines.processes[self.store]
        os.kill(pid, signal.SIGSTOP)
        self.after = threading.Timer(PAUSE_SECONDS, os.kill, (pid, signal.SIGCONT))
        self.after.start()


@pytest.mark.parametrize(("fate", "step"), some())
def test_an_engine_that_is_killed_and_restarted_or_stands_still_costs_time_and_nothing_else(
    struck: Struck, share: Tell, fate: str, step: str
) -> None:
    store = store_of(step)
    share(RUN, f"{store}: {fate}", ran=1, of=len(AT[store]) if fate == "killed" else 1)
    meets = Fate(struck, store)
    strike = Strike(None, after=struck.counts[step] // 2, before=getattr(meets, fate))
    try:
        struck.apply(90, **{step: strike})
        struck.require_migrated()
        struck.rollback(90, **{step: strike})
        struck.require_old()
    finally:
        if meets.after is not None:
            meets.after.join()
    assert strike.struck == 1


# --------------------------------------------------------------------------------------------------- refusals, real


class Mending:
    """What mends a store as soon as the run has said that it met the failure."""

    def __init__(self, said: list[str]) -> None:
        self._said = said
        self._begun: list[threading.Thread] = []
        self._over = threading.Event()

    def __call__(self, mend: Callable[[], object]) -> None:
        before = len(self._said)

        def wait() -> None:
            while not self._over.wait(0.05) and not any(AGAIN in said for said in self._said[before:]):
                pass
            mend()

        self._begun.append(threading.Thread(target=wait))
        self._begun[-1].start()

    def end(self) -> None:
        """Mend what is not mended yet, and return when all of it is."""
        self._over.set()
        for thread in self._begun:
            thread.join()


@pytest.fixture
def later(struck: Struck) -> Iterator[Mending]:
    """Return what does something once the run has said what fails; it is done before the test ends."""
    mending = Mending(struck.stores.said)
    yield mending
    mending.end()


def without_memory(stores: Stores, later: Any) -> None:
    stores.clients.redis.config_set("maxmemory", 1)
    later(lambda: stores.clients.redis.config_set("maxmemory", 0))


def without_disk(struck: Struck, later: Any) -> None:
    """Let Redis fail to save a snapshot, after which it takes no writes: a directory stands where its file goes."""
    client = struck.stores.clients.redis
    (folder,) = client.config_get("dir").values()
    path = Path(folder) / "dump.rdb"
    path.unlink(missing_ok=True)  # a snapshot of an earlier test
    path.mkdir()
    client.config_set("save", "3600 1")
    client.bgsave()
    while client.info("persistence")["rdb_bgsave_in_progress"]:
        pass
    assert client.info("persistence")["rdb_last_bgsave_status"] == "err"

    def mend() -> None:
        shutil.rmtree(path)
        client.bgsave()
        client.config_set("save", "")

    later(mend)


@pytest.mark.parametrize(
    ("what", "step"),
    [
        pytest.param("maxmemory", "build.redis", marks=in_turn(0)),
        pytest.param("maxmemory", "restore.redis", marks=in_turn(1)),
        pytest.param("stop-writes-on-bgsave-error", "build.redis", marks=in_turn(2)),
        pytest.param("stop-writes-on-bgsave-error", "restore.redis", marks=in_turn(3)),
    ],
)
def test_a_redis_that_takes_no_writes_for_a_while_is_waited_for(
    struck: Struck, share: Tell, later: Any, what: str, step: str
) -> None:
    share(RUN, f"redis: {what}", ran=1, of=2)

    def refuse() -> None:
        without_memory(struck.stores, later) if what == "maxmemory" else without_disk(struck, later)

    strike = Strike(None, before=refuse)
    struck.apply(30, **{step: strike})
    struck.require_migrated()
    struck.rollback(30, **{step: strike})
    struck.require_old()
    assert strike.struck == 1
    assert any("Redis refuses: " in said and AGAIN in said for said in struck.stores.said)


@in_turn(5)
def test_a_clickhouse_table_of_too_many_parts_is_filled_when_it_has_fewer(struck: Struck, share: Tell) -> None:
    share(RUN, "clickhouse: max_parts_in_total", ran=1, of=1)
    client = struck.stores.clients.clickhouse

    def crowd() -> None:
        name = place(staging(new.RAW_COMMENTS, struck.stores.folder().name))
        client.command(f"ALTER TABLE {name} MODIFY SETTING max_parts_in_total = 1")
        client.command(
            f"INSERT INTO {name} (comment_id, timestamp) SELECT 'junk', min(created_at) FROM {place(old.COMMENTS.name)}"
        )

    strike = Strike(None, mark=b"INSERT INTO `tv_analytics`.`raw_comments", before=crowd)
    struck.apply(**{"build.clickhouse": strike})
    assert strike.struck == 1
    assert any(said.startswith("ClickHouse refuses: ") and "TOO_MANY_PARTS" in said for said in struck.stores.said)
    struck.require_migrated()


@in_turn(6)
def test_elasticsearchs_circuit_breaker_is_waited_for(struck: Struck, share: Tell) -> None:
    share(RUN, "elasticsearch: circuit breaker", ran=1, of=1)
    settings = struck.stores.clients.elasticsearch.cluster
    limit = "network.breaker.inflight_requests.limit"
    widened: list[threading.Timer] = []

    def narrow() -> None:
        settings.put_settings(persistent={limit: "2kb"})
        widened.append(threading.Timer(2, settings.put_settings, kwargs={"persistent": {limit: None}}))
        widened[0].start()

    strike = Strike(None, mark=b"/_bulk", before=narrow)
    try:
        struck.apply(**{"build.elasticsearch": strike})
    finally:
        for timer in widened:
            timer.join()
    assert strike.struck == 1
    struck.require_migrated()


@in_turn(3)
def test_an_index_that_a_full_disk_closed_stops_the_run_at_once_and_it_goes_on_later(
    struck: Struck, share: Tell
) -> None:
    share(RUN, "elasticsearch: flood stage", ran=1, of=1)
    indices = struck.stores.clients.elasticsearch.indices

    def close() -> None:
        # What Elasticsearch does itself where its disk passes the flood stage watermark.
        indices.put_settings(index=new.INDEX.name, settings={"index.blocks.read_only_allow_delete": True})

    with pytest.raises(TvmigrateError) as stopped:
        struck.apply(60, **{"build.elasticsearch": Strike(None, mark=b"/_bulk", before=close)})
    text = str(stopped.value)
    assert text.startswith(
        "Elasticsearch takes no writes into tv_comments_v2: cluster_block_exception: index [tv_comments_v2] blocked by"
    )
    assert text.endswith(
        " Nothing was switched. If its disk is nearly full make room, and it opens the index by itself; else take the "
        "block away. Then run `tvmigrate apply` again: it goes on where it stopped."
    )
    struck.calm()
    struck.apply()
    struck.require_migrated()


def test_what_the_engines_really_answer_is_told_from_what_does_not_pass(struck: Struck) -> None:
    """Assert that the answers injected elsewhere are taken as the real ones are."""
    clients = struck.stores.clients
    with pytest.raises(ClickHouseError) as memory:
        clients.clickhouse.query("SELECT groupArray(number) FROM numbers(10000000) SETTINGS max_memory_usage = 1000000")
    assert passes(memory.value)
    assert told(memory.value).startswith("ClickHouse refuses: ")
    clients.clickhouse.command("CREATE TABLE default.months (d Date) ENGINE = MergeTree PARTITION BY d ORDER BY d")
    with pytest.raises(ClickHouseError, match="TOO_MANY_PARTS") as partitions:
        clients.clickhouse.command("INSERT INTO default.months SELECT toDate(number) FROM numbers(1000)")
    assert not passes(partitions.value)
    clients.clickhouse.command("DROP TABLE default.months SYNC")
    with pytest.raises(ClickHouseError) as unknown:
        clients.clickhouse.query("SELECT * FROM nowhere")
    assert not passes(unknown.value)
    clients.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.ResponseError) as full:
            clients.redis.set("a", "b")
    finally:
        clients.redis.config_set("maxmemory", 0)
    assert passes(full.value)
    with pytest.raises(redis.ResponseError) as wrong:
        clients.redis.lpush("eaos:contestant_1", "b")
    assert not passes(wrong.value)
    with pytest.raises(ApiError) as missing:
        clients.elasticsearch.search(index="nowhere")
    assert not passes(missing.value)


@in_turn(1)
def test_a_store_that_fails_in_a_worker_is_told_and_waited_for_as_one_that_fails_here(
    struck: Struck, share: Tell
) -> None:
    """Assert that what other workers have begun is over before the step is done again."""
    from tests.dying.answers import REFUSALS  # noqa: PLC0415

    share(RUN, "elasticsearch: in workers", ran=1, of=1)
    strike = Strike(REFUSALS["elasticsearch"]["503 unavailable_shards_exception"], mark=b"/_bulk", times=8)
    with Workers(2) as workers:
        struck.apply(workers=workers, **{"build.elasticsearch": strike})
    assert strike.struck == 8
    struck.require_migrated()

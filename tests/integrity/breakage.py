"""Ways to break one thing in migrated or rolled back stores, each with its repair.

A breakage is a generator: it breaks up to its `yield`, and repairs from there. `python breakage.py NAME` only breaks,
in the stores of REDIS_URL, CLICKHOUSE_URL and ELASTICSEARCH_URL, as the end of a migration command that is wrong in it.
They are written for `fixtures/clean`; one that finds nothing to break fails, since no check could see it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

EAOS = "eaos:current:the_voice/contestant_1"
NOBODY = "eaos:current:the_voice/nobody"
WITH_TTL = "eaos:current:masked_singer/panda"
OLD_WITH_TTL = "eaos:masked_singer/panda"
EVENTS = "events:the_voice/contestant_2:2025-11-11"
ALIAS, INDEX = "tv_comments", "tv_comments_v2"
SYNC = "SETTINGS mutations_sync = 2"

Break = Callable[[Clients], Iterator[None]]
BREAKAGES: dict[str, Break] = {}


def breaks(function: Break) -> Break:
    BREAKAGES[function.__name__.replace("_", "-")] = function
    return function


# ----------------------------------------------------------------------------------------------- after the migration


@breaks
def changed_hash_field(clients: Clients) -> Iterator[None]:
    clients.redis.hset(EAOS, "positive", "477")
    yield
    clients.redis.hset(EAOS, "positive", "478")


@breaks
def missing_hash(clients: Clients) -> Iterator[None]:
    yield from _without(clients, EAOS)


@breaks
def lost_ttl(clients: Clients) -> Iterator[None]:
    yield from _immortal(clients, WITH_TTL)


@breaks
def invented_key(clients: Clients) -> Iterator[None]:
    counts = dict.fromkeys(("positive", "negative", "neutral", "total"), "0")
    clients.redis.hset(NOBODY, mapping={"score": "0.5", "updated_at": "2025-11-20T06:05:00Z", **counts})
    yield
    clients.redis.delete(NOBODY)


@breaks
def changed_trend_score(clients: Clients) -> Iterator[None]:
    score = clients.redis.zscore("trends:top:5min", "show")
    clients.redis.zincrby("trends:top:5min", 1e-9, "show")
    yield
    clients.redis.zadd("trends:top:5min", {"show": score})


@breaks
def swapped_events(clients: Clients) -> Iterator[None]:
    first, second = clients.redis.lrange(EVENTS, 0, 1)
    clients.redis.lset(EVENTS, 0, second)
    clients.redis.lset(EVENTS, 1, first)
    yield
    clients.redis.lset(EVENTS, 0, first)
    clients.redis.lset(EVENTS, 1, second)


@breaks
def changed_unrelated_key(clients: Clients) -> Iterator[None]:
    clients.redis_db(3).zadd("leaderboard", {"contestant_1": 11})
    yield
    clients.redis_db(3).zadd("leaderboard", {"contestant_1": 10.5})


@breaks
def flushed_database(clients: Clients) -> Iterator[None]:
    """Lose another database, as FLUSHALL in place of FLUSHDB does."""
    client = clients.redis_db(3)
    saved = {key: client.dump(key) for key in client.scan_iter()}
    client.flushdb()
    yield
    for key, value in saved.items():
        client.restore(key, 0, value)


@breaks
def old_key_left(clients: Clients) -> Iterator[None]:
    clients.redis.set("eaos:contestant_1", '{"score": 0.9372}')
    yield
    clients.redis.delete("eaos:contestant_1")


@breaks
def dropped_quarantine_row(clients: Clients) -> Iterator[None]:
    yield from _changed_table(clients, "migration_quarantine", "DELETE WHERE record_key = 'eaos:broken'")


@breaks
def dropped_row(clients: Clients) -> Iterator[None]:
    yield from _changed_table(clients, "raw_comments", "DELETE WHERE comment_id = 'k001'")


@breaks
def changed_row(clients: Clients) -> Iterator[None]:
    yield from _changed_table(clients, "raw_comments", "UPDATE sentiment_score = 0.5 WHERE comment_id = 'k001'")


@breaks
def doubled_row(clients: Clients) -> Iterator[None]:
    same = "SELECT * FROM tv_analytics.raw_comments WHERE comment_id = 'k001'"
    yield from _kept_aside(clients, "raw_comments", f"INSERT INTO tv_analytics.raw_comments {same}")


@breaks
def changed_column_type(clients: Clients) -> Iterator[None]:
    alter = "ALTER TABLE tv_analytics.raw_comments MODIFY COLUMN engagement_score"
    clients.clickhouse.command(f"{alter} Float32 {SYNC}, alter_sync = 2")
    yield
    clients.clickhouse.command(f"{alter} Float64 {SYNC}, alter_sync = 2")


@breaks
def aggregate_off_by_one(clients: Clients) -> Iterator[None]:
    where = "program_id = 'the_voice/contestant_1' AND topic = 'sân khấu' AND timestamp = '2025-11-13 19:25:00'"
    yield from _changed_table(clients, "comment_aggregates", f"UPDATE count = count + 1 WHERE {where}")


@breaks
def dropped_document(clients: Clients) -> Iterator[None]:
    yield from _without_document(clients)


@breaks
def changed_document_field(clients: Clients) -> Iterator[None]:
    source = dict(clients.elasticsearch.get(index=ALIAS, id="k001")["_source"])
    _index(clients, {**source, "sentiment": "positive"})
    yield
    _index(clients, source)


@breaks
def dynamic_mapping(clients: Clients) -> Iterator[None]:
    clients.elasticsearch.indices.put_mapping(index=INDEX, dynamic="true")
    yield
    clients.elasticsearch.indices.put_mapping(index=INDEX, dynamic="strict")


# ------------------------------------------------------------------------------------------------ after the rollback


@breaks
def new_key_left_behind(clients: Clients) -> Iterator[None]:
    clients.redis.hset(EAOS, "score", "0.9372")
    yield
    clients.redis.delete(EAOS)


@breaks
def old_key_not_brought_back(clients: Clients) -> Iterator[None]:
    yield from _without(clients, "eaos:contestant_1")


@breaks
def ttl_not_brought_back(clients: Clients) -> Iterator[None]:
    yield from _immortal(clients, OLD_WITH_TTL)


@breaks
def old_row_not_brought_back(clients: Clients) -> Iterator[None]:
    yield from _changed_table(clients, "comments", "DELETE WHERE comment_id = 'k001'")


@breaks
def new_table_left_behind(clients: Clients) -> Iterator[None]:
    clients.clickhouse.command("CREATE TABLE tv_analytics.anomalies (value Float64) ENGINE = MergeTree ORDER BY value")
    yield
    clients.clickhouse.command("DROP TABLE tv_analytics.anomalies SYNC")


@breaks
def old_document_not_brought_back(clients: Clients) -> Iterator[None]:
    yield from _without_document(clients)


@breaks
def write_block_left_behind(clients: Clients) -> Iterator[None]:
    clients.elasticsearch.indices.put_settings(index=ALIAS, settings={"index.blocks.write": True})
    yield
    clients.elasticsearch.indices.put_settings(index=ALIAS, settings={"index.blocks.write": None})


# ------------------------------------------------------------------------------------------------------------- parts


def _without(clients: Clients, key: str) -> Iterator[None]:
    saved = clients.redis.dump(key)
    assert clients.redis.delete(key), f"{key} is not there to be lost"
    yield
    clients.redis.restore(key, 0, saved)


def _immortal(clients: Clients, key: str) -> Iterator[None]:
    expires = clients.redis.pexpiretime(key)
    assert clients.redis.persist(key), f"{key} has no TTL to be lost"
    yield
    clients.redis.pexpireat(key, expires)


def _changed_table(clients: Clients, table: str, change: str) -> Iterator[None]:
    yield from _kept_aside(clients, table, f"ALTER TABLE tv_analytics.{table} {change} {SYNC}")


def _kept_aside(clients: Clients, table: str, statement: str) -> Iterator[None]:
    """Run `statement` on a table whose rows are kept in memory until the repair."""
    rows = clients.clickhouse.raw_query(f"SELECT * FROM tv_analytics.{table}", fmt="Native")
    clients.clickhouse.command(statement)
    after = clients.clickhouse.raw_query(f"SELECT * FROM tv_analytics.{table}", fmt="Native")
    assert after != rows, f"no row of {table} was broken by: {statement}"
    yield
    clients.clickhouse.command(f"TRUNCATE TABLE tv_analytics.{table} SYNC")
    clients.clickhouse.raw_insert(f"tv_analytics.{table}", insert_block=rows, fmt="Native")


def _without_document(clients: Clients) -> Iterator[None]:
    source = dict(clients.elasticsearch.get(index=ALIAS, id="k001")["_source"])
    clients.elasticsearch.delete(index=ALIAS, id="k001", refresh=True)
    yield
    _index(clients, source)


def _index(clients: Clients, source: dict[str, object]) -> None:
    clients.elasticsearch.index(index=ALIAS, id="k001", document=source, refresh=True)


if __name__ == "__main__":
    with Clients(Endpoints.from_environ()) as opened:
        next(iter(BREAKAGES[sys.argv[1]](opened)))

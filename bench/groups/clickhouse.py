"""ClickHouse, migrate: against bare INSERT … SELECTs of the same columns by the same engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.groups import Sides
from bench.groups.applying import BAD, SEED, apply
from bench.model import Turn
from bench.stand import Stand
from tvmigrate.contract import new, old
from tvmigrate.dataset.generate import Recipe, Size
from tvmigrate.engines.clients import Clients

_DATABASE = "bench"
_PROGRAMS = 100_000
# The same columns as they come, no label looked up, nothing checked, nobody set aside.
_RAW = f"""
    INSERT INTO {_DATABASE}.raw_comments SETTINGS max_partitions_per_insert_block = 0
    SELECT comment_id, entity, text, username, created_at, CAST(1, 'Int8'), sentiment_score, engagement,
        splitByString(', ', topics), eaos_score
    FROM {old.DATABASE}.comments"""
_METRICS = f"""
    INSERT INTO {_DATABASE}.eaos_metrics SETTINGS max_partitions_per_insert_block = 0
    SELECT entity, recorded_at, eaos_score, comment_count, comment_count, comment_count, comment_count
    FROM {old.DATABASE}.eaos_metrics"""
_AGGREGATES = f"""
    INSERT INTO {_DATABASE}.comment_aggregates SETTINGS max_partitions_per_insert_block = 0
    SELECT entity, toStartOfFiveMinutes(created_at), arrayJoin(splitByString(', ', topics)) AS topic, count(),
        avg(sentiment_score)
    FROM {old.DATABASE}.comments GROUP BY ALL"""


def recipe(scale: float) -> Recipe:
    """Return rows alone: ten million at scale 1."""
    rows = max(round(10_000_000 * scale), 100)
    return Recipe(Size(10, rows - rows // 100, 0, rows // 100, 0, 0, 0, 0, 0, programs=_PROGRAMS), SEED, BAD)


@contextmanager
def migrate(stand: Stand, scale: float) -> Iterator[Sides]:
    """Open the sides `apply` and `insert`."""
    data = recipe(scale)
    rows = data.size.rows

    def insert() -> Turn:
        stand.fill(data)
        with Clients(stand.endpoints) as clients:
            clients.clickhouse.command(f"CREATE DATABASE {_DATABASE}")
            for table in (new.RAW_COMMENTS, new.EAOS_METRICS, new.COMMENT_AGGREGATES):
                clients.clickhouse.command(table.create(_DATABASE))
        return stand.peer("clickhouse_run", _RAW, _METRICS, _AGGREGATES, records=rows)

    yield {"apply": lambda: apply(stand, data, "clickhouse", rows), "insert": insert}

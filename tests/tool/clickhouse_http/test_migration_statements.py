"""The statements that a migration gives to ClickHouse do here what they do on a server."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
import pytest

from .serving import Either

CREATE = """CREATE TABLE {} (d DateTime64(3, 'UTC'), n UInt32, s LowCardinality(String))
    ENGINE = MergeTree PARTITION BY toYYYYMM(d) ORDER BY (s, n)"""
FILL = """INSERT INTO {} SELECT toDateTime64('2025-01-15 00:00:00', 3, 'UTC') + INTERVAL number % 3 MONTH,
    number, 'p' || number % 2 FROM numbers(300)"""


@pytest.fixture
async def both(either: Either) -> Either:
    for name in ("one", "two"):
        await either("command", CREATE.format(name))
    await either("command", FILL.format("one"))
    return either


async def counts(either: Either) -> tuple[int, int]:
    return tuple([await either("command", f"SELECT count() FROM {name}") for name in ("one", "two")])  # type: ignore[return-value]


async def test_a_created_database_is_atomic(either: Either) -> None:
    assert await either("command", "SELECT engine FROM system.databases WHERE name = currentDatabase()") == "Atomic"


async def test_exchange_tables(both: Either) -> None:
    await both("command", "EXCHANGE TABLES one AND two")
    assert await counts(both) == (0, 300)


async def test_rename_table(both: Either) -> None:
    await both("command", "RENAME TABLE one TO three")
    assert await both("command", "SELECT count() FROM three") == 300
    assert await both("command", "EXISTS TABLE one") == 0


async def test_insert_select_with_settings_says_what_it_wrote(both: Either) -> None:
    summary = await both("command", "INSERT INTO two SELECT * FROM one", settings={"max_insert_threads": 2})
    assert summary.written_rows == 300
    assert await counts(both) == (300, 300)


async def test_an_insert_into_too_many_partitions_is_error_252(both: Either) -> None:
    many = (
        "INSERT INTO two SELECT toDateTime64('2000-01-01', 3, 'UTC') + INTERVAL number MONTH, 1, 'x' FROM numbers(101)"
    )
    with pytest.raises(Exception, match="252"):
        await both("command", many)
    assert await counts(both) == (300, 0)


async def test_drop_partition(both: Either) -> None:
    await both("command", "ALTER TABLE one DROP PARTITION 202502")
    assert await counts(both) == (200, 0)


@pytest.mark.parametrize(("verb", "left"), [("REPLACE", 100), ("ATTACH", 200)])
async def test_replace_and_attach_partition_from(both: Either, verb: str, left: int) -> None:
    for _ in range(2):
        await both("command", f"ALTER TABLE two {verb} PARTITION 202501 FROM one")
    assert await counts(both) == (300, left)


async def test_drop_table_sync(both: Either) -> None:
    await both("command", "DROP TABLE one SYNC")
    await both("command", CREATE.format("one"))
    assert await counts(both) == (0, 0)


async def test_tables_columns_and_parts_are_listed(both: Either) -> None:
    tables = await both(
        "query",
        "SELECT name, engine, partition_key, sorting_key, total_rows FROM system.tables "
        "WHERE database = currentDatabase() ORDER BY name",
    )
    assert tables.result_rows == [
        ("one", "MergeTree", "toYYYYMM(d)", "s, n", 300),
        ("two", "MergeTree", "toYYYYMM(d)", "s, n", 0),
    ]
    columns = await both(
        "query", "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'one'"
    )
    assert columns.result_rows == [("d", "DateTime64(3, 'UTC')"), ("n", "UInt32"), ("s", "LowCardinality(String)")]
    parts = """SELECT partition, sum(rows) FROM system.parts
        WHERE active AND database = currentDatabase() GROUP BY 1 ORDER BY 1"""
    assert (await both("query", parts)).result_rows == [("202501", 100), ("202502", 100), ("202503", 100)]


async def test_a_table_leaves_as_parquet_and_comes_back(both: Either) -> None:
    parquet = b"".join(await both.pieces("raw_stream", "SELECT * FROM one ORDER BY n FORMAT Parquet"))
    assert pq.read_table(io.BytesIO(parquet)).column("n").to_pylist() == list(range(300))
    assert (await both("raw_insert", "two", insert_block=parquet, fmt="Parquet")).written_rows == 300
    difference = "SELECT count() FROM (SELECT * FROM one EXCEPT SELECT * FROM two)"
    assert await both("command", difference) == 0


async def test_a_digest_sees_rows_with_nulls(both: Either) -> None:
    query = "SELECT groupBitXor(cityHash64(tuple(*))) != 0 FROM (SELECT 1, NULL::Nullable(String))"
    assert await both("command", query) == 1


async def test_a_materialized_view_counts_into_written_rows(both: Either) -> None:
    await both("command", "CREATE MATERIALIZED VIEW mv TO two AS SELECT * FROM one")
    assert (await both("command", FILL.format("one"))).written_rows == 600
    assert await counts(both) == (600, 300)

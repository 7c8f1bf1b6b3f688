"""ClickHouse states that hold the same rows: other parts, orders, settings, words, and what nobody reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvmigrate.contract import new, old
from tvmigrate.contract.layout import Table, literal, quoted

from .spelling import parsed, spelled, with_exponent
from .variation import State, varies

_DATABASE = quoted(new.DATABASE)
_ASIDE = f"{_DATABASE}.variation"
_MANY_PARTITIONS = {"max_partitions_per_insert_block": 0}


def _tables(state: State) -> list[Table]:
    return [*new.TABLES, *(new.OWN_TABLES if state.keeps_tables else ())]


def _place(table: Table | str) -> str:
    return f"{_DATABASE}.{quoted(table if isinstance(table, str) else table.name)}"


def _columns(table: Table) -> str:
    return ", ".join(map(quoted, table.column_names))


def _run(state: State, statement: str, **settings: object) -> None:
    state.clients.clickhouse.command(statement, settings=settings or None)


def _anew(state: State, table: Table, select: str, **settings: object) -> None:
    """Put the rows of `select` in the place of the table's own."""
    _run(state, f"DROP TABLE IF EXISTS {_ASIDE} SYNC")
    _run(state, f"CREATE TABLE {_ASIDE} AS {_place(table)}")
    _run(state, f"INSERT INTO {_ASIDE} ({_columns(table)}) {select}", **_MANY_PARTITIONS, **settings)
    _run(state, f"EXCHANGE TABLES {_ASIDE} AND {_place(table)}")
    _run(state, f"DROP TABLE {_ASIDE} SYNC")


def _kept(state: State) -> list[str]:
    """Return the tables that the migration keeps of the old ones."""
    names = [new.kept_table(table.name, "") for table in old.TABLES]
    there = state.rows(f"SELECT name FROM system.tables WHERE database = {literal(new.DATABASE)}")
    return [name for (name,) in there if name.startswith(tuple(names))]


@varies("clickhouse")
def parts_merged(state: State) -> None:
    for table in _tables(state):
        _run(state, f"OPTIMIZE TABLE {_place(table)} FINAL")


@varies("clickhouse")
def rows_inserted_in_another_order_in_many_parts(state: State) -> None:
    small = {"max_block_size": 64, "max_insert_block_size": 64, "min_insert_block_size_rows": 1}
    for table in _tables(state):
        select = f"SELECT {_columns(table)} FROM {_place(table)} ORDER BY cityHash64(tuple(*), 7)"
        _anew(state, table, select, **small, max_insert_threads=1, optimize_on_insert=0)


@varies("clickhouse")
def tables_created_in_other_words(state: State) -> None:
    for table in _tables(state):
        keys = ", ".join(table.order_by)
        columns = ",\n".join(f"{quoted(column.name)} {column.type}" for column in table.columns)
        _run(
            state,
            f"CREATE TABLE {_ASIDE} ({columns}) ENGINE = MergeTree() PARTITION BY ({table.partition_by})"
            f" PRIMARY KEY ({keys}) ORDER BY ({keys}) SETTINGS index_granularity = 512, min_bytes_for_wide_part = 0",
        )
        _run(state, f"INSERT INTO {_ASIDE} SELECT * FROM {_place(table)}", **_MANY_PARTITIONS)
        _run(state, f"EXCHANGE TABLES {_ASIDE} AND {_place(table)}")
        _run(state, f"DROP TABLE {_ASIDE} SYNC")


@varies("clickhouse")
def settings_of_tables_changed(state: State) -> None:
    for table in _tables(state):
        _run(
            state,
            f"ALTER TABLE {_place(table)} MODIFY SETTING merge_with_ttl_timeout = 3600, old_parts_lifetime = 60,"
            " min_bytes_for_wide_part = 0",
        )


@varies("clickhouse")
def comments_on_tables_and_columns(state: State) -> None:
    for table in _tables(state):
        _run(state, f"ALTER TABLE {_place(table)} MODIFY COMMENT 'No TTL, no INDEX, isn''t a PROJECTION'")
        first = quoted(table.column_names[0])
        _run(state, f"ALTER TABLE {_place(table)} COMMENT COLUMN {first} 'the CONSTRAINT of `SAMPLE BY`'")


@varies("clickhouse")
def tables_detached_and_attached(state: State) -> None:
    for table in _tables(state):
        _run(state, f"DETACH TABLE {_place(table)} SYNC")
        _run(state, f"ATTACH TABLE {_place(table)}")


@varies("clickhouse")
def tables_renamed_forth_and_back(state: State) -> None:
    for table in _tables(state):
        _run(state, f"RENAME TABLE {_place(table)} TO {_ASIDE}")
        _run(state, f"RENAME TABLE {_ASIDE} TO {_place(table)}")


@varies("clickhouse")
def partitions_moved_through_another_table(state: State) -> None:
    for table in new.TABLES:
        _run(state, f"CREATE TABLE {_ASIDE} AS {_place(table)}")
        where = f"database = {literal(new.DATABASE)} AND table = {literal(table.name)} AND active"
        for (partition,) in state.rows(f"SELECT DISTINCT partition_id FROM system.parts WHERE {where} LIMIT 20"):
            _run(state, f"ALTER TABLE {_place(table)} MOVE PARTITION ID {literal(partition)} TO TABLE {_ASIDE}")
            _run(state, f"ALTER TABLE {_place(table)} REPLACE PARTITION ID {literal(partition)} FROM {_ASIDE}")
        _run(state, f"DROP TABLE {_ASIDE} SYNC")


@varies("clickhouse")
def other_rows_inserted_and_deleted_lightly(state: State) -> None:
    for table in new.TABLES:
        columns = ", ".join("'variation'" if n == "program_id" else quoted(n) for n in table.column_names)
        rows = f"SELECT {columns} FROM {_place(table)} LIMIT 5"
        _run(state, f"INSERT INTO {_place(table)} ({_columns(table)}) {rows}", **_MANY_PARTITIONS)
        _run(state, f"DELETE FROM {_place(table)} WHERE program_id = 'variation'", lightweight_deletes_sync=2)


@varies("clickhouse")
def parts_rewritten_by_a_mutation(state: State) -> None:
    _run(state, f"ALTER TABLE {_place(new.RAW_COMMENTS)} UPDATE text = text WHERE 1", mutations_sync=2)
    _run(state, f"ALTER TABLE {_place(new.EAOS_METRICS)} UPDATE score = score WHERE 1", mutations_sync=2)


@varies("clickhouse")
def means_of_aggregates_of_another_order_of_adding(state: State) -> None:
    """Contract §3: `avg_sentiment` is right to a relative 1e-12."""
    table = new.COMMENT_AGGREGATES
    nearly = _columns(table).replace("`avg_sentiment`", "`avg_sentiment` * (1 + 4e-13)")
    _anew(state, table, f"SELECT {nearly} FROM {_place(table)}")


@varies("clickhouse")
def quarantine_told_in_other_words(state: State) -> None:
    """Contract §7.20: a record's values count, not how its JSON is spaced, ordered and escaped."""

    def told(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"run_id": "another run", "detail": "", "record": _respelled(row["record"])}

    _rewritten(state, new.QUARANTINE, told)


@varies("clickhouse")
def archived_fields_spelled_otherwise(state: State) -> None:
    _rewritten(state, new.ARCHIVE, lambda row: row | {"fields": _respelled(row["fields"])})


def _respelled(text: str) -> str:
    return spelled(parsed(text), number=with_exponent, backwards=True, blanks=" ", escapes=True)


def _rewritten(state: State, table: Table, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    if not state.keeps_tables:
        return
    names = table.column_names
    found = state.rows(f"SELECT {_columns(table)} FROM {_place(table)}")
    rows = [list(change(dict(zip(names, row, strict=True))).values()) for row in found]
    _run(state, f"TRUNCATE TABLE {_place(table)} SYNC")
    if rows:
        state.clients.clickhouse.insert(table.name, rows, list(names), database=new.DATABASE)


@varies("clickhouse")
def kept_tables_merged(state: State) -> None:
    for name in _kept(state):
        _run(state, f"OPTIMIZE TABLE {_place(name)} FINAL")


@varies("clickhouse")
def kept_tables_dropped(state: State) -> None:
    for name in _kept(state):
        _run(state, f"DROP TABLE {_place(name)} SYNC")

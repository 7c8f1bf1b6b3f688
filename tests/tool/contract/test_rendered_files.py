"""The files in `scripts/` are the contract's rendering, and ClickHouse makes of them exactly the contract's tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tvmigrate.contract import new, old, render
from tvmigrate.contract.layout import Table

from .conftest import Ask

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.mark.parametrize("name", render.files())
def test_a_committed_file_is_the_contracts_rendering(name: str) -> None:
    assert (SCRIPTS / name).read_text("utf-8") == render.files()[name], f"run: {render.COMMAND}"


@pytest.mark.parametrize("name", [render.OLD_SQL, render.NEW_SQL])
def test_a_sql_file_names_the_command_that_writes_it(name: str) -> None:
    assert render.COMMAND in (SCRIPTS / name).read_text("utf-8").splitlines()[0]


def test_rendering_writes_just_these_files(tmp_path: Path) -> None:
    assert [str(path.relative_to(tmp_path)) for path in render.write(tmp_path)] == list(render.files())
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")} == set(render.files())


@pytest.fixture
def no_database(ask: Ask) -> Iterator[None]:
    ask("DROP DATABASE IF EXISTS tv_analytics")
    yield
    ask("DROP DATABASE IF EXISTS tv_analytics")


def run_file(ask: Ask, name: str) -> None:
    statements = (SCRIPTS / name).read_text("utf-8").split(";\n")
    assert statements[-1].strip() == "", "each statement ends with a semicolon"
    for statement in statements[:-1]:
        ask(statement)


LAYOUTS = {
    "old": (render.OLD_SQL, old.TABLES),
    "new": (render.NEW_SQL, new.TABLES),
}


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize(("name", "tables"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_sql_file_creates_exactly_the_contracts_tables(ask: Ask, name: str, tables: tuple[Table, ...]) -> None:
    run_file(ask, name)
    made = ask("SELECT name, engine, sorting_key, partition_key, primary_key FROM system.tables"
               " WHERE database = 'tv_analytics' ORDER BY name")  # fmt: skip
    wanted = [
        [t.name, t.engine, ", ".join(t.order_by), t.partition_by or "", ", ".join(t.order_by)]
        for t in sorted(tables, key=lambda t: t.name)
    ]
    assert made == wanted
    for table in tables:
        columns = ask(
            "SELECT name, type, default_kind FROM system.columns"
            f" WHERE database = 'tv_analytics' AND table = '{table.name}' ORDER BY position"
        )
        assert columns == [[column.name, column.type, ""] for column in table.columns]


def everything(ask: Ask) -> list[object]:
    """What the database holds: tables with their columns, and the number of rows."""
    return ask(
        "SELECT t.name, t.uuid, t.create_table_query, t.total_rows FROM system.tables AS t"
        " WHERE database = 'tv_analytics' ORDER BY name"
    )


@pytest.mark.usefixtures("no_database")
def test_the_new_file_run_twice_changes_nothing_the_second_time(ask: Ask) -> None:
    run_file(ask, render.NEW_SQL)
    ask("INSERT INTO tv_analytics.anomalies (program_id, metric) VALUES ('p', 'm')")
    before = everything(ask)
    run_file(ask, render.NEW_SQL)
    assert everything(ask) == before


OLD_LEFT = (
    "The database tv_analytics still holds tables of the old layout: comments, or eaos_metrics with one of the columns "
    "entity, eaos_score, sentiment_breakdown, comment_count, recorded_at. Nothing was changed. Migrate them: "
    "tvmigrate apply"
)


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize("dropped", [None, "comments", "eaos_metrics"], ids=["both", "eaos_metrics", "comments"])
def test_beside_old_tables_the_new_file_fails_before_it_changes_anything(ask: Ask, dropped: str | None) -> None:
    run_file(ask, render.OLD_SQL)
    ask("INSERT INTO tv_analytics.comments (comment_id) VALUES ('1')")
    if dropped:
        ask(f"DROP TABLE tv_analytics.{dropped} SYNC")
    before = everything(ask)
    with pytest.raises(RuntimeError) as failure:
        run_file(ask, render.NEW_SQL)
    assert OLD_LEFT in str(failure.value)
    assert everything(ask) == before


@pytest.mark.usefixtures("no_database")
def test_tables_kept_aside_by_a_migration_do_not_stop_the_new_file(ask: Ask) -> None:
    run_file(ask, render.OLD_SQL)
    for table in old.TABLES:
        ask(f"RENAME TABLE tv_analytics.{table.name} TO tv_analytics.{new.kept_table(table.name, 'a_run')}")
    run_file(ask, render.NEW_SQL)
    assert {table.name for table in new.TABLES} < {name for name, *_ in everything(ask)}


OTHER_SHAPES = {
    "a column more": "ALTER TABLE tv_analytics.{} ADD COLUMN more String",
    "a column less": "ALTER TABLE tv_analytics.{} DROP COLUMN {}",
    "another type": "ALTER TABLE tv_analytics.{} MODIFY COLUMN {} Nullable(String)",
    "a default": "ALTER TABLE tv_analytics.{} MODIFY COLUMN {} DEFAULT 1",
    "another sorting key": "CREATE OR REPLACE TABLE tv_analytics.{0} AS tv_analytics.{0} ENGINE = MergeTree"
    " PARTITION BY toYYYYMM(timestamp) ORDER BY timestamp",
    "another partition key": "CREATE OR REPLACE TABLE tv_analytics.{0} AS tv_analytics.{0} ENGINE = MergeTree"
    " PARTITION BY program_id ORDER BY ({2})",
    "another engine": "CREATE OR REPLACE TABLE tv_analytics.{0} AS tv_analytics.{0} ENGINE = ReplacingMergeTree"
    " PARTITION BY toYYYYMM(timestamp) ORDER BY ({2})",
}


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize("table", new.TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("change", OTHER_SHAPES.values(), ids=OTHER_SHAPES.keys())
def test_beside_a_new_table_of_another_shape_the_new_file_fails_before_it_changes_anything(
    ask: Ask, table: Table, change: str
) -> None:
    run_file(ask, render.NEW_SQL)
    free = next(column.name for column in table.columns if column.type == "Float64")
    ask(change.format(table.name, free, ", ".join(table.order_by)))
    missing = next(one for one in new.TABLES if one is not table)
    ask(f"DROP TABLE tv_analytics.{missing.name} SYNC")
    before = everything(ask)
    with pytest.raises(RuntimeError) as failure:
        run_file(ask, render.NEW_SQL)
    assert (
        f"The table tv_analytics.{table.name} is there with other columns, another engine or other keys than the new "
        "layout has. Nothing was changed. python scripts/init_databases.py names the difference"
    ) in str(failure.value)
    assert everything(ask) == before


# Written from the requirement, not from the code: what a change of the contract must not change unseen.
NEW_COLUMNS = {
    "eaos_metrics": "program_id timestamp score positive_count negative_count neutral_count total_comments",
    "comment_aggregates": "program_id timestamp topic count avg_sentiment",
    "anomalies": "program_id timestamp metric value expected deviation severity",
    "raw_comments": "comment_id program_id text username timestamp sentiment sentiment_score engagement_score topics "
    "eaos_score",
}


def test_the_new_tables_have_the_columns_that_were_asked_for() -> None:
    assert {table.name: " ".join(table.column_names) for table in new.TABLES} == NEW_COLUMNS


def test_the_index_file_is_a_body_that_creates_the_new_index() -> None:
    body = json.loads((SCRIPTS / render.NEW_INDEX).read_text("utf-8"))
    assert body["mappings"]["dynamic"] == "strict"
    assert list(body["aliases"]) == ["tv_comments"]
    assert {name: field["type"] for name, field in body["mappings"]["properties"].items()} == {
        "comment_id": "keyword", "program_id": "keyword", "text": "text", "username": "keyword", "timestamp": "date",
        "sentiment": "keyword", "sentiment_score": "float", "engagement_score": "float", "topics": "keyword",
    }  # fmt: skip

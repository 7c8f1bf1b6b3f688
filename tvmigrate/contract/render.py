"""The contract as the files that databases are created from: `python -m tvmigrate.contract.render [SCRIPTS]`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from tvmigrate.contract import new, old
from tvmigrate.contract.layout import Table, literal, quoted

COMMAND = "python -m tvmigrate.contract.render"
OLD_SQL = "clickhouse-init/001_old_schema.sql"
NEW_SQL = "clickhouse-init/002_updated_schema.sql"
NEW_INDEX = "elasticsearch-init/tv_comments_v2.json"
_KNOWN_TO_BE_RIGHT = "-- tvmigrate: ignore TVM204 a table that stands here has passed its guard above\n"


def files() -> Mapping[str, str]:
    """Return the content of each file, by its path below `scripts/`."""
    return {
        OLD_SQL: _sql("The tables before the migration", old.DATABASE, old.TABLES),
        NEW_SQL: _new_sql(),
        NEW_INDEX: _index(),
    }


def write(scripts: Path) -> list[Path]:
    """Write the files below `scripts` and return their paths; raises OSError."""
    paths = []
    for name, content in files().items():
        path = scripts / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        paths.append(path)
    return paths


def _sql(title: str, database: str, tables: Iterable[Table]) -> str:
    create = f"CREATE DATABASE IF NOT EXISTS {quoted(database)};\n"
    return "\n".join([_head(title), create, *(table.create(database) + ";\n" for table in tables)])


def _new_sql() -> str:
    """Return the new tables behind guards: run where they stand already it changes nothing, or fails before it does."""
    database = new.DATABASE
    shared = {table.name for table in old.TABLES}
    create = [f"CREATE DATABASE IF NOT EXISTS {quoted(database)};\n"]
    for table in new.TABLES:
        statement = table.create(database).replace("TABLE", "TABLE IF NOT EXISTS", 1) + ";\n"
        create.append(_KNOWN_TO_BE_RIGHT + statement if table.name in shared else statement)
    guards = ["-- Guards: nothing is created beside the old tables, nor beside a new one of another shape.",
              _no_old_tables(database), *(_no_other_shape(database, table) for table in new.TABLES)]  # fmt: skip
    return "\n".join([_head("The tables after the migration"), *guards, *create])


def _head(title: str) -> str:
    return f"-- {title}. Written by `{COMMAND}` from tvmigrate/contract; edit that, not this file.\n"


def _no_old_tables(database: str) -> str:
    left = [name for name in old.EAOS_METRICS.column_names if name not in new.EAOS_METRICS.column_names]
    message = (
        f"The database {database} still holds tables of the old layout: {old.COMMENTS.name}, or "
        f"{old.EAOS_METRICS.name} with one of the columns {', '.join(left)}. Nothing was changed. "
        "Migrate them: tvmigrate apply"
    )
    return f"""\
SELECT throwIf(count() > 0, {literal(message)})
FROM system.columns
WHERE database = {literal(database)}
  AND (table = {literal(old.COMMENTS.name)}
    OR (table = {literal(old.EAOS_METRICS.name)} AND name IN ({", ".join(map(literal, left))})))
FORMAT Null;
"""


def _no_other_shape(database: str, table: Table) -> str:
    message = (
        f"The table {database}.{table.name} is there with other columns, another engine or other keys than the new "
        "layout has. Nothing was changed. python scripts/init_databases.py names the difference"
    )
    columns = ",\n      ".join(f"({literal(column.name)}, {literal(column.type)}, '')" for column in table.columns)
    order_by = literal(", ".join(table.order_by))
    partition_by = table.partition_by or ""
    return f"""\
SELECT throwIf(count() > 0, {literal(message)})
FROM system.tables
WHERE database = {literal(database)} AND name = {literal(table.name)}
  AND ((engine, sorting_key, primary_key, sampling_key) != ({literal(table.engine)}, {order_by}, {order_by}, '')
    OR partition_key NOT IN ({literal(partition_by)}, {literal(f"({partition_by})")})
    OR (
      SELECT groupArray((name, type, default_kind))
      FROM (SELECT name, type, default_kind FROM system.columns
            WHERE database = {literal(database)} AND table = {literal(table.name)} ORDER BY position)
    ) != [
      {columns}])
FORMAT Null;
"""


def _index() -> str:

    mappings = dict(new.INDEX.mappings)
    aliases: dict[str, object] = {new.INDEX.alias: {}} if new.INDEX.alias else {}
    body = {"aliases": aliases, "mappings": mappings, "settings": dict(new.INDEX.settings)}
    return json.dumps({name: part for name, part in body.items() if part}, indent=2) + "\n"


if __name__ == "__main__":
    for written in write(Path(sys.argv[1] if len(sys.argv) > 1 else "scripts")):
        sys.stdout.write(f"{written}\n")

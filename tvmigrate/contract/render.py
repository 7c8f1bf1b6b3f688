"""The contract as the files that databases are created from: `python -m tvmigrate.contract.render [SCRIPTS]`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from tvmigrate.contract import new, old
from tvmigrate.contract.layout import Table, quoted

COMMAND = "python -m tvmigrate.contract.render"
OLD_SQL = "clickhouse-init/001_old_schema.sql"
NEW_SQL = "clickhouse-init/002_updated_schema.sql"
NEW_INDEX = "elasticsearch-init/tv_comments_v2.json"


def files() -> Mapping[str, str]:
    """Return the content of each file, by its path below `scripts/`."""
    return {
        OLD_SQL: _sql("The tables before the migration", old.DATABASE, old.TABLES),
        NEW_SQL: _sql("The tables after the migration", new.DATABASE, new.TABLES),
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
    head = f"-- {title}. Written by `{COMMAND}` from tvmigrate/contract; edit that, not this file.\n"
    create = f"CREATE DATABASE IF NOT EXISTS {quoted(database)};\n"
    return "\n".join([head, create, *(table.create(database) + ";\n" for table in tables)])


def _index() -> str:

    mappings = dict(new.INDEX.mappings)
    aliases: dict[str, object] = {new.INDEX.alias: {}} if new.INDEX.alias else {}
    body = {"aliases": aliases, "mappings": mappings, "settings": dict(new.INDEX.settings)}
    return json.dumps({name: part for name, part in body.items() if part}, indent=2) + "\n"


if __name__ == "__main__":
    for written in write(Path(sys.argv[1] if len(sys.argv) > 1 else "scripts")):
        sys.stdout.write(f"{written}\n")

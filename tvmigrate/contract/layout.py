"""What a table, a column and an index are, and how each is written as the statement that creates it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def quoted(identifier: str) -> str:
    """Quote a ClickHouse identifier with backticks, so that no name from data can end it."""
    return "`" + identifier.replace("\\", "\\\\").replace("`", "\\`") + "`"


def literal(text: str) -> str:
    """Quote a ClickHouse string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name and type as `system.columns` prints it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Table:
    """A ClickHouse table: columns in order, sorting key, partition key expression (None: one partition)."""

    name: str
    columns: tuple[Column, ...]
    order_by: tuple[str, ...]
    partition_by: str | None = None
    engine: str = "MergeTree"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns in order."""
        return tuple(column.name for column in self.columns)

    def create(self, database: str, name: str | None = None) -> str:
        """Return the CREATE TABLE statement, under another `name` if given. It fails if the table is there."""
        width = max(len(column.name) for column in self.columns)
        columns = ",\n".join(f"    {column.name:<{width}} {column.type}" for column in self.columns)
        partition = f"\nPARTITION BY {self.partition_by}" if self.partition_by else ""
        return (
            f"CREATE TABLE {quoted(database)}.{quoted(name or self.name)}\n(\n{columns}\n)\n"
            f"ENGINE = {self.engine}{partition}\nORDER BY ({', '.join(self.order_by)})"
        )


@dataclass(frozen=True, slots=True)
class Index:
    """An Elasticsearch index: its name, the alias readers use (None: none), mappings and settings we state."""

    name: str
    alias: str | None = None
    mappings: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

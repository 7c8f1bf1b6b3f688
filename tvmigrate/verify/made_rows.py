"""What a rule makes of an old table's rows, as a table of the verifier's own ClickHouse: made once a rehearsal.

A rule costs more than the reading of what it gives, most where rows are few: ClickHouse analyses it for each query.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from tvmigrate.contract.layout import Column, quoted
from tvmigrate.contract.sql import TableRule
from tvmigrate.verify.context import Context
from tvmigrate.verify.spool import Spool

_DATABASE = "__tvmigrate_made"


def made_rows(context: Context, rule: TableRule, names: Sequence[str]) -> str:
    """Return the quoted table with the columns `names` of the rows that the old table of `rule` maps to.

    Labels are text, everything else is of the new layout's type. The old table has to be there. It is a log, which
    nobody merges and whose blocks are read side by side.

    Raises:
        ReferenceFailed: the verifier's own ClickHouse cannot make it.
    """
    source = rule.query(rule.source.read())
    wanted = f"SELECT {', '.join(map(quoted, names))} FROM ({source})"
    table = f"{_DATABASE}.{rule.source.role.name}_{blake2b(wanted.encode(), digest_size=8).hexdigest()}"
    types = {column.name: made_type(column) for column in rule.target.columns}
    columns = ", ".join(f"{quoted(name)} {types[name]}" for name in names)  # by their places, as in the SELECT

    def fill(_: Spool) -> None:
        command = context.reference.tables.command
        command(f"CREATE DATABASE IF NOT EXISTS {_DATABASE}")
        command(f"DROP TABLE IF EXISTS {table} SYNC")
        command(f"CREATE TABLE {table} ({columns}) ENGINE = Log AS {wanted}")

    context.reference.kept.spool("made rows", wanted, "", fill)
    return table


def made_type(column: Column) -> str:
    """Return the type that a rule's SELECT gives for a column: the contract's, but a label for an Enum."""
    return "String" if column.type.startswith("Enum") else column.type

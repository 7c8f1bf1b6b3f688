"""Old rows that do not map, judged by the rules in Python, many at a time and in workers: SQL chooses them, not why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tvmigrate.contract import old, rules, values
from tvmigrate.contract.old_layout import OldTable
from tvmigrate.contract.outcome import Quarantined
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.verify.clickhouse_canonical import Kind, as_double
from tvmigrate.verify.errors import VerificationError
from tvmigrate.verify.old_record import of_row

_BY_ROW = {old.COMMENTS.name: rules.clickhouse_comment, old.EAOS_METRICS.name: rules.clickhouse_eaos_metric}


class RulesDisagree(VerificationError):  # noqa: N818 - it says what happened, as in `errors`
    """The contract's two forms of one rule differ on a row, so that neither can judge."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How rows of `table` were asked for.

    `exact` are (alias, column, kind) of columns that are asked for as hex of their canonical strings, `texts` (alias,
    meaning) of those that are read as they stand. `place` is the alias of each column, `numbers` are (column, what it
    is read as) of those whose exact value goes into the record.
    """

    table: OldTable
    policy: Policy
    exact: Sequence[tuple[str, str, Kind]]
    texts: Sequence[tuple[str, str]]
    place: Mapping[str, str]
    numbers: Sequence[tuple[str, str]]


def reasons(given: tuple[Asked, Sequence[Mapping[str, Any]]]) -> list[tuple[str, str, str]]:
    """Return record key, reason and record of rows that do not map.

    Raises:
        RulesDisagree: SQL says that a row does not map, and Python maps it.
    """
    asked, rows = given
    return [_judged(asked, found) for found in rows]


def _judged(asked: Asked, found: Mapping[str, Any]) -> tuple[str, str, str]:
    table = asked.table
    told = {name: old_value(kind, bytes.fromhex(found[at])) for at, name, kind in asked.exact}
    row = {name: found[at].encode("utf-8", "surrogateescape") for at, name in asked.texts}
    row |= {name: told[name] for name in table.column_names if name in told}
    outcome = _BY_ROW[table.role.name](row, asked.policy)
    key = record_key(table, row)
    if not isinstance(outcome, Quarantined):
        raise RulesDisagree(f"{table.name} {key} maps by the rules in Python, and not by those in SQL.")
    record = {name: found[at] for name, at in asked.place.items()}
    record |= {name: told[read_as] for name, read_as in asked.numbers}
    return key, str(outcome.reason), of_row(record)


def old_value(kind: Kind, canonical: bytes) -> Any:
    """Return what the rules take: text as bytes, instants as nanoseconds."""
    if canonical == b"-":
        return None
    if kind is Kind.NUMBER:
        return as_double(canonical)
    if kind is Kind.INSTANT:
        return int(canonical[1:]) * values.NS_PER_MS
    return int(canonical[1:]) if kind is Kind.COUNT else canonical[1:]


def record_key(table: OldTable, row: Mapping[str, Any]) -> str:
    """Return the name that a row has in the quarantine (contract §2)."""
    if table.is_comments:
        return show_bytes(row["comment_id"])
    return f"{show_bytes(row['entity'])}@{values.rfc3339(row['recorded_at'])}"

"""Whether tables and indices that belong to nothing the migration maps are as they were (contract §1, unrelated)."""

from __future__ import annotations

from collections.abc import Mapping

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.clickhouse_same import compare_rows
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_same import compare_documents, definition_findings
from tvmigrate.verify.findings import Direction, Phase
from tvmigrate.verify.law import Law
from tvmigrate.verify.reference import live_indices, live_tables

_STAYS = "It belongs to nothing that the migration maps, so it has to stay as it was."
_TABLE = Law(Store.CLICKHOUSE, Rule.CLICKHOUSE_SCHEMA, _STAYS)
_INDEX = Law(Store.ELASTICSEARCH, Rule.ELASTICSEARCH_SCHEMA, _STAYS)

TABLES = Check(
    "clickhouse.unrelated",
    Phase.MIGRATION,
    Store.CLICKHOUSE,
    Rule.CLICKHOUSE_SCHEMA,
    "Assert that every table that is none of ours, in every database, is as it was: definition and rows.",
)
INDICES = Check(
    "elasticsearch.unrelated",
    Phase.MIGRATION,
    Store.ELASTICSEARCH,
    Rule.ELASTICSEARCH_SCHEMA,
    "Assert that every index that is none of ours is as it was: aliases, mappings, settings and documents.",
)
_OUR_TABLES = frozenset(f"{new.DATABASE}.{table.name}" for table in (*new.TABLES, *new.OWN_TABLES))


@examines(TABLES)
def tables(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Find tables of others that are gone, redefined, or hold other rows than they did."""
    sheet = sheets[TABLES.id]
    before, live = context.reference.baseline.all_tables, live_tables(context.clients)
    files = {f"{table.database}.{table.name}": table for table in context.reference.dataset.tables.values()}
    ours = _OUR_TABLES | {str(table.at) for table in context.policy.layout.tables}
    for name in sorted(before.keys() - ours):
        sheet.saw()
        if name not in live:
            note = f"{name} is gone. {_STAYS}"
            sheet.find(_TABLE.finding(Direction.MISSING, note, old=name, new=name, field="table", expected=name))
            continue
        was, now = (side[name]["create_table_query"] for side in (before, live))
        if was != now:
            note = f"{name} was redefined. {_STAYS}"
            sheet.find(
                _TABLE.finding(
                    Direction.SCHEMA, note, old=name, new=name, field="create_table_query", expected=was, actual=now
                )
            )
        elif name in files:
            compare_rows(context, sheet, files[name], _TABLE)


@examines(INDICES)
def indices(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Find indices of others that are gone, redefined, or hold other documents than they did."""
    sheet = sheets[INDICES.id]
    before, live = context.reference.baseline.indices, live_indices(context.clients)
    for name in sorted(before.keys() - {context.policy.layout.index, new.INDEX.name}):
        sheet.saw()
        for finding in definition_findings(name, before[name], live, _INDEX):
            sheet.find(finding)
        if name in live and name in context.reference.dataset.indices:
            compare_documents(context, sheet, name, _INDEX)

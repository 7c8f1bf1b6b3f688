"""The quarantine and archive tables: records of all three stores, from the spools into ClickHouse."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from tvmigrate.contract import new
from tvmigrate.contract.layout import Table
from tvmigrate.migrate import clickhouse_build, clickhouse_settle
from tvmigrate.migrate.clickhouse_quiet import wait_until_quiet
from tvmigrate.migrate.clickhouse_tables import place, rows, staging
from tvmigrate.migrate.errors import NotEqual
from tvmigrate.migrate.work import Work

_COLUMNS = {
    new.QUARANTINE: ("store", "source", "record_key", "reason", "detail", "record"),
    new.ARCHIVE: ("store", "source", "record_key", "fields"),
}
_HASHED = {new.QUARANTINE: ("record_key", "reason", "record"), new.ARCHIVE: ("record_key", "fields")}
_SPOOLED = {new.QUARANTINE: "quarantine", new.ARCHIVE: "archive"}


def build(work: Work) -> None:
    """Make both tables under their staging names and fill them; a retry makes them anew."""
    wait_until_quiet(work)
    clickhouse_build.create_own(work)
    told = datetime.fromtimestamp(work.run.started_ns // 10**6 / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    for table, names in _COLUMNS.items():
        found = work.spools.rows(f"SELECT {', '.join(names)} FROM {_SPOOLED[table]}")
        lines = (dict(zip(table.column_names, (work.run.id, *row, told), strict=True)) for row in found)
        # As JSON: the driver's own way to insert wants numpy, and with it two thirds of what the process has in memory.
        clickhouse_settle.insert(work, staging(table, work.run.id), lines)
    clickhouse_build.archive_columns(work)


def compare(work: Work) -> None:
    """Compare both tables with the spools, by count and an order-free digest.

    Raises:
        NotEqual: they differ.
    """
    for table, names in _HASHED.items():
        count = total = 0
        for row in work.spools.rows(f"SELECT {', '.join(names)} FROM {_SPOOLED[table]}"):
            count += 1
            digest = hashlib.md5("\0".join(row).encode(), usedforsecurity=False).digest()
            total = (total + int.from_bytes(digest[:8], "little")) % 2**64
        joined = ", '\\0', ".join(names)
        # Extra columns of ClickHouse rows went from table to table; they are in no spool.
        spooled = "store != 'clickhouse'" if table is new.ARCHIVE else "true"
        found = rows(
            work.clients.clickhouse,
            f"SELECT count(), sum(reinterpretAsUInt64(substring(MD5(concat({joined})), 1, 8)))"
            f" FROM {place(staging(table, work.run.id))} WHERE {spooled}",
        )[0]
        if tuple(found) != (count, total):
            work.forget("build.quarantine")
            raise _differs(table, count, found[0])


def _differs(table: Table, wanted: int, found: int) -> NotEqual:
    return NotEqual(
        f"{table.name} was written with {found} rows where {wanted} are due, or with other values. Nothing was "
        "switched; run `tvmigrate apply` again, which writes it anew, or `tvmigrate rollback`."
    )

"""Every declared fault: importing this module declares them."""

from __future__ import annotations

from tvmigrate.verify.faults import (
    clickhouse_comments,
    clickhouse_derived,
    clickhouse_records,
    clickhouse_schema,
    redis_migrated,
    unrelated,
)
from tvmigrate.verify.faults.model import CATALOGUE

MODULES = (redis_migrated, clickhouse_records, clickhouse_comments, clickhouse_derived, clickhouse_schema, unrelated)

__all__ = ["CATALOGUE", "MODULES"]

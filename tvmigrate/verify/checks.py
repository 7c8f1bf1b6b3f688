"""Every registered check: importing this module registers them. `rehearsal` says in what order they run."""

from __future__ import annotations

from tvmigrate.verify import (
    balance,
    clickhouse,
    clickhouse_schema,
    cross,
    cross_programs,
    elasticsearch,
    elasticsearch_schema,
    expected,
    redis_checks,
    rollback_clickhouse,
    rollback_elasticsearch,
    rollback_redis,
    unrelated,
)
from tvmigrate.verify.check import REGISTRY

MODULES = (
    redis_checks,
    clickhouse_schema,
    clickhouse,
    elasticsearch_schema,
    elasticsearch,
    unrelated,
    cross,
    cross_programs,
    expected,
    balance,
    rollback_redis,
    rollback_clickhouse,
    rollback_elasticsearch,
)

__all__ = ["MODULES", "REGISTRY"]

"""Every declared fault: importing this module declares them."""

from __future__ import annotations

from tvmigrate.verify.faults import (
    across_stores,
    clickhouse_aggregates,
    clickhouse_comments,
    clickhouse_metrics,
    clickhouse_old,
    clickhouse_records,
    clickhouse_schema,
    clickhouse_set_aside,
    commands,
    elasticsearch_documents,
    elasticsearch_fields,
    elasticsearch_index,
    elasticsearch_kept,
    redis_event_fields,
    redis_events,
    redis_hash_fields,
    redis_hashes,
    redis_old_keys,
    redis_set_aside,
    redis_trends,
    redis_ttl,
    redis_unrelated,
    rollback_clickhouse,
    rollback_elasticsearch,
    rollback_redis,
    unrelated,
)
from tvmigrate.verify.faults.model import CATALOGUE

MODULES = (
    redis_hashes,
    redis_hash_fields,
    redis_trends,
    redis_events,
    redis_event_fields,
    redis_ttl,
    redis_old_keys,
    redis_set_aside,
    redis_unrelated,
    clickhouse_records,
    clickhouse_comments,
    clickhouse_aggregates,
    clickhouse_metrics,
    clickhouse_schema,
    clickhouse_old,
    clickhouse_set_aside,
    unrelated,
    elasticsearch_documents,
    elasticsearch_fields,
    elasticsearch_index,
    elasticsearch_kept,
    across_stores,
    rollback_redis,
    rollback_clickhouse,
    rollback_elasticsearch,
    commands,
)

__all__ = ["CATALOGUE", "MODULES"]

"""Every hazard there is, by code: the plan of a lint is data."""

from tvmigrate.lint.hazard import Hazard
from tvmigrate.lint.hazards import (
    clickhouse_change,
    clickhouse_copy,
    clickhouse_types,
    elasticsearch_copy,
    elasticsearch_data,
    own,
    redis_commands,
    redis_keys,
    shell_script,
    way_back,
)

HAZARDS: tuple[Hazard, ...] = tuple(
    sorted(
        (
            *redis_commands.HAZARDS,
            *redis_keys.HAZARDS,
            *clickhouse_copy.HAZARDS,
            *clickhouse_change.HAZARDS,
            *clickhouse_types.HAZARDS,
            *elasticsearch_copy.HAZARDS,
            *elasticsearch_data.HAZARDS,
            *shell_script.HAZARDS,
            *way_back.HAZARDS,
            *own.HAZARDS,
        ),
        key=lambda hazard: hazard.code,
    )
)

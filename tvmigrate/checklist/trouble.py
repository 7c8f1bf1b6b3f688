"""The four troubles that the migration guide knows, told by what was answered, each with a remedy that loses nothing.

The guide's own remedies drop tables and delete the index; what they would lose is why these stand here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cause by the name that the guide gives it, and what to do, which loses nothing."""

    cause: str
    remedy: str


TABLE_EXISTS = Trouble(
    "Table already exists",
    "An old table stands under a new name. Do not drop it, and do not write CREATE TABLE IF NOT EXISTS, which keeps "
    "the old columns and says nothing: `tvmigrate plan` says what is there, `tvmigrate apply` builds the new table "
    "under another name, compares every row, and exchanges the two; the old one is kept.",
)
REDIS_REFUSED = Trouble(
    "Redis connection refused",
    "Nothing listens where REDIS_URL points. Look at the service (`docker compose ps`, `systemctl status redis`) and "
    "start it on the data it had: `docker compose up -d redis` keeps the volume, `down -v` would remove it. Then "
    "`redis-cli DBSIZE`, before anything writes: 0 keys is another data directory, not a restart.",
)
MAPPING_CONFLICT = Trouble(
    "Elasticsearch mapping conflict",
    "Do not delete the index: its documents may be the only ones. Where it is the old index, `tvmigrate apply` builds "
    "the new one beside it. Else make a second index with scripts/elasticsearch-init/tv_comments_v2.json, copy the "
    "documents into it, compare the counts, and move the alias in one `_aliases` call; drop the first one when nobody "
    "misses it.",
)
QUERY_TIMEOUT = Trouble(
    "ClickHouse query timeout",
    "A query that reads loses nothing by being asked again with more time (`--timeout`, `max_execution_time`, the "
    "client's `send_receive_timeout`), or for one program_id and period, by which the tables are sorted. An INSERT "
    "that timed out may have arrived: count its rows before it is sent again.",
)

# Of a message of several lines or stores only what is said of the one store counts.
_OF_REDIS = r"\bredis\b(?!_client)(?:(?!clickhouse|elasticsearch)[^\n]){0,200}?"
_OF_CLICKHOUSE = r"\bclickhouse\b(?:(?!elasticsearch|redis)[^\n]){0,300}?"
_TOLD = tuple(
    (trouble, re.compile("|".join(patterns), re.IGNORECASE))
    for trouble, patterns in (
        (TABLE_EXISTS, (r"TABLE_ALREADY_EXISTS", r"\btable\b[^.]{0,80}already exists", r"still is the old table")),
        (REDIS_REFUSED, (rf"{_OF_REDIS}(?:connection refused|ECONNREFUSED|Error 111 connecting)",)),
        (
            MAPPING_CONFLICT,
            (
                r"mapper_parsing_exception", r"document_parsing_exception", r"strict_dynamic_mapping_exception",
                r"mapping conflict", r"cannot be changed from type", r"in the mapping of \S+ is", r"\bis mapped as\b",
                r"should be an alias on the index",
            ),
        ),
        (
            QUERY_TIMEOUT,
            (
                r"TIMEOUT_EXCEEDED", r"estimated query execution time",
                rf"{_OF_CLICKHOUSE}(?:timed out|(?:does|did) not answer within)",
            ),
        ),
    )
)  # fmt: skip


def troubles_in(texts: Iterable[str]) -> tuple[Trouble, ...]:
    """Return the troubles that `texts` speak of, in the guide's order, each once."""
    told = list(texts)
    return tuple(trouble for trouble, pattern in _TOLD if any(pattern.search(text) for text in told))

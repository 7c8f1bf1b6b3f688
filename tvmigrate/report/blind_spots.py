"""What each check cannot see, by its id, and what none can: the honest half of `docs/checks.md`."""

from __future__ import annotations

from collections.abc import Mapping

_EXIT = "What the command did: only how it ended. One that ends with 0 and did nothing is left to the other checks."
_SCHEMA = (
    "Rows. Nor what only the server's own settings decide, such as its time zone, and comments of tables and columns."
)
_ROW_CHECK = (
    "How rows are laid out in parts, and which of two equal rows is which. A row lost from the old table before the "
    "dataset was taken."
)
_SET_ASIDE = (
    "How the JSON of `record` is written: its values are compared. The words of `detail`, the run's id and the time of "
    "a row. With `--quarantine none` it does not run."
)
_ARCHIVE = "How the archived JSON is written: its values are compared. With `--quarantine none` it does not run."
_BY_HAND = "Whatever nobody wrote down: it looks at the records of the expectations alone, which only one dataset has."
_TABLE_SCHEMAS = ("eaos_metrics", "comment_aggregates", "anomalies", "raw_comments")

BLIND_SPOTS: Mapping[str, str] = {
    "migration.exit": _EXIT,
    "rollback.exit": f"{_EXIT} Of a second rollback in a row it is not asked: refusing is as good as doing nothing.",
    # ------------------------------------------------------------------------------------------------------ Redis
    "redis.eaos": "A hash whose old key ran out before it was read. Which instant of the run a filled `updated_at` is.",
    "redis.trend": "The sign of zero, which Redis itself drops in small sorted sets.",
    "redis.metric": (
        "How an event's JSON is spaced and its keys are ordered, and how a number or an instant is spelt: values are "
        "compared as doubles, integers and instants."
    ),
    "redis.schema": "Values: a hash with the right fields and wrong numbers is of the right form.",
    "redis.ttl": "A difference of up to a second. Of a key that ran out since, when it would have.",
    "redis.old-keys": "That an old key was gone for a while and came back with the same value.",
    "redis.unrelated": (
        "How a value is encoded inside Redis, its idle time, and a change that was undone before the check looked."
    ),
    "redis.quarantine": (
        f"{_SET_ASIDE} Of a key that only a DUMP can hold just that its `record` is not empty: Redis writes it anew."
    ),
    "redis.archive": _ARCHIVE,
    "redis.extra": "A key that was written and expired again before the check looked.",
    # -------------------------------------------------------------------------------------------------- ClickHouse
    **{f"clickhouse.schema.{table}": _SCHEMA for table in _TABLE_SCHEMAS},
    **{
        f"clickhouse.schema.migration_{table}": f"{_SCHEMA} With `--quarantine none` it does not run."
        for table in ("quarantine", "archive")
    },
    "clickhouse.anomalies": "Rows that were there and were removed.",
    "clickhouse.old-tables": (
        "Whether a copy is kept aside at all: a migration of somebody else may keep its old data where it likes, and "
        "the rollback has to prove that it did."
    ),
    "clickhouse.comments": _ROW_CHECK,
    "clickhouse.eaos_metrics": _ROW_CHECK,
    "clickhouse.aggregates": "A mean that is off by less than a relative 1e-12: which of the doubles that near it is.",
    "clickhouse.quarantine.comments": _SET_ASIDE,
    "clickhouse.quarantine.eaos_metrics": _SET_ASIDE,
    "clickhouse.archive.comments": _ARCHIVE,
    "clickhouse.archive.eaos_metrics": _ARCHIVE,
    "clickhouse.unrelated": "Rows of a table that the dataset does not hold: of such a table only the definition.",
    # ----------------------------------------------------------------------------------------------- Elasticsearch
    "elasticsearch.comments": (
        "How a document's JSON is written, its version and its sequence number. It reads the stored `_source`: what a "
        "search finds is the next check's."
    ),
    "elasticsearch.indexed": "Relevance: whether a search ranks what it finds as before.",
    "elasticsearch.quarantine": _SET_ASIDE,
    "elasticsearch.archive": _ARCHIVE,
    "elasticsearch.alias": "Aliases of other names, and data streams.",
    "elasticsearch.mapping": "Documents, and index templates that would shape the next index.",
    "elasticsearch.settings": "Analysis settings and whatever else the contract does not name of the new index.",
    "elasticsearch.old-index": "Whether a copy is kept at all: the rollback has to prove that something was.",
    "elasticsearch.unrelated": "Documents of an index that the dataset does not hold; templates and pipelines.",
    # ------------------------------------------------------------------------------------------------ across stores
    "cross.ids": "A comment that is missing on both sides alike: the checks of each store see it.",
    "cross.values": (
        "Text, user name and topics; a difference of scores that Float32 does not show, and of times below a second."
    ),
    "cross.programs": "A program that both stores have and that is wrong in both.",
    "ledger.balance": (
        "Which record is wrong where two errors cancel out within one rule's count: it counts records by where they "
        "are found, so each of the two is a finding of its store's check."
    ),
    # ---------------------------------------------------------------------------------------------------- by hand
    **{
        f"expected.{what}": _BY_HAND for what in ("redis", "clickhouse", "elasticsearch", "quarantine", "archive")
    },
    # ------------------------------------------------------------------------------------------------ the way back
    "rollback.redis": "A value that was away for a while and is back.",
    "rollback.redis-extra": "A key that was left behind and expired before the check looked.",
    "rollback.redis-ttl": "A difference of up to a second.",
    "rollback.clickhouse": "How rows are laid out in parts, and which of two equal rows is which.",
    "rollback.clickhouse-extra": "What is left outside of the databases: files, users, settings.",
    "rollback.clickhouse-schema": "The table's UUID, its parts, and comments.",
    "rollback.elasticsearch": "Versions and sequence numbers of documents.",
    "rollback.elasticsearch-extra": "Templates, pipelines, snapshots and scripts that were left behind.",
    "rollback.elasticsearch-schema": (
        "`uuid`, `creation_date`, `provided_name`, `version.*`, `resize.*` and `routing_partition_size`, which a clone "
        "cannot keep. For a moment of the way back there is no index of the name: nobody looks then."
    ),
}  # fmt: skip

IN_GENERAL: Mapping[str, str] = {
    "What the old side does not know.": "A record that was lost before the dataset was taken is not missed.",
    "Expired keys.": (
        "A key whose TTL ran out between loading and looking is counted as *expired*; that it was migrated right "
        "before that, nobody can tell."
    ),
    "The moment in between.": (
        "What a reader would have seen while the migration ran is not looked at, only what is there after it and after "
        "its rollback."
    ),
    "`--quarantine none`.": (
        "Of a refused record only its absence from the new data is judged, not the reason given, nor what is kept of "
        "it."
    ),
    "Speed, memory and load": "on the stores.",
}

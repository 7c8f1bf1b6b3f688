"""Faults of ClickHouse after the migration: single values of eaos_metrics, and the aggregates."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tvmigrate.contract import new
from tvmigrate.contract.layout import literal
from tvmigrate.contract.rules import BUCKET_S
from tvmigrate.verify.faults.clickhouse_tables import Victim, do, kept, number_of, partitions, victims
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED
_METRICS, _AGGREGATES = new.EAOS_METRICS, new.COMMENT_AGGREGATES
_OFFSET_MS = 7 * 3600 * 1000  # Viet Nam's


def _of_metrics(field: str) -> Finds:
    return Finds("clickhouse.eaos_metrics", _CHANGED, field)


def _of_aggregates(field: str) -> Finds:
    return Finds("clickhouse.aggregates", _CHANGED, field)


# ------------------------------------------------------------------------------------------------------- eaos_metrics


@after_migration(
    _of_metrics("timestamp"),
    incident="A driver that prints a DateTime in the server's time zone, into a column that is read as UTC.",
)
def metrics_time_local_as_utc(site: Site) -> Plant:
    """The time of one row of eaos_metrics is Viet Nam's, written as if it were UTC."""
    victim = first(_movable(site), "row of eaos_metrics whose place seven hours later is free")
    moved = victim.values["timestamp"] + _OFFSET_MS
    with kept(site, _METRICS.name) as table:
        table.change(victim.where, timestamp="timestamp + INTERVAL 7 HOUR")
        yield [victim.named(timestamp=moved)]


def _movable(site: Site) -> Iterator[Victim]:
    for victim in victims(site, _METRICS):
        program, moved = literal(victim.values["program_id"]), victim.values["timestamp"] + _OFFSET_MS
        if not number_of(
            site, _METRICS.name, f"program_id = {program} AND toUnixTimestamp64Milli(timestamp) = {moved}"
        ):
            yield victim


@after_migration(
    _of_metrics("score"),
    incident="Printing a double with 15 digits instead of 17 changes its last bits.",
)
def metrics_score_last_digit(site: Site) -> Plant:
    """One score of eaos_metrics is the next larger double."""
    victim = first(victims(site, _METRICS, "score > 0"), "row of eaos_metrics with a score above 0")
    with kept(site, _METRICS.name) as table:
        table.change(victim.where, score="reinterpretAsFloat64(reinterpretAsUInt64(score) + 1)")
        yield [victim.name]


@after_migration(
    _of_metrics("positive_count"),
    _of_metrics("negative_count"),
    incident="INSERT … SELECT goes by position and not by name: two columns of one type change places unseen.",
)
def metrics_counts_exchanged(site: Site) -> Plant:
    """In one row of eaos_metrics the positive and the negative count have changed places."""
    victim = first(victims(site, _METRICS, "positive_count != negative_count"), "row of eaos_metrics of unlike counts")
    positive, negative = victim.values["positive_count"], victim.values["negative_count"]
    with kept(site, _METRICS.name) as table:
        table.change(victim.where, positive_count=str(negative), negative_count=str(positive))
        yield [victim.name, victim.name]


@after_migration(
    _of_metrics("negative_count"),
    incident="Memory without error correction flips single bits, and a checksum made after that is of the wrong value.",
)
def metrics_count_with_a_flipped_bit(site: Site) -> Plant:
    """One bit of one negative count is flipped."""
    victim = first(victims(site, _METRICS), "row of eaos_metrics")
    with kept(site, _METRICS.name) as table:
        table.change(victim.where, negative_count="bitXor(negative_count, 16)")
        yield [victim.name]


@after_migration(
    _of_metrics("neutral_count"),
    incident="JSONExtractUInt(breakdown, 'neutral') is 0 where the key is 'trung lập'.",
)
def metrics_label_not_known(site: Site) -> Plant:
    """One neutral count is 0, as where only the English label was looked for."""
    victim = first(victims(site, _METRICS, "neutral_count > 0"), "row of eaos_metrics with neutral comments")
    with kept(site, _METRICS.name) as table:
        table.change(victim.where, neutral_count="0")
        yield [victim.name]


@after_migration(
    _of_metrics("total_comments"), incident="A derived column that is computed anew hides what the source said."
)
def metrics_total_mended(site: Site) -> Plant:
    """A total that never was the sum of its counts has become the sum."""
    summed = "positive_count + negative_count + neutral_count"
    victim = first(victims(site, _METRICS, f"total_comments != {summed}"), "total that is not the sum of its counts")
    with kept(site, _METRICS.name) as table:
        table.change(victim.where, total_comments=summed)
        yield [victim.name]


# --------------------------------------------------------------------------------------------------------- aggregates


@after_migration(
    Finds("clickhouse.aggregates", _MISSING),
    incident="A build partition by partition that stopped before its last ATTACH.",
)
def aggregates_of_a_month_missing(site: Site) -> Plant:
    """All aggregates of one month are missing."""
    month = first(partitions(site, _AGGREGATES.name), "aggregate")
    with kept(site, _AGGREGATES.name) as table:
        table.alter(f"DROP PARTITION ID {literal(month)}")
        yield [AnyOf.KEY]


@after_migration(
    Finds("clickhouse.aggregates", _EXTRA),
    incident="splitByChar of an empty text gives one empty text, not none.",
)
def aggregate_of_the_blank_topic(site: Site) -> Plant:
    """A program has an aggregate of the topic without a name."""
    blank = _moving(site, "true", topic=lambda _: "")
    victim, beside = first(blank, "aggregate whose bucket has none of the blank topic")
    with kept(site, _AGGREGATES.name) as table:
        table.add(victim.where, topic="''")
        yield [beside.name]


def _moving(site: Site, where: str, **to: Callable[[Any], Any]) -> Iterator[tuple[Victim, Victim]]:
    """Yield aggregates with what they are when `to` has changed their key, where that key is nobody's."""
    for victim in victims(site, _AGGREGATES, where):
        moved = Victim(
            victim.table, {**victim.values, **{name: make(victim.values[name]) for name, make in to.items()}}
        )
        if not number_of(site, _AGGREGATES.name, moved.where):
            yield victim, moved


@after_migration(
    Finds("clickhouse.aggregates", _EXTRA, "copies"),
    incident="A materialized view with POPULATE also takes rows that were inserted while it was made, or a backfill "
    "is run again.",
)
def aggregate_doubled(site: Site) -> Plant:
    """One aggregate stands there twice."""
    victim = first(victims(site, _AGGREGATES), "aggregate")
    with kept(site, _AGGREGATES.name) as table:
        table.add(victim.where)
        yield [victim.name]


@after_migration(
    _of_aggregates("timestamp"),
    incident="Some tools name a window by its end, ClickHouse's toStartOfFiveMinutes does not.",
)
def aggregate_named_by_its_end(site: Site) -> Plant:
    """One aggregate has the end of its five minutes, not their start."""
    later = _moving(site, "true", timestamp=lambda start: start + BUCKET_S * 1000)
    victim, moved = first(later, "aggregate with nothing in the next five minutes")
    with kept(site, _AGGREGATES.name) as table:
        table.change(victim.where, timestamp=f"timestamp + {BUCKET_S}")
        yield [moved.name]


@after_migration(
    _of_aggregates("topic"),
    incident="What is typed on macOS or comes from its file names is often NFD: the same to the eye, other bytes.",
)
def aggregate_topic_decomposed(site: Site) -> Plant:
    """The topic of one aggregate is decomposed: NFD where it was NFC."""
    composed = _moving(site, "normalizeUTF8NFD(topic) != topic", topic=partial(unicodedata.normalize, "NFD"))
    victim, moved = first(composed, "aggregate of a topic with a composed letter")
    with kept(site, _AGGREGATES.name) as table:
        table.change(victim.where, topic=literal(moved.values["topic"]))
        yield [moved.name]


@after_migration(
    _of_aggregates("program_id"),
    incident="GROUP BY entity, where two entities are one program after the renaming.",
)
def aggregate_of_the_old_entity(site: Site) -> Plant:
    """One aggregate is under the entity's old name, without the show."""
    bare = _moving(site, "position(program_id, '/') > 1", program_id=lambda program: str(program).partition("/")[2])
    victim, moved = first(bare, "aggregate of a program with a show in front")
    with kept(site, _AGGREGATES.name) as table:
        table.change(victim.where, program_id=literal(moved.values["program_id"]))
        yield [moved.name]


@after_migration(
    _of_aggregates("count"), incident="arrayJoin of topics counts a comment once for each time it names the topic."
)
def aggregate_counts_a_comment_twice(site: Site) -> Plant:
    """One aggregate counts one comment too many."""
    victim = first(victims(site, _AGGREGATES), "aggregate")
    with kept(site, _AGGREGATES.name) as table:
        table.change(victim.where, count="count + 1")
        yield [victim.name]


@after_migration(
    _of_aggregates("avg_sentiment"), incident="avg() in a client that keeps its sum in 32 bits, or a mean of means."
)
def aggregate_mean_in_single_precision(site: Site) -> Plant:
    """One mean has the precision of a Float32."""
    single = "toFloat64(toFloat32(avg_sentiment))"
    where = f"abs({single} - avg_sentiment) > 1e-10 * abs(avg_sentiment)"
    victim = first(victims(site, _AGGREGATES, where), "mean that a Float32 cannot hold")
    with kept(site, _AGGREGATES.name) as table:
        table.change(victim.where, avg_sentiment=single)
        yield [victim.name]


# ---------------------------------------------------------------------------------------------------------- anomalies


@after_migration(
    Finds("clickhouse.anomalies", _EXTRA),
    incident="A detector that already runs while the tables are filled takes the import for an outburst.",
)
def anomalies_invented(site: Site) -> Plant:
    """An anomaly is there, though nothing old maps to one."""
    with kept(site, new.ANOMALIES.name) as table:
        do(
            site,
            f"INSERT INTO {table.live} VALUES ('a', '2026-01-01 00:00:00', 'comments', 3000, 10, 2990, 'critical')",
        )
        yield [f"{new.DATABASE}.{new.ANOMALIES.name}"]


@after_migration(
    Finds("clickhouse.schema.anomalies", _MISSING),
    Finds("clickhouse.anomalies", _MISSING),
    incident="A script without set -e goes on after a CREATE TABLE that failed; with no rows to write nobody notices.",
)
def anomalies_not_created(site: Site) -> Plant:
    """The table anomalies is not there."""
    name = f"{new.DATABASE}.{new.ANOMALIES.name}"
    with kept(site, new.ANOMALIES.name) as table:
        do(site, f"DROP TABLE {table.live} SYNC")
        yield [name, name]

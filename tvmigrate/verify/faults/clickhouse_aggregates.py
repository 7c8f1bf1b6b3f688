"""Faults of ClickHouse after the migration: tables that are computed or created empty, aggregates and anomalies."""

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

_MISSING, _EXTRA = Direction.MISSING, Direction.EXTRA
_AGGREGATES = new.COMMENT_AGGREGATES


def _of_aggregates(field: str) -> Finds:
    return Finds("clickhouse.aggregates", Direction.CHANGED, field)


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

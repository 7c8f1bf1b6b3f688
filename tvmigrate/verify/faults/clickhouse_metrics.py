"""Faults of ClickHouse after the migration: one value of one row of eaos_metrics, each wrong in its own way."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.contract import new
from tvmigrate.contract.layout import literal
from tvmigrate.verify.faults.clickhouse_tables import Victim, kept, number_of, victims
from tvmigrate.verify.faults.model import Finds, Plant, after_migration
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_METRICS = new.EAOS_METRICS
_OFFSET_MS = 7 * 3600 * 1000  # Viet Nam's


def _of_metrics(field: str) -> Finds:
    return Finds("clickhouse.eaos_metrics", Direction.CHANGED, field)


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

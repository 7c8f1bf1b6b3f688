"""Faults of ClickHouse after the migration: whole rows that are lost, doubled, invented or exchanged."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.contract import new, old, values
from tvmigrate.contract.layout import literal, quoted
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.verify.clickhouse_canonical import instant_text
from tvmigrate.verify.faults.clickhouse_tables import (
    Victim,
    ask,
    do,
    kept,
    lost,
    number_of,
    partitions,
    place,
    victims,
)
from tvmigrate.verify.faults.clickhouse_told import in_both
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.site import NothingToPlant, Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED
_COMMENTS, _METRICS = new.RAW_COMMENTS, new.EAOS_METRICS


@after_migration(
    Finds("clickhouse.comments", _MISSING),
    Finds("cross.ids", _MISSING, "comment_id"),
    *lost(Rule.CLICKHOUSE_COMMENTS),
    incident="A paged copy by LIMIT and OFFSET without a total order skips rows.",
)
def comment_dropped(site: Site) -> Plant:
    """One comment of many is not in raw_comments."""
    victim = first(victims(site, _COMMENTS), "comment whose id is its own")
    with kept(site, _COMMENTS.name) as table:
        table.drop(victim.where)
        yield [victim.name, in_both(site, victim), victim.name, AnyOf.KEY]


@after_migration(
    Finds("clickhouse.comments", _EXTRA, "copies"),
    incident="An INSERT that timed out after the server had written it is sent again; a plain MergeTree keeps both, "
    "since insert deduplication is off there unless non_replicated_deduplication_window is set.",
)
def comment_doubled(site: Site) -> Plant:
    """One comment stands in raw_comments twice, as a retried insert leaves it."""
    victim = first(victims(site, _COMMENTS), "comment whose id is its own")
    with kept(site, _COMMENTS.name) as table:
        table.add(victim.where)
        yield [victim.name]


@after_migration(
    Finds("clickhouse.comments", _MISSING, "copies"),
    Finds("ledger.balance", _MISSING, "copies", rule=Rule.CLICKHOUSE_COMMENTS),
    Finds("ledger.balance", _MISSING, "accounted", rule=Rule.CLICKHOUSE_COMMENTS),
    incident="SELECT DISTINCT, a ReplacingMergeTree on the way, or insert deduplication keeps one of equal rows.",
)
def equal_comments_collapsed(site: Site) -> Plant:
    """Of old comments that are equal in every column only one is left."""
    columns = ", ".join(map(quoted, _COMMENTS.column_names))
    grouped = (
        f"SELECT comment_id, count() FROM {place(_COMMENTS.name)} GROUP BY {columns} HAVING count() > 1"
        " ORDER BY comment_id LIMIT 50"
    )
    equal = (
        (name, copies) for name, copies in ask(site, grouped)
        if number_of(site, _COMMENTS.name, f"comment_id = {literal(name)}") == copies
    )  # fmt: skip
    name, _ = first(equal, "comment that stands there more than once, equal in every column")
    with kept(site, _COMMENTS.name) as table:
        where = f"comment_id = {literal(name)}"
        table.drop(where)
        table.add(f"{where} LIMIT 1")
        yield [f"{_COMMENTS.name} {name}", f"{_COMMENTS.name} {name}", AnyOf.KEY]


@after_migration(
    Finds("clickhouse.comments", _EXTRA),
    Finds("cross.ids", _MISSING, "comment_id"),
    incident="A smoke test writes a row to see whether the new table takes one, and nobody takes it out.",
)
def smoke_test_comment_left(site: Site) -> Plant:
    """A comment stands in raw_comments that no old row maps to."""
    name = "tvmigrate-smoke-test"
    if number_of(site, _COMMENTS.name, f"comment_id = {literal(name)}"):
        raise NothingToPlant(f"there is no free id: a comment is named {name}")
    with kept(site, _COMMENTS.name) as table:
        do(
            site,
            f"INSERT INTO {table.live} (comment_id, program_id, text, username, timestamp, sentiment, sentiment_score,"
            f" engagement_score, topics, eaos_score) VALUES ({literal(name)}, 'smoke', 'test', 'me',"
            " '2026-01-01 00:00:00', 'neutral', 0, 0, [], NULL)",
        )
        yield [f"{_COMMENTS.name} {name}", name]


@after_migration(
    Finds("clickhouse.comments", _CHANGED, AnyOf.FIELD),
    Finds("cross.values", _CHANGED, AnyOf.FIELD, if_any=True),
    incident="Columns that were read in two queries without ORDER BY and put together by position.",
)
def comment_ids_exchanged(site: Site) -> Plant:
    """Two comments have each other's id."""
    one, other = first(_unlike(site), "two comments of unlike sentiment")
    ids = str(one.values["comment_id"]), str(other.values["comment_id"])
    pair = f"({one.where}) OR ({other.where})"
    other_id = f"if(comment_id = {literal(ids[0])}, {literal(ids[1])}, {literal(ids[0])})"
    with kept(site, _COMMENTS.name) as table:
        table.change(pair, comment_id=other_id)
        yield [frozenset({one.name, other.name}), frozenset(ids)]


def _unlike(site: Site) -> Iterator[tuple[Victim, Victim]]:
    """Yield pairs of comments that differ in sentiment, and so stay two findings each."""
    positive = victims(site, _COMMENTS, "sentiment = 'positive'")
    yield from zip(positive, victims(site, _COMMENTS, "sentiment = 'negative'"), strict=False)


@after_migration(
    Finds("clickhouse.eaos_metrics", _MISSING),
    Finds("clickhouse.eaos_metrics", _EXTRA, "copies"),
    *lost(Rule.CLICKHOUSE_EAOS_METRICS),
    incident="A retry that sends one batch twice and never the next ends with the right number of rows.",
)
def errors_that_balance(site: Site) -> Plant:
    """One row of eaos_metrics is lost and another is there twice, so that the number of rows is right."""
    dropped, doubled = first(_pairs(site), "two rows of eaos_metrics")
    with kept(site, _METRICS.name) as table:
        table.drop(dropped.where)
        table.add(doubled.where)
        yield [dropped.name, doubled.name, dropped.name, AnyOf.KEY]


def _pairs(site: Site, where: str = "true") -> Iterator[tuple[Victim, Victim]]:
    """Yield pairs of rows of different programs and instants."""
    earlier: list[Victim] = []
    for victim in victims(site, _METRICS, where):
        for mate in earlier:
            if all(mate.values[name] != victim.values[name] for name in ("program_id", "timestamp", "score")):
                yield mate, victim
        earlier.append(victim)


@after_migration(
    Finds("clickhouse.eaos_metrics", _EXTRA, "copies"),
    incident="ALTER TABLE … ATTACH PARTITION FROM adds to what is there; only REPLACE PARTITION takes its place.",
)
def partition_attached_twice(site: Site) -> Plant:
    """All rows of one month stand in eaos_metrics twice."""
    month = first(partitions(site, _METRICS.name), "row in eaos_metrics")
    with kept(site, _METRICS.name) as table:
        table.alter(f"ATTACH PARTITION ID {literal(month)} FROM {table.twin}")
        yield [AnyOf.KEY]


@after_migration(
    Finds("clickhouse.eaos_metrics", _EXTRA),
    incident="JSONExtractUInt gives 0 for text that is no JSON, and says nothing.",
)
def refused_metrics_written_as_zeros(site: Site) -> Plant:
    """A row of eaos_metrics that no rule maps is in quarantine, and written with zero counts as well."""
    site.needs_quarantine_tables()
    program, ms = first(_refused(site), "row of eaos_metrics in quarantine that has an entity and a time")
    with kept(site, _METRICS.name) as table:
        do(
            site,
            f"INSERT INTO {table.live} (program_id, timestamp, score, positive_count, negative_count, neutral_count,"
            f" total_comments) SELECT {literal(program)}, fromUnixTimestamp64Milli(toInt64({ms})), 0, 0, 0, 0, 0",
        )
        yield [f"{_METRICS.name} {program} {instant_text(ms)}"]


def _refused(site: Site) -> Iterator[tuple[str, int]]:
    """Yield entity and time (ms since the epoch) of rows in quarantine whose place in the new table is free."""
    query = (
        f"SELECT DISTINCT record_key FROM {place(new.QUARANTINE.name)} WHERE store = {literal(Store.CLICKHOUSE)}"
        f" AND source = {literal(old.EAOS_METRICS.name)} ORDER BY record_key LIMIT 50"
    )
    for (key,) in ask(site, query):
        entity, _, when = str(key).rpartition("@")
        ms = values.instant(when, Policy(keep_entities=True)) // values.NS_PER_MS
        place_of = f"program_id = {literal(entity)} AND toUnixTimestamp64Milli(timestamp) = {ms}"
        if entity.strip() and not number_of(site, _METRICS.name, place_of):
            yield entity, ms


@after_migration(
    Finds("clickhouse.eaos_metrics", _CHANGED, "program_id"),
    incident="Two rows of a batch that were put back in another order than they were read in.",
)
def programs_of_two_rows_exchanged(site: Site) -> Plant:
    """Two rows of eaos_metrics have each other's program."""
    one, other = first(_pairs(site), "two rows of eaos_metrics of different programs")
    mine, theirs = (str(victim.values["program_id"]) for victim in (one, other))
    with kept(site, _METRICS.name) as table:
        other_program = f"if(program_id = {literal(mine)}, {literal(theirs)}, {literal(mine)})"
        table.change(f"({one.where}) OR ({other.where})", program_id=other_program)
        yield [frozenset({one.named(program_id=theirs), other.named(program_id=mine)})]

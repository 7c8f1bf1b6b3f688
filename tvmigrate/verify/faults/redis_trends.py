"""Faults of the trends: topics and scores, and windows taken for others."""

from __future__ import annotations

import math
from typing import Any

from tvmigrate.contract import new
from tvmigrate.contract.layout import literal
from tvmigrate.contract.outcome import Rule
from tvmigrate.verify.faults.clickhouse_tables import NOBODY, lost
from tvmigrate.verify.faults.clickhouse_tables import kept as kept_table
from tvmigrate.verify.faults.model import AnyOf, Finds, Plant, after_migration
from tvmigrate.verify.faults.redis_victims import MappedTrend, kept, quarantined_trends, seconds_left, trends
from tvmigrate.verify.faults.site import NothingToPlant, Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED, _SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
_A_TREND = "trend that was mapped"


@after_migration(
    Finds("redis.trend", _MISSING, "member"),
    *lost(Rule.REDIS_TREND),
    incident="A ZREMRANGEBYRANK that keeps a list of the top ones short takes what ranks lowest with it.",
)
def trend_cut(site: Site) -> Plant:
    """The topic of the lowest score is cut off a trend."""
    trend = first((one for one in trends(site) if len(one.members) > 1), "trend of two topics or more")
    with kept(site, trend.key) as client:
        lowest: Any = client.zrange(trend.key, 0, 0)
        record = trend.record(next(name for name, member, _ in trend.members if member == lowest[0]))
        client.zremrangebyrank(trend.key, 0, 0)
        yield [record, record, AnyOf.KEY]


@after_migration(
    Finds("redis.trend", _EXTRA, "member"),
    Finds("redis.old-keys", _MISSING, "key", rule=Rule.REDIS_TREND),
    Finds("redis.quarantine", _MISSING, "reason", rule=Rule.REDIS_TREND),
    *lost(Rule.REDIS_TREND),
    incident="A look-up with a default, `windows.get(minutes, '15min')`, has an answer for every window.",
)
def window_of_30_taken_for_15_minutes(site: Site) -> Plant:
    """The topics of a window that maps to none are merged into trends:top:15min."""
    site.needs_quarantine_tables()
    target = first((one for one in trends(site) if one.key == new.trend_key("15min").encode()), "trend of 15 minutes")
    there = {member for _, member, _ in target.members}
    strange = (one for one in quarantined_trends(site) if not there & {member for _, member, _ in one.members})
    window = first(strange, "trend of an unknown window and other topics")
    with kept(site, target.key, window.key) as client, kept_table(site, new.QUARANTINE.name) as table:
        client.zadd(target.key, {member: score for _, member, score in window.members})
        client.delete(window.key)
        records = ", ".join(map(literal, sorted(window.records)))
        table.drop(f"store = 'redis' AND record_key IN ({records})")
        yield [target.name, window.old_name, window.records, window.records, AnyOf.KEY]


@after_migration(
    Finds("redis.trend", _CHANGED, "score"),
    incident="Sums of scores in another order, and scores that went through a decimal, differ in the last bit.",
)
def trend_score_off_by_one_bit(site: Site) -> Plant:
    """The score of one topic is the double next to the right one."""
    found = (
        (trend, name, member, score) for trend in trends(site) for name, member, score in trend.members
        if math.isfinite(score) and score
    )  # fmt: skip
    trend, name, member, score = first(found, "topic with a finite score")
    with kept(site, trend.key) as client:
        client.zadd(trend.key, {member: math.nextafter(score, 0.0)})
        yield [trend.record(name)]


@after_migration(Finds("redis.trend", _CHANGED, "member"), *lost(Rule.REDIS_TREND))
def topic_renamed_as_an_entity(site: Site) -> Plant:
    """A topic has got the show before its name, as the programs have."""
    show = site.policy.show
    if show is None:
        raise NothingToPlant("there is no show in the names")
    found = ((trend, name, member) for trend in trends(site) for name, member, _ in trend.members)
    trend, name, member = first(found, "topic of a trend")
    with kept(site, trend.key) as client:
        score: Any = client.zscore(trend.key, member)
        client.zrem(trend.key, member)
        client.zadd(trend.key, {f"{show}/".encode() + member: score})
        yield [trend.record(name), trend.record(name), AnyOf.KEY]


@after_migration(
    Finds("redis.trend", _MISSING, "key"),
    *lost(Rule.REDIS_TREND),
    incident="EXPIRE takes seconds and PEXPIRE milliseconds; TTL answers in seconds and PTTL in milliseconds.",
)
def trend_expired_at_once(site: Site) -> Plant:
    """A trend is gone long before its time, its seconds to live taken for milliseconds."""
    trend = first((one for one in trends(site) if seconds_left(site, one.key) > 0), "trend that expires")
    with kept(site, trend.key) as client:
        client.delete(trend.key)  # what is left when those milliseconds have passed
        yield [trend.old_name, trend.records, AnyOf.KEY]


@after_migration(
    Finds("redis.trend", _CHANGED, "type"),
    Finds("redis.schema", _SCHEMA, "type"),
    *lost(Rule.REDIS_TREND),
)
def trend_as_a_hash(site: Site) -> Plant:
    """A trend is a hash of its topics."""
    trend = first(trends(site), _A_TREND)
    with kept(site, trend.key) as client:
        left: Any = client.pttl(trend.key)
        client.delete(trend.key)
        client.hset(trend.key, mapping={member: repr(score) for _, member, score in trend.members})
        if left > 0:
            client.pexpire(trend.key, left)
        yield [trend.old_name, trend.name, trend.records, AnyOf.KEY]


@after_migration(
    Finds("redis.schema", _SCHEMA, "key"),
    Finds("redis.extra", _EXTRA, "key"),
    Finds("redis.trend", _MISSING, "key"),
    *lost(Rule.REDIS_TREND),
)
def hour_written_as_60_minutes(site: Site) -> Plant:
    """The trend of an hour is under trends:top:60min, which nobody reads."""
    right, wrong = new.trend_key("1hour").encode(), new.trend_key("60min").encode()
    if site.clients.redis.exists(wrong):
        raise NothingToPlant("there is no free name trends:top:60min")
    trend = first((one for one in trends(site) if one.key == right), "trend of an hour")
    with kept(site, right, wrong) as client:
        client.rename(right, wrong)
        yield [wrong.decode(), wrong.decode(), trend.old_name, trend.records, AnyOf.KEY]


@after_migration(Finds("redis.trend", _CHANGED, "window"), *lost(Rule.REDIS_TREND))
def windows_exchanged(site: Site) -> Plant:
    """The trends of 5 and of 15 minutes have changed places."""
    by_key = {one.key: one for one in trends(site)}
    five, fifteen = (by_key.get(new.trend_key(window).encode()) for window in ("5min", "15min"))
    if five is None or fifteen is None or five.members == fifteen.members:
        raise NothingToPlant("there are no trends of 5 and of 15 minutes that differ")
    with kept(site, five.key, fifteen.key) as client:
        for one, other in ((five, fifteen), (fifteen, five)):
            client.zadd(one.key, {member: score for _, member, score in other.members})
            if gone := {member for _, member, _ in one.members} - {member for _, member, _ in other.members}:
                client.zrem(one.key, *gone)
        nowhere = _not_in(five, fifteen) | _not_in(fifteen, five)
        yield [frozenset({five.name, fifteen.name}), nowhere, AnyOf.KEY if nowhere else NOBODY]


def _not_in(one: MappedTrend, other: MappedTrend) -> frozenset[str]:
    names = {name for name, _, _ in other.members}
    return frozenset(one.record(name) for name, _, _ in one.members if name not in names)

"""After a migration the application tells all that was migrated, as the rules make it of the old data, and no more.

Every record is asked for, through the V2 clients and through the API over them: what only a driver can read is as good
as lost to the dashboard. `application_expected` says what must be told, `application_ways` how it is asked for.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import pytest

from src.settings import Urls
from tests.integrity import application_expected as told
from tests.integrity.application_expected import Record, Wanted
from tests.integrity.application_ways import WAYS, Way, each
from tests.integrity.application_ways import Clients as ClientsWay
from tvmigrate.contract import new
from tvmigrate.engines.clients import Clients
from tvmigrate.events import ignore
from tvmigrate.pytest_plugin import Outcome
from tvmigrate.verify.compare import differences
from tvmigrate.verify.context import Context

NUMBERS = new.EAOS_METRICS.column_names[2:]  # the score, and the counts
T = TypeVar("T")
Expect = Callable[[Callable[[Context], T]], T]


@pytest.fixture(scope="module")
def expect(migrated: Outcome) -> Iterator[Expect[Any]]:
    """Return what works out a part of what must be told, once for both ways."""
    rehearsal = migrated.rehearsal
    known: dict[Any, Any] = {}
    with Clients(rehearsal.endpoints) as raw:
        context = Context(raw, rehearsal.reference, rehearsal.job.policy, 0, 0, ignore)

        def expect(part: Callable[[Context], Any]) -> Any:
            if part not in known:
                known[part] = part(context)
            if not known[part]:
                pytest.skip("the old system had nothing that becomes such records")
            return known[part]

        yield expect


@pytest.fixture(scope="module", params=WAYS)
async def way(request: pytest.FixtureRequest, migrated: Outcome) -> AsyncIterator[Way]:
    endpoints = migrated.rehearsal.endpoints
    async with WAYS[request.param](Urls(endpoints.redis, endpoints.clickhouse, endpoints.elasticsearch)) as way:
        yield way


def expired(deadline: int | None) -> bool:
    """Return whether what expires then may be gone, a second's difference of clocks allowed."""
    return deadline is not None and deadline <= time.time() * 1000 + 1000


def wrong(name: str, wanted: Mapping[str, Any], found: Mapping[str, Any] | None, but: Iterable[str] = ()) -> list[str]:
    """Say each field in which a record is not as it must be told."""
    if found is None:
        return [f"{name} is not told"]
    passed = set(but)
    return [
        f"{name}: {path} is {actual!r}, and should be {expected!r}"
        for path, expected, actual in differences(dict(wanted), dict(found))
        if path not in passed
    ]


def all_right(lines: Iterable[str]) -> None:
    """Fail with the first of what is wrong, and how much there is."""
    listed = list(lines)
    assert not listed, f"{len(listed)} differences:\n" + "\n".join(listed[:10])


def only(wanted: Iterable[Any], found: Iterable[Any], optional: Iterable[Any] = ()) -> list[str]:
    """Say what of two lists is on one of them alone; the optional ones need not be found."""
    expected, actual = list(wanted), list(found)
    lines = [f"{one!r} is not told" for one in set(expected) - set(actual) - set(optional)]
    lines += [f"{one!r} is told, and is none" for one in set(actual) - set(expected)]
    return lines + ([] if len(set(actual)) == len(actual) else ["some are told twice"])


async def test_every_current_eaos_is_told(expect: Expect[dict[str, Wanted]], way: Way) -> None:
    """Assert that each migrated hash is found under its program, whatever characters that is made of."""
    wanted = expect(told.eaos)
    found = await each(way.eaos, wanted)
    all_right(
        line
        for program, one in wanted.items()
        if found[program] is not None or not expired(one.deadline)
        for line in wrong(program, one.record, found[program], one.filled)
    )


async def test_every_trend_is_told_from_the_highest_score_down(expect: Expect[Any], way: Way) -> None:
    """Assert that pages of topics hold each member once, scores to the bit, infinite ones too."""
    wanted = expect(told.trends)
    found = await each(way.trends, wanted)
    for time_range, (topics, deadline) in wanted.items():
        if not found[time_range] and expired(deadline):
            continue
        assert [one["topic"] for one in found[time_range]] == [one["topic"] for one in topics]
        all_right(
            line
            for one, other in zip(topics, found[time_range], strict=True)
            for line in wrong(f"{time_range} {one['topic']!r}", one, other)
        )


async def test_every_event_is_told_on_its_day_in_its_order(expect: Expect[Any], way: Way) -> None:
    """Assert that pages of events hold each once, and that a program's days are those of its events and no other."""
    wanted = expect(told.events)
    found = await each(lambda key: way.events(*key), wanted)
    lines: list[str] = []
    for key, events in wanted.items():
        lines += in_order(" ".join(key), events, found[key])
    all_right(lines)
    days: dict[str, list[str]] = {}
    may_be_gone = set()
    for (program, date), events in wanted.items():
        days.setdefault(program, []).append(date)
        if all(expired(event.deadline) for event in events):
            may_be_gone.add((program, date))
    dates = await each(way.event_dates, days)
    for program, expected in days.items():
        assert dates[program] == sorted(dates[program])
        known = [(program, date) for date in expected]
        all_right(only(known, [(program, date) for date in dates[program]], may_be_gone))


def in_order(name: str, wanted: list[Wanted], found: list[Record]) -> list[str]:
    """Say what differs between two lists of events; one whose source expired may be left out."""
    lines, rest = [], iter(found)
    other = next(rest, None)
    for position, event in enumerate(wanted):
        differs = wrong(f"{name} event {position}", event.record, other)
        if differs and expired(event.deadline):
            continue
        lines += differs
        other = next(rest, None)
    return lines if other is None else [*lines, f"{name} has more events than it should: {other!r}"]


async def test_every_eaos_metric_is_told_oldest_first(expect: Expect[Any], way: Way) -> None:
    """Assert that a program's history has each migrated row, equal rows as often as they are there, and the latest."""
    wanted = expect(told.metrics)
    found, latest = await each(way.metrics, wanted), await each(way.latest, wanted)
    lines: list[str] = []
    for program, rows in wanted.items():
        times = [row["timestamp"] for row in found[program]]
        assert times == sorted(times)
        assert len(found[program]) == len(rows), program
        for row, other in zip(sorted(rows, key=place), sorted(found[program], key=place), strict=True):
            lines += wrong(f"{program} {row['timestamp']}", row, other)
        newest = [row for row in found[program] if row["timestamp"] == times[-1]]
        assert not all(wrong(program, row, latest[program]) for row in newest), program
    all_right(lines)


def place(row: Record) -> tuple[Any, ...]:
    """Return where a row stands among others, the sign of a zero score told too."""
    return row["timestamp"], *(row[name] for name in NUMBERS), math.copysign(1, row[NUMBERS[0]])


async def test_every_topic_of_a_program_is_told_with_its_comments_and_their_mean(expect: Expect[Any], way: Way) -> None:
    """Assert that topics are counted over all of the program's comments, most frequent first."""
    wanted = expect(told.topics)
    found = await each(way.topics, wanted)
    for program, topics in wanted.items():
        assert {one["topic"]: one["count"] for one in found[program]} == {t: one.count for t, one in topics.items()}
        assert len(found[program]) == len(topics)
        ranks = [(-one["count"], one["topic"].encode()) for one in found[program]]
        assert ranks == sorted(ranks)
        for one in found[program]:
            right = topics[one["topic"]]
            assert math.isclose(one["avg_sentiment"], right.mean, rel_tol=1e-12, abs_tol=1e-12 * right.size), one


async def test_no_anomaly_is_told_since_nothing_old_becomes_one(way: Way) -> None:
    """Assert that the table is there to be read, and empty."""
    assert await way.anomalies() == []


async def test_every_comment_is_told_by_paging_through_all(expect: Expect[Any], way: Way) -> None:
    """Assert that pages over the whole index hold each document once, oldest first, with every field."""
    wanted = expect(told.comments)
    listed = await way.comments()
    found = {one["comment_id"]: one for one in listed}
    all_right(only(wanted, [one["comment_id"] for one in listed]))
    times = [one["timestamp"].replace(microsecond=one["timestamp"].microsecond // 1000 * 1000) for one in listed]
    assert times == sorted(times)
    all_right(line for name, one in wanted.items() for line in wrong(name, one, found[name], ("score",)))


async def test_every_comment_is_told_by_its_id(expect: Expect[Any], way: Way) -> None:
    """Assert that an id finds its comment, also one with slashes or blanks, or of 512 bytes.

    The API has one path for all of them and takes milliseconds for each: it is asked for one in ten of those that are
    alike, plain short words, and for each of the others.
    """
    wanted = expect(told.comments)
    plain = [name for name in wanted if re.fullmatch(r"[\w-]{1,20}", name, re.ASCII)]
    passed = set() if isinstance(way, ClientsWay) else set(plain) - set(plain[::10])
    found = await each(way.comment, wanted.keys() - passed)
    all_right(line for name, one in found.items() for line in wrong(name, wanted[name], one))


async def test_every_program_is_listed(expect: Expect[Any], way: Way) -> None:
    """Assert that whoever asks what there is gets each program of the migrated data, and no other."""
    in_redis = expect(told.redis_programs)
    gone = {program for program, deadline in in_redis.items() if expired(deadline)}
    all_right(only(in_redis, await way.redis_programs(), gone))
    all_right(only(expect(told.clickhouse_programs), await way.clickhouse_programs()))

"""The Redis client: whole states, trends in one order over pages, events by date and type, migrated data."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from decimal import Decimal

import pytest

from src.errors import InvalidValue, StoreRefused, UnreadableRecord
from src.storage.redis_client_v2 import RedisClientV2
from tvmigrate.contract import new

from .proxy import LosingProxy

AT = dt.datetime(2025, 11, 20, 6, 5, tzinfo=dt.UTC)


async def test_a_reader_never_sees_half_of_a_state(redis_v2, app_urls):
    """The writer's commands arrive piece by piece, and still no reader meets a third state, nor none."""
    states = [
        {
            "score": float(n),
            "positive": n,
            "negative": n,
            "neutral": n,
            "total": 3 * n,
            "updated_at": AT.replace(second=n),
        }
        for n in (1, 2)
    ]
    await redis_v2.set_current_eaos("p", **states[0])
    seen, done = [], asyncio.Event()

    async def read() -> None:
        while not done.is_set():
            seen.append(await redis_v2.get_current_eaos("p"))

    async def write() -> None:
        with LosingProxy(app_urls.redis, b"no such marker", trickle=32) as proxy:
            async with RedisClientV2(proxy.url) as client:
                for n in range(20):
                    await client.set_current_eaos("p", **states[n % 2])
        done.set()

    await asyncio.gather(read(), write())
    assert len(seen) > 20
    assert [one for one in seen if one not in [{"program_id": "p", **state} for state in states]] == []


async def test_many_states_are_read_at_once(redis_v2):
    for n in range(3):
        await redis_v2.set_current_eaos(f"p{n}", n, n, 0, 0, n)
    names = ["p2", "absent", "p0", *(f"q{n}" for n in range(600))]
    found = await redis_v2.get_current_eaos_many(names)
    assert list(found) == names
    assert {name: state["score"] for name, state in found.items() if state} == {"p2": 2, "p0": 0}
    assert await redis_v2.get_current_eaos_many([]) == {}


async def test_programs_are_those_with_a_state_or_events(redis_v2, raw_redis):
    await redis_v2.set_current_eaos("b", 0, 0, 0, 0, 0)
    await redis_v2.append_event("a:x", "note", timestamp=AT)
    raw_redis.set("eaos:current:old", "{}")  # an old key of the entity `current:old`
    raw_redis.hset(b"eaos:current:\xff", "score", "1")
    raw_redis.set("unrelated", "1")
    assert await redis_v2.programs() == ["a:x", "b"]


async def test_adding_adds_and_setting_sets(redis_v2):
    assert await redis_v2.add_trending_topic("5min", "lan", 2) == 2.0
    assert await redis_v2.add_trending_topic("5min", "lan", 0.5) == 2.5
    assert await redis_v2.add_trending_topic("5min", "lan", 1, how="set") == 1.0
    assert await redis_v2.get_top_trends("5min") == [{"topic": "lan", "score": 1.0}]
    assert await redis_v2.get_top_trends("15min") == []


async def test_additions_of_many_writers_all_count(redis_v2):
    await asyncio.gather(*(redis_v2.add_trending_topic("5min", "lan", 1) for _ in range(200)))
    assert await redis_v2.get_top_trends("5min") == [{"topic": "lan", "score": 200.0}]


SCORES = {
    **{f"tie{n}": 5.0 for n in range(7)}, "é": 5.0, "top": math.inf, "a": 6.0, "b": 6.0,
    "low1": 1.0, "low0": 1.0, "last": -math.inf, "tiny": 5e-324, "zero": 0.0, "near": 0.1, "nearer": 0.1 + 2**-55,
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 100])
async def test_pages_of_trends_are_one_order(redis_v2, raw_redis, size):
    """Highest first, of one score by topic; pages that begin or end within a tie neither overlap nor leave one out."""
    raw_redis.zadd("trends:top:5min", SCORES)
    pages = []
    for offset in range(0, len(SCORES) + size, size):
        pages += await redis_v2.get_top_trends("5min", size, offset)
    expected = sorted(SCORES.items(), key=lambda pair: (-pair[1], pair[0].encode()))
    assert [(one["topic"], one["score"]) for one in pages] == expected


async def test_a_topic_that_is_not_utf8_is_shown(redis_v2, raw_redis):
    raw_redis.zadd("trends:top:5min", {b"caf\xe9": 1})
    assert await redis_v2.get_top_trends("5min") == [{"topic": "caf\\xe9", "score": 1.0}]


async def test_events_are_under_their_utc_date(redis_v2):
    vietnam = dt.timezone(dt.timedelta(hours=7))
    await redis_v2.append_event("p", "note", timestamp=dt.datetime(2025, 11, 21, 6, 59, 59, 999_999, vietnam))
    await redis_v2.append_event("p", "note", timestamp=dt.datetime(2025, 11, 21, 7, 0, tzinfo=vietnam))
    await redis_v2.append_event("p:q", "note", timestamp=AT.replace(year=2024))
    assert await redis_v2.event_dates("p") == ["2025-11-20", "2025-11-21"]
    assert len(await redis_v2.get_events("p", dt.date(2025, 11, 20))) == 1
    assert await redis_v2.get_events("p", "2024-11-20") == []


async def test_events_are_paged_also_by_type(redis_v2, raw_redis):
    items = [
        f'{{"type":"{("even", "odd")[n % 2]}","program_id":"p","timestamp":"2025-11-20T06:05:00Z","value":{n}}}'
        for n in range(1203)
    ]
    raw_redis.rpush("events:p:2025-11-20", *items)
    read = redis_v2.get_events
    assert [one["value"] for one in await read("p", AT.date(), limit=3, offset=2)] == [2, 3, 4]
    assert [one["value"] for one in await read("p", AT.date(), limit=3, offset=2, event_type="odd")] == [5, 7, 9]
    assert [one["value"] for one in await read("p", AT.date(), limit=2, offset=599, event_type="odd")] == [1199, 1201]
    assert [one["value"] for one in await read("p", AT.date(), limit=900, offset=1200)] == [1200, 1201, 1202]
    assert len(await read("p", AT.date(), limit=10_000)) == 1203


async def test_migrated_data_is_read(redis_v2, raw_redis):
    raw_redis.hset(
        "eaos:current:p",
        mapping={"score": "9007199254740993", "positive": "1", "negative": "0", "neutral": "0", "total": "7",
                 "updated_at": "2025-11-20T06:05:00.123456789Z"},
    )  # fmt: skip
    state = await redis_v2.get_current_eaos("p")
    assert (state["score"], state["total"]) == (9007199254740993, 7)  # a total that is not the sum is the source's own
    assert state["updated_at"] == AT.replace(microsecond=123_456)
    raw_redis.rpush(
        "events:p:2025-11-20",
        '{"type":"metric","metric":"buzz","program_id":"p","timestamp":"2025-11-20T06:05:00.999999999Z","value":-0.0,'
        '"data":{"big":1e400,"long":123456789012345678901234567890,"fine":0.1000000000000000055,"deep":[[{"x":null}]]}}',
        f'{{"type":"x","program_id":"p","timestamp":"2025-11-20T06:05:00Z","data":{{"n":{"9" * 5000}}}}}',
    )
    first, second = await redis_v2.get_events("p", "2025-11-20")
    assert first["timestamp"] == AT.replace(microsecond=999_999)
    assert math.copysign(1, first["value"]) == -1
    assert first["data"] == {
        "big": Decimal("1e400"),
        "long": 123456789012345678901234567890,
        "fine": 0.1,
        "deep": [[{"x": None}]],
    }
    assert second["data"] == {"n": Decimal("9" * 5000)}


async def test_a_program_id_may_be_longer_than_elasticsearch_takes(redis_v2, clickhouse_v2):
    """`tvmigrate apply` keeps such ids in the two stores that hold them; fixtures/standard has one."""
    name = "thí sinh" * 5_000
    await redis_v2.set_current_eaos(name, 1, 1, 0, 0, 1)
    assert (await redis_v2.get_current_eaos(name))["score"] == 1
    clickhouse_v2.insert_eaos_metric(name, AT, 1, 1, 0, 0, 1)
    assert clickhouse_v2.get_latest_eaos(name)["score"] == 1
    assert clickhouse_v2.programs() == await redis_v2.programs() == [name]


async def test_what_has_another_form_is_named(redis_v2, raw_redis, app_urls):
    raw_redis.hset("eaos:current:p", mapping={"score": "1"})
    with pytest.raises(UnreadableRecord) as raised:
        await redis_v2.get_current_eaos("p")
    assert str(raised.value) == (
        f"eaos:current:p in redis at {app_urls.redis} has not the form of the new layout: "
        "it has no positive, negative, neutral, total, updated_at."
    )
    raw_redis.rpush("events:p:2025-11-20", '{"type":"note","program_id":"p","timestamp":"2025-11-20T06:05:00Z"}', "[]")
    with pytest.raises(UnreadableRecord, match=r"^events:p:2025-11-20#1 in redis .*: it is JSON, but not an object\.$"):
        await redis_v2.get_events("p", "2025-11-20")
    raw_redis.set("trends:top:5min", "x")
    with pytest.raises(StoreRefused, match=r"^redis at .* refused: .*WRONGTYPE"):
        await redis_v2.get_top_trends("5min")


async def test_a_date_is_no_datetime(redis_v2):
    for date in (AT, "2025-11-20T00:00:00", "20251120", "yesterday", None):
        with pytest.raises(InvalidValue, match=r"^date is .*: expected is a UTC date"):
            await redis_v2.get_events("p", date)


def test_the_trend_keys_are_the_contract_s():
    assert new.TREND_KEYS == ("trends:top:5min", "trends:top:15min", "trends:top:1hour")

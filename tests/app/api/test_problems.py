"""What is wrong with a request is answered with a problem that says what to write instead."""

from __future__ import annotations

import httpx
import pytest
from redis import Redis

from src.api import problems
from src.api.problems import Problem
from src.storage.redis_client_v2 import RedisClientV2
from tests.app.api.data import LAN
from tvmigrate.contract import new

URN = "urn:tv-analytics:problem:"


async def problem(api: httpx.AsyncClient, path: str, **query: object) -> dict:
    answer = await api.get(path, params=query)
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    body = Problem.model_validate_json(answer.content).model_dump(exclude_none=True)
    assert body["status"] == answer.status_code
    assert body["instance"] == path
    assert body["title"] == {kind.type: kind.title for kind in problems.KINDS}[body["type"]]
    return {"kind": body["type"].removeprefix(URN)} | {
        name: value for name, value in body.items() if name not in {"type", "title", "instance"}
    }


@pytest.mark.parametrize(
    ("old", "value", "now"), [("time_window", "15", "15min"), ("window", "60", "1hour"), ("time_window", "5m", "5min")]
)
async def test_an_old_window_is_told_its_new_name_and_value(api, old, value, now):
    assert await problem(api, "/v2/trends", **{old: value}) == {
        "kind": "old-parameter",
        "status": 400,
        "detail": f"{old} is a parameter of the old schema: it is time_range now, "
        f"so {old}={value} is time_range={now}.",
        "parameter": old,
        "new_parameter": "time_range",
        "new_value": now,
    }


async def test_a_window_that_never_was_is_told_the_time_ranges(api):
    found = await problem(api, "/v2/trends", time_window="30")
    assert found["detail"] == (
        "time_window is a parameter of the old schema: it is time_range now, one of 5min, 15min, 1hour, and '30' was "
        "no window of old."
    )
    assert "new_value" not in found


async def test_an_old_entity_is_told_that_the_migration_named_it(api):
    found = await problem(api, "/v2/eaos/current", entity="contestant_1")
    assert (found["kind"], found["new_parameter"], found.get("new_value")) == ("old-parameter", "program_id", None)
    assert found["detail"] == (
        "entity is a parameter of the old schema: it is program_id now. What 'contestant_1' became was said when it "
        "was migrated: SHOW/contestant_1 with --show SHOW, the same with --keep-entities, or what the entity map says."
    )


async def test_an_old_entity_that_was_whole_stays_as_it_is(api):
    assert (await problem(api, "/v2/eaos/current", entity=LAN))["new_value"] == LAN


async def test_an_old_parameter_is_old_where_the_endpoint_has_no_new_one_either(api):
    found = await problem(api, "/v2/eaos/history", program_id=LAN, window="15")
    assert found["detail"] == (
        "window is a parameter of the old schema: it is time_range now, so window=15 is time_range=15min. "
        "This endpoint takes no time_range."
    )


async def test_an_old_value_under_a_new_name_is_told_the_new_value(api):
    assert await problem(api, "/v2/trends", time_range="15") == {
        "kind": "old-value",
        "status": 400,
        "detail": "time_range=15 is as the old schema wrote it: it is time_range=15min now.",
        "parameter": "time_range",
        "new_parameter": "time_range",
        "new_value": "15min",
    }
    assert (await problem(api, "/v2/comments", sentiment="tích cực"))["new_value"] == "positive"
    assert (await problem(api, "/v2/comments", sentiment_label="tiêu cực"))["new_value"] == "negative"


async def test_an_unknown_parameter_is_refused_not_ignored(api):
    assert await problem(api, "/v2/trends", time_range="15min", page=2) == {
        "kind": "unknown-parameter",
        "status": 400,
        "detail": "/v2/trends has no parameter 'page': its parameters are limit, offset, time_range.",
        "parameter": "page",
    }
    assert (await problem(api, "/health", verbose=1))["detail"] == "/health has no parameter 'verbose': it has none."


async def test_a_parameter_given_twice_is_refused(api):
    found = await problem(api, "/v2/trends", time_range=["15min", "5min"])
    assert (found["kind"], found["parameter"]) == ("repeated-parameter", "time_range")


async def test_an_unknown_time_range_is_told_those_there_are(api):
    found = await problem(api, "/v2/trends", time_range="30min")
    assert (found["kind"], found["status"]) == ("unknown-time-range", 422)
    assert found["detail"] == "time_range '30min' is none of 5min, 15min, 1hour."


@pytest.mark.parametrize("path", ["/v2/eaos/history", "/v2/topics", "/v2/anomalies", "/v2/comments"])
async def test_a_range_that_ends_before_it_starts_is_refused(api, path):
    query = {"program_id": LAN, "start": "2025-11-21T00:00:00Z", "end": "2025-11-20T00:00:00Z"}
    found = await problem(api, path, **query)
    assert (found["kind"], found["status"], found["parameter"]) == ("bad-range", 422, "start")


@pytest.mark.parametrize(
    ("start", "detail"),
    [
        ("yesterday", "'yesterday' is no RFC 3339 time with an offset, such as 2025-11-20T06:00:00Z"),
        ("2025-11-20", "'2025-11-20' is no RFC 3339 time with an offset, such as 2025-11-20T06:00:00Z"),
        (
            "2025-11-20T06:00:00",
            "'2025-11-20T06:00:00' is no RFC 3339 time with an offset, such as 2025-11-20T06:00:00Z",
        ),
        (
            "2025-11-20T06:00:00 07:00",
            (
                "'2025-11-20T06:00:00 07:00' has a blank where its offset begins: write + as %2B, "
                "2025-11-20T06:00:00%2B07:00, or use Z"
            ),
        ),
        ("2025-13-20T06:00:00Z", "'2025-13-20T06:00:00Z' is no instant: month must be in 1..12"),
        ("0001-01-01T00:00:00+14:00", "'0001-01-01T00:00:00+14:00' is no instant: date value out of range"),
    ],
)
async def test_a_time_that_is_none_is_refused_with_what_was_expected(api, start, detail):
    assert await problem(api, "/v2/eaos/history", program_id=LAN, start=start) == {
        "kind": "invalid-parameter",
        "status": 422,
        "detail": f"start: {detail}.",
        "parameter": "start",
        "errors": [{"parameter": "start", "detail": detail}],
    }


@pytest.mark.parametrize(
    ("path", "query", "parameter"),
    [
        ("/v2/trends", {"time_range": "15min", "limit": 0}, "limit"),
        ("/v2/trends", {"time_range": "15min", "limit": 1001}, "limit"),
        ("/v2/trends", {"time_range": "15min", "offset": -1}, "offset"),
        ("/v2/trends", {}, "time_range"),
        ("/v2/comments", {"offset": 8001}, "offset"),
        ("/v2/comments", {"sort": "best"}, "sort"),
        ("/v2/comments", {"sentiment": "glad"}, "sentiment"),
        ("/v2/events", {"program_id": LAN, "date": "20.11.2025"}, "date"),
        ("/v2/events", {"program_id": LAN, "date": "2025-02-30"}, "date"),
        ("/v2/eaos/current", {}, "program_id"),
        ("/v2/eaos/current", {"program_id": ""}, "program_id"),
        ("/v2/eaos/current", {"program_id": " "}, "program_id"),
        ("/v2/eaos/history", {"program_id": "\u00a0"}, "program_id"),
        ("/v2/comments", {"program_id": " "}, "program_id"),
        ("/v2/programs", {"source": "mysql"}, "source"),
    ],
    ids=str,
)
async def test_a_value_that_cannot_be_used_names_its_parameter(api, path, query, parameter):
    found = await problem(api, path, **query)
    assert (found["kind"], found["status"], found["parameter"]) == ("invalid-parameter", 422, parameter)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v2/eaos/current", {}),
        ("/v2/eaos/latest", {}),
        ("/v2/eaos/history", {}),
        ("/v2/topics", {}),
        ("/v2/anomalies", {}),
        ("/v2/comments", {}),
        ("/v2/comments/count", {}),
        ("/v2/events", {"date": "2025-11-20"}),
        ("/v2/events/dates", {}),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
async def test_an_unknown_program_is_404_and_no_empty_page(api, path, query):
    found = await problem(api, path, program_id="the_voice/nobody", **query)
    assert (found["kind"], found["status"], found["parameter"]) == ("unknown-program", 404, "program_id")


async def test_an_unknown_comment_is_404(api):
    found = await problem(api, "/v2/comments/one", comment_id="none")
    assert (found["kind"], found["status"]) == ("unknown-comment", 404)


async def test_a_path_or_method_that_is_none_is_a_problem_too(api):
    assert (await problem(api, "/v1/trends"))["kind"] == "no-such-path"
    answer = await api.post("/v2/trends")
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert (answer.status_code, answer.headers["allow"], answer.json()["detail"]) == (
        405,
        "GET",
        "/v2/trends takes GET and not POST.",
    )


async def test_a_fault_of_the_api_is_a_problem_without_its_cause(app, monkeypatch):
    async def fail(*_: object) -> None:
        raise RuntimeError("something inside")

    monkeypatch.setattr(RedisClientV2, "get_top_trends", fail)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as api:
        assert await problem(api, "/v2/trends", time_range="15min") == {
            "kind": "internal",
            "status": 500,
            "detail": "The API failed; its log says where. The stores were only read.",
        }


async def test_a_store_that_refuses_is_named(api, urls):
    with Redis.from_url(urls.redis) as redis:
        redis.set(new.trend_key("1hour"), "no sorted set")
    try:
        found = await problem(api, "/v2/trends", time_range="1hour")
        assert (found["kind"], found["status"], found["store"]) == ("store-refused", 502, "redis")
        assert "WRONGTYPE" in found["detail"]
    finally:
        with Redis.from_url(urls.redis) as redis:
            redis.delete(new.trend_key("1hour"))

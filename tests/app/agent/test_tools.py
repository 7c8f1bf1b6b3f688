"""Each tool over the real stores: its rows are what the clients wrote, its notes say what a reader has to know."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import Any

import pytest

from src.agent import Agent, InvalidArguments, Table, ToolResult
from src.agent.tools.period import Period, read_period
from src.errors import UnknownProgram
from tests.app.agent.stock import ALONE, INTRO, NOON, ONE, PROGRAMS, TWO

AT = "2025-11-20T12:00:00Z"


async def ask(agent: Agent, tool: str, **arguments: Any) -> ToolResult:
    result = await agent.call(tool, arguments)
    assert result.error is None, result.error
    json.dumps(result.as_json(), allow_nan=False)
    return result


async def refusal(agent: Agent, tool: str, **arguments: Any) -> str:
    result = await agent.call(tool, arguments)
    assert result.error is not None
    assert result.rows == ()
    return str(result.error)


async def test_current_eaos_is_what_was_set(agent: Agent) -> None:
    result = await ask(agent, "current_eaos", program_id=ONE)
    assert result.rows == (
        {
            "program_id": ONE,
            "score": 0.82,
            "positive": 120,
            "negative": 15,
            "neutral": 40,
            "total": 175,
            "updated_at": AT,
        },
    )
    assert result.table() == Table(
        ("program_id", "score", "positive", "negative", "neutral", "total", "updated_at"),
        ((ONE, "0.82", "120", "15", "40", "175", AT),),
        (False, True, True, True, True, True, False),
    )


async def test_arguments_may_be_the_json_that_a_model_sends(agent: Agent) -> None:
    result = await agent.call("current_eaos", json.dumps({"program_id": ONE}))
    assert result.ok
    assert result.arguments == {"program_id": ONE}


async def test_an_unknown_program_is_answered_with_those_near_it(agent: Agent) -> None:
    result = await agent.call("current_eaos", {"program_id": "contestant_2"})
    assert isinstance(result.error, UnknownProgram)
    assert str(result.error) == (f"redis has no current EAOS of program 'contestant_2'. Nearest: {TWO}, {ONE}.")
    assert await refusal(agent, "current_eaos", program_id="zzz") == (
        "redis has no current EAOS of program 'zzz'. list_programs gives the programs that there are."
    )


async def test_the_history_is_oldest_first_and_says_that_there_is_more(agent: Agent) -> None:
    first = await ask(agent, "eaos_history", program_id=ONE, limit=2)
    assert [(row["timestamp"], row["score"]) for row in first.rows] == [(AT, 0.5), ("2025-11-20T13:00:00Z", 0.6)]
    assert first.notes == ("There are more: offset=2 gives those after these.",)
    rest = await ask(agent, "eaos_history", program_id=ONE, limit=2, offset=2)
    assert [row["score"] for row in rest.rows] == [0.82]
    assert rest.notes == ()


async def test_a_period_bounds_the_history(agent: Agent) -> None:
    result = await ask(
        agent, "eaos_history", program_id=ONE, start="2025-11-20T20:00:00+07:00", end="2025-11-20T13:30:00Z"
    )
    assert [row["score"] for row in result.rows] == [0.6]
    none = await ask(agent, "eaos_history", program_id=ONE, start="2025-12-01")
    assert none.notes == (f"{ONE} has no EAOS in that period.",)
    assert "clickhouse has no EAOS history of program 'nope'" in await refusal(agent, "eaos_history", program_id="nope")


async def test_trends_are_highest_first_with_their_rank(agent: Agent) -> None:
    result = await ask(agent, "top_trends", time_range="15min", limit=2, offset=1)
    assert result.rows == (
        {"rank": 2, "topic": "topic 10", "score": 10.0},
        {"rank": 3, "topic": "topic 09", "score": 9.0},
    )
    assert (await ask(agent, "top_trends", time_range="5min")).notes == ("There are no trends of 5min.",)


async def test_an_infinite_score_is_json_all_the_same(agent: Agent) -> None:
    result = await ask(agent, "top_trends", time_range="1hour")
    assert result.rows == ({"rank": 1, "topic": "endless", "score": "inf"},)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"query": "great", "sort": "oldest"}, ["c2", "c4"]),
        ({"query": "hát hay"}, ["c1"]),
        ({"program_id": ONE, "sort": "newest"}, ["c3", "c2", "c1"]),
        ({"sentiment": "negative"}, ["c3"]),
        ({"topic": "giọng hát", "sort": "oldest"}, ["c1", "c3"]),
        ({"start": "2025-11-20T12:03:00Z", "sort": "oldest"}, ["c3", "c4"]),
        ({"program_id": ONE, "query": "nothing"}, []),
        ({"program_id": ALONE}, []),
    ],
)
async def test_comments_are_found_by_each_filter(agent: Agent, arguments: dict[str, Any], found: list[str]) -> None:
    result = await ask(agent, "search_comments", **arguments)
    assert [row["comment_id"] for row in result.rows] == found
    note = f"{len(found)} of {len(found)} comments that match." if found else "No comment matches."
    assert result.notes == (note,)


async def test_a_search_tells_how_many_there_are_and_how_to_go_on(agent: Agent) -> None:
    result = await ask(agent, "search_comments", limit=3)
    assert result.notes == ("3 of 4 comments that match.", "There are more: offset=3 gives those after these.")
    assert await refusal(agent, "search_comments", limit=100, offset=9_950) == (
        "search_comments: offset is 9950; allowed is at most 9900, since Elasticsearch gives 10000 comments by their "
        "position. A period gives the others."
    )
    assert await refusal(agent, "search_comments", program_id="contestant_1") == (
        f"elasticsearch has no comments of program 'contestant_1'. Nearest: {ONE}, {TWO}."
    )


async def test_no_comment_can_steer_the_terminal(agent: Agent) -> None:
    table = (await ask(agent, "search_comments", query="voice")).table()
    assert table.rows[0][table.columns.index("text")] == r"Great voice [red]not red[/red] \x1b[31m"


async def test_topics_are_most_frequent_first(agent: Agent) -> None:
    result = await ask(agent, "topics", program_id=ONE)
    assert result.rows == (
        {"topic": "giọng hát", "count": 2, "avg_sentiment": pytest.approx(0.05)},
        {"topic": "show", "count": 1, "avg_sentiment": 0.9},
    )
    assert (await ask(agent, "topics", program_id=TWO)).notes == (f"{TWO} has no topics in that period.",)


async def test_anomalies_are_found_by_program_and_severity(agent: Agent) -> None:
    assert [row["program_id"] for row in (await ask(agent, "anomalies")).rows] == [ONE, TWO]
    assert [row["program_id"] for row in (await ask(agent, "anomalies", severity="low")).rows] == [TWO]
    assert (await ask(agent, "anomalies", program_id=ONE)).rows == (
        {
            "program_id": ONE,
            "timestamp": AT,
            "metric": "score",
            "value": 0.1,
            "expected": 0.8,
            "deviation": -0.7,
            "severity": "high",
        },
    )
    assert (await ask(agent, "anomalies", program_id=ALONE)).notes == ("No anomaly matches.",)
    assert (await ask(agent, "anomalies", limit=1)).notes == ("There are more: offset=1 gives those after these.",)


async def test_programs_are_compared_as_they_are_now_best_first(agent: Agent) -> None:
    result = await ask(agent, "compare_programs", program_ids=[INTRO, TWO, ONE, "nope"])
    assert [(row["rank"], row["program_id"], row["positive_share"]) for row in result.rows] == [
        (1, ONE, 120 / 175),
        (2, TWO, 0.5),
        (3, INTRO, None),
    ]
    assert result.rows[1]["behind_best"] == pytest.approx(0.27)
    assert result.notes == ("redis has no current EAOS of nope.",)


async def test_programs_are_compared_over_a_period(agent: Agent) -> None:
    result = await ask(agent, "compare_programs", program_ids=[ONE, TWO, "nope"], start="2025-11-20T12:00:00Z")
    assert [(row["rank"], row["program_id"], row["measurements"]) for row in result.rows] == [(1, TWO, 3), (2, ONE, 3)]
    two = result.rows[0]
    assert (two["first_score"], two["last_score"], two["lowest"], two["highest"]) == (0.9, 0.55, 0.55, 0.9)
    assert (two["mean_score"], two["change"]) == (pytest.approx(2.15 / 3), pytest.approx(-0.35))
    assert result.notes == ("clickhouse has no EAOS of nope in that period.",)


async def test_none_of_the_programs_compared_is_an_error(agent: Agent) -> None:
    for period in ({}, {"last": "7d"}):
        assert "of program 'x'" in await refusal(agent, "compare_programs", program_ids=["x", "y"], **period)


async def test_programs_are_listed_with_the_stores_that_know_them(agent: Agent) -> None:
    result = await ask(agent, "list_programs")
    assert [row["program_id"] for row in result.rows] == PROGRAMS == await agent.programs()
    assert {row["program_id"]: row["stores"] for row in result.rows} == {
        ALONE: ["clickhouse"],
        ONE: ["redis", "clickhouse"],
        TWO: ["redis", "clickhouse"],
        INTRO: ["redis"],
    }
    part = await ask(agent, "list_programs", contains="CONTESTANT", limit=1)
    assert [row["program_id"] for row in part.rows] == [ONE]
    assert part.notes == ("1 of 2 programs are shown; offset passes over the first ones.",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": "yesterday"}, "start is 'yesterday'; allowed is an ISO 8601 date or instant, such as 2025-11-20"),
        ({"end": "9999-12-31T23:59:59-10:00"}, "end is '9999-12-31T23:59:59-10:00'; allowed is"),
        ({"start": "2025-11-21", "end": "2025-11-20"}, "allowed is an instant before end, 2025-11-20."),
        ({"last": "7d", "end": "2025-11-20"}, "end is '2025-11-20'; allowed is nothing beside last, which says"),
        ({"last": "7 days"}, "last is '7 days'; allowed is a number and min, h, d or w, such as 15min, 24h or 7d."),
    ],
)
async def test_a_period_that_is_none_is_refused(agent: Agent, arguments: dict[str, Any], message: str) -> None:
    result = await agent.call("eaos_history", {"program_id": ONE, **arguments})
    assert isinstance(result.error, InvalidArguments)
    assert message in str(result.error)


def test_a_time_without_an_offset_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Ho_Chi_Minh")
    time.tzset()
    try:
        period = read_period("topics", {"start": "2025-11-20T19:00:00", "end": "2025-11-21"})
    finally:
        monkeypatch.undo()
        time.tzset()
    assert period == Period(NOON, dt.datetime(2025, 11, 20, 17, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    ("last", "length"),
    [("15min", dt.timedelta(minutes=15)), ("24h", dt.timedelta(days=1)), ("2w", dt.timedelta(days=14))],
)
def test_last_ends_now(last: str, length: dt.timedelta) -> None:
    assert read_period("topics", {"last": last}, now=NOON) == Period(NOON - length, NOON)

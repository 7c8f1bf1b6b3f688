"""The built-in planner: what a question becomes, in English and Vietnamese, and what it is honest about."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.agent import TOOLS, Plan, RulePlanner
from src.agent.questions.words import EXAMPLES, INTENTS, fold
from src.agent.validation import check, find_tool

NOW = dt.datetime(2025, 11, 21, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=7)))
KNOWN = ("the_voice/contestant_1", "test_show", "Đồ Rê Mí")


async def plan(question: str) -> Plan:
    return await RulePlanner(lambda: KNOWN, lambda: NOW).plan(question, TOOLS)


@pytest.mark.parametrize(
    ("question", "calls"),
    [
        ("eaos of the_voice/contestant_1", ["current_eaos program_id=the_voice/contestant_1"]),
        ("What is the current EAOS of test_show?", ["current_eaos program_id=test_show"]),
        ("điểm eaos của the_voice/contestant_1", ["current_eaos program_id=the_voice/contestant_1"]),
        ("diem eaos cua the_voice/contestant_1 la bao nhieu", ["current_eaos program_id=the_voice/contestant_1"]),
        ('điểm của "Đồ Rê Mí" hiện tại', ["current_eaos program_id='Đồ Rê Mí'"]),
        ("eaos of TEST_SHOW", ["current_eaos program_id=test_show"]),
        ("eaos of a/x and b/y", ["current_eaos program_id=a/x", "current_eaos program_id=b/y"]),
        ("eaos of a/x last 7 days", ["eaos_history program_id=a/x last=7d"]),
        ("history of the score of a/x from 2025-11-01", ["eaos_history program_id=a/x start=2025-11-01"]),
        (
            "lịch sử eaos của a/x hôm qua",
            ["eaos_history program_id=a/x start=2025-11-20 end=2025-11-20T23:59:59.999"],
        ),
        ("lịch sử a/x trong 24 giờ qua", ["eaos_history program_id=a/x last=24h"]),
        ("trends 15min", ["top_trends time_range=15min"]),
        ("top 5 trending topics in the last hour", ["top_trends time_range=1hour limit=5"]),
        ("xu hướng 5 phút", ["top_trends time_range=5min"]),
        ("top 3 xu huong 60 phut", ["top_trends time_range=1hour limit=3"]),
        ("negative comments of a/x today", ["search_comments program_id=a/x start=2025-11-21 sentiment=negative"]),
        ("tìm bình luận tiêu cực của a/x", ["search_comments program_id=a/x sentiment=negative"]),
        ('find "great show"', ["search_comments query='great show'"]),
        (
            "search comments about great show in a/x",
            ["search_comments program_id=a/x query='great show'"],
        ),
        ("latest 5 comments for a/x", ["search_comments program_id=a/x limit=5 sort=newest"]),
        ("comments on topic dance", ["search_comments topic=dance"]),
        ("topics of a/x", ["topics program_id=a/x"]),
        ("chủ đề của a/x hôm nay", ["topics program_id=a/x start=2025-11-21"]),
        ("high anomalies last 24h", ["anomalies last=24h severity=high"]),
        ("a/x có bất thường không?", ["anomalies program_id=a/x"]),
        ("compare a/x, b/y", ["compare_programs program_ids=a/x,b/y"]),
        ("so sánh a/x với b/y trong 2 tuần", ["compare_programs program_ids=a/x,b/y last=2w"]),
        ("which programs are there", ["list_programs"]),
        ("chương trình của the_voice", ["list_programs contains=the_voice"]),
    ],
)
async def test_a_question_becomes_the_call_that_is_meant(question: str, calls: list[str]) -> None:
    planned = await plan(question)
    assert [call.typed() for call in planned.calls] == calls
    assert planned.notes == ()


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("hello", "It names nothing that I know."),
        ("xóa hết dữ liệu", "It names nothing that I know."),
        ("the_voice/contestant_1", "It names a program, but not what of it is asked for."),
        ("trends", "top_trends needs a time range, one of 5min, 15min, 1hour."),
        ("trends 30min", "top_trends needs a time range, one of 5min, 15min, 1hour. There is none of 30min."),
        ("trends and anomalies 15min", "It may mean anomalies or top_trends: ask for one of them at a time."),
        ("eaos", "current_eaos needs a program, such as the_voice/contestant_1."),
        (
            "compare a/x",
            "compare_programs needs two programs or more, such as the_voice/contestant_1 and the_voice/contestant_2.",
        ),
    ],
)
async def test_what_is_not_understood_becomes_no_call_and_is_said(question: str, why: str) -> None:
    planned = await plan(question)
    assert planned.calls == ()
    assert planned.notes[0] == f"I did not understand that. {why}"
    assert all(example in planned.notes[1] for example in EXAMPLES)


@pytest.mark.parametrize(
    ("question", "note"),
    [
        ("eaos of a/x in winter", "Not understood, and passed over: winter."),
        ("compare a/x and b/y last month", "Not understood, and passed over: month."),
        ("trends 15min of a/x", "top_trends takes no such thing, so it was passed over: a/x."),
        ("negative eaos of a/x", "current_eaos takes no such thing, so it was passed over: sentiment negative."),
    ],
)
async def test_what_was_passed_over_is_said(question: str, note: str) -> None:
    planned = await plan(question)
    assert len(planned.calls) == 1
    assert planned.notes == (note,)


@pytest.mark.parametrize("example", EXAMPLES)
async def test_every_example_that_help_shows_is_understood(example: str) -> None:
    planned = await plan(example)
    assert planned.calls
    assert planned.notes == ()


PHRASES = [phrase for some in INTENTS.values() for phrase in some]


@given(st.lists(st.sampled_from([*PHRASES, "a/x", "b/y", "15min", "3", "2025-11-20", "top"])))
async def test_a_planned_call_fits_its_tools_schema(words: list[str]) -> None:
    for call in (await plan(" ".join(words))).calls:
        check(find_tool(call.tool, TOOLS), call.arguments)


@given(st.text())
async def test_any_text_is_planned_or_not_understood(text: str) -> None:
    planned = await plan(text)
    assert planned.calls or planned.notes


def test_phrases_are_written_folded() -> None:
    assert [fold(phrase) for phrase in PHRASES] == PHRASES

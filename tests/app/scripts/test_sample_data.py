"""Sample data before they are written: what a plan makes, without any store."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.setup.sample.comments import comments
from src.setup.sample.derived import Derived
from src.setup.sample.plan import PERIOD, Plan
from src.storage import checks
from tvmigrate.contract import new

UNTIL = dt.datetime(2025, 11, 20, 14, tzinfo=dt.UTC)
EXPECTED = [
    {
        "comment_id": "sample-2d45b0d8cc-0000001",
        "program_id": "show/contestant_3",
        "text": "I could watch contestant_3 all night: dance at its best",
        "username": "viewer_1",
        "timestamp": dt.datetime(2025, 11, 20, 11, 46, 5, 63000, tzinfo=dt.UTC),
        "sentiment": "positive",
        "sentiment_score": 0.78125,
        "engagement_score": 40.0,
        "topics": ["show:dance", "show:lighting", "show:host"],
        "eaos_score": 1.0,
    },
    {
        "comment_id": "sample-2d45b0d8cc-0000002",
        "program_id": "show/contestant_1",
        "text": "Who decided on this dance? contestant_1 deserves better",
        "username": "viewer_4",
        "timestamp": dt.datetime(2025, 11, 20, 13, 11, 34, 287000, tzinfo=dt.UTC),
        "sentiment": "negative",
        "sentiment_score": -0.59375,
        "engagement_score": 8.0,
        "topics": ["show:dance", "show:stage", "show:outfit"],
        "eaos_score": 0.0,
    },
]
counts = st.integers(1, 400)
seeds = st.integers(-(2**70), 2**70)


@given(count=counts, seed=seeds)
def test_the_same_plan_is_the_same_comments(count: int, seed: int) -> None:
    assert list(comments(Plan(count, seed, "show", UNTIL))) == list(comments(Plan(count, seed, "show", UNTIL)))


def test_these_comments_never_change() -> None:
    """Assert what other machines and versions must make of this seed; a change here changes everybody's sample data."""
    first, last = list(comments(Plan(2, 7, "show", UNTIL)))
    assert [first, last] == EXPECTED


@given(seed=seeds)
def test_another_seed_makes_other_comments_under_other_ids(seed: int) -> None:
    one, other = (list(comments(Plan(50, number, "show", UNTIL))) for number in (seed, seed + 1))
    assert [comment["text"] for comment in one] != [comment["text"] for comment in other]
    assert not {comment["comment_id"] for comment in one} & {comment["comment_id"] for comment in other}


@given(count=counts, seed=seeds)
def test_the_clients_take_every_comment(count: int, seed: int) -> None:
    for comment in comments(Plan(count, seed, "show", UNTIL)):
        assert checks.comment(comment) == comment


@given(count=counts, seed=seeds)
def test_comments_come_in_the_order_of_time_within_three_hours(count: int, seed: int) -> None:
    moments = [comment["timestamp"] for comment in comments(Plan(count, seed, "show", UNTIL))]
    assert len(moments) == count
    assert moments == sorted(moments)
    assert UNTIL - PERIOD < moments[0] <= moments[-1] <= UNTIL


def test_there_is_something_of_everything() -> None:
    made = list(comments(Plan(2000, 1, "show", UNTIL)))
    assert len({comment["comment_id"] for comment in made}) == 2000
    assert {comment["program_id"] for comment in made} == set(Plan(1, 1, "show", UNTIL).programs)
    assert {topic for comment in made for topic in comment["topics"]} == set(Plan(1, 1, "show", UNTIL).topics)
    assert Counter(len(comment["topics"]) for comment in made).keys() == {0, 1, 2, 3}
    assert {comment["sentiment"] for comment in made} == {"positive", "negative", "neutral"}
    assert any(not comment["text"].isascii() for comment in made)


def test_a_sentiment_score_is_of_its_sentiments_sign_and_exact_as_a_float32() -> None:
    for comment in comments(Plan(2000, 1, "show", UNTIL)):
        score = comment["sentiment_score"]
        assert (score * 64).is_integer()
        assert abs(score) <= 1
        sign = {"positive": score >= 0.25, "negative": score <= -0.25, "neutral": abs(score) < 0.25}
        assert sign[comment["sentiment"]]


@pytest.mark.parametrize("count", [1, 2, 100, 2000])
def test_what_follows_is_right_also_for_few_comments(count: int) -> None:
    plan = Plan(count, 3, "show", UNTIL)
    derived = Derived(plan)
    made = list(comments(plan))
    for comment in made:
        derived.take(comment)
    states, history = list(derived.states()), list(derived.history())
    assert sum(state["total"] for state in states) == count
    assert [row for row in history if row["timestamp"] == states[0]["updated_at"]][-1]["score"] == states[0]["score"]
    assert sum(row["count"] for row in derived.aggregates()) == sum(len(comment["topics"]) for comment in made)
    assert 1 <= len(derived.anomalies()) <= 3
    assert len(list(derived.events())) == len(history) + len(derived.anomalies())


def test_of_a_comment_that_has_gone_by_nothing_is_kept() -> None:
    """Assert what lets a million comments be made in the memory of some."""

    def most(count: int) -> int:
        tracemalloc.start()
        try:
            for _ in comments(Plan(count, 1, "show", UNTIL)):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert most(4000) < most(500) + 20_000


def test_what_follows_is_bounded_by_programs_topics_and_time() -> None:
    plan = Plan(20_000, 1, "show", UNTIL)
    derived = Derived(plan)
    for comment in comments(plan):
        derived.take(comment)
    programs, topics = len(plan.programs), len(plan.topics)
    assert len(list(derived.aggregates())) <= programs * topics * 36
    assert len(list(derived.history())) <= programs * 12
    assert len(list(derived.trends())) <= topics * 3


def test_the_fields_of_a_comment_are_the_contracts() -> None:
    (comment,) = comments(Plan(1, 1, "show", UNTIL))
    assert tuple(comment) == new.RAW_COMMENTS.column_names

"""The rate of reading: never faster than was said, and a server that slows down gets time."""

from __future__ import annotations

import pytest

from tests.tool.pace.test_pace import Time
from tvmigrate.throttle import Throttle


def reading(time: Time, max_rate: float | None = None) -> Throttle:
    return Throttle(max_rate, lambda: time.now, time.sleep)


def answered(throttle: Throttle, time: Time, records: int, seconds: float) -> None:
    time.pass_by(seconds)
    throttle.took(records, seconds)


def test_a_store_that_answers_as_before_is_not_waited_for():
    time = Time()
    throttle = reading(time)
    for _ in range(100):
        answered(throttle, time, 1000, 0.2)
    assert time.slept == []


def test_no_more_records_come_in_a_second_than_was_said():
    time = Time()
    throttle = reading(time, max_rate=500)
    for _ in range(10):
        answered(throttle, time, 1000, 0.1)
    assert time.now == pytest.approx(20)


def test_what_was_not_read_in_time_is_not_caught_up_with():
    time = Time()
    throttle = reading(time, max_rate=500)
    answered(throttle, time, 500, 100.0)
    time.slept.clear()
    answered(throttle, time, 500, 0.1)
    assert sum(time.slept) == pytest.approx(0.9)


def test_after_an_answer_far_slower_than_before_it_waits_as_long_as_that_took():
    time = Time()
    throttle = reading(time)
    for seconds in (0.1, 0.1, 2.0):
        answered(throttle, time, 1000, seconds)
    assert time.slept == [2.0]


def test_it_never_waits_longer_than_five_seconds_for_a_slow_answer():
    time = Time()
    throttle = reading(time)
    for seconds in (0.1, 100.0):
        answered(throttle, time, 1000, seconds)
    assert time.slept == [5.0]


def test_a_server_that_stays_slower_is_read_at_its_new_pace_in_the_end():
    time = Time()
    throttle = reading(time)
    answered(throttle, time, 1000, 0.1)
    for _ in range(200):
        answered(throttle, time, 1000, 1.0)
    time.slept.clear()
    answered(throttle, time, 1000, 1.0)
    assert time.slept == []

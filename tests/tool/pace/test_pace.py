"""The pace of writing: it finds what a store takes, backs off when it does not, and loses nothing on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvmigrate.errors import ExitCode
from tvmigrate.pace import Overloaded, Pace, Refusal, memory_left, paced


@dataclass
class Time:
    """A clock that only sleeping and `pass_by` move."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


def make_pace(
    time: Time | None = None, *, size: int = 100, least: int = 10, most: int = 1610, left: float = 1.0
) -> Pace:
    time = time or Time()
    return Pace(size, least, most, left=lambda: left, clock=lambda: time.now, sleep=time.sleep)


def test_a_batch_answered_in_time_adds_a_sixteenth_of_the_range():
    pace = make_pace()
    pace.answered(100, 1.0)
    assert pace.size == 200


def test_it_grows_up_to_the_most():
    pace = make_pace(size=1600)
    pace.answered(1600, 0.1)
    assert pace.size == 1610


def test_a_slow_answer_halves_it():
    pace = make_pace()
    pace.answered(100, 1.01)
    assert pace.size == 50


def test_it_shrinks_down_to_the_least():
    pace = make_pace(size=15)
    pace.answered(15, 2.0)
    assert pace.size == 10


def test_a_small_batch_says_nothing_about_larger_ones():
    pace = make_pace()
    pace.answered(50, 0.1)
    assert pace.size == 100


def test_scarce_memory_halves_it_however_quick_the_answer():
    pace = make_pace(left=0.049)
    pace.answered(100, 0.1)
    assert pace.size == 50


def test_the_memory_left_is_a_share():
    assert 0 < memory_left() < 1


def test_a_refusal_halves_it_and_pauses_twice_as_long_each_time_up_to_five_seconds():
    time = Time()
    pace = make_pace(time, size=1000)
    for _ in range(7):
        pace.refused("Elasticsearch", "429")
    assert pace.size == 10
    assert time.slept == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_an_answer_ends_the_pauses():
    time = Time()
    pace = make_pace(time)
    pace.refused("Elasticsearch", "429")
    pace.refused("Elasticsearch", "429")
    pace.answered(10, 0.1)
    pace.refused("Elasticsearch", "429")
    assert time.slept == [0.2, 0.4, 0.2]


def test_a_store_that_takes_nothing_for_as_long_as_we_wait_is_told():
    time = Time()
    pace = make_pace(time)
    refusing = paced(pace, "Elasticsearch", range(9), lambda batch: Refusal(batch, "circuit_breaking_exception: full."))
    with pytest.raises(Overloaded) as raised:
        next(refusing)
    assert 60 <= time.now < 70
    assert str(raised.value) == (
        "Elasticsearch has taken nothing for 60 s, not even batches of 10; it says: circuit_breaking_exception: "
        "full. Give it memory or less other work, then run the command again: it goes on where it stopped."
    )
    assert raised.value.exit_code is ExitCode.COULD_NOT_CHECK


def test_a_store_that_takes_some_each_time_is_waited_for():
    time = Time()
    pace = make_pace(time)
    for _ in range(100):
        pace.refused("Elasticsearch", "429", in_part=True)
    assert time.now > 60


def test_batches_are_as_heavy_as_the_pace_allows_and_in_order():
    seen: list[list[int]] = []
    pace = make_pace(size=10, least=10, most=10)
    done = list(paced(pace, "Redis", [4, 6, 1, 9, 30, 2], seen.append, weigh=lambda n: n))
    assert seen == [[4, 6], [1, 9], [30], [2]]
    assert done == [2, 4, 5, 6]


def test_what_was_refused_is_sent_again_in_its_order_before_the_rest():
    seen: list[list[int]] = []

    def deliver(batch: list[int]) -> Refusal[int] | None:
        seen.append(batch)
        return Refusal(batch[1:], "429") if len(seen) == 1 else None

    assert list(paced(make_pace(size=4, least=4), "Redis", range(6), deliver)) == [5, 6]
    assert seen == [[0, 1, 2, 3], [1, 2, 3, 4], [5]]


def test_a_slow_store_gets_smaller_batches():
    """Assert that a store that takes a fixed time an item is asked for about what it answers within the target."""
    time, sizes = Time(), []

    def deliver(batch: list[int]) -> None:
        sizes.append(len(batch))
        time.pass_by(len(batch) / 300)

    pace = make_pace(time, size=1610)
    list(paced(pace, "Redis", range(20_000), deliver))
    assert all(100 <= size <= 400 for size in sizes[5:-1])


@given(
    st.lists(st.integers(1, 50), max_size=60),
    st.integers(1, 60),
    st.lists(st.frozensets(st.integers(0, 20)), max_size=20),
)
def test_every_item_is_taken_once_whatever_was_refused_before(weights, size, refusals):
    coming = iter(refusals)
    taken: Counter[int] = Counter()

    def deliver(batch: list[tuple[int, int]]) -> Refusal[tuple[int, int]] | None:
        assert len(batch) == 1 or sum(weight for _, weight in batch) <= pace.size
        places = next(coming, frozenset())
        back = [item for place, item in enumerate(batch) if place in places]
        taken.update(number for number, _ in batch if (number, weights[number]) not in back)
        return Refusal(back, "429") if back else None

    pace = make_pace(size=size, least=1, most=60)
    counts = list(paced(pace, "Elasticsearch", list(enumerate(weights)), deliver, weigh=lambda item: item[1]))
    assert taken == Counter(range(len(weights)))
    assert counts == sorted(counts)
    assert counts[-1:] == [len(weights)][: len(weights)]

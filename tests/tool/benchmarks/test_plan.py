"""The plan for billions: its arithmetic, by hand, and its page."""

from __future__ import annotations

import json

import pytest

from bench import plan
from bench.rates import RATES, slope

# An hour of each: 3.6 million records of a millisecond for one process, of four for four workers, of two for two cores.
GIVEN = plan.Input(3_600_000, engine_cores=2, worker_cores=4, network_gbit=8e-3, part_bytes=1e6, crossings=2)
RATE = {
    "apply_coordinator": 1e-3, "apply_worker": 4e-3, "apply_engine": 2e-3, "verify_coordinator": 5e-3,
    "held_bytes": 1000.0, "backup_bytes": 500.0,
}  # fmt: skip


def test_hours_are_records_times_their_cost_over_what_shares_it():
    hours = plan.plan("elasticsearch", RATE, GIVEN).hours
    assert hours["the coordinator"] == pytest.approx(1)
    assert hours["the workers"] == pytest.approx(1)
    assert hours["the store"] == pytest.approx(1)
    # 3.6 million records of 500 bytes, twice, at a megabyte a second; and 1.8 GB written and read at 2 GB/s.
    assert hours["the network"] == pytest.approx(1)
    assert hours["the backup's disk"] == pytest.approx(1.8 / 3600)


def test_the_tightest_limit_says_how_long_it_takes():
    tight = plan.plan("elasticsearch", {**RATE, "apply_coordinator": 3e-3}, GIVEN)
    assert tight.limits[0] == "the coordinator"
    assert tight.apply_hours == pytest.approx(3)
    assert tight.verify_hours == pytest.approx(5)


def test_bytes_and_dollars_are_added_up():
    found = plan.plan("elasticsearch", RATE, GIVEN)
    assert found.partitions == pytest.approx(1800)
    assert found.network == pytest.approx(3.6e9)
    assert found.disk == pytest.approx(1.8e9 + 2 * 3.6e9)
    assert found.memory == pytest.approx(4 * (200e6 + 2 * 1e6))
    assert found.cost == pytest.approx(5 * 1 * 0.045 + 9 * 0.08)


def test_redis_pays_for_memory_instead_of_disk():
    found = plan.plan("redis", RATE, GIVEN)
    assert found.disk == pytest.approx(1.8e9)
    assert found.memory == pytest.approx(2 * 3.6e9 + 4 * (200e6 + 2 * 1e6))
    assert found.cost == pytest.approx(5 * 0.045 + 1.8 * 0.08 + 3.6 * 0.006)


def test_a_rate_is_what_one_record_more_costs_and_never_below_nothing():
    assert slope({"a": 5.0, "b": 3.0}, {"a": 8.0, "b": 2.0}, 1000) == {"a": 0.003, "b": 0.0}


def test_the_page_is_in_step_with_the_rates_and_the_arithmetic():
    """Assert that `python -m bench.plan` was run after the last change."""
    assert plan.PAGE.read_text("utf-8") == plan.page(json.loads(RATES.read_text("utf-8")))

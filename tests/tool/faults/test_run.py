"""Faults on real stores: what is missed, misattributed or not undone is said so, and no fault is blamed for another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integrity.one_set import lent
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.verify.faults.all import CATALOGUE
from tvmigrate.verify.faults.judge import Caught, Outcome
from tvmigrate.verify.faults.model import Fault, Finds, Plant
from tvmigrate.verify.faults.run import NoPassingMigration, judge_faults
from tvmigrate.verify.faults.site import NothingToPlant, Site
from tvmigrate.verify.findings import Direction, Phase
from tvmigrate.verify.job import Job

CLEAN = Path(__file__).parents[3] / "fixtures" / "clean"
KEY = "eaos:current:the_voice/contestant_1"
SCORE = Finds("redis.eaos", Direction.CHANGED, "score")
TOTAL = Finds("redis.eaos", Direction.CHANGED, "total")


def nothing_there(site: Site) -> Plant:
    raise NothingToPlant("there is no such thing")
    yield []


def nothing_changed(site: Site) -> Plant:
    yield [KEY]


def not_plantable(site: Site) -> Plant:
    site.clients.redis.incr(KEY)
    yield [KEY]


def total_changed(site: Site) -> Plant:
    site.clients.redis.hincrby(KEY, "total", 1)
    yield [KEY]
    site.clients.redis.hincrby(KEY, "total", -1)


def total_left_changed(site: Site) -> Plant:
    site.clients.redis.hincrby(KEY, "total", 1)
    yield [KEY]


def key_of_rollback_dropped(site: Site) -> Plant:
    saved = site.clients.redis.dump("eaos:contestant_1")
    site.clients.redis.delete("eaos:contestant_1")
    yield ["eaos:contestant_1"]
    site.clients.redis.restore("eaos:contestant_1", 0, saved)


def fault(plant: object, finds: Finds, phase: Phase = Phase.MIGRATION) -> Fault:
    return Fault(plant.__name__.replace("_", "-"), phase, "It is wrong.", (finds,), plant=plant)


@pytest.fixture(scope="module")
def job() -> Job:
    return Job(CLEAN, Policy(show="the_voice"))


@pytest.fixture(scope="module")
def outcomes(job: Job, engines: Endpoints) -> dict[str, Outcome]:
    faults = [
        fault(nothing_there, SCORE),
        fault(nothing_changed, SCORE),
        fault(not_plantable, SCORE),
        fault(total_changed, SCORE),
        fault(total_left_changed, TOTAL),
        fault(key_of_rollback_dropped, Finds("rollback.redis", Direction.MISSING, "key"), Phase.ROLLBACK),
    ]
    with lent(engines):
        return {outcome.fault: outcome for outcome in judge_faults(job, faults)}


def test_a_fault_that_has_no_victim_is_not_planted(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["nothing-there"]
    assert (outcome.caught, outcome.told) == (Caught.NOT_PLANTED, ("there is no such thing",))


def test_a_fault_that_no_check_sees_is_missed(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["nothing-changed"]
    assert (outcome.caught, outcome.told) == (Caught.MISSED, (f"nothing finds {SCORE}, of {KEY}",))


def test_a_plant_that_raises_is_an_error_and_the_others_go_on(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["not-plantable"]
    assert outcome.caught is Caught.ERROR
    assert outcome.told[0].startswith("planting it: ResponseError: WRONGTYPE")


def test_a_fault_blamed_on_another_field_is_a_wrong_attribution(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["total-changed"]
    assert outcome.caught is Caught.WRONG
    assert outcome.sample is not None
    assert (outcome.sample.field, outcome.sample.new) == ("total", KEY)


def test_a_fault_that_is_not_undone_is_named(outcomes: dict[str, Outcome]) -> None:
    """Assert that what stays broken is told of the fault that broke it, though it was caught."""
    outcome = outcomes["total-left-changed"]
    assert outcome.caught is Caught.ERROR
    assert outcome.told[0].startswith("it could not be undone: redis.eaos: ")


def test_faults_of_the_rollback_are_planted_in_what_it_left(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["key-of-rollback-dropped"].caught is Caught.CAUGHT


def test_nothing_is_planted_in_a_migration_that_does_not_pass_by_itself(job: Job, engines: Endpoints) -> None:
    """Assert that a fault is not said to be caught where a check would have failed without it."""
    wrong = Job(job.dataset, job.policy, migration="true", rollback="true")
    with lent(engines), pytest.raises(NoPassingMigration, match="this one does not pass by itself"):
        next(judge_faults(wrong, [CATALOGUE.faults["hash-count-off-by-one"]]))

"""A fault is caught by just what it declares: less is not enough, and more is a wrong attribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.faults.judge import Caught, judge
from tvmigrate.verify.faults.model import AnyOf, Catalogue, Fault, Finds, Key, Plant
from tvmigrate.verify.faults.site import Site
from tvmigrate.verify.findings import CheckResult, Direction, Finding, Phase, State

CHANGED, MISSING = Direction.CHANGED, Direction.MISSING
SCORE = Finds("redis.eaos", CHANGED, "score")


def plant(site: Site) -> Plant:
    """Break nothing."""
    yield []


def fault(*finds: Finds, name: str = "some-fault") -> Fault:
    return Fault(name, Phase.MIGRATION, "It is wrong.", finds, plant=plant)


def finding(key: str | None = "new", **differs: Any) -> Finding:
    named: dict[str, Any] = {
        "store": Store.REDIS, "rule": Rule.REDIS_EAOS, "direction": CHANGED, "note": "It differs.", "old": "old",
        "new": key, "field": "score",
    }  # fmt: skip
    return Finding(**named | differs)


def failed(*findings: Finding, check: str = "redis.eaos") -> CheckResult:
    return CheckResult(
        check, Phase.MIGRATION, Store.REDIS, Rule.REDIS_EAOS, State.FAIL, 9, findings, len(findings)
    )  # fmt: skip


def passed(check: str = "redis.trend", state: State = State.PASS, error: str | None = None) -> CheckResult:
    return CheckResult(check, Phase.MIGRATION, Store.REDIS, Rule.REDIS_TREND, state, 9, error=error)


@pytest.mark.parametrize("key", ["new", "old", frozenset({"new"}), AnyOf.KEY])
def test_just_what_is_declared_is_caught(key: Key) -> None:
    outcome = judge(fault(SCORE), [key], [failed(finding()), passed()])
    assert (outcome.caught, outcome.told, outcome.checks) == (Caught.CAUGHT, (), ("redis.eaos",))


def test_a_suite_that_passes_has_missed_it() -> None:
    outcome = judge(fault(SCORE), ["new"], [passed("redis.eaos"), passed()])
    assert (outcome.caught, outcome.told) == (
        Caught.MISSED,
        ("nothing finds redis.eaos: changed, field score, of new",),
    )


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        pytest.param(["new"], finding("another"), id="another key"),
        pytest.param(["new"], finding(field="total"), id="another field"),
        pytest.param(["new"], finding(field=None), id="no field"),
        pytest.param(["new"], finding(direction=MISSING), id="another direction"),
        pytest.param(["new"], finding(rule=Rule.REDIS_TREND), id="another rule"),
        pytest.param(["new"], finding(store=Store.CLICKHOUSE), id="another store"),
        pytest.param(["ne"], finding(), id="a part of its name"),
        pytest.param([frozenset({"new", "newer"})], finding(), id="one of two"),
        pytest.param([AnyOf.KEY], finding(field="total"), id="any key, another field"),
    ],
)
def test_what_differs_from_the_declaration_is_a_wrong_attribution(keys: Sequence[Key], found: Finding) -> None:
    assert judge(fault(SCORE), keys, [failed(found)]).caught is Caught.WRONG


def test_another_check_saying_the_same_is_a_wrong_attribution() -> None:
    outcome = judge(fault(SCORE), ["new"], [failed(finding()), failed(finding(), check="redis.schema")])
    assert outcome.caught is Caught.WRONG
    assert outcome.told == ("not declared: redis.schema: changed (redis, redis.eaos), of old → new, field score",)


def test_a_finding_too_many_is_a_wrong_attribution() -> None:
    outcome = judge(fault(SCORE), ["new"], [failed(finding(), finding("bystander"))])
    assert outcome.caught is Caught.WRONG


def test_hand_written_expectations_may_say_it_too_of_the_same_record_only() -> None:
    same, other = finding("table new", field=None), finding("bystander", old=None)
    assert judge(fault(SCORE), ["new"], [failed(finding()), failed(same, check="expected.redis")]).caught is (
        Caught.CAUGHT
    )
    assert judge(fault(SCORE), ["new"], [failed(finding()), failed(other, check="expected.redis")]).caught is (
        Caught.WRONG
    )


def test_a_check_that_could_not_look_catches_nothing() -> None:
    stopped = passed(state=State.ERROR, error="The engine is away.")
    outcome = judge(fault(SCORE), ["new"], [failed(finding()), stopped])
    assert (outcome.caught, outcome.told) == (Caught.ERROR, ("redis.trend could not look: The engine is away.",))


def test_a_plant_that_names_too_few_keys_is_an_error() -> None:
    outcome = judge(fault(SCORE), [], [failed(finding())])
    assert (outcome.caught, outcome.told) == (
        Caught.ERROR,
        ("it declares 1 findings, and its plant names keys of 0",),
    )


def test_findings_of_the_ledger_name_the_store_of_their_rule() -> None:
    assert Finds("ledger.balance", MISSING, rule=Rule.CLICKHOUSE_COMMENTS).store is Store.CLICKHOUSE
    assert Finds("ledger.balance", MISSING).store is Store.CROSS


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (fault(SCORE), "its id is taken; it is like some-fault"),
        (fault(SCORE, name="other"), "it is like some-fault"),
        (fault(name="other"), "it finds nothing"),
        (fault(Finds("redis.nothing", CHANGED), name="other"), "there is no check redis.nothing"),
        (fault(Finds("redis.eaos", CHANGED), name="Other one"), "its id is not in kebab case"),
    ],
)
def test_a_wrong_declaration_is_refused(wrong: Fault, told: str) -> None:
    catalogue = Catalogue()
    catalogue.add(fault(SCORE))
    with pytest.raises(ValueError, match=f"^fault {wrong.id}: {told}$"):
        catalogue.add(wrong)


def test_what_depends_on_the_data_may_be_told_and_is_not_demanded() -> None:
    maybe = Finds("redis.eaos", CHANGED, "total", if_any=True)
    assert judge(fault(SCORE, maybe), ["new", "new"], [failed(finding())]).caught is Caught.CAUGHT
    told = failed(finding(), finding(field="total"))
    assert judge(fault(SCORE, maybe), ["new", "new"], [told]).caught is Caught.CAUGHT
    assert judge(fault(SCORE, maybe), ["new", "other"], [told]).caught is Caught.WRONG


def test_a_check_that_examined_nothing_misses_the_record_as_a_whole() -> None:
    nothing = CheckResult(
        "redis.eaos", Phase.MIGRATION, Store.REDIS, Rule.REDIS_EAOS, State.FAIL, 0, error="It examined nothing."
    )
    assert judge(fault(Finds("redis.eaos", MISSING)), [AnyOf.KEY], [nothing]).caught is Caught.CAUGHT
    assert judge(fault(SCORE), [AnyOf.KEY], [nothing]).caught is Caught.WRONG


def test_a_second_look_of_a_check_is_declared_by_its_own_id() -> None:
    again = Finds("redis.eaos.after-second-migration", CHANGED, "score")
    assert again.named_rule is Rule.REDIS_EAOS
    told = failed(finding(), check="redis.eaos.after-second-migration")
    assert judge(fault(again), ["new"], [told]).caught is Caught.CAUGHT
    assert judge(fault(SCORE), ["new"], [told]).caught is Caught.WRONG

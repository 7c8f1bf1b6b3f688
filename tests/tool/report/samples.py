"""A small verdict with a check in every state, for the tests of the reports."""

from tvmigrate.contract.outcome import LedgerLine, Rule, Store
from tvmigrate.verify.check import Check
from tvmigrate.verify.findings import CheckResult, Direction, Finding, Group, Phase, State, Verdict

SCORE = Finding(
    Store.REDIS,
    Rule.REDIS_EAOS,
    Direction.CHANGED,
    "The score of eaos:contestant_1 was rounded.",
    old="eaos:contestant_1",
    new="eaos:current:the_voice/contestant_1",
    field="score",
    expected=0.8231,
    actual=0.82,
)
VALUES = Check("redis.eaos", Phase.MIGRATION, Store.REDIS, Rule.REDIS_EAOS, "Assert that every eaos key has its hash.")
CHECKS = {VALUES.id: VALUES}


def result(state: State, check_id: str = "redis.eaos", phase: Phase = Phase.MIGRATION, **more) -> CheckResult:
    return CheckResult(check_id, phase, Store.REDIS, Rule.REDIS_EAOS, state, **{"examined": 12, **more})


ROUNDED = Group(Store.REDIS, Rule.REDIS_EAOS, Direction.CHANGED, "score", "rounded to 2 decimals", 3, (0,))
FAILED = result(State.FAIL, findings=(SCORE,), findings_total=3, groups=(ROUNDED,))
PASSED = result(State.PASS, "redis.trend", examined=1234)
STOPPED = result(State.ERROR, "redis.ttl", examined=0, error="Redis at 127.0.0.1:1 did not answer.")
EMPTY = result(State.EMPTY, "redis.metric", examined=0)
BACK = result(State.PASS, "rollback.redis", Phase.ROLLBACK)


def verdict(*checks: CheckResult) -> Verdict:
    return Verdict(
        show="the_voice",
        policy={"show": "the_voice", "timezone": "UTC"},
        engines={"redis": "8.2.1", "clickhouse": "26.9.1.1", "elasticsearch": "9.5.3"},
        checks=checks,
        ledger=[
            LedgerLine(Store.REDIS, Rule.REDIS_EAOS, 40, mapped=30, filled=4, quarantined=5, expired=1),
            LedgerLine(Store.REDIS, Rule.REDIS_TREND, 9, mapped=8),
            LedgerLine(Store.CLICKHOUSE, Rule.CLICKHOUSE_AGGREGATES, None, mapped=77),
        ],
        seconds={"total": 12.5},
    )

"""Verdicts for the tests of the reports: a small one with a check in every state, a rich, a hostile and a huge one."""

from dataclasses import replace

from tvmigrate.contract.outcome import LedgerLine, QuarantineLine, Rule, Store
from tvmigrate.report.problems import Telling
from tvmigrate.report.redact import Redactor
from tvmigrate.report.view import View, view
from tvmigrate.verify.check import Check
from tvmigrate.verify.findings import CheckResult, Direction, Finding, Group, NotJudged, Phase, State, Verdict
from tvmigrate.verify.groups import Groups
from tvmigrate.verify.provenance import Provenance

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


def finding(**more) -> Finding:
    """Return a finding about a comment in ClickHouse, with `more` of its own."""
    told = {
        "store": Store.CLICKHOUSE,
        "rule": Rule.CLICKHOUSE_COMMENTS,
        "direction": Direction.CHANGED,
        "note": "Note.",
    }
    return Finding(**(told | {"old": "comments c1", "new": "raw_comments c1"} | more))


def failed(check_id: str, *findings: Finding, examined: int = 100, times: int = 1) -> CheckResult:
    """Return a check that found each of `findings` `times` times, grouped as a real one groups them."""
    groups = Groups(limit=max(20, len(findings)))
    for one in findings:
        groups.add(one, times)
    first = findings[0]
    phase = Phase.ROLLBACK if check_id.startswith("rollback") else Phase.MIGRATION
    return CheckResult(
        check_id, phase, first.store, first.rule, State.FAIL, examined, groups.findings(), groups.total,
        groups=groups.groups(),
    )  # fmt: skip


TEXT = "Giọng hát này là của ai"
WRONG_TEXT = finding(field="text", expected=TEXT, actual=TEXT.upper(), note=f"text of c1 is '{TEXT.upper()}'.")
MISSING_ROW = finding(
    direction=Direction.MISSING, note="raw_comments c2 is missing.", old="comments c2", new="raw_comments c2",
    expected={"comment_id": "c2", "text": TEXT, "username": "lan", "sentiment": "positive", "eaos_score": 0.5},
)  # fmt: skip
WRONG_TYPE = finding(
    rule=Rule.CLICKHOUSE_SCHEMA, direction=Direction.SCHEMA, old=None, new="tv_analytics.raw_comments",
    field="sentiment_score", expected="Float64", actual="Float32",
    note="The type of column sentiment_score of tv_analytics.raw_comments is Float32, and should be Float64.",
)  # fmt: skip
HOSTILE = (
    "<script>document.title='owned'</script>\"onload='document.title=1' `</code>`|[x](javascript:1)"
    "<img src=x onerror=1>"
)


def rich() -> Verdict:
    """Return a verdict with something in every section of a report."""
    wrong = finding(field="sentiment", expected="negative", actual="neutral", note="sentiment of c1 is 'neutral'.")
    return replace(
        verdict(
            PASSED, STOPPED, EMPTY, BACK, FAILED,
            failed("clickhouse.comments", wrong, WRONG_TEXT, MISSING_ROW, examined=3000, times=200),
            failed("clickhouse.schema.raw_comments", WRONG_TYPE, examined=1),
            failed("rollback.clickhouse", MISSING_ROW),
        ),
        policy={"show": "the_voice", "timezone": "UTC", "dataset": "standard", "migration": "./go --to redis://u:pw@db.example:1"},
        inconsistencies=[
            {"store": "cross", "rule": "cross.ids", "kind": "only-in-clickhouse", "count": 51,
             "examples": [{"old": "x", "note": "x is in clickhouse and not in elasticsearch."}]},
        ],
        seconds={"engines": 3.1, "load": 2.6, "migration": 6.7, "verify migration": 2.5, "rollback": 1.5},
        quarantine=[
            QuarantineLine(Store.REDIS, Rule.REDIS_EAOS, "bad-json", 3),
            QuarantineLine(Store.REDIS, Rule.REDIS_EAOS, "wrong-type", 2),
        ],
        not_judged=[NotJudged(("clickhouse.archive.comments",), "The migration keeps such records elsewhere.")],
        made=Provenance("2026-11-28T06:44:04Z", "0.1.0", "3.11.7", "ab" * 32, "cd" * 32),
    )  # fmt: skip


def hostile() -> Verdict:
    """Return a verdict whose data says what a browser, a terminal or Markdown might obey."""
    bad = finding(
        old=HOSTILE, new=HOSTILE, field=HOSTILE, expected={HOSTILE: HOSTILE}, actual=HOSTILE, note=HOSTILE,
    )  # fmt: skip
    told = replace(failed("redis.eaos", bad, bad), error=HOSTILE)
    contradiction = {"store": "cross", "rule": HOSTILE, "kind": HOSTILE, "count": 1, "examples": [{"note": HOSTILE}]}
    return replace(
        rich(), show=HOSTILE, checks=[told, *rich().checks], engines={"redis": HOSTILE},
        policy={"dataset": HOSTILE, "migration": HOSTILE},
        inconsistencies=[contradiction],
        not_judged=[NotJudged((HOSTILE,), HOSTILE)],
        seconds={HOSTILE: 1.0},
    )  # fmt: skip


def huge(findings: int = 100_000, checks: int = 50) -> Verdict:
    """Return a verdict that kept `findings` findings, of many causes, of `checks` checks."""
    each = findings // checks
    told = [
        failed(
            f"check.{number}",
            *(finding(field=f"field_{n % 150}", old=f"comments {n}", expected=n, actual=n + 1) for n in range(each)),
            examined=each,
        )
        for number in range(checks)
    ]
    return replace(rich(), checks=told)


def told(verdict: Verdict, show_values: bool = False) -> View:
    """Return what a report tells of a verdict."""
    return view(verdict, Telling(CHECKS, lambda check: f"tvmigrate rehearse --only {check}", Redactor(show_values)))

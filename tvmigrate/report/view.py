"""What `report.html` and `summary.md` tell of a verdict: plain values, bounded in number, nothing private in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tvmigrate.contract.outcome import Fate, LedgerLine
from tvmigrate.report.flow import LOST, Flow, flows
from tvmigrate.report.looks import AGAIN, first_look
from tvmigrate.report.problems import Problem, SchemaRow, Telling, not_passed, problems, schema_rows
from tvmigrate.report.prose import counted
from tvmigrate.report.redact import Redactor
from tvmigrate.report.steps import Step, steps
from tvmigrate.report.unchecked import Unchecked, unchecked
from tvmigrate.verify.findings import CheckResult, Phase, State, Verdict

STORES: Mapping[str, str] = {
    "redis": "Redis", "clickhouse": "ClickHouse", "elasticsearch": "Elasticsearch", "cross": "across stores",
}  # fmt: skip
TITLES: Mapping[State, str] = {
    State.PASS: "Passed",
    State.FAIL: "Failed",
    State.ERROR: "Could not check",
    State.EMPTY: "Nothing to check",
}


@dataclass(frozen=True, slots=True)
class Look:
    """The checks of one look at the stores: how many are in which state, and each of them."""

    name: str
    states: Mapping[str, int]
    examined: int
    differences: int
    checks: Sequence[CheckResult]

    @property
    def told(self) -> str:
        """The states in words: `45 pass, 1 fail`."""
        return ", ".join(f"{count} {state}" for state, count in self.states.items())

    @property
    def is_wrong(self) -> bool:
        """Whether a check of it found something or could not look."""
        return bool(self.states.get("fail") or self.states.get("error"))


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """Quarantined records of one reason, by store."""

    reason: str
    by_store: Mapping[str, int]
    total: int


@dataclass(frozen=True, slots=True)
class View:
    """A whole report."""

    title: str
    state: str
    headline: str
    sentences: Sequence[str]
    verdict: Verdict
    totals: Mapping[str, int]
    flows: Sequence[Flow]
    ledger: Sequence[LedgerLine]
    looks: Sequence[Look]
    problems: Sequence[Problem]
    problems_left_out: int
    schema: Sequence[SchemaRow]
    schema_left_out: int
    reasons: Sequence[ReasonRow]
    inconsistencies: Sequence[Mapping[str, str]]
    steps: Sequence[Step]
    unchecked: Unchecked
    values_hidden: bool
    signature: Mapping[str, str]

    @property
    def differences(self) -> int:
        """All differences of all looks."""
        return sum(look.differences for look in self.looks)


def view(verdict: Verdict, telling: Telling) -> View:
    """Return what a report tells of `verdict`."""
    looks = list(_looks(verdict))
    told = problems(verdict, telling)
    rows, rows_left_out = schema_rows(verdict, telling.redactor)
    return View(
        title=telling.title,
        state=str(verdict.state),
        headline=TITLES[verdict.state],
        sentences=list(_sentences(looks)),
        verdict=verdict,
        totals=_totals(verdict.ledger),
        flows=flows(verdict.ledger, *(["set aside elsewhere"] if verdict.policy.get("quarantine") == "none" else [])),
        ledger=verdict.ledger,
        looks=looks,
        problems=told,
        problems_left_out=len(not_passed(verdict)) - len(told),
        schema=rows,
        schema_left_out=rows_left_out,
        reasons=_reasons(verdict),
        inconsistencies=[_inconsistency(entry, telling.redactor) for entry in verdict.inconsistencies],
        steps=steps(verdict),
        unchecked=unchecked(verdict),
        values_hidden=not telling.redactor.show_values,
        signature=_signature(verdict, telling),
    )


def _looks(verdict: Verdict) -> Iterator[Look]:
    found: dict[str, list[CheckResult]] = {}
    for result in verdict.checks:
        again = result.id.removeprefix(first_look(result.id))
        found.setdefault(AGAIN.get(again, f"after the {result.phase}"), []).append(result)
    for name, results in found.items():
        counts = {str(state): sum(one.state is state for one in results) for state in State}
        yield Look(
            name, {state: count for state, count in counts.items() if count},
            sum(one.examined for one in results), sum(one.findings_total for one in results), results,
        )  # fmt: skip


def _sentences(looks: Sequence[Look]) -> Iterator[str]:
    if not looks:
        yield "No check ran: nothing is known of the data."
    alike = [look for look in looks if look.name in AGAIN.values() and not look.is_wrong]
    yield from (_sentence(look) for look in looks if look not in alike)
    if alike:
        *names, last = (look.name for look in alike)
        yield f"Nothing was wrong {' and '.join(filter(None, [', '.join(names), last]))} either."


def _sentence(look: Look) -> str:
    total, failed, stopped = len(look.checks), look.states.get("fail", 0), look.states.get("error", 0)
    name = look.name[0].upper() + look.name[1:]
    checks = counted(total, "check")
    if not failed and not stopped:
        if look.states.get("pass"):
            was = "as it was" if look.checks[0].phase is Phase.ROLLBACK else "as the rules say"
            return f"{name}, all that was looked at is {was}: {look.examined:,} records and objects, {checks}."
        return f"{name}, there was nothing to look at."
    parts = []
    if failed:
        found = counted(look.differences, "difference") if look.differences else "nothing where there should be data"
        parts.append(f"{failed} of {checks} found {found}")
    if stopped:
        parts.append(f"{stopped} of {total} could not look to the end")
    return f"{name}, {', and '.join(parts)}."


def _totals(ledger: Sequence[LedgerLine]) -> Mapping[str, int]:
    names = ("old", *map(str, Fate))
    totals = {name: sum(getattr(line, name) for line in ledger if line.old is not None) for name in names}
    return {**totals, LOST: sum(max(0, (line.old or 0) - line.accounted) for line in ledger if line.old is not None)}


def _reasons(verdict: Verdict) -> list[ReasonRow]:
    found: dict[str, dict[str, int]] = {}
    for line in verdict.quarantine:
        by_store = found.setdefault(line.reason, {})
        by_store[str(line.store)] = by_store.get(str(line.store), 0) + line.count
    rows = [ReasonRow(reason, by_store, sum(by_store.values())) for reason, by_store in found.items()]
    return sorted(rows, key=lambda row: (-row.total, row.reason))


def _inconsistency(entry: Mapping[str, object], redactor: Redactor) -> dict[str, str]:
    examples = entry.get("examples")
    note = examples[0]["note"] if isinstance(examples, list) and examples else ""
    count = entry.get("count")
    return {
        "rule": str(entry.get("rule")), "kind": str(entry.get("kind")),
        "count": f"{count:,}" if isinstance(count, int) else str(count),
        "example": redactor.short(str(note)),
    }  # fmt: skip


def _signature(verdict: Verdict, telling: Telling) -> dict[str, str]:
    made, policy = verdict.made, verdict.policy
    told = {
        "Began": made.began if made else "",
        "tvmigrate": made.tvmigrate if made else "",
        "Python": made.python if made else "",
        **{STORES.get(name, name): str(version) for name, version in verdict.engines.items()},
        "Dataset": str(policy.get("dataset", "")),
        "Dataset, SHA-256": made.dataset_sha256 if made else "",
        "Contract, SHA-256": made.contract_sha256 if made else "",
        "verdict.json, SHA-256": telling.verdict_sha256 or "",
        "Show": verdict.show or ("entities kept" if policy.get("keep_entities") else ""),
        "Time zone of times without one": str(policy.get("timezone", "")),
        "Migration": str(policy.get("migration", "")),
        "Rollback": str(policy.get("rollback", "")),
        "Hosts": "not told",
    }
    return {name: telling.redactor.short(text) for name, text in told.items() if text}

"""Whether the checks found just what a fault declares: nothing less, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from tvmigrate.verify.faults.model import AnyOf, Fault, Finds, Key
from tvmigrate.verify.findings import CheckResult, Direction, Finding, State

BY_HAND = "expected."  # checks that see with another eye what other checks see, wherever somebody wrote it down


class Caught(StrEnum):
    """What came of one fault.

    `missed`: no check failed. `wrong`: checks failed, and not with just what is declared. `not-planted`: the data has
    nothing to break that way. `error`: it could not be planted, looked at, or undone.
    """

    CAUGHT = "caught"
    MISSED = "missed"
    WRONG = "wrong"
    NOT_PLANTED = "not-planted"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one planted fault; `told` holds a sentence for each thing that is not as declared.

    `checks` are the ids of the checks that failed, `findings` how many differences they told, `sample` the first one of
    the check that is to tell of it.
    """

    fault: str
    caught: Caught
    told: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    findings: int = 0
    seconds: float = 0.0
    sample: Finding | None = None


def judge(fault: Fault, keys: Sequence[Key], results: Iterable[CheckResult], seconds: float = 0.0) -> Outcome:
    """Compare what the checks say with what `fault` declares; `keys` are those that its plant yielded."""
    results = list(results)
    failed = [result for result in results if result.state is State.FAIL]
    main = fault.finds[0].check
    outcome = Outcome(
        fault.id,
        Caught.CAUGHT,
        checks=tuple(result.id for result in failed),
        findings=sum(result.findings_total for result in failed),
        seconds=seconds,
        sample=next((finding for result in failed if result.id == main for finding in result.findings), None),
    )
    if len(keys) != len(fault.finds):
        told = f"it declares {len(fault.finds)} findings, and its plant names keys of {len(keys)}"
        return replace(outcome, caught=Caught.ERROR, told=(told,))
    if stopped := [f"{result.id} could not look: {result.error}" for result in results if result.state is State.ERROR]:
        return replace(outcome, caught=Caught.ERROR, told=tuple(stopped))
    declared = list(zip(fault.finds, keys, strict=True))
    astray = (*_lacking(declared, failed), *_outside(declared, failed))
    if not failed:
        return replace(outcome, caught=Caught.MISSED, told=astray)
    return replace(outcome, caught=Caught.WRONG, told=astray) if astray else outcome


Declared = Sequence[tuple[Finds, Key]]


def _lacking(declared: Declared, failed: Sequence[CheckResult]) -> Iterator[str]:
    """Yield a sentence for each declared finding that no check told."""
    for finds, key in declared:
        if finds.if_any:
            continue
        told = [finding for result in failed if result.id == finds.check for finding in _findings(result)]
        fitting = [finding for finding in told if _fits(finds, finding)]
        for name in sorted(key) if isinstance(key, frozenset) else [key]:
            if not any(_is_of(name, finding) for finding in fitting):
                yield f"nothing finds {finds}, of {name}"


def _outside(declared: Declared, failed: Sequence[CheckResult]) -> Iterator[str]:
    """Yield a sentence for each told finding that is not declared."""
    for result in failed:
        for finding in _findings(result):
            if result.id.startswith(BY_HAND):
                fits = any(_is_of(key, finding, loosely=True) for _, key in declared)
            else:
                fits = any(
                    finds.check == result.id and _fits(finds, finding) and _is_of(key, finding)
                    for finds, key in declared
                )
            if not fits:
                yield f"not declared: {result.id}: {place_of(finding)}"
        if result.findings and result.error is not None:
            yield f"not declared: {result.error}"


def place_of(finding: Finding) -> str:
    """Return which way and where a finding differs; without its sentence, which may quote a text or a user name."""
    names = " → ".join(side for side in (finding.old, finding.new) if side)
    return f"{finding.direction} ({finding.store}, {finding.rule}), of {names}, field {finding.field}"


def _findings(result: CheckResult) -> tuple[Finding, ...]:
    """Return what a failed check found; one that examined nothing, where there should be something, misses it all."""
    if result.findings or result.error is None:
        return result.findings
    return (Finding(result.store, result.rule, Direction.MISSING, result.error),)


def _fits(finds: Finds, finding: Finding) -> bool:
    says = (finding.store, finding.rule, finding.direction)
    return says == (finds.store, finds.named_rule, finds.direction) and finds.field in {finding.field, AnyOf.FIELD}


def _is_of(key: Key, finding: Finding, loosely: bool = False) -> bool:
    """Return whether a finding names the record; `loosely` also if the name is only a part of what it names."""
    if key is AnyOf.KEY:
        return True
    names = {side for side in (finding.old, finding.new) if side is not None}
    wanted = key if isinstance(key, frozenset) else {str(key)}
    if loosely:
        return any(one in name or name in one for one in wanted for name in names)
    return bool(wanted & names)

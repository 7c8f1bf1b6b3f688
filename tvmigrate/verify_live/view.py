"""What `live.html` and `live.md` tell of a looking: plain values, bounded in number, nothing private in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tvmigrate.contract import values
from tvmigrate.report.problems import Problem, Telling, not_passed, problems
from tvmigrate.report.prose import counted, percent
from tvmigrate.report.redact import Redactor
from tvmigrate.report.steps import Step
from tvmigrate.report.view import STORES, TITLES
from tvmigrate.verify.findings import State as Verdict
from tvmigrate.verify_live import results
from tvmigrate.verify_live.model import State
from tvmigrate.verify_live.outcome import Outcome, Told
from tvmigrate.verify_live.sample import CONFIDENCE

TITLE = "Verification on live stores"
NOT_LOOKED_AT = (
    "Archived fields, quarantine rows, tables' and indices' layout, tables and indices that are not migrated: "
    "`tvmigrate rehearse` judges those."
)
BLIND_SPOTS: Mapping[str, str] = {
    "A trend has no time.": "A wrong score, or a topic too many, in one that was written to since cannot be told from "
    "what the application wrote: it is unchecked. `--no-writers` compares it, before the application writes.",
    "What tells the application's writes are their own times.": "A wrong record with a time after the migration's end "
    "counts as moved on, and one that the application wrote with an earlier time is told as a difference.",
    "Keys of nobody who is migrated have no time.": "One that was changed or removed is unchecked, whoever did it.",
    "A record is looked at once.": "What is broken after it was looked at is seen by the next verification.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """What one part came to, in a table; `of` is how many there are where more than were looked at, else empty."""

    id: str
    claim: str
    unit: str
    state: str
    looked: int
    of: str
    seen: Mapping[str, int]
    different: int
    at_most: str


@dataclass(frozen=True, slots=True)
class Named:
    """Records of a part that share a fate: how many, why, and the names of a few."""

    part: str
    unit: str
    count: int
    reasons: Mapping[str, int]
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class View:
    """A whole report."""

    state: str
    headline: str
    sentences: Sequence[str]
    show: str
    reference: str
    figures: Mapping[str, int]
    how: Mapping[str, str]
    problems: Sequence[Problem]
    problems_left_out: int
    values_hidden: bool
    rows: Sequence[Row]
    is_sample: bool
    moved_on: Sequence[Named]
    unchecked: Sequence[Named]
    not_checked: Sequence[str]
    steps: Sequence[Step]
    began: str
    signature: Mapping[str, str]


def view(outcome: Outcome, repeat: Callable[[str], str], redactor: Redactor, digest: str) -> View:
    """Return what is told; `repeat(part)` is the command that looks at one alone, `digest` that of `live.json`."""
    whole = results.verdict(outcome)
    told = {part.about.id for part in outcome.parts if results.is_told(outcome, part)}
    wrong = replace(whole, checks=[one for one in whole.checks if one.id in told])
    telling = Telling(results.claims(outcome), repeat, redactor, age=results.ages(outcome))
    found = problems(wrong, telling)
    return View(
        state=str(outcome.state),
        headline=TITLES[outcome.state],
        sentences=[redactor.text(one) for one in _sentences(outcome)],
        show=outcome.how.source.policy.show or "",
        reference=redactor.text(outcome.how.source.name),
        figures=_figures(outcome),
        how={name: redactor.text(value) for name, value in _how(outcome)},
        problems=found,
        problems_left_out=len(not_passed(wrong)) - len(found),
        values_hidden=not redactor.show_values,
        rows=[_row(part) for part in outcome.parts],
        is_sample=not outcome.how.asked.sample.is_all,
        moved_on=list(_named(outcome, State.MOVED_ON, redactor)),
        unchecked=list(_named(outcome, State.UNCHECKED, redactor)),
        not_checked=list(_not_checked(outcome)),
        steps=_steps(outcome),
        began=outcome.how.made.began,
        signature=_signature(outcome, redactor, digest),
    )


def _count(outcome: Outcome, state: State) -> int:
    return sum(part.seen.get(state, 0) for part in outcome.parts)


def _figures(outcome: Outcome) -> dict[str, int]:
    states = (State.SAME, State.MOVED_ON, State.UNCHECKED, State.EXPIRED)
    figures = {
        "looked at": sum(part.looked for part in outcome.parts),
        **{str(state): _count(outcome, state) for state in states},
        "different": sum(len(part.different) for part in outcome.parts),
    }
    unsettled = sum(part.unsettled for part in outcome.parts)
    return {**figures, "not settled": unsettled} if unsettled else figures


def _sentences(outcome: Outcome) -> Iterator[str]:
    asked, figures = outcome.how.asked, _figures(outcome)
    sample = "" if asked.sample.is_all else f", a sample of {percent(asked.sample.share)},"
    found = f"{figures['looked at']:,} records and objects{sample} were compared with {outcome.how.source.name}"
    if different := figures["different"]:
        kept = "differs and has" if different == 1 else "differ and have"
        yield f"{found}: {different:,} {kept} done so in the same way at {counted(asked.rounds, 'look')} in a row."
    else:
        yield f"{found}: none was found to differ."
    if moved := figures[State.MOVED_ON]:
        has = "has" if moved == 1 else "have"
        yield f"{moved:,} {has} moved on: the application has since written with a later time of its own."
    if unchecked := figures[State.UNCHECKED]:
        yield (
            f"{unchecked:,} {'is' if unchecked == 1 else 'are'} unchecked: otherwise than the migration left "
            f"{'it' if unchecked == 1 else 'them'}, and nothing tells who wrote {'it' if unchecked == 1 else 'them'}."
        )
    if stopped := [part for part in outcome.parts if part.state is Verdict.ERROR]:
        yield f"{len(stopped)} of {counted(len(outcome.parts), 'part')} could not be looked at to the end."
    if outcome.stopped:
        yield f"Stopped: {outcome.stopped}. The same command goes on where it stopped."


def _how(outcome: Outcome) -> Iterator[tuple[str, str]]:
    how, asked, again = outcome.how, outcome.how.asked, outcome.rechecks
    source = how.source
    yield "Compared with", source.name
    yield "Migrated", f"{values.rfc3339(source.began_ns)} to {values.rfc3339(source.ended_ns)}"
    if asked.no_writers:
        yield "What is later", "nobody has written since, as --no-writers says: every difference is one"
    else:
        yield "What is later", "the application's own; what it has written since is told by its own times, not compared"
    looks, times = counted(asked.rounds, "look"), counted(again.rounds, "time")
    once = f"once it is the same at {looks} in a row, {asked.recheck:g} s apart"
    yield "A difference is one", f"{once}; what differed was looked at again {times}"
    if asked.sample.is_all:
        yield "Records", "all"
    else:
        share = percent(asked.sample.share)
        sure = f"how many of all are wrong at most is said at {CONFIDENCE:.0%} confidence"
        yield "Records", f"those whose names hash into {share}; {sure}"
    limits = {"records a second": asked.max_rate, "seconds": asked.max_time, "differing records": asked.max_findings}
    yield "Limits", ", ".join(f"{most:g} {what}" for what, most in limits.items() if most is not None)
    yield "Old data that is mapped", "is to be removed" if asked.old_end_state.value == "removed" else "is kept"
    if asked.only:
        yield "Parts asked for", ", ".join(sorted(asked.only))
    went_on = "" if how.first_began == how.made.began else f", went on at {how.made.began}"
    yield "Time", f"began at {how.first_began}{went_on}, ended at {how.ended}"


def _row(part: Told) -> Row:
    states = (State.SAME, State.MOVED_ON, State.UNCHECKED, State.EXPIRED)
    return Row(
        part.about.id,
        part.about.claim,
        part.about.unit,
        str(part.state),
        part.looked,
        "" if part.total in {None, part.looked} else f"{part.total:,}",
        {str(state): part.seen.get(state, 0) for state in states},
        len(part.different) + part.unsettled,
        "" if part.at_most is None else f"{part.at_most:,}",
    )


def _named(outcome: Outcome, state: State, redactor: Redactor) -> Iterator[Named]:
    for part in outcome.parts:
        if count := part.seen.get(state, 0):
            names = part.moved_on if state is State.MOVED_ON else part.unchecked
            reasons = part.reasons if state is State.UNCHECKED else {}
            yield Named(part.about.id, part.about.unit, count, reasons, [redactor.short(name) for name in names])


def _not_checked(outcome: Outcome) -> Iterator[str]:
    for part in outcome.parts:
        if not part.is_done:
            of = "" if part.total is None else f" of {part.total:,}"
            yield f"`{part.about.id}` was not looked at to its end: {part.looked:,}{of} {part.about.unit}."
    if outcome.how.asked.only:
        yield "All parts but those that `--only` names."
    if not outcome.how.asked.sample.is_all:
        yield f"Records outside of the sample of {percent(outcome.how.asked.sample.share)}."
    yield NOT_LOOKED_AT


def _steps(outcome: Outcome) -> list[Step]:
    again = outcome.rechecks
    whole = sum(part.seconds for part in outcome.parts) + again.seconds
    steps = []
    for part in outcome.parts:
        rate = f"{part.looked / part.seconds:,.0f}/s" if part.seconds >= 0.05 and part.looked else ""
        amount = f"{part.looked:,} {part.about.unit}" if part.looked else ""
        share = part.seconds / whole if whole else 0.0
        steps.append(Step(part.about.id, part.seconds, share, amount, rate))
    if again.rounds:
        told = counted(again.rounds, "round")
        steps.append(Step("Look again at what differed", again.seconds, again.seconds / whole if whole else 0.0, told))
    return steps


def _signature(outcome: Outcome, redactor: Redactor, digest: str) -> dict[str, str]:
    how = outcome.how
    policy = how.source.policy
    told = {
        "Began": how.made.began,
        "Ended": how.ended,
        "tvmigrate": how.made.tvmigrate,
        "Python": how.made.python,
        **{STORES.get(name, name): version for name, version in how.engines.items()},
        "Reference": how.source.name,
        "Reference, SHA-256": how.made.dataset_sha256,
        "Contract, SHA-256": how.made.contract_sha256,
        "live.json, SHA-256": digest,
        "Show": policy.show or "entities kept",
        "Time zone of times without one": policy.timezone,
        "Hosts": "not told",
    }
    return {name: redactor.text(value) for name, value in told.items()}

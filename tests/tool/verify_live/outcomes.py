"""Outcomes of looking at live stores for the tests of their report: with all in it, a good one, hostile, and huge."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.tool.report.samples import HOSTILE, TEXT
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.read import Dataset
from tvmigrate.report.redact import Redactor
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.provenance import Provenance
from tvmigrate.verify_live.asked import Asked
from tvmigrate.verify_live.checkpoint import Pending
from tvmigrate.verify_live.elasticsearch_part import DOCUMENTS, EXTRA
from tvmigrate.verify_live.model import About, Due, State
from tvmigrate.verify_live.outcome import How, Outcome, Rechecks, Told
from tvmigrate.verify_live.redis_part import ABOUT
from tvmigrate.verify_live.sample import Sample
from tvmigrate.verify_live.source import Source
from tvmigrate.verify_live.view import View, view

RUN = "20261128T060000Z-1a2b"
_MIGRATED = (1_795_759_200_000_000_000, 1_795_759_260_500_000_000)
COMMENTS = About(
    "live.clickhouse.comments", Store.CLICKHOUSE, Rule.CLICKHOUSE_COMMENTS, "rows",
    "raw_comments holds the row that each old one maps to, as often.",
)  # fmt: skip
_EAOS, _TREND, _METRIC, _OLD_KEYS, _KEPT, _UNRELATED = ABOUT.values()
SCORE = Finding(
    Store.REDIS, Rule.REDIS_EAOS, Direction.CHANGED, "The field score of s/a is '0.82'; eaos:a says 0.8231.",
    "eaos:a", "eaos:current:s/a", "score", 0.8231, 0.82,
)  # fmt: skip
WORDS = Finding(
    Store.ELASTICSEARCH, Rule.ELASTICSEARCH_COMMENTS, Direction.CHANGED, f"Document c1: text is 'x'; {TEXT!r}.",
    "c1", "c1", "text", TEXT, "x",
)  # fmt: skip


def how(**more: Any) -> How:
    old = Dataset(Path("/home/lan/old"), "standard", None, "", None, {}, {})
    source = Source(old, Policy(show="the_voice"), 0, *_MIGRATED, False, f"the backup of the run {RUN}")
    made = Provenance("2026-11-28T06:44:04Z", "0.1.0", "3.11.7", "ab" * 32, "cd" * 32)
    engines = {"redis": "8.2.1", "clickhouse": "26.9.1.1", "elasticsearch": "9.5.3"}
    told = How(source, Asked(), engines, made, "2026-11-28T06:44:04Z", "2026-11-28T06:45:01Z")
    return replace(told, **more)


def told(about: About, looked: int = 100, *findings: Finding, **more: Any) -> Told:
    """Return what a part came to that looked at `looked` records, and found a record for each of `findings`."""
    seen = {State.SAME: looked - len(findings)}
    first = time.time_ns() - 7_000_000_000
    different = [Pending(about.id, Due(str(one.new), None), first, 3, 4, (one,)) for one in findings]
    whole = Told(about, looked, looked, True, seen, different, 0, {}, [], [], None, 1.25)
    return replace(whole, **more)


def outcome(*parts: Told, stopped: str = "", **more: Any) -> Outcome:
    return Outcome(parts, stopped, Rechecks(3, 6.5), how(**more))


def passed() -> Outcome:
    """Return an outcome of which nothing differs, nor has moved on."""
    return outcome(told(_EAOS, 1234), told(_OLD_KEYS, 1300), told(COMMENTS, 50_000), told(DOCUMENTS, 20_000))


def rich() -> Outcome:
    """Return an outcome with something in every section of the report, of a sample, that was stopped."""
    moved = {"seen": {State.SAME: 90, State.MOVED_ON: 9}, "moved_on": [f"eaos:current:s/{n}" for n in range(9)]}
    members = "its members were changed or added to since, and a trend has no time of its own"
    return outcome(
        told(_EAOS, 100, SCORE, total=1000, at_most=46, **moved),
        told(
            _TREND, 3, seen={State.SAME: 1, State.UNCHECKED: 2}, reasons={members: 2},
            unchecked=["trends:5min", "trends:15min"], at_most=0,
        ),
        told(_METRIC, 40, error="The check stopped: redis at db.example:6379 did not answer.", is_done=False),
        told(_OLD_KEYS, 0, total=None),
        told(DOCUMENTS, 500, *[WORDS] * 30, unsettled=2, is_done=False, total=20_000),
        told(EXTRA, 3000, total=None, seen={State.MOVED_ON: 3000}, moved_on=[f"v2-{n}" for n in range(20)]),
        told(_UNRELATED, 0, total=7, is_done=False, seen={}),
        stopped="1,000 records differ, as many as --max-findings asks for",
        asked=Asked(sample=Sample(0.1), only=frozenset({"live.redis.eaos"}), max_rate=5000),
        first_began="2026-11-28T05:00:00Z",
    )  # fmt: skip


def hostile() -> Outcome:
    """Return an outcome whose data says what a browser, a terminal or Markdown might obey."""
    bad = Finding(
        Store.REDIS, Rule.REDIS_EAOS, Direction.CHANGED, HOSTILE, HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, HOSTILE
    )
    whole = rich()
    source = replace(whole.how.source, name=f"the dataset {HOSTILE}", policy=Policy(show="the_voice"))
    part = told(
        _EAOS, 100, bad, bad, error=HOSTILE, seen={State.MOVED_ON: 2, State.UNCHECKED: 2}, moved_on=[HOSTILE],
        unchecked=[HOSTILE], reasons={HOSTILE: 2},
    )  # fmt: skip
    return replace(whole, parts=[part, *whole.parts], how=replace(whole.how, source=source, engines={"redis": HOSTILE}))


def huge(records: int = 2000, fields: int = 20) -> Outcome:
    """Return an outcome in which `records` records differ in `fields` fields each, of as many causes."""
    each = told(_EAOS, 5000)
    first = time.time_ns()
    different: Sequence[Pending] = [
        Pending(
            _EAOS.id, Due(f"eaos:current:s/{n}", None), first, 3, 3,
            tuple(replace(SCORE, new=f"eaos:current:s/{n}", field=f"f{m}", actual=n) for m in range(fields)),
        )
        for n in range(records)
    ]  # fmt: skip
    return outcome(replace(each, different=different))


def seen(found: Outcome, show_values: bool = False) -> View:
    """Return what the report tells of an outcome."""
    return view(
        found, lambda part: f"tvmigrate verify --only {part}", Redactor(show_values, ("db.example",)), "ef" * 32
    )

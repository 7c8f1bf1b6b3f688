"""The hand-written expectations beside a dataset: when they hold, their lines, and their own ideas of number and time.

Nothing here uses the contract's rules: these lines are to catch a rule that is wrong on both sides of the other checks.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.dataset.lines import numbered, text_of
from tvmigrate.verify.compare import ABSENT, differences, shown
from tvmigrate.verify.context import Context
from tvmigrate.verify.errors import VerificationError
from tvmigrate.verify.findings import Direction, Finding

FOLDER = "expected"
TOML = "expected.toml"
WITHIN_RUN = "<within-run>"
_DECLARED = ("dataset", "show", "timezone", "missing_counts")


class BadExpectations(VerificationError):  # noqa: N818 - it says what happened, as in `errors`
    """The expectations that stand beside the dataset are not of their form, so that they cannot judge."""


@dataclass(frozen=True, slots=True)
class Line:
    """One expectation: `where` is `file:line`, `body` its JSON object."""

    where: str
    body: Mapping[str, Any]

    @property
    def rule(self) -> Rule:
        """The rule that the line would catch."""
        return Rule(self.body["rule"])

    def find(self, store: Store, direction: Direction, what: str, **named: Any) -> Finding:
        """Return a finding that tells what differs, why the line is there, and where it stands."""
        note = f"{what} It is expected by {self.where}: {self.body['note']}."
        return Finding(store, self.rule, direction, note, **named)


def folder(context: Context) -> Path:
    """Return where expectations of the dataset would stand: `expected` beside its folder."""
    return context.reference.dataset.path.absolute().parent / FOLDER


def holds(context: Context) -> str:
    """Return why there are no expectations for this run, empty if there are."""
    place = folder(context) / TOML
    if not place.is_file():
        return f"The dataset {context.reference.dataset.name} has no hand-written expectations."
    declared = tomllib.loads(place.read_text("utf-8"))
    if set(declared) != set(_DECLARED):
        raise BadExpectations(f"{place} holds {', '.join(declared)}; expected is {', '.join(_DECLARED)}.")
    policy = context.policy
    if declared["dataset"] != context.reference.dataset.name:
        return f"The expectations in {place.parent} are of another dataset, {declared['dataset']}."
    asked = {
        "show": policy.show,
        "timezone": policy.timezone,
        "missing_counts": "zero" if policy.zero_missing_counts else "quarantine",
    }
    wrong = [f"{name} {declared[name]}" for name, value in asked.items() if value != declared[name]]
    if policy.layout != CONTRACT:
        wrong.append("the contract's own old layout")
    if policy.entity_map:
        wrong.append("no entity map")
    return f"The expectations in {place.parent} hold only with {', '.join(wrong)}." if wrong else ""


def lines(context: Context, name: str) -> Iterator[Line]:
    """Yield the lines of a file of the expectations.

    Raises:
        DatasetError: the file cannot be read.
        BadExpectations: a line is not of the form.
    """
    path = folder(context) / name
    for number, raw in numbered(path):
        where = f"{FOLDER}/{name}:{number}"
        try:
            body = json.loads(text_of(path, number, raw))
            Rule(body["rule"])
            str(body["note"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadExpectations(f"{where} is no expectation: {error}. Each line has a rule and a note.") from error
        yield Line(where, body)


def octets(value: Any) -> bytes:
    """Return the bytes that text or `{"b64": …}` stands for."""
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else str(value).encode()


_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z")


def nanoseconds(text: Any) -> int | None:
    """Return UTC RFC 3339 with `Z` as nanoseconds since 1970, None for anything else."""
    match = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    day, hour, minute, second, fraction = match.groups()
    days = dt.date.fromisoformat(day).toordinal() - dt.date(1970, 1, 1).toordinal()
    seconds = days * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second)
    return seconds * 10**9 + int((fraction or "").ljust(9, "0"))


def unequal(expected: Any, actual: Any, instants: frozenset[str]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, expected, actual) where two JSON values differ; what stands under `instants` is compared as time."""
    for path, one, other in differences(expected, actual):
        wanted = nanoseconds(one) if path in instants else None
        if wanted is None or nanoseconds(other) != wanted:
            yield path, shown(one), shown(other)


__all__ = ["ABSENT", "BadExpectations", "Line", "folder", "holds", "lines", "nanoseconds", "octets", "unequal"]

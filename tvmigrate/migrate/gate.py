"""What stands before a migration of live stores: a rehearsal that passed, of this version, on data of these stores.

The backup is no part of it: `apply` makes and verifies its own, and no step that changes anything old is taken before
(`plan.STEPS`). What was shown, or that somebody went on without it and why, is kept in the journal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tvmigrate.contract.policy import Policy
from tvmigrate.errors import UsageError
from tvmigrate.made import NO_ROLLBACK, OTHER_CHECKS, choices, contract_digest

NOTED = "gate"  # in the journal
USUAL_REHEARSAL = Path("report") / "verdict.json"
USUAL_MAX_AGE = "7d"
_OURS = re.compile(r"\btvmigrate apply\b")
_AGE = re.compile(r"(?P<count>[1-9]\d{0,4})(?P<unit>[mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Gate:
    """What is to be shown before a migration of live stores; `practice` says why these are none, empty if they are.

    `rehearsal` is a `verdict.json`, or the folder that it is in; `without` the reason of who goes on without one.
    """

    practice: str
    rehearsal: Path = USUAL_REHEARSAL
    max_age: timedelta = timedelta(days=7)
    without: str | None = None

    def look(self, system: str, policy: Policy) -> tuple[list[str], dict[str, Any]]:
        """Return what stands in the way, as whole sentences, and what the journal is to say of it.

        `system` tells the stores from others (`system.identify`), `policy` is what the migration is to follow.
        """
        if self.practice:
            return [], {"practice": self.practice}
        if self.without is not None:
            return [], {"without_rehearsal": self.without}
        path = self.rehearsal / USUAL_REHEARSAL.name if self.rehearsal.is_dir() else self.rehearsal
        try:
            said = json.loads(path.read_text("utf-8"))
            made = said["made"] or {}
            why = _wrong(said, made, policy) or _of_others(made, system) or self._too_old(made)
        except OSError as error:
            return [_lacking(f"{path} cannot be read ({error.strerror or error})")], {}
        except (ValueError, KeyError, TypeError, AttributeError):
            return [_lacking(f"{path} is no verdict.json of this version")], {}
        if why:
            return [_lacking(f"{path} {why}")], {}
        told = {key: made[key] for key in ("began", "tvmigrate", "contract_sha256", "dataset_sha256", "captured_at")}
        return [], {"rehearsal": str(path.absolute()), **told}

    def _too_old(self, made: Mapping[str, Any]) -> str:
        for what, key in (("is of", "began"), ("is of data captured at", "captured_at")):
            at = datetime.fromisoformat(made[key])
            if datetime.now(UTC) - at > self.max_age:
                return f"{what} {made[key]}, longer ago than --rehearsal-max-age allows"
        return ""


def age_of(text: str) -> timedelta:
    """Return the time that `text` (`90m`, `12h`, `7d`) says.

    Raises:
        UsageError: it says none.
    """
    found = _AGE.fullmatch(text)
    if found is None:
        raise UsageError(f"--rehearsal-max-age is {text!r}; expected are minutes, hours or days: 90m, 12h, 7d.")
    return timedelta(**{_UNITS[found["unit"]]: int(found["count"])})


def remark(noted: Mapping[str, Any] | None) -> str:
    """Return the sentence about a run that was begun without a rehearsal, with a blank before it; else nothing."""
    reason = (noted or {}).get("without_rehearsal")
    return f" It was begun on live stores without a rehearsal: {reason}" if reason else ""


def _wrong(said: Mapping[str, Any], made: Mapping[str, Any], policy: Policy) -> str:
    """Return what keeps a verdict from speaking for this migration, empty if nothing does."""
    if said["verdict"] != "pass":
        return f"did not pass: its verdict is {said['verdict']}"
    phases = {check["phase"] for check in said["checks"]}
    left_out = {left["why"] for left in said["not_judged"]}
    if phases != {"migration", "rollback"} or left_out & {OTHER_CHECKS, NO_ROLLBACK}:
        return "is of a part of the checks: a rehearsal runs all of them, and the rollback"
    rehearsed = said["policy"]
    if not _OURS.search(rehearsed["migration"]):
        return f"is of another migration: {rehearsed['migration']}"
    for name, wanted in choices(policy).items():
        if rehearsed[name] != wanted:
            return f"was made with {name} {rehearsed[name]!r}, and now it is {wanted!r}"
    if made.get("tvmigrate") != version("tvmigrate"):
        return f"is of version {made.get('tvmigrate')}, and this is {version('tvmigrate')}"
    if made.get("contract_sha256") != contract_digest():
        return "was judged by another contract than this version has"
    return ""


def _of_others(made: Mapping[str, Any], system: str) -> str:
    found = made.get("system")
    if found is None:
        return "is of a dataset that was not captured from any live stores"
    return "" if found == system else "is of data of other stores than these"


def _lacking(why: str) -> str:
    return (
        f"These stores are live, and no rehearsal speaks for them: {why}. Rehearse on their own data first: `tvmigrate "
        "capture DIR --show NAME`, then `tvmigrate rehearse --dataset DIR --show NAME`, and name its report with "
        "--rehearsal DIR. --without-rehearsal REASON goes on without one, and the journal keeps the reason."
    )

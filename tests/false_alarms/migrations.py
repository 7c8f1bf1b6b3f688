"""Migrations that are right, and the policies they are run with: none of them may be found fault with."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.contract.policy import Policy
from tvmigrate.verify.context import OldEndState, QuarantineKind
from tvmigrate.verify.rehearsal import MIGRATION_COMMAND, ROLLBACK_COMMAND

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
WRONG = {"literal_guide"}  # examples/README.md


@dataclass(frozen=True)
class Migration:
    """Commands of a right migration, and how it is to be judged."""

    name: str
    migration: str
    rollback: str
    quarantine: QuarantineKind = QuarantineKind.TABLE
    old_end_state: OldEndState = OldEndState.REMOVED

    def job(self) -> dict[str, Any]:
        """Return these as fields of `Job`."""
        return {
            "migration": self.migration,
            "rollback": self.rollback,
            "quarantine": self.quarantine,
            "old_end_state": self.old_end_state,
        }


def _script(path: Path) -> str:
    python = shlex.quote(sys.executable)
    return f"{python if path.suffix == '.py' else f'PYTHON={python} sh'} {shlex.quote(str(path))}"


def _examples() -> list[Migration]:
    found = []
    for migrate in sorted((ROOT / "examples").glob("*/migrate.*")):
        (rollback,) = migrate.parent.glob("rollback.*")
        if migrate.parent.name not in WRONG:
            none = QuarantineKind.NONE  # each keeps what it sets aside in a place of its own
            found.append(Migration(migrate.parent.name, _script(migrate), _script(rollback), none))
    return found


OURS = Migration("ours", MIGRATION_COMMAND, ROLLBACK_COMMAND)
KEEPING = Migration(
    "keeping",
    f"{shlex.join([sys.executable, str(Path(__file__).with_name('keeping.py'))])} {MIGRATION_COMMAND}",
    ROLLBACK_COMMAND,
    old_end_state=OldEndState.KEPT,
)
MIGRATIONS = {migration.name: migration for migration in (OURS, KEEPING, *_examples())}

ENTITIES = {"contestant_2": "the_voice/team red", "segment_intro": "intro", "thí sinh 3": "the_voice/contestant_1"}
POLICIES = {
    "show": Policy(show="the_voice"),
    "keep": Policy(keep_entities=True),
    "show-map-saigon": Policy(show="the_voice", entity_map=ENTITIES, timezone="Asia/Ho_Chi_Minh"),
    "show-zero-new-york": Policy(show="the_voice", zero_missing_counts=True, timezone="America/New_York"),
    "keep-zero-kathmandu": Policy(keep_entities=True, zero_missing_counts=True, timezone="Asia/Kathmandu"),
    "keep-map-apia": Policy(keep_entities=True, entity_map=ENTITIES, timezone="Pacific/Apia"),
}


def policy_job(policy: Policy, folder: Path) -> Mapping[str, Any]:
    """Return the policy as fields of `Job`, its entity map written into `folder`."""
    if not policy.entity_map:
        return {"policy": policy}
    path = folder / "entities.json"
    path.write_text(json.dumps(dict(policy.entity_map)))
    return {"policy": policy, "entity_map": path}

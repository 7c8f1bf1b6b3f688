"""Migrations that are not ours and right: no check finds anything in them, whatever the policy."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from tvmigrate.contract.policy import Policy
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.report.prose import explain
from tvmigrate.verify.context import QuarantineKind
from tvmigrate.verify.findings import State

from .one_set import rehearse_on

ROOT = Path(__file__).parents[2]
PLAIN = ROOT / "examples" / "plain_python"
ENTITIES = {"contestant_2": "the_voice/team red", "segment_intro": "intro"}
POLICIES = {
    "show": Policy(show="the_voice"),
    "keep-entities": Policy(keep_entities=True),
    "map-and-timezone": Policy(show="the_voice", entity_map=ENTITIES, timezone="Asia/Ho_Chi_Minh"),
}


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_plain_migration_of_somebody_else_passes(endpoints: Endpoints, policy: Policy, tmp_path: Path) -> None:
    """Assert that a right migration gets no finding: a suite that cries wolf is switched off."""
    map_file = tmp_path / "map.json"
    map_file.write_text(json.dumps(ENTITIES))
    verdict = rehearse_on(
        endpoints,
        ROOT / "fixtures" / "standard",
        policy=policy,
        entity_map=map_file if policy.entity_map else None,
        migration=shlex.join([sys.executable, str(PLAIN / "migrate.py")]),
        rollback=shlex.join([sys.executable, str(PLAIN / "rollback.py")]),
        quarantine=QuarantineKind.NONE,
    )
    wrong = [check for check in verdict.checks if check.state in {State.FAIL, State.ERROR}]
    assert not wrong, "\n\n".join(map(explain, wrong))
    assert verdict.state is State.PASS

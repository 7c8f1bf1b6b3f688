"""Migrations that are not ours and right: no check finds anything in them, whatever the policy."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from tests import profiles
from tests.conftest import Tell
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.report.prose import explain
from tvmigrate.verify.context import QuarantineKind
from tvmigrate.verify.findings import State

from .one_set import rehearse_on

ROOT = Path(__file__).parents[2]
PYTHON = shlex.quote(sys.executable)
PLAIN, OTHER_ORDER = ROOT / "examples" / "plain_python", ROOT / "examples" / "elasticsearch_first"
MIGRATIONS = {
    "plain-python": tuple(f"{PYTHON} '{PLAIN / name}'" for name in ("migrate.py", "rollback.py")),
    "elasticsearch-first": tuple(
        f"PYTHON={PYTHON} sh '{OTHER_ORDER / name}'" for name in ("migrate.sh", "rollback.sh")
    ),
}
ENTITIES = {"contestant_2": "the_voice/team red", "segment_intro": "intro"}
POLICIES = {
    "show": Policy(show="the_voice"),
    "keep-entities": Policy(keep_entities=True),
    "map-and-timezone": Policy(show="the_voice", entity_map=ENTITIES, timezone="Asia/Ho_Chi_Minh"),
}
# standard/ takes three times as long as clean/, so each migration meets it once here, under a policy of its own.
ON_STANDARD = {("plain-python", "map-and-timezone"), ("elasticsearch-first", "keep-entities")}

RUN = ("other-migrations", "right migrations of others, each under a policy")
COMBINATIONS = [(name, policy) for policy in POLICIES for name in MIGRATIONS]
PARTS = 1 if profiles.is_nightly() else 3  # a short run takes one in so many, others with each commit


@pytest.mark.parametrize(("name", "policy"), COMBINATIONS[profiles.turn() % PARTS :: PARTS])
def test_a_right_migration_of_somebody_else_passes(
    endpoints: Endpoints, name: str, policy: str, tmp_path: Path, share: Tell
) -> None:
    """Assert that a right migration gets no finding, nor its way back: a suite that cries wolf is switched off."""
    share(RUN, name, ran=1, of=len(POLICIES))
    map_file = tmp_path / "map.json"
    map_file.write_text(json.dumps(ENTITIES))
    migration, rollback = MIGRATIONS[name]
    verdict = rehearse_on(
        endpoints,
        ROOT / "fixtures" / ("standard" if (name, policy) in ON_STANDARD else "clean"),
        policy=POLICIES[policy],
        entity_map=map_file if POLICIES[policy].entity_map else None,
        migration=migration,
        rollback=rollback,
        quarantine=QuarantineKind.NONE,
    )
    wrong = [check for check in verdict.checks if check.state in {State.FAIL, State.ERROR}]
    assert not wrong, "\n\n".join(map(explain, wrong))
    assert verdict.state is State.PASS

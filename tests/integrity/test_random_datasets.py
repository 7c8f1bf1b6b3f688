"""Random whole datasets, migrated and rolled back on the real engines: the ledger balances and the verdict is clean."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from tvmigrate.contract.policy import Policy
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.report.prose import explain
from tvmigrate.verify.findings import State

from .one_set import rehearse_on
from .random_datasets import OldSystem, old_systems

POLICY = Policy(show="the_voice", timezone="Asia/Ho_Chi_Minh")


@given(system=old_systems(POLICY))
@settings(
    max_examples=max(3, settings().max_examples // 50),  # each takes seconds
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink would take an hour
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_any_old_system_ends_in_a_balanced_ledger_and_a_clean_verdict(endpoints: Endpoints, system: OldSystem) -> None:
    """Assert that no old data, however odd, is lost, doubled or made up on the way there, or on the way back.

    Hand-made cases hold what somebody thought of; these hold what nobody did.
    """
    with tempfile.TemporaryDirectory() as folder:
        verdict = rehearse_on(endpoints, system.write(Path(folder) / "dataset"), policy=POLICY)
    note(str(system))
    wrong = [result for result in verdict.checks if result.state in {State.FAIL, State.ERROR}]
    if wrong:
        pytest.fail("\n\n".join(map(explain, wrong)), pytrace=False)
    assert [line for line in verdict.ledger if not line.balanced] == []
    assert verdict.state is State.PASS

"""Random whole datasets, policies, migrations and forms of the result: the ledger balances and nothing is found."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from tests import profiles
from tests.integrity.one_set import rehearsal_on
from tests.integrity.random_datasets import ENTITY_MAP, OldSystem, old_systems
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.clients import Clients
from tvmigrate.verify.context import QuarantineKind
from tvmigrate.verify.findings import Phase as When

from . import clickhouse_variations, elasticsearch_variations, redis_variations  # noqa: F401 - they register
from .judging import RUN, assert_nothing_found
from .migrations import MIGRATIONS, policy_job
from .variation import VARIATIONS, State

POLICIES = [
    Policy(show="the_voice", timezone="Asia/Ho_Chi_Minh"),
    Policy(keep_entities=True, zero_missing_counts=True),
    Policy(show="the_voice", entity_map=ENTITY_MAP, timezone="America/New_York", zero_missing_counts=True),
    Policy(keep_entities=True, entity_map=ENTITY_MAP, timezone="Pacific/Apia"),
]
SYSTEMS = st.sampled_from(POLICIES).flatmap(lambda policy: st.tuples(st.just(policy), old_systems(policy)))
# What is called like a kept copy may be somebody else's in a random system.
ANEW = [name for name in VARIATIONS if not name.startswith("kept")]
FORMS = st.just([]) | st.lists(st.sampled_from(ANEW), min_size=1, max_size=3, unique=True)
# Parts of a long run, each with a seed of its own: what is over of one that is stopped stays.
PARTS, WHOLE, SHORT = 12, 60, 3


@pytest.mark.parametrize("part", range(PARTS if profiles.is_nightly() else 1))
def test_any_old_system_migrated_right_is_found_right(endpoints, part, share) -> None:
    """Assert that no old data, however odd, is lost, doubled, made up or complained about, there and back.

    Hand-made cases hold what somebody thought of; these hold what nobody did.
    """
    ran = 0

    @seed(profiles.seed() + part)
    @given(case=SYSTEMS, name=st.sampled_from(sorted(MIGRATIONS)), forms=FORMS)
    @settings(
        max_examples=WHOLE // PARTS if profiles.is_nightly() else SHORT,
        database=None,
        phases=(Phase.generate,),  # to shrink would take an hour
        suppress_health_check=list(HealthCheck),
    )
    def rehearse(case: tuple[Policy, OldSystem], name: str, forms: list[str]) -> None:
        nonlocal ran
        policy, system = case
        note(f"{name}, {policy}, {forms}\n{system}")
        with tempfile.TemporaryDirectory() as folder:
            job = {**MIGRATIONS[name].job(), **policy_job(policy, Path(folder))}
            dataset = system.write(Path(folder) / "dataset")
            with rehearsal_on(endpoints, dataset, **job) as rehearsal, Clients(endpoints) as clients:
                assert_nothing_found(rehearsal.migrated(), rehearsal.verdict().ledger)
                before = frozenset((key.db, key.key) for key in rehearsal.reference.dataset.redis_keys())
                state = State(clients, endpoints, before, rehearsal.job.quarantine is QuarantineKind.TABLE)
                for form in forms:
                    VARIATIONS[form].apply(state)
                if forms:
                    assert_nothing_found(*rehearsal.look(When.MIGRATION))
                else:  # a way back need not know tables and an index that somebody made anew
                    assert_nothing_found(rehearsal.rolled_back(), [])
        ran += 1

    try:
        rehearse()
    finally:
        share(RUN, "random systems", ran, WHOLE, profiles.seed())

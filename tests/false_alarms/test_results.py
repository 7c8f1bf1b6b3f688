"""States that hold the same data in another way, one after the other on one migrated state."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import profiles
from tests.integrity.one_set import rehearsal_on
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.verify.context import QuarantineKind
from tvmigrate.verify.findings import Phase
from tvmigrate.verify.rehearsal import Rehearsal

from . import clickhouse_variations, elasticsearch_variations, redis_variations  # noqa: F401 - they register
from .judging import RUN, assert_nothing_found
from .migrations import FIXTURES, MIGRATIONS, POLICIES, policy_job
from .variation import VARIATIONS, State

# Dataset, migration and policy; a short run takes the first.
BASES = [
    ("clean", "ours", "show-map-saigon"),
    ("clean", "plain_python", "keep-zero-kathmandu"),
    ("standard", "ours", "show"),
]
BY_STORE = [tuple(group) for _, group in itertools.groupby(VARIATIONS.values(), key=lambda one: one.store)]
ONE_BY_ONE = [(one,) for one in VARIATIONS.values()]
# A long run looks after each variation on the first base, else once a store: a look takes seconds.
CASES = [
    pytest.param(base, group, id=f"{'-'.join(base)}-{group[0].name if len(group) == 1 else group[0].store}")
    for base in (BASES if profiles.is_nightly() else BASES[:1])
    for group in (ONE_BY_ONE if profiles.is_nightly() and base is BASES[0] else BY_STORE)
]


@dataclass(frozen=True)
class Base:
    """A migrated state and the rehearsal that judges it."""

    rehearsal: Rehearsal
    state: State


@pytest.fixture(scope="module")
def base(request: pytest.FixtureRequest, endpoints: Endpoints) -> Iterator[Base]:
    dataset, migration, policy = request.param
    job = MIGRATIONS[migration].job()
    with tempfile.TemporaryDirectory() as folder:
        named = policy_job(POLICIES[policy], Path(folder))
        with (
            rehearsal_on(endpoints, FIXTURES / dataset, **job, **named) as rehearsal,
            Clients(endpoints) as clients,
        ):
            assert_nothing_found(rehearsal.migrated(), rehearsal.verdict().ledger)
            before = frozenset((key.db, key.key) for key in rehearsal.reference.dataset.redis_keys())
            keeps = rehearsal.job.quarantine is QuarantineKind.TABLE
            yield Base(rehearsal, State(clients, endpoints, before, keeps))


@pytest.mark.parametrize(("base", "group"), CASES, indirect=["base"])
def test_the_same_data_in_another_form_is_no_difference(base: Base, group, share) -> None:
    """Assert that what the contract leaves open is judged by nobody."""
    share(RUN, "forms of a result", len(group), len(VARIATIONS) * len(BASES))
    for variation in group:
        variation.apply(base.state)
    assert_nothing_found(*base.rehearsal.look(Phase.MIGRATION))


@pytest.mark.parametrize("base", BASES[:1], indirect=True, ids="-".join)
def test_a_second_look_sees_what_the_first_saw(base: Base, share) -> None:
    """Assert that looking changes nothing: two looks come to the same counts."""
    share(RUN, "second looks", 1, 1)
    first, second = base.rehearsal.look(Phase.MIGRATION), base.rehearsal.look(Phase.MIGRATION)
    assert_nothing_found(*second)
    assert [(r.id, r.state, r.examined) for r in first[0]] == [(r.id, r.state, r.examined) for r in second[0]]

"""No sequence of commands, interruptions and V2 writes loses a record or fools the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests import profiles
from tvmigrate.engines.endpoints import Endpoints

from .machine import NEW, OLD, Migration
from .model import KINDS
from .records import RECORDS

RUN = ("state-machine", "sequences")
SCRIPTED = 2
WHOLE, SHORT = 40, 1
LONGEST = 12 if profiles.is_nightly() else 6


@pytest.fixture
def bound(endpoints: Endpoints) -> type[Migration]:
    """The state machine on these engines."""

    return type("Bound", (Migration,), {"endpoints": endpoints, "steps_taken": Counter()})


@pytest.fixture
def machine(bound: type[Migration]) -> Iterator[Migration]:
    """One machine with every record loaded, to be driven by hand."""
    driven = bound()
    driven.load(set(RECORDS))
    yield driven
    driven.teardown()


@profiles.in_turn(0, SCRIPTED)
def test_what_v2_wrote_is_found_saved_and_neither_doubled_nor_lost(machine: Migration, share) -> None:
    """Assert that there, back and there again, with every kind of write in between, each verdict is the model's."""
    share(RUN, "written by hand", 1, SCRIPTED)
    for step in (
        machine.roll_back,
        machine.apply,
        lambda: machine.verify(backwards=False),
        machine.apply,
        lambda: machine.write_through_v2([(kind, n) for kind in KINDS for n in (1, 7)]),
        lambda: machine.verify(backwards=False),
        machine.roll_back,
        lambda: machine.verify(backwards=True),
        machine.apply,
        lambda: machine.verify(backwards=False),
    ):
        step()
        machine.nothing_is_lost()
    assert machine.where == NEW


@profiles.in_turn(1, SCRIPTED)
def test_interrupted_again_and_again_nothing_is_lost(machine: Migration, share) -> None:
    """Assert that commands that are killed half way, in both directions, end where whole ones do."""
    share(RUN, "written by hand", 1, SCRIPTED)
    for step in (
        lambda: machine.apply_interrupted(5, 20, hard=True),
        lambda: machine.verify(backwards=False),
        lambda: machine.apply_interrupted(12, 5, hard=False),
        machine.apply,
        lambda: machine.write_through_v2([("comment", 3), ("score", 3), ("trend", 3)]),
        lambda: machine.roll_back_interrupted(5, 10, hard=True),
        machine.apply,
        lambda: machine.roll_back_interrupted(6, 0, hard=False),
        machine.roll_back,
        lambda: machine.verify(backwards=True),
    ):
        step()
        machine.nothing_is_lost()
    assert machine.where == OLD


def test_no_sequence_loses_a_record_or_fools_the_verdict(bound: type[Migration], share) -> None:
    """Assert that what hand-made sequences show holds for those that nobody thought of."""
    chosen = settings(
        max_examples=WHOLE if profiles.is_nightly() else SHORT,
        stateful_step_count=LONGEST,
        database=None,
        deadline=None,
        print_blob=True,
        phases=(Phase.generate,),  # to shrink would take hours
        suppress_health_check=list(HealthCheck),
    )
    begun = 0

    class Counted(bound):
        def __init__(self) -> None:
            nonlocal begun
            super().__init__()
            begun += 1

    try:
        run_state_machine_as_test(seed(profiles.seed())(Counted), settings=chosen)
    finally:
        share(RUN, "random", min(begun, WHOLE), WHOLE, profiles.seed())

"""A share of the crash matrix: a command killed or stopped at any moment goes on, or back, and nothing is lost.

All of it, on fixtures/standard: `python -m tests.crash`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests import profiles
from tests.conftest import Tell
from tests.crash import page, plan
from tests.crash.matrix import APPLY, ROLLBACK, Ground
from tests.crash.outcomes import FILE, Outcomes
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.migrate.plan import STEPS

RUN = ("crash", "trials")
SHARE = {"apply": 1, "rollback": 1, "signals": 1, "workers": 1, "side by side": 1, "finish": 1}


@pytest.fixture(scope="module")
def ground(endpoints: Endpoints) -> Iterator[Ground]:
    found = Ground(endpoints, "clean")
    yield found
    found.close()


@pytest.mark.parametrize("command", [APPLY, ROLLBACK])
def test_no_record_is_waited_for_by_itself_until_it_is_on_the_disk(ground: Ground, command: str) -> None:
    """Assert that SQLite commits many records together: a commit is some ms of waiting."""
    commits = Counter(point.what for point in ground.count(command) if point.kind == "journal")
    assert max(commits.values()) <= len(STEPS), commits.most_common(5)


@pytest.mark.parametrize("kind", SHARE)
def test_a_command_that_was_killed_or_stopped_goes_on_or_back(ground: Ground, kind: str, share: Tell) -> None:
    """Assert it of the trials that are this commit's turn, so that over some commits it is many."""
    _, trials = plan.KINDS[kind](ground)
    first, apart = profiles.turn() % len(trials), len(trials) // SHARE[kind]
    turn = [trials[(first + number * apart) % len(trials)] for number in range(SHARE[kind])]
    share(RUN, kind, len(turn), len(trials))
    for trial in turn:
        try:
            trial.run(ground)
        except AssertionError as error:
            error.add_note(f"It is the trial {trial.name!r} of {kind}.")
            ground.renew()
            raise


def test_the_page_says_what_the_outcomes_are() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(Outcomes(FILE).kinds)


def test_results_of_others_are_joined_kind_by_kind(tmp_path: Path) -> None:
    def told(product: str, trials: Iterable[int], date: str, of: int = 9) -> dict[str, object]:
        outcomes = {f"apply {n}": "good" for n in trials}
        return {"product": product, "date": date, "of": of, "seconds": 3.0 * len(outcomes), "outcomes": outcomes}

    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    here = {"apply": told("old", range(9), "2026-01-01"), "finish": told("new", [1, 2], "2026-01-02")}
    there = {"apply": told("new", [3], "2026-01-02"), "finish": told("new", [2, 3], "2026-01-03")}
    only = {"signals": told("new", [1], "2026-01-01")}
    here["workers"], there["workers"] = told("new", [1, 2], "2026-01-01", 4), told("new", [3, 4, 5], "2026-01-01", 5)
    ours.write_text(json.dumps(here | {"rollback": told("new", [1], "2026-01-03")}), encoding="utf-8")
    theirs.write_text(json.dumps(there | only | {"rollback": told("old", [1, 2], "2026-01-02")}), encoding="utf-8")
    Outcomes(ours).join(theirs)
    due = {
        "apply": there["apply"],
        "finish": told("new", [1, 2, 3], "2026-01-03"),
        "rollback": told("new", [1], "2026-01-03"),
        "workers": there["workers"],  # another count of writes: these are other trials
    }
    assert Outcomes(ours).kinds == due | only

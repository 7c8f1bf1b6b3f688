"""Try every point of the crash matrix, and go on where it was stopped: `python -m tests.crash [apply] [rollback] …`.

On fixtures/standard, or `--dataset NAME`; `--minutes N` stops after so many, a share of which each kind gets. The
outcomes are in `tests/crash/result.json`, the table of them in docs/crash.md, their counts in docs/nightly/crash.json.
The exit code is 1 if a trial failed. Some may be tried side by side, each in a worktree of its own: other kinds, or
one with `--backwards`; `--join FILE …` tries nothing, and takes what the result files of others have.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.crash import page, plan
from tests.crash.matrix import Ground
from tests.crash.outcomes import GOOD, Outcomes
from tvmigrate.engines.embedded import EmbeddedEngines

_FILL_AGAIN_S = 30 * 60  # keys of fixtures/standard expire after an hour


def main() -> int:
    """Try what is left; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[*plan.KINDS, []], help="all unless named")
    parser.add_argument("--dataset", default="standard")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--backwards", action="store_true", help="begin with the last trial of each kind")
    parser.add_argument("--join", nargs="+", type=Path, default=[], metavar="FILE", help="result files of others")
    asked = parser.parse_args()
    outcomes = Outcomes()
    if asked.join:
        for path in asked.join:
            outcomes.join(path)
        page.write(outcomes)
        return 0
    kinds = asked.kinds or list(plan.KINDS)
    began = time.monotonic()
    failed = 0
    with EmbeddedEngines() as engines:
        ground = Ground(engines.endpoints, asked.dataset)
        filled = time.monotonic()
        try:
            for number, kind in enumerate(kinds, 1):
                deadline = began + 60 * asked.minutes * number / len(kinds)
                points, trials = plan.KINDS[kind](ground)
                outcomes.begin(kind, asked.dataset, points, [trial.name for trial in trials])
                for trial in reversed(trials) if asked.backwards else trials:
                    if time.monotonic() > deadline:
                        break
                    if not outcomes.known(kind, trial.name):
                        if time.monotonic() - filled > _FILL_AGAIN_S:
                            ground.renew()
                            filled = time.monotonic()
                        failed += _try(ground, outcomes, kind, trial)
        finally:
            ground.close()
    page.write(outcomes)
    return int(failed > 0)


def _try(ground: Ground, outcomes: Outcomes, kind: str, trial: plan.Named) -> bool:
    began = time.monotonic()
    try:
        trial.run(ground)
        outcome = GOOD
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what came out, and the others are to be tried
        outcome = f"{type(error).__name__}: {error}"[:2000]
    outcomes.add(kind, trial.name, outcome, time.monotonic() - began)
    print(f"{kind}: {trial.name}: {outcome}", flush=True)  # noqa: T201
    if outcome != GOOD:
        ground.renew()
    return outcome != GOOD


if __name__ == "__main__":
    sys.exit(main())

"""Judge mutants, and go on where it was stopped: `python -m tests.mutation contract`, `… migrate`, `… verify`.

All of `contract/` is judged; of `migrate/` and `verify/` together a seeded sample. What came of each mutant is kept in
`.tvmigrate/mutation/`; `--again survived` asks again, after a test was added.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.mutation import pure, real
from tests.mutation.judge import is_of_module
from tests.mutation.lent_chdb import lend
from tests.mutation.mutants import Mutant, all_mutants
from tests.mutation.store import Outcomes, digest_of_product

WORK = Path(__file__).parents[2] / ".tvmigrate" / "mutation"
SAMPLED = ("migrate", "verify")
SAMPLE = 300


def chosen(package: str, seed: int = 0) -> list[Mutant]:
    """Return the mutants of a package that are to be judged, in an order in which any beginning is a fair sample."""
    if package not in SAMPLED:
        mutants = list(all_mutants(package))
        random.Random(seed).shuffle(mutants)
        return mutants
    kept = WORK / f"sample.{digest_of_product()}.{seed}.pickle"
    if not kept.exists():
        every = [mutant for name in SAMPLED for mutant in all_mutants(name)]
        kept.write_bytes(pickle.dumps(random.Random(seed).sample(every, SAMPLE)))
    sample: list[Mutant] = pickle.loads(kept.read_bytes())  # noqa: S301 - written by ourselves
    return [mutant for mutant in sample if mutant.module.split(".")[1] == package]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("package", choices=["contract", *SAMPLED])
    parser.add_argument("--only", default="", help="mutants whose id holds this")
    parser.add_argument("--part", choices=["module", "function"], help="those inside functions, or the others")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--again", action="append", default=[], metavar="OUTCOME")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    WORK.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    mutants = [mutant for mutant in chosen(asked.package, asked.seed) if asked.only in mutant.id][: asked.limit]
    if asked.part:
        mutants = [mutant for mutant in mutants if is_of_module(mutant) == (asked.part == "module")]
    outcomes = Outcomes(WORK / f"{asked.package}.jsonl")
    judge(asked.package, mutants, outcomes, tuple(asked.again), lambda text: print(text, file=sys.stderr, flush=True))
    print(f"{len(mutants)} mutants in {time.monotonic() - began:.0f} s")
    known = {mutant.id: outcomes.of(mutant) for mutant in mutants}
    print(Counter(str(told["outcome"]) for told in known.values() if told))
    for name, told in known.items():
        if told and told["outcome"] == "survived":
            print(name)


def judge(
    package: str, mutants: list[Mutant], outcomes: Outcomes, again: tuple[str, ...], tell: Callable[[str], None]
) -> None:
    """Judge the mutants of which nothing is known, or one of the outcomes `again`."""
    if package in SAMPLED:
        real.judge_all(package, mutants, outcomes, WORK, tell, again)
        real.judge_imports(package, mutants, outcomes, WORK, tell)
        return
    measured = pure.measure(pure.TESTS, WORK / "contract.measured.json")
    with lend(WORK / f"chdb.{os.getpid()}.socket"):
        pure.judge_all(mutants, outcomes, measured, tell, again)


if __name__ == "__main__":
    main()

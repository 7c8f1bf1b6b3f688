"""`python -m tests.mutation contract [--only TEXT] [--limit N]`: judge mutants; go on where it was stopped."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

os.environ["HYPOTHESIS_PROFILE"] = "mutation"
WORK = Path(__file__).parents[2] / ".tvmigrate" / "mutation"


def main() -> None:
    from tests.mutation import pure
    from tests.mutation.judge import is_of_module
    from tests.mutation.lent_chdb import lend
    from tests.mutation.mutants import all_mutants
    from tests.mutation.store import Outcomes

    parser = argparse.ArgumentParser()
    parser.add_argument("package", choices=["contract"])
    parser.add_argument("--only", default="")
    parser.add_argument("--stage", choices=["module", "function"])
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    mutants = [mutant for mutant in all_mutants(asked.package) if asked.only in mutant.id]
    random.Random(asked.seed).shuffle(mutants)
    mutants = mutants[: asked.limit]
    if asked.stage:
        mutants = [mutant for mutant in mutants if is_of_module(mutant) == (asked.stage == "module")]

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    began = time.monotonic()
    measured = pure.measure(pure.TESTS, WORK / f"{asked.package}.measured.json")
    outcomes = Outcomes(WORK / f"{asked.package}.jsonl")
    with lend(WORK / f"chdb.{os.getpid()}.socket"):
        pure.judge_all(mutants, outcomes, measured, tell)
    tell(f"{len(mutants)} mutants in {time.monotonic() - began:.0f} s")
    found = [outcomes.of(mutant) for mutant in mutants]
    print(Counter(str(told["outcome"]) for told in found if told))
    for told in found:
        if told and told["outcome"] == "survived":
            print(told["id"], told["judges"])


if __name__ == "__main__":
    main()

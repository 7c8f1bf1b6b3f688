"""Judge mutants, and go on where it was stopped: `python -m tests.mutation contract`, `… migrate`, `… verify`.

All of `contract/` is judged; of `migrate/` and `verify/` together a seeded sample. What came of each mutant is kept
in `.tvmigrate/mutation/`; `--again survived` asks again, after a test was added. `handful` judges some of `contract/`
anew. The last line of what is printed counts the outcomes.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests import nightly
from tests.mutation import pure, real, report
from tests.mutation.judge import NEEDS_IMPORT
from tests.mutation.lent_chdb import lend
from tests.mutation.measured import is_of_module
from tests.mutation.mutants import ROOT, Mutant, all_mutants, digest_of_product, files, mutants_of
from tests.mutation.store import Outcomes

WORK = ROOT / ".tvmigrate" / "mutation"
SAMPLED = ("migrate", "verify")
SAMPLE = 300
SAMPLED_IDS = Path(__file__).with_name("sample.json")


def chosen(package: str, seed: int = 0) -> tuple[list[Mutant], int]:
    """Return the mutants of a package that are to be judged, and how many it has.

    Their order is such that any beginning is a fair sample. The sample is kept in `sample.json`, so that a line that
    changes somewhere does not draw another whole; mutants that are no more are replaced.
    """
    kept = WORK / f"{package}.{digest_of_product()}.{seed}.pickle"
    if not kept.exists():
        every = list(all_mutants(package))
        kept.write_bytes(pickle.dumps((_drawn(package, every, seed), len(every))))
    found: tuple[list[Mutant], int] = pickle.loads(kept.read_bytes())  # noqa: S301 - written by ourselves
    return found


def _drawn(package: str, every: list[Mutant], seed: int) -> list[Mutant]:
    chance = random.Random(seed)  # noqa: S311 - a sample, no secret
    if package not in SAMPLED:
        return chance.sample(every, len(every))
    by_id = {mutant.id: mutant for mutant in every}
    return [by_id[name] for name in _sampled(seed)[package] if name in by_id]


def _sampled(seed: int) -> dict[str, list[str]]:
    """Return the ids of the sample, by package; one that is no more is replaced by another."""
    known = json.loads(SAMPLED_IDS.read_text(encoding="utf-8")) if SAMPLED_IDS.exists() else {}
    there = dict.fromkeys(mutant.id for name in SAMPLED for mutant in all_mutants(name))
    ids = [one for name in SAMPLED for one in known.get(name, ()) if one in there and known["seed"] == seed]
    if len(ids) < SAMPLE:
        chance = random.Random(seed)  # noqa: S311 - a sample, no secret
        left = [one for one in there if one not in set(ids)]
        ids += chance.sample(left, SAMPLE - len(ids))
        known = {"seed": seed, **{name: [one for one in ids if one.startswith(f"{name}/")] for name in SAMPLED}}
        SAMPLED_IDS.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return known


def handful(limit: int) -> list[Mutant]:
    """Return some mutants of a file of `contract/`, without those that may live; others with each commit."""
    told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    chance = random.Random(told.stdout)  # noqa: S311 - a sample, no secret
    shuffled = chance.sample(files("contract"), len(files("contract")))
    for path in shuffled:
        found = [mutant for mutant in mutants_of(path) if mutant.id not in report.reasons()]
        if len(found) >= limit:
            return chance.sample(found, limit)
    raise ValueError(f"no file of contract/ has {limit} mutants")


def judge(
    package: str, mutants: list[Mutant], outcomes: Outcomes, again: tuple[str, ...], tell: Callable[[str], None]
) -> None:
    """Judge the mutants of which nothing is known, or one of the outcomes `again`."""
    if not list(outcomes.open(mutants, NEEDS_IMPORT, *again)):
        return
    if package in SAMPLED:
        real.judge_all(real.COURTS[package], mutants, outcomes, WORK, tell, again)
        real.judge_imports(real.COURTS[package], mutants, outcomes, WORK, tell)
        return
    measured = pure.measure(pure.TESTS, WORK / "contract.measured.json")
    with lend(WORK / f"chdb.{os.getpid()}.socket"):
        pure.judge_all(mutants, outcomes, measured, tell, again)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("package", choices=["contract", *SAMPLED, "handful"])
    parser.add_argument("--only", default="", help="mutants whose id holds this")
    parser.add_argument("--part", choices=["module", "function"], help="those inside functions, or the others")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--begin", type=float, default=0.0, help="how far into the list, 0 to 1, beside others")
    parser.add_argument("--again", action="append", default=[], metavar="OUTCOME")
    parser.add_argument("--by", action="append", metavar="TEST", help="judge what is not killed by these tests alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", action="store_true", help="judge nothing, count what is known")
    asked = parser.parse_args()
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    sys.dont_write_bytecode = False  # each fork would compile tests and product anew
    WORK.mkdir(parents=True, exist_ok=True)

    def tell(text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    if asked.package == "handful":
        with lend(WORK / f"chdb.{os.getpid()}.socket"):
            found = pure.judge_anew(handful(asked.limit), tell)
        sys.stdout.write(json.dumps(Counter(told.outcome for told in found)) + "\n")
        return
    mutants, of = chosen(asked.package, asked.seed)
    outcomes = Outcomes(WORK / f"{asked.package}.jsonl")
    part = [mutant for mutant in mutants if asked.only in mutant.id][: asked.limit]
    if asked.part:
        part = [mutant for mutant in part if is_of_module(mutant) == (asked.part == "module")]
    begin = int(asked.begin * len(part))
    part = part[begin:] + part[:begin]
    if asked.again:  # not those of which it is known why they live
        part = [mutant for mutant in part if mutant.id not in report.reasons()]
    if asked.by:
        alive = [mutant for mutant in part if (outcomes.of(mutant) or {}).get("outcome") not in {"killed", "timeout"}]
        pure.preload()
        real.judge_by(asked.by, [mutant for mutant in alive if mutant.id not in report.reasons()], outcomes, tell)
    elif not asked.count:
        judge(asked.package, part, outcomes, tuple(asked.again), tell)
    outcomes.read()
    told = report.counted(mutants, outcomes, of, asked.seed)
    if not asked.count:
        report.keep(asked.package, told)
        nightly.write(report.as_run(asked.package, told), f"python -m tests.mutation {asked.package}")
    sys.stdout.write("".join(f"{name}\n" for name in report.unexplained(told)))
    sys.stdout.write(json.dumps({key: told[key] for key in ("of", "asked", "judged", "killed", "by time")}) + "\n")


if __name__ == "__main__":
    main()

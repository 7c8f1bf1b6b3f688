"""What the judging of mutants came to: `result.json` beside this file, and docs/mutation.md made of it.

Why a mutant may live stands in `reasons.toml`. `python -m tests.mutation.report` makes the page.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests import nightly
from tests.mutation.mutants import Mutant
from tests.mutation.store import Outcomes

RUN = ("mutation", "mutants")
RESULT = Path(__file__).with_name("result.json")
REASONS = Path(__file__).with_name("reasons.toml")
PAGE = nightly.ROOT / "docs" / "mutation.md"
PACKAGES = ("contract", "migrate", "verify")
_DEAD = {"killed", "timeout"}

Result = Mapping[str, Mapping[str, Any]]


def reasons() -> dict[str, str]:
    """Return why a mutant may live, by its id."""
    told = tomllib.loads(REASONS.read_text(encoding="utf-8"))
    return {name: " ".join(reason["why"].split()) for reason in told["reason"] for name in reason["mutants"]}


def result() -> dict[str, Any]:
    """Return what is kept of each package."""
    found: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    return found


def counted(mutants: Sequence[Mutant], outcomes: Outcomes, of: int, seed: int) -> dict[str, Any]:
    """Return what came of those `mutants`, out of `of` that the package has, which have been judged."""
    by_operator: dict[str, Counter[str]] = {}
    survivors, timeouts, at_first, seconds = [], 0, 0, 0.0
    for mutant in mutants:
        told = outcomes.of(mutant)
        if told is None or told["outcome"] == "needs-import":
            continue
        count = by_operator.setdefault(mutant.operator, Counter(judged=0, killed=0))
        count["judged"] += 1
        count["killed"] += told["outcome"] in _DEAD
        timeouts += told["outcome"] == "timeout"
        seconds += float(str(told["seconds"]))
        at_first += mutant.id in outcomes.once_alive
        if told["outcome"] not in _DEAD:
            survivors.append(mutant.id)
    return {
        "of": of,
        "asked": len(mutants),
        "judged": sum(count["judged"] for count in by_operator.values()),
        "killed": sum(count["killed"] for count in by_operator.values()),
        "by time": timeouts,
        "survived at first": at_first,
        "seconds": round(seconds),
        "seed": seed,
        "date": nightly.now(),
        "commit": nightly.commit(),
        "operators": {name: dict(by_operator[name]) for name in sorted(by_operator)},
        "survivors": sorted(survivors),
    }


def keep(package: str, told: Mapping[str, Any]) -> None:
    """Write what came of a package into the result file."""
    found = {**result(), package: told}
    ordered = {name: found[name] for name in PACKAGES if name in found}
    RESULT.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def as_run(package: str, told: Mapping[str, Any]) -> nightly.Run:
    """Return what came of a package as the long run that docs/nightly tells of; a survivor without a reason failed."""
    count = {"ran": told["judged"], "of": told["asked"], "failed": len(unexplained(told))}
    return nightly.Run(*RUN, {package: count}, {package: told["seed"]}, {package: told["seconds"]})


def unexplained(told: Mapping[str, Any]) -> list[str]:
    """Return the survivors without a reason."""
    known = reasons()
    return [name for name in told["survivors"] if name not in known]


def page(found: Result, known: Mapping[str, str]) -> str:
    """Return docs/mutation.md for these results and reasons."""
    lines = [
        "# Mutation score",
        "",
        "A mutant is the product with one small thing broken. The suite is asked whether it notices; a mutant that no",
        "test fails on has survived, and stands below with the reason why it may. This page is made by",
        "`python -m tests.mutation.report` from `tests/mutation/result.json` and `tests/mutation/reasons.toml`.",
        "",
        "| package | mutants | judged | survived at first | survived | score | date | commit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for package, told in found.items():
        survived = told["judged"] - told["killed"]
        lines.append(
            f"| `{package}/` | {told['of']} | {told['judged']} | {told['survived at first']} | {survived} "
            f"| {_score(told['killed'], told['judged'])} | {told['date'][:10]} | `{told['commit']}` |"
        )
    judged, killed = (sum(told[key] for told in found.values()) for key in ("judged", "killed"))
    lines += [
        "",
        f"In all {killed} of {judged} judged mutants were killed: {_score(killed, judged)} of 100; the aim is 95.",
        "A survivor got a test or a reason, so of a sampled package the share that survived at first says more about",
        "the mutants that were not drawn than the score does.",
        "",
        _HOW,
        "",
        "## Operators",
        "",
        "| operator | judged | killed | survived |",
        "|---|---|---|---|",
    ]
    total: dict[str, Counter[str]] = {}
    for told in found.values():
        for name, count in told["operators"].items():
            total.setdefault(name, Counter()).update(count)
    for name, counts in sorted(total.items()):
        lines.append(f"| {name} | {counts['judged']} | {counts['killed']} | {counts['judged'] - counts['killed']} |")
    lines += ["", "## Survivors", "", "Each with the reason why no test is to tell it from the right code.", ""]
    for package, told in found.items():
        groups: dict[str, list[str]] = {}
        for name in told["survivors"]:
            groups.setdefault(known.get(name, "**No reason yet.**"), []).append(name)
        for why, names in groups.items():
            lines += [f"### `{package}/`, {len(names)}: {why}", "", *(f"- `{_code(name)}`" for name in names), ""]
    return "\n".join(lines).rstrip() + "\n"


def _score(killed: int, judged: int) -> str:
    return f"{100 * killed / judged:.1f}" if judged else "none"


def _code(text: str) -> str:
    return text.replace("`", "'")


_HOW = """\
`contract/` is judged in full, by the tests of `tests/tool/contract` and `tests/tool/cli/test_settings.py`. Of
`migrate/` and `verify/` together it is a seeded sample of 300, judged on real engines by `tests/tool/migrate`, or by
`tests/tool/verify`, `tests/tool/verify_stores` and `tests/tool/report`; what they left alive was judged once more by
all of them, or by the tests that `--by` named. A mutant that is no more is replaced by another. `verify/faults/` is a
judge, and not judged.

Tests that run what a mutant changes are asked, the quickest first, in a fork of a process that has them collected;
where a mutant shows only as a module is imported, in a fork that imports anew. Hypothesis looks at 20 examples, the
same each time. An endless loop is killed by the processor time it takes, not by what else runs on the machine. Each
mutant works in a folder of its own, which goes with it.

The operators are those of [mutmut](https://mutmut.readthedocs.io) and two of our own: a condition that is a name or a
call is negated (`condition`), and one token of SQL inside a text is changed (`sql`). Not mutated: docstrings,
annotations, imports, decorators, `__all__`, `TYPE_CHECKING` blocks, and the parts of f-strings that are not SQL.

`python -m tests.mutation contract`, `… migrate` and `… verify` judge, go on where they were stopped, and write the
result; `tox -e nightly` runs all three. The seconds in [nightly.md](nightly.md) are those of every mutant together.
`.ci/run` judges a handful of `contract/`, others with each commit."""


if __name__ == "__main__":
    PAGE.write_text(page(result(), reasons()), encoding="utf-8")

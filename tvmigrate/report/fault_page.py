"""The page `docs/faults.md`, from the catalogue: `python -m tvmigrate.report.fault_page > docs/faults.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from tvmigrate.report.outcome import all_checks
from tvmigrate.verify.faults.all import CATALOGUE
from tvmigrate.verify.faults.model import Fault
from tvmigrate.verify.findings import Phase

_HEAD = """# Planted faults

Written by `python -m tvmigrate.report.fault_page > docs/faults.md` from the catalogue in `tvmigrate/verify/faults/`; a
test keeps the two equal.

`tvmigrate faults` migrates a dataset, plants one of these mistakes at a time in what the migration or its rollback
left, lets every check look, and undoes it. A fault is caught if the checks find just what is declared here: the main
finding, whatever else necessarily follows from it, and nothing else. Any other finding counts as a wrong attribution.
No two faults have the same check, field and direction in their main finding. Checks of hand-written expectations
(`expected.*`) may tell of the same record wherever a dataset has such expectations; what they are there for are rules
that are wrong on both sides, which no state of the stores can show.
"""


def page(faults: Iterable[Fault]) -> str:
    """Return the page about `faults`."""
    return "\n".join([_HEAD, *_lists(list(faults))])


def _lists(faults: list[Fault]) -> Iterator[str]:
    yield f"There are {len(faults)} of them.\n"
    kinds = {
        "After the migration": [one for one in faults if one.plant is not None and one.phase is Phase.MIGRATION],
        "After the rollback": [one for one in faults if one.plant is not None and one.phase is Phase.ROLLBACK],
        "Of the commands": [one for one in faults if one.change is not None],
    }
    for title, those in kinds.items():
        yield f"## {title}\n"
        yield "| fault | what is wrong | found by | and by | where that happens |"
        yield "|---|---|---|---|---|"
        yield from map(_row, those)
        yield ""
    yield "## Fault by check\n"
    yield "Which faults each check tells of; in bold those whose main finding it is.\n"
    yield "| check | faults |"
    yield "|---|---|"
    for check in all_checks():
        told = [_named(fault, check.id) for fault in faults if any(f.check == check.id for f in fault.finds)]
        yield f"| `{check.id}` | {', '.join(told)} |"
    yield ""


def _row(fault: Fault) -> str:
    first, *others = (_place(str(finds)) for finds in fault.finds)
    cells = (f"`{fault.id}`", fault.says, first, "<br>".join(dict.fromkeys(others)), fault.incident)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _place(finds: str) -> str:
    check, _, rest = finds.partition(":")
    return f"`{check}`{rest}"


def _named(fault: Fault, check: str) -> str:
    name = f"`{fault.id}`"
    return f"**{name}**" if fault.finds[0].check == check else name


if __name__ == "__main__":
    sys.stdout.write(page(CATALOGUE))

"""The ledger: what became of every old record, by store and rule, kept as JSON with the run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence

from tvmigrate.contract.outcome import DERIVED_RULES, LedgerLine, Rule, Store
from tvmigrate.dataset.write import PartWriter
from tvmigrate.migrate.errors import NotEqual
from tvmigrate.migrate.redis_keys import now_ms
from tvmigrate.migrate.work import Work

FILE = "ledger.json"
_COLUMNS = ("old", "mapped", "filled", "quarantined", "untouched", "expired")


def of(lines: Iterable[LedgerLine]) -> list[LedgerLine]:
    """Return the fates by rule that spools hold; a derived rule has no old records."""
    return [dataclasses.replace(line, old=None) if line.rule in DERIVED_RULES else line for line in lines]


def write(work: Work) -> None:
    """Close the ledger and keep it in the run's folder.

    Raises:
        NotEqual: it does not balance.
    """
    lines = of(work.spools.ledger(now_ms(work.clients.redis)))
    unbalanced = [line.rule for line in lines if not line.balanced]
    if unbalanced:
        raise NotEqual(f"The ledger does not balance for {', '.join(unbalanced)}; run `tvmigrate rollback`.")
    work.note("ledger", [dataclasses.asdict(line) for line in lines])
    with PartWriter(work.folder / FILE) as part:
        body = {"run": work.run.id, "ledger": [dataclasses.asdict(line) for line in lines]}
        part._append(json.dumps(body, indent=2).encode() + b"\n", 0)


def read(noted: Sequence[dict[str, object]] | None) -> list[LedgerLine]:
    """Return the ledger as the journal holds it."""
    lines = []
    for line in noted or ():
        counts = {name: line[name] for name in _COLUMNS}
        lines.append(LedgerLine(Store(str(line["store"])), Rule(str(line["rule"])), **counts))  # type: ignore[arg-type]
    return lines


def table(lines: Sequence[LedgerLine]) -> str:
    """Return the ledger as text, a line a rule."""
    rows: list[tuple[str, ...]] = [("store", "rule", *_COLUMNS)]
    for line in lines:
        counts = (getattr(line, name) for name in _COLUMNS)
        rows.append((line.store, line.rule, *("-" if count is None else f"{count:,}" for count in counts)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n < 2 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )

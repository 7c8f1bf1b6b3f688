"""Whether the ledger adds up: the check that runs after all others of the migration."""

from __future__ import annotations

from collections.abc import Mapping

from tvmigrate.contract import new
from tvmigrate.contract.layout import literal, quoted
from tvmigrate.contract.outcome import LEDGER_RULES, LedgerLine, Rule, Store
from tvmigrate.verify.check import Check, Sheet, examines
from tvmigrate.verify.context import Context, QuarantineKind
from tvmigrate.verify.errors import VerificationError
from tvmigrate.verify.findings import Direction, Finding, Phase
from tvmigrate.verify.quarantine import rows_of

BALANCE = Check(
    "ledger.balance",
    Phase.MIGRATION,
    Store.CROSS,
    Rule.LEDGER_BALANCE,
    "Assert that every old record is found as exactly one of mapped, filled, quarantined, untouched or expired: the "
    "records of each rule add up, to the record.",
)


@examines(BALANCE)
def balance(context: Context, sheets: Mapping[str, Sheet]) -> None:
    """Find old records without a fate and rules whose records do not add up; it runs after all other examinations."""
    sheet = sheets[BALANCE.id]
    book = context.book
    lines = {line.rule: line for line in book.lines()}
    uncounted: list[str] = []
    for rule in LEDGER_RULES:
        line = lines.get(rule)
        if line is None:
            uncounted.append(str(rule))
            continue
        sheet.saw(line.old if line.old is not None else line.mapped)
        sheet.old_side_has(line.old or 0)
        kept = book.lost(rule)
        for number, finding in enumerate(kept, 1):
            # The book keeps some of them and counts all: the last one stands for those it did not keep.
            sheet.find(finding, 1 if number < len(kept) else 1 + book.lost_total(rule) - len(kept))
        if not line.balanced:
            sheet.find(_unbalanced(line, book.lost_total(rule)))
    _unknown_sources(context, sheet)
    if uncounted:
        raise VerificationError(
            f"Nothing was counted of {', '.join(uncounted)}: the check that counts them did not get to its end."
        )


def _unbalanced(line: LedgerLine, lost: int) -> Finding:
    # LedgerLine.balanced is false only where `old` is a number.
    old = line.old or 0
    less = old - line.accounted
    parts = f"{line.mapped} mapped + {line.filled} filled + {line.quarantined} quarantined + {line.untouched} untouched"
    note = (
        f"{line.rule} does not add up: {old} old records, but {parts} + {line.expired} expired = {line.accounted}; "
        + (f"{less} have no fate" if less > 0 else f"{-less} were counted twice")
        + (f" ({lost} of them are named)." if lost else ".")
        + " No record may vanish, and none may have two fates."
    )
    return Finding(
        line.store, line.rule, Direction.MISSING if less > 0 else Direction.EXTRA, note,
        field="accounted", expected=old, actual=line.accounted,
    )  # fmt: skip


def _unknown_sources(context: Context, sheet: Sheet) -> None:
    """Find rows of the quarantine and of the archive that belong to no rule's records."""
    sources = context.policy.layout.sources.items()
    known = ", ".join(f"({literal(LEDGER_RULES[rule])}, {literal(source)})" for rule, source in sources)
    for table in new.OWN_TABLES:
        if context.quarantine is QuarantineKind.NONE:
            continue
        query = (
            "SELECT toString(store), source, count(), any(record_key)"
            f" FROM {quoted(new.DATABASE)}.{quoted(table.name)}"
            f" WHERE (toString(store), source) NOT IN ({known}) GROUP BY store, source ORDER BY store, source"
        )
        for store, source, count, key in rows_of(context, table.name, query) or ():
            note = (
                f"{count} rows of {table.name} name the store {store!r} and the source {source!r}, which no old record "
                "has; the source of a record is its old key prefix without the colon, its old table or its old index."
            )
            sheet.find(
                Finding(
                    Store.CROSS, Rule.LEDGER_BALANCE, Direction.EXTRA, note, old=key, new=table.name,
                    field="source", actual=source,
                )
            )  # fmt: skip

"""How the commands under test ended, as checks of their own."""

from __future__ import annotations

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Check, Sheet
from tvmigrate.verify.command import Run
from tvmigrate.verify.findings import CheckResult, Direction, Finding, Phase

MIGRATION_EXIT = Check(
    "migration.exit",
    Phase.MIGRATION,
    Store.CROSS,
    Rule.LEDGER_BALANCE,
    "Assert that the migration command ends with exit code 0: half a migration cannot be told from a whole one.",
)
ROLLBACK_EXIT = Check(
    "rollback.exit",
    Phase.ROLLBACK,
    Store.CROSS,
    Rule.LEDGER_BALANCE,
    "Assert that the rollback command ends with exit code 0: whoever runs it in an emergency must be able to trust it.",
)


def judge_exit(check: Check, run: Run, limit: int, dead_engine: str | None) -> CheckResult:
    """Judge how a command ended; where an engine died under it, nothing can be said of the command.

    `dead_engine` is the sentence about an engine that has ended, None if all run.
    """
    sheet = Sheet(check, limit)
    if run.exit_code and dead_engine:
        return sheet.result(dead_engine)
    sheet.saw()
    if run.exit_code:
        last = "\n".join(run.last_lines)
        note = (
            f"`{run.command}` {run.how} after {run.seconds:.1f} s. It has to end with 0; a migration that stopped half "
            f"way is neither the old system nor the new one. Its last lines:\n{last or '(it printed nothing)'}"
        )
        sheet.find(
            Finding(
                check.store, check.rule, Direction.CHANGED, note, field="exit_code", expected=0, actual=run.exit_code
            )
        )
    return sheet.result()

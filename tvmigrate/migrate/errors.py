"""What can stop a migration, each as one typed error with whole sentences."""

# ruff: noqa: N818 - these names say what happened; "Error" would add nothing to them
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tvmigrate.errors import ExitCode, TvmigrateError
from tvmigrate.printable import one_line


class MigrationError(TvmigrateError):
    """Base of what stops a migration half way (exit 3); `apply` again goes on, `rollback` goes back."""


class Blocked(MigrationError):
    """The plan found reasons not to begin (exit 1); `blockers` are whole sentences, one a reason."""

    exit_code = ExitCode.DIFFERENT

    def __init__(self, blockers: Sequence[str]) -> None:
        self.blockers = tuple(blockers)
        count = f"{len(self.blockers)} blockers" if len(self.blockers) != 1 else "1 blocker"
        listed = "\n".join(f"  - {one_line(blocker)}" for blocker in self.blockers)
        super().__init__(f"The migration cannot begin, {count}, and nothing was written:\n{listed}")


class SourceChanged(MigrationError):
    """Old data changed after their backup; the steps that depend on them are taken back in the journal."""


class NotEqual(MigrationError):
    """What was read back is not what was written; the switch does not happen."""


class StateBusy(MigrationError):
    """Another tvmigrate process works with the same state directory."""


class StoresBusy(MigrationError):
    """Another run, here or on another machine, works with the same stores."""


class LockLost(MigrationError):
    """The run no longer has the stores to itself; it stopped before its next write."""


class ShardsAway(MigrationError):
    """Elasticsearch answers, but has not all shards of an index; a little later it may."""


class RolledBackNoMore(MigrationError):
    """The kept copies were dropped by `finish`; there is no way back."""


class BackupRefused(MigrationError):
    """A backup that is not to be trusted (exit 1); `problems` are all that is wrong with it, each file by name."""

    exit_code = ExitCode.DIFFERENT

    def __init__(self, folder: Path, problems: Sequence[str], advice: str = "") -> None:
        self.folder = folder
        self.problems = tuple(problems)
        super().__init__(f"The backup {folder} is refused: {'; '.join(problems)}.{f' {advice}' if advice else ''}")

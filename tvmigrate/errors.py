"""The root of every error the tool raises, and the exit code each kind ends a command with (contract §5)."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means; see contract §5."""

    PASS = 0
    DIFFERENT = 1
    USAGE = 2
    COULD_NOT_CHECK = 3
    NOTHING_TO_CHECK = 4


class TvmigrateError(Exception):
    """A whole sentence for the person at the terminal: what was found, where, what was expected, what to do."""

    exit_code: int = ExitCode.COULD_NOT_CHECK


class UsageError(TvmigrateError):
    """An option, setting or file given by the user is wrong or missing."""

    exit_code = ExitCode.USAGE

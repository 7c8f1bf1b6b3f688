"""What can be wrong with a dataset on disk, or with filling engines from one."""

from __future__ import annotations

from pathlib import Path

from tvmigrate.errors import TvmigrateError, UsageError


class DatasetError(UsageError):
    """A dataset, or one line of it, is not of the form of contract §6; the sentence names file, line and what to do."""


class LoadError(TvmigrateError):
    """An engine failed while it was being filled from a dataset that is itself well formed."""


def bad_line(path: Path, number: int, found: str, expected: str) -> DatasetError:
    """Return the error for line `number` (from 1) of `path`: what was found there and what was expected."""
    return DatasetError(f"{path}, line {number}: {found}; expected {expected}.")

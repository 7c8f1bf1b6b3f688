"""Write a report file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tvmigrate.errors import TvmigrateError


class ReportUnwritable(TvmigrateError):  # noqa: N818 - says what happened
    """A report file could not be written; the file of an earlier run, if any, is as it was."""


def require_writable(directory: Path) -> None:
    """Make `directory` and see that a file can be written there: better found out before the work than after it.

    Raises:
        ReportUnwritable: it cannot be made or written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"x")
    except OSError as error:
        raise _unwritable(directory, error) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path`, making its directory; a reader sees the old file or the new one, never half of one.

    Raises:
        ReportUnwritable: no directory, no right, no space.
    """
    with written_whole(path) as file:
        file.write(content)


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to that becomes `path` where the `with` ends well, as `write_whole` says.

    Raises:
        ReportUnwritable: no directory, no right, no space.
    """
    unfinished: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).chmod(0o644)
        Path(unfinished).replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if unfinished is not None:
            Path(unfinished).unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> ReportUnwritable:
    return ReportUnwritable(
        f"The report {path} cannot be written: {error.strerror}. Nothing of it was left there; give a directory "
        "that can be written to with --report DIR."
    )

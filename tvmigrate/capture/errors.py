"""What can keep a capture from beginning or from going on."""

from __future__ import annotations

from tvmigrate.errors import TvmigrateError, UsageError


class CaptureRefused(UsageError):  # noqa: N818 - it says what happened, as in `tvmigrate.errors`
    """The folder, or an option, does not fit: the sentence names what is there and what to do."""


class CaptureFailed(TvmigrateError):  # noqa: N818
    """A store gave what cannot be captured, or not all of it; running the command again goes on."""

"""What can keep the verification from looking, each as one typed error with a whole sentence."""

# ruff: noqa: N818 - these names say what happened; "Error" would add nothing to them
from __future__ import annotations

from tvmigrate.errors import TvmigrateError


class VerificationError(TvmigrateError):
    """Base of every error of the verification: could not check (exit 3)."""


class ReferenceFailed(VerificationError):
    """The verifier's own copy of the old data could not be built or asked."""


class NotReady(VerificationError):
    """A rehearsal was asked for something that needs an earlier step, or was used after it was closed."""

"""What the linter says of itself: what it could not read, and ignores that are not right."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.lint.hazard import Hit, Severity, at, hazard
from tvmigrate.lint.statement import Program, Unread


@hazard(
    "TVM901",
    "could-not-read",
    Severity.INFO,
    "Could not read {what}. It was not judged.",
    """
Read it yourself, or write the statement out where it is run.
""",
)
def could_not_read(program: Program) -> Iterator[Hit]:
    """Whatever a reader could not make a statement of."""
    return (at(one.place, what=one.what) for one in program.statements if isinstance(one, Unread))


def _found_elsewhere(program: Program) -> Iterator[Hit]:
    """Yield nothing: `ignore.py` tells these, since it alone knows what was ignored."""
    yield from ()


ignore_without_reason = hazard(
    "TVM902",
    "ignore-without-reason",
    Severity.WARNING,
    "This ignore of {code} gives no reason, so it is not followed.",
    """
# tvmigrate: ignore {code} why it is meant here
""",
)(_found_elsewhere)

ignore_matches_nothing = hazard(
    "TVM903",
    "ignore-matches-nothing",
    Severity.WARNING,
    "This ignore of {code} matches no finding{where}.",
    """
Remove the comment; or put it on the line of the finding, or on the line above.
""",
)(_found_elsewhere)

HAZARDS = (could_not_read, ignore_without_reason, ignore_matches_nothing)

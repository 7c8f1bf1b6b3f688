"""What each reason for quarantine means, in words for somebody who did not write the contract."""

from __future__ import annotations

from collections.abc import Mapping

from tvmigrate.contract.outcome import Reason

MEANINGS: Mapping[Reason, str] = {
    Reason.BAD_JSON: "It should be JSON of a certain form, and is not.",
    Reason.WRONG_TYPE: "A key of this name is of another Redis type than its name says.",
    Reason.MISSING_FIELD: "A field without which it has no place is not there.",
    Reason.MISSING_COUNTS: "Not one of the three counts is there; `--missing-counts zero` makes them 0.",
    Reason.MISSING_TIMESTAMP: "It does not say when it was.",
    Reason.CONFLICTING_FIELDS: "It says one thing twice, and not the same.",
    Reason.BAD_NUMBER: "What should be a number is none.",
    Reason.NOT_FINITE: "A number is NaN or infinite.",
    Reason.BAD_COUNT: "A count is not a whole number of 0 or more.",
    Reason.BAD_TIMESTAMP: "Its time cannot be read as one instant.",
    Reason.UNKNOWN_WINDOW: "A trend over another span than 5, 15 or 60 minutes.",
    Reason.UNKNOWN_SENTIMENT: "Its sentiment is no label that the rules know.",
    Reason.EMPTY_ENTITY: "It does not say which program it belongs to.",
    Reason.NOT_UTF8: "Bytes that are no text.",
    Reason.TOO_LARGE: "More than the new store can hold.",
}

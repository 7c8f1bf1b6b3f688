"""The values that the contract allows, and the names that the old layout's users knew parameters under."""

from __future__ import annotations

from tvmigrate.contract.values import TIME_RANGES, Sentiment

RANGES = tuple(TIME_RANGES.values())
SENTIMENTS = tuple(label.value for label in Sentiment)
RENAMED = {
    "entity": "program_id",
    "program": "program_id",
    "programs": "program_ids",
    "time_window": "time_range",
    "window": "time_range",
    "size": "limit",
    "text": "query",
}

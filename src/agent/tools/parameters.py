"""The schemas of the arguments that several tools take."""

from __future__ import annotations

from typing import Any

from src.agent.names import RANGES, SENTIMENTS
from tvmigrate.contract.new import MAX_KEYWORD_BYTES

MAX_ROWS = 1_000
# Elasticsearch gives no more than this many hits by their position (index.max_result_window).
# https://www.elastic.co/docs/reference/elasticsearch/index-settings/index-modules
MAX_HITS = 10_000

PROGRAM_ID: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_KEYWORD_BYTES,
    "description": "The program, such as the_voice/contestant_1: a show, '/', and a contestant or segment of it; "
    "or a name alone. list_programs gives those that there are.",
}
PROGRAM_IDS: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": MAX_KEYWORD_BYTES},
    "minItems": 2,
    "maxItems": 20,
    "uniqueItems": True,
    "description": "Two to twenty different programs, such as the_voice/contestant_1 and the_voice/contestant_2.",
}
TIME_RANGE: dict[str, Any] = {
    "type": "string",
    "enum": list(RANGES),
    "description": "The window that the topics' scores were counted over.",
}
SENTIMENT: dict[str, Any] = {
    "type": "string",
    "enum": list(SENTIMENTS),
    "description": "Only comments of this sentiment.",
}
_INSTANT = (
    "ISO 8601, such as 2025-11-20T13:05:00+07:00 or 2025-11-20T06:05:00Z; without an offset it is local "
    "time of the machine that the agent runs on, a date alone is its midnight."
)
START: dict[str, Any] = {"type": "string", "description": f"Only what is of this instant or later: {_INSTANT}"}
END: dict[str, Any] = {"type": "string", "description": f"Only what is of this instant or earlier: {_INSTANT}"}
LAST: dict[str, Any] = {
    "type": "string",
    "pattern": "^[1-9][0-9]{0,4}(min|h|d|w)$",
    "description": "Only what is of the time from so long ago until now: a number and min, h, d or w, such as 15min, "
    "24h, 7d, 2w. Instead of start and end, not beside them.",
}
PERIOD: dict[str, dict[str, Any]] = {"start": START, "end": END, "last": LAST}


def limit(default: int, maximum: int, of: str) -> dict[str, Any]:
    """Return the schema of `limit`: at most so many `of` are returned."""
    return {
        "type": "integer",
        "minimum": 1,
        "maximum": maximum,
        "default": default,
        "description": f"At most this many {of}.",
    }


def offset(maximum: int, of: str) -> dict[str, Any]:
    """Return the schema of `offset`: so many `of` are passed over."""
    return {
        "type": "integer",
        "minimum": 0,
        "maximum": maximum,
        "default": 0,
        "description": f"Pass over this many {of} first, to see those after them.",
    }

"""What ClickHouse and Elasticsearch both say of a comment, as it is compared: scores as Float32, times in seconds."""

from __future__ import annotations

import datetime as dt
import json
import re
import struct
from collections.abc import Mapping
from typing import Any

from tvmigrate.contract import values
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.policy import Policy

FIELDS = ("program_id", "sentiment", "sentiment_score", "timestamp")
# The columns of a spool that hold them, in the order of FIELDS.
COLUMNS = "program_id TEXT, sentiment TEXT, sentiment_score BLOB, timestamp INT"

Facts = tuple[str, str, bytes | None, int | None]
# As the new layout writes an instant; of any fraction, since it is behind the second.
_CLOCK = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z")
_UTC = Policy(keep_entities=True)


def facts_of_document(source: Mapping[str, Any]) -> Facts:
    """Return the facts of a document in its new form; what is not of its kind is text of its own, or None."""
    score = source.get("sentiment_score")
    number = isinstance(score, int | float) and not isinstance(score, bool)
    return (
        as_text(source.get("program_id")),
        as_text(source.get("sentiment")),
        as_float32(score) if number and score is not None else None,
        _second(source.get("timestamp")),
    )


def as_text(value: Any) -> str:
    """Return text as it is, and any other JSON value as JSON."""
    # Half a surrogate pair is no text to SQLite.
    if isinstance(value, str) and value.isascii():
        return value
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else json.dumps(value)


def as_float32(number: float) -> bytes | None:
    """Return the four bytes of a number as Float32, None beyond its range."""
    try:
        return struct.pack("<f", number)
    except (OverflowError, struct.error):
        return None


def _second(timestamp: Any) -> int | None:
    if isinstance(timestamp, str) and _CLOCK.fullmatch(timestamp):
        try:
            return int(dt.datetime.fromisoformat(f"{timestamp[:19]}+00:00").timestamp())
        except ValueError:
            return None
    try:
        return values.instant(timestamp, _UTC) // values.NS_PER_S
    except Unmappable:
        return None

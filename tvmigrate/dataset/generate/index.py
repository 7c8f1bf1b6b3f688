"""The old index as its first documents made it, by dynamic mapping.

`ignore_malformed` is the one thing beside it: without, the index would have refused the very dialects that a migration
has to meet (epoch seconds where a date is, a score in quotes).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
_DATE = {"type": "date", "ignore_malformed": True}
_FLOAT = {"type": "float", "ignore_malformed": True}
_LONG = {"type": "long", "ignore_malformed": True}

SETTINGS: Mapping[str, Any] = {"index": {"number_of_shards": "1", "number_of_replicas": "0"}}
MAPPINGS: Mapping[str, Any] = {
    "properties": {
        **dict.fromkeys(("text", "content", "comment_text", "caption"), _TEXT),
        **dict.fromkeys(("entity", "program", "program_id"), _TEXT),
        "timestamp": _DATE,
        "created_at": _DATE,
        "ts": _LONG,
        **dict.fromkeys(("sentiment", "sentiment_label"), _TEXT),
        **dict.fromkeys(("sentiment_score", "score", "engagement_score", "engagement"), _FLOAT),
        **dict.fromkeys(("topics", "tags", "username", "user", "author", "comment_id"), _TEXT),
        "lang": _TEXT,
        "likes": _LONG,
        "device": {"properties": {"os": _TEXT, "app": _TEXT}},
    }
}

"""Searches of comments as Elasticsearch takes them, and documents as it holds them (contract §2)."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.errors import InvalidValue
from src.storage import checks, times
from tvmigrate.contract import new

COMMENT_ID, PROGRAM_ID, TEXT, _, TIMESTAMP, SENTIMENT, _, _, TOPICS = new.DOCUMENT_FIELDS
RELEVANCE = "score"  # beside the document's own fields in what a search returns
_BY_ID = {COMMENT_ID: "asc"}  # so that no two comments are equal, and no page leaves one out
SORTS: Mapping[str, list[dict[str, str]]] = {
    "relevance": [{"_score": "desc"}, {TIMESTAMP: "desc"}, _BY_ID],
    "newest": [{TIMESTAMP: "desc"}, _BY_ID],
    "oldest": [{TIMESTAMP: "asc"}, _BY_ID],
}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which comments are asked for; None asks for nothing."""

    program_id: str | None = None
    query: str | None = None
    sentiment: str | None = None
    topic: str | None = None
    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def body(self) -> dict[str, Any]:
        """Return the query: the words score, everything else filters.

        Raises:
            InvalidValue: a blank text, an unknown sentiment, a period that ends before it starts.
        """
        must = []
        if self.query is not None:
            must.append({"match": {TEXT: checks.name("query", self.query)}})
        filters: list[dict[str, Any]] = []
        if self.program_id is not None:
            filters.append({"term": {PROGRAM_ID: checks.name(PROGRAM_ID, self.program_id)}})
        if self.sentiment is not None:
            filters.append({"term": {SENTIMENT: checks.sentiment(SENTIMENT, self.sentiment)}})
        if self.topic is not None:
            filters.append({"term": {TOPICS: checks.name("topic", self.topic)}})
        first, last = times.period(self.start, self.end)
        between = {
            name: times.text_of(moment) for name, moment in (("gte", first), ("lte", last)) if moment is not None
        }
        if between:
            filters.append({"range": {TIMESTAMP: between}})
        return {"bool": {"must": must, "filter": filters}}


def sort(value: object) -> list[dict[str, str]]:
    """Return the order of a search by its name: relevance, newest or oldest."""
    return SORTS[checks.one_of("sort", value, SORTS)]


def window(size: object, offset: object) -> tuple[int, int]:
    """Check a page by size and offset; Elasticsearch reaches the first 10,000 comments so."""
    wanted, passed = checks.limit("size", size), checks.offset("offset", offset)
    if wanted + passed > checks.MAX_LIMIT:
        raise InvalidValue(
            "offset",
            f"size {wanted} and offset {passed} reach beyond the first {checks.MAX_LIMIT} comments: "
            "page with search_page() and the next_after that it returns.",
        )
    return wanted, passed


def next_after(order: str, values: Sequence[Any]) -> str:
    """Return the text that `search_page` goes on from: where the last comment stands in the order."""
    return base64.urlsafe_b64encode(json.dumps([order, *values]).encode()).decode().rstrip("=")


def after(order: str, token: object) -> list[Any]:
    """Read what `next_after` wrote for the same order.

    Raises:
        InvalidValue: it is no such text, or of another order.
    """
    expected = f"expected is the next_after of a page sorted by {order}"
    try:
        padded = str(token).encode() + b"=" * (-len(str(token)) % 4)
        values: list[Any]
        named, *values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, TypeError) as error:
        raise InvalidValue("after", f"after is {token!r:.100}: {expected}.") from error
    if named != order or len(values) != len(SORTS[order]):
        raise InvalidValue("after", f"after is of a page sorted by {named!r:.50}: {expected}.")
    return values


def source(comment: Mapping[str, Any]) -> dict[str, Any]:
    """Return a checked comment as a document: the contract's fields in its order, the timestamp to the microsecond."""
    return {**{field: comment[field] for field in new.DOCUMENT_FIELDS}, TIMESTAMP: times.text_of(comment[TIMESTAMP])}


def document(found: Mapping[str, Any]) -> dict[str, Any]:
    """Read a document; digits of its timestamp finer than a microsecond are cut off.

    Raises:
        ValueError: a field is missing, or the timestamp cannot be read.
    """
    if missing := [field for field in new.DOCUMENT_FIELDS if field not in found]:
        raise ValueError(f"it has no {', '.join(missing)}")
    return {**{field: found[field] for field in new.DOCUMENT_FIELDS}, TIMESTAMP: times.of_stored(found[TIMESTAMP])}

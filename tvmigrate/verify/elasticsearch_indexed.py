"""What a search finds by each field, against what the documents hold that are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Sheet
from tvmigrate.verify.elasticsearch_whole import count
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.spool import Spool

_TERMS_ASKED = 200  # the most frequent values; each is one query


def fields_of(source: Mapping[str, Any]) -> int:
    """Return which of the layout's fields a document has, a bit each, in the order of `new.DOCUMENT_FIELDS`."""
    return sum(_bit(name) for name in new.DOCUMENT_FIELDS if source.get(name) not in (None, []))


def _bit(field: str) -> int:
    return 1 << new.DOCUMENT_FIELDS.index(field)


def ask_the_index(client: Elasticsearch, sheet: Sheet, spool: Spool) -> None:
    """Ask the index for counts, and compare them with those of the stored documents.

    These are the table `live` of `spool`, with the columns `has` (see `fields_of`), `program` and `sentiment`.
    """
    sheet.saw(spool.number("SELECT count(*) FROM live"))
    having = "SELECT count(*) FROM live WHERE has & ?"
    asked: list[tuple[str, str, Mapping[str, Any], int]] = [
        (field, f"have {field}", {"exists": {"field": field}}, spool.number(having, (_bit(field),)))
        for field in new.DOCUMENT_FIELDS
        if field != "text"  # one without a word in it is indexed as nothing
    ]
    for field, column in (("program_id", "program"), ("sentiment", "sentiment")):
        most = f"SELECT {column}, count(*) FROM live WHERE has & ? GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_TERMS_ASKED}"
        for value, times in spool.rows(most, (_bit(field),)):
            asked.append((field, f"say {field} is {value!r}", {"term": {field: value}}, times))
    for field, what, query, expected in asked:
        try:
            actual = count(client, new.ALIAS, query)
        except BadRequestError as refused:
            note = f"A search for documents that {what} is refused, so that none is found by {field}: {refused}."
            sheet.find(_finding(Direction.SCHEMA, note, field, expected, None))
            continue
        if actual != expected:
            note = f"A search finds {actual} documents that {what}, but {expected} are stored: the index is not theirs."
            sheet.find(_finding(Direction.CHANGED, note, field, expected, actual))


def _finding(direction: Direction, note: str, field: str, expected: int, actual: int | None) -> Finding:
    rule = Rule.ELASTICSEARCH_COMMENTS
    return Finding(
        Store.ELASTICSEARCH, rule, direction, note, new=new.ALIAS, field=field, expected=expected, actual=actual
    )

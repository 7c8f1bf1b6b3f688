"""What a search finds by each field, against what the documents hold that are stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.verify.check import Sheet
from tvmigrate.verify.comment_facts import as_text
from tvmigrate.verify.elasticsearch_whole import count, count_each
from tvmigrate.verify.findings import Direction, Finding

_TERMS_ASKED = 200  # the most frequent values; each is a query of its own
_BY_VALUE = ("program_id", "sentiment")
_ASKED_AT_ONCE = 250  # queries
# The field, what a document is that the query finds, the query, and how many documents are so.
_Asked = tuple[str, str, Mapping[str, Any], int]
_BITS = tuple((name, 1 << position) for position, name in enumerate(new.DOCUMENT_FIELDS))
_ALL = sum(bit for _, bit in _BITS)
_VALUE_BITS = tuple((name, bit) for name, bit in _BITS if name in _BY_VALUE)


@dataclass(slots=True)
class Counts:
    """How many stored documents have each of the layout's fields, and how many say each program and each sentiment."""

    documents: int = 0
    values: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in _BY_VALUE})
    _together: Counter[int] = field(default_factory=Counter)

    def add(self, source: Mapping[str, Any]) -> None:
        """Take in a document."""
        get = source.get
        has = _ALL if all(map(get, new.DOCUMENT_FIELDS)) else _fields_of(source)
        self._together[has] += 1
        self.documents += 1
        for name, bit in _VALUE_BITS:
            if has & bit:
                value = get(name)
                self.values[name][value if type(value) is str else as_text(value)] += 1

    def take(self, other: Counts) -> None:
        """Take in what other counts have."""
        self.documents += other.documents
        self._together.update(other._together)
        for name, counts in other.values.items():
            self.values[name].update(counts)

    def with_field(self, name: str) -> int:
        """Return how many documents have a field."""
        bit = dict(_BITS)[name]
        return sum(count for has, count in self._together.items() if has & bit)

    def most(self, name: str) -> list[tuple[str, int]]:
        """Return the most frequent values of a field, with how often they are said."""
        texts = [(as_text(value), times) for value, times in self.values[name].items()]
        return sorted(texts, key=lambda pair: (-pair[1], pair[0]))[:_TERMS_ASKED]


def _fields_of(source: Mapping[str, Any]) -> int:
    """Return which of the layout's fields a document has, a bit each."""
    return sum(bit for name, bit in _BITS if source.get(name) not in (None, []))


def ask_the_index(client: Elasticsearch, sheet: Sheet, stored: Counts) -> None:
    """Ask the index for counts, and compare them with those of the `stored` documents."""
    sheet.saw(stored.documents)
    asked: list[_Asked] = [
        (name, f"have {name}", {"exists": {"field": name}}, stored.with_field(name))
        for name in new.DOCUMENT_FIELDS
        if name != "text"  # one without a word in it is indexed as nothing
    ]
    for name in _BY_VALUE:
        for value, times in stored.most(name):
            asked.append((name, f"say {name} is {value!r}", {"term": {name: value}}, times))
    for name, what, query, expected in _not_as_stored(client, asked):
        try:
            actual = count(client, new.ALIAS, query)
        except BadRequestError as refused:
            note = f"A search for documents that {what} is refused, so that none is found by {name}: {refused}."
            sheet.find(_finding(Direction.SCHEMA, note, name, expected, None))
            continue
        if actual != expected:
            note = f"A search finds {actual} documents that {what}, but {expected} are stored: the index is not theirs."
            sheet.find(_finding(Direction.CHANGED, note, name, expected, actual))


def _not_as_stored(client: Elasticsearch, asked: Sequence[_Asked]) -> Iterator[_Asked]:
    """Yield what is to be asked by itself: what does not find in company what it should, or is refused there."""
    for begin in range(0, len(asked), _ASKED_AT_ONCE):
        some = asked[begin : begin + _ASKED_AT_ONCE]
        try:
            found = count_each(client, new.ALIAS, [query for _, _, query, _ in some])
        except BadRequestError:
            yield from some  # the answer does not say which of them
            continue
        yield from (one for one, number in zip(some, found, strict=True) if number != one[3])


def _finding(direction: Direction, note: str, field: str, expected: int, actual: int | None) -> Finding:
    rule = Rule.ELASTICSEARCH_COMMENTS
    return Finding(
        Store.ELASTICSEARCH, rule, direction, note, new=new.ALIAS, field=field, expected=expected, actual=actual
    )

"""Elasticsearch: each document that the rules make of an old one, and none of those that they refuse."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from tvmigrate.contract import new, values
from tvmigrate.contract.outcome import Mapped, Rule, Store, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.model import StoredDocument
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_documents import differing_fields, expected_document
from tvmigrate.verify.elasticsearch_live import scan, target
from tvmigrate.verify.errors import VerificationError
from tvmigrate.verify.findings import Direction, Finding
from tvmigrate.verify.spool import Spool
from tvmigrate.verify_live.model import SAME, About, Due, Part, Seen, State, Times, different
from tvmigrate.verify_live.sample import Sample

_UTC = Policy(keep_entities=True)
_RULE = Rule.ELASTICSEARCH_COMMENTS
_TIME = "timestamp"
DOCUMENTS = About(
    "live.elasticsearch.comments", Store.ELASTICSEARCH, _RULE, "documents",
    "Each old document has the one that it maps to, under its _id, and one that is quarantined has none.",
)  # fmt: skip
EXTRA = About(
    "live.elasticsearch.comments.extra", Store.ELASTICSEARCH, _RULE, "documents",
    "No document of before the migration's end is there that no old one becomes.",
)  # fmt: skip


class NoIndex(VerificationError):  # noqa: N818 - it says what happened, as in `errors`
    """Nothing, or more than one index, stands behind the alias of the new layout."""


class Documents:
    """The old documents, one by one."""

    about = DOCUMENTS

    def __init__(self, context: Context, times: Times, sample: Sample) -> None:
        self._context = context
        self._times = times
        self._sample = sample

    def total(self) -> int:
        """Return how many old documents there are."""
        return sum(1 for _ in _documents(self._context))

    def due(self, skip: int) -> Generator[Due, None, None]:
        """Yield what each old document becomes, None for one that is refused, in the order of the file."""
        documents = _documents(self._context)
        chosen = (one for one in documents if self._sample.takes(one.id.encode("utf-8", "surrogatepass")))
        for document in islice(chosen, skip, None):
            outcome = expected_document(document, self._context.policy)
            yield Due(document.id, dict(outcome.value.source) if isinstance(outcome, Mapped) else None)

    def look(self, due: Sequence[Due]) -> list[Seen]:
        """Read the documents by their ids, whether or not a search sees them yet."""
        index = _index(self._context)
        answer = self._context.clients.elasticsearch.mget(index=index, ids=[one.name for one in due])
        found = answer["docs"]
        failed = next((one["error"] for one in found if "error" in one), None)
        if failed is not None or len(found) != len(due):
            raise NoIndex(f"Elasticsearch did not read {len(due)} documents of {index}: {str(failed)[:300]}.")
        return [
            self._one(one, hit.get("_source") if hit.get("found") else None)
            for one, hit in zip(due, found, strict=True)
        ]

    def _one(self, due: Due, live: Mapping[str, Any] | None) -> Seen:
        expected: Mapping[str, Any] | None = due.what
        if live is None:
            return SAME if expected is None else different(_finding(Direction.MISSING, due.name, "It is missing."))
        findings = []
        if expected is None:
            findings.append(_finding(Direction.EXTRA, due.name, "It is there, and the rules refuse the old one."))
        else:
            for field, direction, one, other in differing_fields(expected, live):
                note = f"{field} is {other!r:.200}; the old document makes it {one!r:.200}."
                findings.append(_finding(direction, due.name, note, field=field, expected=one, actual=other))
        if findings and self._times.is_later(_instant(live)):
            return Seen(State.MOVED_ON)
        return different(*findings)


class Extra:
    """Documents under ids that no old document has."""

    about = EXTRA

    def __init__(self, context: Context, times: Times, sample: Sample) -> None:
        self._context = context
        self._times = times
        self._sample = sample

    def total(self) -> None:
        """Return None: only the live store knows."""

    def due(self, skip: int) -> Generator[Due, None, None]:
        """Yield live documents of unknown ids; `skip` says nothing of another point in time."""
        with Spool("CREATE TABLE known (id TEXT PRIMARY KEY) WITHOUT ROWID") as known:
            known.add(
                "INSERT OR IGNORE INTO known VALUES (?)",
                ((document.id,) for document in _documents(self._context)),
            )
            for hit in scan(self._context.clients.elasticsearch, new.ALIAS, [_TIME]):
                name = hit["_id"]
                if self._sample.takes(name.encode()) and known.one("SELECT 1 FROM known WHERE id = ?", (name,)) is None:
                    yield Due(name, hit.get("_source", {}))

    def look(self, due: Sequence[Due]) -> list[Seen]:
        """Say of each whether the application wrote it, as its own time tells; one that seems too old is read anew."""
        seen = [Seen(State.MOVED_ON) if self._times.is_later(_instant(one.what)) else SAME for one in due]
        doubted = [n for n, one in enumerate(seen) if one is SAME]
        if doubted:
            ids = [due[n].name for n in doubted]
            answer = self._context.clients.elasticsearch.mget(index=_index(self._context), ids=ids)
            for n, hit in zip(doubted, answer["docs"], strict=True):
                seen[n] = self._again(due[n].name, hit)
        return seen

    def _again(self, name: str, hit: Mapping[str, Any]) -> Seen:
        if not hit.get("found"):
            return SAME
        if self._times.is_later(_instant(hit.get("_source", {}))):
            return Seen(State.MOVED_ON)
        return different(_finding(Direction.EXTRA, name, "No old document becomes it."))


def parts(context: Context, times: Times, sample: Sample) -> list[Part]:
    """Return Elasticsearch's parts in the order in which they are looked at."""
    if context.policy.layout.index not in context.reference.dataset.indices:
        return []
    return [Documents(context, times, sample), Extra(context, times, sample)]


def _documents(context: Context) -> Iterator[StoredDocument]:
    """Yield the old documents."""
    return context.reference.dataset.documents(context.policy.layout.index)


def _index(context: Context) -> str:
    found = list(target(context.clients.elasticsearch).indices)
    if len(found) != 1:
        raise NoIndex(f"{new.ALIAS} stands for {len(found)} indices, expected one: its documents cannot be read by id.")
    return found[0]


def _instant(source: Mapping[str, Any]) -> int | None:
    try:
        return values.instant(source[_TIME], _UTC) if isinstance(source.get(_TIME), str) else None
    except Unmappable:
        return None


def _finding(direction: Direction, name: str, note: str, **where: Any) -> Finding:
    note = f"Document {name}: {note}"
    return Finding(Store.ELASTICSEARCH, _RULE, direction, note, old=name, new=name, **where)

"""Old documents into new ones, a part of them at a time: what becomes of each, and the sum of their digests."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tvmigrate.contract import exact_json
from tvmigrate.contract.ordinary_documents import OrdinaryDocuments
from tvmigrate.contract.outcome import Fate, Mapped, Quarantined, Rule, Store, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.rules import Document, elasticsearch_document
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.lines import blocks
from tvmigrate.dataset.read import cut_document, document_of
from tvmigrate.engines.clients import open_elasticsearch
from tvmigrate.migrate.documents import Pair
from tvmigrate.migrate.elasticsearch_bulk import Bulk
from tvmigrate.migrate.spool import QuarantineRow, Spool

PART_BYTES = 4 << 20
_SUM = 2**256


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of the backup's file of documents, with the number of the first; where their new form is written to."""

    url: str
    index: str
    policy: Policy
    path: Path
    first: int
    lines: bytes


@dataclass(slots=True)
class Tally:
    """What became of a part's documents: fates, rows for quarantine and archive, the sum of the new digests."""

    fates: Counter[Fate] = field(default_factory=Counter)
    quarantined: list[QuarantineRow] = field(default_factory=list)
    archived: list[tuple[str, str]] = field(default_factory=list)
    extras: Counter[str] = field(default_factory=Counter)
    programs: set[tuple[str, str]] = field(default_factory=set)
    digests: int = 0

    @property
    def read(self) -> int:
        """Old documents."""
        return sum(self.fates.values())

    @property
    def mapped(self) -> int:
        """New documents."""
        return self.fates[Fate.MAPPED] + self.fates[Fate.FILLED]

    def keep(self, spool: Spool, index: str) -> None:
        """Tell the spool of them, of the old `index`; raises sqlite3.Error."""
        for fate, count in self.fates.items():
            if count:
                spool.fate(Rule.ELASTICSEARCH_COMMENTS, Store.ELASTICSEARCH, fate, count)
        for row in self.quarantined:
            spool.quarantine(row)
        spool.db.executemany(
            "INSERT INTO archive VALUES (?, ?, ?, ?)",
            ((Store.ELASTICSEARCH, index, key, fields) for key, fields in self.archived),
        )
        for name, count in self.extras.items():
            spool.count_extra(Store.ELASTICSEARCH, index, name, count)
        for program, entity in self.programs:
            spool.program(program, entity)


def parts(path: Path, url: str, index: str, policy: Policy, seen: Callable[[bytes], object]) -> Iterator[Part]:
    """Yield the lines of the backup's file `path` in parts of about 4 MB; give all its bytes to `seen`.

    Raises:
        DatasetError: the file cannot be read, or is cut short.
    """
    first = 1
    for lines in blocks(path, PART_BYTES):
        seen(lines)
        yield Part(url, index, policy, path, first, lines[:-1])
        first += lines.count(b"\n")


def write_part(part: Part) -> Tally:
    """Map a part's documents and index their new form; done twice, it comes to the same.

    Raises:
        DatasetError: a line is not of the form.
        MigrationError: Elasticsearch refused a document.
        ApiError, TransportError: it does not answer, or with an error.
    """
    tally = Tally()
    with open_elasticsearch(part.url) as client, Bulk(client, part.index) as bulk:
        assess(pairs_of(part), part.policy, tally, bulk.add)
    return tally


def pairs_of(part: Part) -> Iterator[Pair]:
    """Yield the documents in a part's lines; raises DatasetError."""
    for number, line in enumerate(part.lines.split(b"\n"), part.first):
        yield cut_document(line) or _carefully(part, number, line)


def _carefully(part: Part, number: int, line: bytes) -> Pair:
    document = document_of(part.path, number, line)
    return exact_json.dump(document.id).encode(), document.source.encode()


def assess(
    pairs: Iterable[Pair], policy: Policy, tally: Tally, take: Callable[[bytes, bytes], object] | None = None
) -> None:
    """Map documents, tell `tally` what became of them, and give the new form of each to `take`, if there is one."""
    ordinary = OrdinaryDocuments(policy)
    sums = mapped = filled = 0
    sha256, dumps = hashlib.sha256, orjson.dumps
    for raw_id, source in pairs:
        name = raw_id[1:-1] if b"\\" not in raw_id else json.loads(raw_id).encode()
        found = ordinary.map(name.decode(), source)
        if found is None:
            body = _by_the_rule(name.decode(), source, policy, tally)
            if body is None:
                continue
        else:
            new_source, defaults, archived = found
            body = dumps(new_source)
            if defaults:
                filled += 1
            else:
                mapped += 1
            if archived:
                _archive(tally, name, archived)
        if take is not None:
            sums += int.from_bytes(sha256(name + body).digest(), "little")
            take(raw_id, body)
    tally.digests = (tally.digests + sums) % _SUM
    tally.fates.update({Fate.MAPPED: mapped, Fate.FILLED: filled})
    tally.programs |= ordinary.programs


def _by_the_rule(doc_id: str, raw: bytes, policy: Policy, tally: Tally) -> bytes | None:
    outcome: Mapped[Document] | Quarantined
    source: dict[str, Any] = {}
    try:
        source = exact_json.parse(raw)
        outcome = elasticsearch_document(doc_id, source, policy)
    except Unmappable as why:
        outcome = Quarantined(why.reason, why.detail)
    tally.fates[outcome.fate] += 1
    if isinstance(outcome, Quarantined):
        key = show_bytes(doc_id.encode())
        tally.quarantined.append(QuarantineRow(Store.ELASTICSEARCH, policy.layout.index, key, outcome, raw.decode()))
        return None
    if outcome.archived:
        _archive(tally, doc_id.encode(), dict(outcome.archived))
    for name in policy.layout.spellings["program_id"]:
        if source.get(name) is not None:
            tally.programs.add((outcome.value.source["program_id"], source[name]))
    return exact_json.dump(dict(outcome.value.source)).encode()


def _archive(tally: Tally, doc_id: bytes, fields: dict[str, Any]) -> None:
    tally.archived.append((show_bytes(doc_id), exact_json.dump(fields)))
    tally.extras.update(fields.keys())


def digest_sum(pairs: Iterable[Pair]) -> int:
    """Return the sum of the digests of new documents, in whatever order they come."""
    return sum([int.from_bytes(document_digest(raw_id, source), "little") for raw_id, source in pairs]) % _SUM


def document_digest(raw_id: bytes, source: bytes) -> bytes:
    """Return the digest of a new document, of its `_id` and every byte of its `_source`."""
    name = raw_id[1:-1] if b"\\" not in raw_id else json.loads(raw_id).encode()
    return hashlib.sha256(name + source).digest()

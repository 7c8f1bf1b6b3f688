"""Documents that V2 wrote after the switch: archived, carried back into the old index, brought forward again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tvmigrate.contract import exact_json, new
from tvmigrate.contract.outcome import Rule, Store, Unmappable
from tvmigrate.migrate import after, backup_pack, documents, inverse, moved
from tvmigrate.migrate.after import CHANGED, DELETED, NEW, Carried
from tvmigrate.migrate.documents import Pair
from tvmigrate.migrate.elasticsearch_bulk import send
from tvmigrate.migrate.elasticsearch_compare import wanted
from tvmigrate.migrate.elasticsearch_index import save_changed, sequence
from tvmigrate.migrate.elasticsearch_map import Tally, assess, document_digest
from tvmigrate.migrate.inverse import NoWayBack
from tvmigrate.migrate.work import Work, batches

_BATCH = 500
_ERRORS = "errors,items.*.error,items.*._id,items.*.status"
_NOT_FOUND = 404
Line = dict[str, Any]


def archive(work: Work) -> None:
    """Write every document that V2 made, changed or deleted to the archive; nothing before there was any to change."""
    client, name = work.clients.elasticsearch, new.INDEX.name
    before = work.noted("elasticsearch.new_sequence")
    if before is None or not client.indices.exists(index=name):
        return
    save_changed(work)
    client.indices.refresh(index=name)
    path = after.changes(work, Store.ELASTICSEARCH)
    lines = () if sequence(client, name) == before else _changes(work)
    after.counted(work, Store.ELASTICSEARCH, after.write(path, lines), path)


def _changes(work: Work) -> Iterator[Line]:
    spool, one = work.spool, "SELECT digest FROM document WHERE id = ?"
    with spool.together():
        spool.db.execute("DELETE FROM document")
        spool.db.executemany("INSERT OR REPLACE INTO document VALUES (?, ?)", _due(work))
    with documents.text_client(work.endpoints.elasticsearch) as reader:
        for page in documents.pages_of(reader, new.INDEX.name):
            with spool.together():
                for raw_id, source in page:
                    doc_id = json.loads(raw_id)
                    known = spool.db.execute(one, (doc_id,)).fetchone()
                    if known is None:
                        yield {"what": NEW, "id": doc_id, "v2": source.decode(), "base": None}
                    elif known[0] != document_digest(raw_id, source):
                        yield {"what": CHANGED, "id": doc_id, "v2": source.decode(), "base": known[0].hex()}
                    spool.db.execute("DELETE FROM document WHERE id = ?", (doc_id,))
    for doc_id, digest in spool.db.execute("SELECT id, digest FROM document ORDER BY id"):
        yield {"what": DELETED, "id": doc_id, "v2": None, "base": digest.hex()}


def _due(work: Work) -> Iterator[tuple[str, bytes]]:
    """Yield the documents that the migration wrote, with their digests: of the kept copy, if nobody wrote to that."""
    kept = new.kept_index(work.layout.index, work.run.id)
    if moved.counts(work.journal, work.run.id).get(Store.ELASTICSEARCH) or not _exists(work, kept):
        backup_pack.unpack(work.folder, f"elasticsearch/{work.layout.index}.ndjson")
        yield from wanted(work)
        return
    with documents.text_client(work.endpoints.elasticsearch) as reader:
        for page in documents.pages_of(reader, kept):
            made: list[tuple[str, bytes]] = []

            def take(raw_id: bytes, source: bytes, made: list[tuple[str, bytes]] = made) -> None:
                made.append((json.loads(raw_id), document_digest(raw_id, source)))

            assess(page, work.policy, Tally(), take)
            yield from made


def _exists(work: Work, index: str) -> bool:
    return bool(work.clients.elasticsearch.indices.exists(index=index))


# --------------------------------------------------------------------------------------------------------- carried back


def carry(work: Work) -> None:
    """Write what V2 wrote into the old index, which is back; written again it comes to the same."""
    if not work.noted(after.CARRY):
        return
    carried = Carried()
    lines = after.read(after.changes(work, Store.ELASTICSEARCH))
    after.write(after.forward(work, Store.ELASTICSEARCH), _carry(work, lines, carried))
    after.note(work, Store.ELASTICSEARCH, carried)
    work.clients.elasticsearch.indices.refresh(index=work.layout.index)


def _carry(work: Work, lines: Iterable[Line], carried: Carried) -> Iterator[Line]:
    rule = Rule.ELASTICSEARCH_COMMENTS
    for some in batches(lines, _BATCH):
        there = _sources(work, work.layout.index, [line["id"] for line in some])
        backs: dict[str, tuple[bytes | None, bytes | None, str]] = {}  # old source, what becomes of it, what is lost
        for line in some:
            try:
                backs[line["id"]] = _back(work, line, there.get(line["id"]))
            except NoWayBack as why:
                carried.take(rule, Carried.KEPT, str(why))
        refused = _write(work, work.layout.index, {doc_id: raw for doc_id, (raw, _, _) in backs.items()})
        for line in some:
            doc_id = line["id"]
            if doc_id in refused:
                carried.take(rule, Carried.KEPT, f"the old index refuses it: {refused[doc_id]}")
            elif doc_id in backs:
                _, again, lost = backs[doc_id]
                carried.back(rule, lost)
                line["base"] = None if again is None else _digest(doc_id, again)
            yield line


def _back(work: Work, line: Line, before: bytes | None) -> tuple[bytes | None, bytes | None, str]:
    if line["v2"] is None:
        return None, None, ""
    try:
        source = exact_json.parse(line["v2"])
        known = None if before is None else exact_json.parse(before)
    except Unmappable as why:
        raise NoWayBack(why.detail) from None
    back = inverse.document(line["id"], source, known, work.policy)
    raw = exact_json.dump(back.old).encode()
    made: list[bytes] = []
    assess([(_name(line["id"]), raw)], work.policy, Tally(), lambda _, body: made.append(body))
    return raw, made[0], back.lost


def _name(doc_id: str) -> bytes:
    return json.dumps(doc_id, ensure_ascii=False).encode()


def _digest(doc_id: str, source: bytes) -> str:
    return document_digest(_name(doc_id), source).hex()


def _sources(work: Work, index: str, ids: list[str]) -> dict[str, bytes]:
    """Return the sources of documents, by id, to the digit; those that are not there are not in it."""
    work.clients.elasticsearch.indices.refresh(index=index)
    where = {"ids": {"values": ids}}
    with documents.text_client(work.endpoints.elasticsearch) as reader:
        pages: Iterator[list[Pair]] = documents.pages_of(reader, index, where)
        return {json.loads(raw_id): source for page in pages for raw_id, source in page}


def _write(work: Work, index: str, wanted: dict[str, bytes | None]) -> dict[str, str]:
    """Index documents, or delete those that are None; return why of those that are refused."""
    lines: list[bytes] = []
    for doc_id, source in wanted.items():
        verb = b"delete" if source is None else b"index"
        lines.append(b'{"' + verb + b'":{"_id":' + _name(doc_id) + b"}}\n")
        lines += [] if source is None else [source + b"\n"]
    if not lines:
        return {}
    answer = send(work.clients.elasticsearch, index, b"".join(lines), _ERRORS)
    results = [result for item in answer.get("items", ()) for result in item.values()]
    return {
        one["_id"]: f"{one['error']['type']}: {one['error'].get('reason', '')}"
        for one in results
        if "error" in one and one["status"] != _NOT_FOUND
    }


# ------------------------------------------------------------------------------------------------------ brought forward


def bring(work: Work) -> None:
    """Give each document that V2 had written what V2 had left, if it is what the migration makes of the old data."""
    if work.noted(after.FROM) is None:
        return
    after.not_brought(work, Store.ELASTICSEARCH, _bring(work))
    work.clients.elasticsearch.indices.refresh(index=new.INDEX.name)


def _bring(work: Work) -> Iterator[str]:
    for some in batches(after.read(after.to_bring(work, Store.ELASTICSEARCH)), _BATCH):
        there = _sources(work, new.INDEX.name, [line["id"] for line in some])
        wanted: dict[str, bytes | None] = {}
        for line in some:
            doc_id = line["id"]
            now = there.get(doc_id)
            v2 = None if line["v2"] is None else line["v2"].encode()
            if now == v2:
                continue
            if (None if now is None else _digest(doc_id, now)) == line["base"]:
                wanted[doc_id] = v2
            else:
                yield doc_id
        for doc_id, why in _write(work, new.INDEX.name, wanted).items():
            yield f"{doc_id} ({why})"

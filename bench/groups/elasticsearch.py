"""Elasticsearch, migrate: against elasticdump with a transform, and against a bare bulk load of ready bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from bench import tools
from bench.groups import Sides
from bench.groups.applying import BAD, SEED, apply
from bench.model import Turn, Unavailable
from bench.stand import ROOT, SHOW, Stand
from tvmigrate.contract import exact_json, new, old, rules
from tvmigrate.contract.outcome import Mapped, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset import Dataset
from tvmigrate.dataset.generate import Recipe, Size, generate_files
from tvmigrate.engines.clients import Clients

_TARGET = "bench_target"
_BODY_DOCUMENTS = 2500  # of a bulk request: some 1 MB
_TRANSFORM = ROOT / "bench" / "peers" / "elasticdump.js"


def recipe(scale: float) -> Recipe:
    """Return comments that both stores hold: 200,000 at scale 1."""
    comments = max(round(200_000 * scale), 10)
    return Recipe(Size(10, comments, comments, 10, 0, 0, 0, 0, 0), SEED, BAD)


@contextmanager
def migrate(stand: Stand, scale: float) -> Iterator[Sides]:
    """Open the sides `apply`, `elasticdump` and `bulk`."""
    data = recipe(scale)
    documents = data.size.documents
    bodies = stand.folder_of("bodies")
    ready = _write_bodies(stand, data, bodies)

    def bulk() -> Turn:
        stand.empty()
        _create_target(stand)
        return stand.peer("elasticsearch_bulk", str(bodies), _TARGET, records=ready)

    yield {
        "apply": lambda: apply(stand, data, "elasticsearch", documents),
        "elasticdump": _elasticdump(stand, data),
        "bulk": bulk,
    }


def _elasticdump(stand: Stand, data: Recipe) -> Callable[[], Turn] | str:
    try:
        program = tools.elasticdump()
    except Unavailable as why:
        return str(why)
    url = stand.endpoints.elasticsearch

    def dump() -> Turn:
        stand.fill(data)
        _create_target(stand)
        words = [
            program, f"--input={url}/{old.INDEX.name}", f"--output={url}/{_TARGET}", "--type=data", "--limit=5000",
            "--concurrency=4", "--noRefresh", f"--transform=@{_TRANSFORM}", "--quiet",
        ]  # fmt: skip
        return stand.run(words, data.size.documents).turn()

    return dump


def _create_target(stand: Stand) -> None:
    """Create an index as the migration's, under a name of our own."""
    with Clients(stand.endpoints) as clients:
        clients.elasticsearch.indices.create(
            index=_TARGET, mappings=new.INDEX.mappings, settings={"index": {"number_of_replicas": 0}}
        )


def _write_bodies(stand: Stand, data: Recipe, folder: Path) -> int:
    """Write the new documents as bodies of bulk requests, a file each; return how many documents there are."""
    lines = stand.folder_of("documents") / "x"
    generate_files(lines, data)
    body: list[bytes] = []
    written = 0
    policy = Policy(show=SHOW)
    for found in Dataset.open(lines).documents():
        try:
            outcome = rules.elasticsearch_document(found.id, exact_json.parse(found.source), policy)
        except Unmappable:
            continue
        if isinstance(outcome, Mapped):
            body.append(orjson.dumps({"create": {"_id": found.id}}) + b"\n")
            body.append(exact_json.dump(dict(outcome.value.source)).encode() + b"\n")
            written += 1
            if written % _BODY_DOCUMENTS == 0:
                (folder / f"{written:09}").write_bytes(b"".join(body))
                body = []
    if body:
        (folder / f"{written:09}").write_bytes(b"".join(body))
    return written

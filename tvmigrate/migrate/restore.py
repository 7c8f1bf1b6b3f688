"""Empty stores filled from a backup, and read back: the way back where there is no store left to roll back on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tvmigrate.contract.old_layout import At
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.dataset.load import LoadReport, load
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients, check_reachable
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Listener
from tvmigrate.migrate import backup_check, backup_pack, documents, redis_parts
from tvmigrate.migrate.clickhouse_tables import digest
from tvmigrate.migrate.elasticsearch_map import digest_sum, pairs_of, parts
from tvmigrate.migrate.errors import NotEqual
from tvmigrate.migrate.manifest import BACKUP, Manifest
from tvmigrate.migrate.redis_keys import now_ms

_POLICY = Policy(keep_entities=True)  # nothing is mapped


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back, of which run; `expired` keys had no time left when it did."""

    run: str
    report: LoadReport
    expired: int


def restore(endpoints: Endpoints, directory: Path, listener: Listener) -> Restored:
    """Fill three stores that hold nothing of the old layout from the backup in `directory`, and read all of it back.

    A key's time to live ends when it would have ended: one whose time ran out since the backup does not come back.

    Raises:
        BackupRefused: the backup is not to be trusted; nothing was written.
        DatasetError: the stores hold some of it already; nothing was written.
        LoadError: a store failed; what had been written is removed again.
        NotEqual: what was read back is not what the backup holds.
    """
    folder = backup_check.find(directory)
    found = backup_check.check(folder)
    check_reachable(endpoints)
    with _plain(folder, found) as place_of:
        dataset = Dataset.open(place_of)
        report = load(dataset, endpoints, listener, redis_epoch_ms=found.redis_epoch_ms)
        with Clients(endpoints) as clients:
            wrong = [
                *_redis(dataset, endpoints, found),
                *_clickhouse(dataset, clients, found),
                *_documents(dataset, endpoints),
            ]
            clock = now_ms(clients.redis)
        if wrong:
            raise NotEqual(
                f"The stores were filled from the backup {folder}, and do not read back as it is: {', '.join(wrong)}. "
                "See what writes to them, empty them, and run the command again."
            )
        ends = (found.redis_epoch_ms + key.ttl_ms for key in dataset.redis_keys() if key.ttl_ms is not None)
        return Restored(found.run, report, sum(end <= clock for end in ends))


@contextmanager
def _plain(folder: Path, found: Manifest) -> Iterator[Path]:
    """Give a folder with the plain files of a backup: itself, or a temporary one beside it."""
    backup = folder / BACKUP
    packed = [part for part in found.parts if not (backup / part.file).is_file()]
    if not packed:
        yield backup
        return
    with tempfile.TemporaryDirectory(prefix="restore-", dir=folder) as temporary:
        for part in found.parts:
            target = Path(temporary) / part.file
            target.parent.mkdir(exist_ok=True)
            if part in packed:
                backup_pack.unpack_one(backup, part, target)
            else:
                target.symlink_to((backup / part.file).resolve())
        yield Path(temporary)


def _redis(dataset: Dataset, endpoints: Endpoints, found: Manifest) -> Iterator[str]:
    if dataset.redis is None:
        return
    for number, (_, lines) in enumerate(redis_parts.cut(dataset.redis)):
        part = redis_parts.Part(number, endpoints.redis, lines, found.redis_epoch_ms, {})
        for key, _ in redis_parts.changed(part)[0]:
            yield f"the Redis key {show_bytes(key)}"


def _clickhouse(dataset: Dataset, clients: Clients, found: Manifest) -> Iterator[str]:
    for table, noted in found.tables.items():
        there = digest(clients.clickhouse, f"SELECT * FROM {At(dataset.tables[table].database, table).place}")
        if [str(value) for value in (there.rows, there.total, there.xor)] != noted:
            yield f"the ClickHouse table {table}"


def _documents(dataset: Dataset, endpoints: Endpoints) -> Iterator[str]:
    ((name, files),) = dataset.indices.items()  # a backup has one, whatever its name
    url, file = endpoints.elasticsearch, files.documents
    due = sum(digest_sum(pairs_of(part)) for part in parts(file, url, name, _POLICY, len))
    with documents.text_client(url) as reader:
        reader.indices.refresh(index=name)
        there = sum(digest_sum(page) for page in documents.pages_of(reader, name))
    if (due - there) % 2**256:
        yield f"the Elasticsearch index {name}"

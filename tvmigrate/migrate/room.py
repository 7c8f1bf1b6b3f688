"""How much disk the backup and a run's own notes will take, and whether the state directory has it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tvmigrate.contract.old_layout import OldLayout
from tvmigrate.dataset.model import ROWS_OUTPUT_SETTINGS
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.redis_routed import Routed
from tvmigrate.migrate import documents
from tvmigrate.migrate.clickhouse_tables import number, uuids

_SAMPLE_ROWS = 1000
_SAMPLE_DOCUMENTS = 200
# A string's line has some 60 bytes more than its key and value; what Redis keeps about a key is about as much.
_A_KEY = 200  # bytes, where the servers of a cluster do not say it together
_NOTES = 2  # the spool has the new keys as the bytes that make them, and what is set aside
_LEAST = 256 << 10  # journal, spool and manifest of a run of nothing


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that a run is about to write below `place`, and those that are free there."""

    place: Path
    backup: int
    notes: int
    free: int

    @property
    def told(self) -> str:
        """One sentence."""
        return (
            f"The backup will take about {_size(self.backup)} in {self.place}, the run's own notes about "
            f"{_size(self.notes)}; {_size(self.free)} are free there."
        )

    @property
    def blockers(self) -> list[str]:
        """A sentence if it does not fit."""
        if self.backup + self.notes <= self.free:
            return []
        advice = "Make room, name a directory on another disk with --state DIR, or say --assume-room if that is wrong."
        return [f"{self.told} {advice}"]


def look(endpoints: Endpoints, clients: Clients, layout: OldLayout, state: Path) -> Room:
    """Estimate from samples what a run on these stores will write to `state`, which need not be there yet."""
    in_redis = _redis(clients)
    backup = in_redis + _clickhouse(clients, layout) + _elasticsearch(endpoints, clients, layout.index)
    there = next(path for path in (state, *state.absolute().parents) if path.exists())
    return Room(state, backup, _NOTES * in_redis + _LEAST, shutil.disk_usage(there).free)


def _redis(clients: Clients) -> int:
    client = clients.redis
    if isinstance(client, Routed):
        return _A_KEY * sum(int(told["keys"]) for told in client.info("keyspace").values())
    return max(0, int(client.info("memory")["used_memory_dataset"]))


def _clickhouse(clients: Clients, layout: OldLayout) -> int:
    client = clients.clickhouse
    total = 0
    there = uuids(client, layout.database)
    for table in (table for table in layout.tables if table.name in there):
        a_row = client.query(
            f"SELECT avg(length(formatRow('JSONEachRow', *))) FROM (SELECT * FROM {table.place} LIMIT {_SAMPLE_ROWS})",
            settings=dict(ROWS_OUTPUT_SETTINGS),
        ).result_rows[0][0]
        count = number(client, f"SELECT count() FROM {table.place}")
        total += int(count * a_row) if count else 0
    return total


def _elasticsearch(endpoints: Endpoints, clients: Clients, name: str) -> int:
    if not clients.elasticsearch.indices.exists(index=name):
        return 0
    count = int(clients.elasticsearch.count(index=name)["count"])
    with documents.text_client(endpoints.elasticsearch) as reader:
        answer: bytes = reader.search(index=name, size=_SAMPLE_DOCUMENTS, sort=["_doc"]).body
    return count * len(answer) // max(1, min(count, _SAMPLE_DOCUMENTS))


def _size(count: int) -> str:
    size, units = float(count), iter(("kB", "MB", "GB", "TB"))
    unit = "bytes"
    while size >= 1000 and (larger := next(units, None)) is not None:
        size, unit = size / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"

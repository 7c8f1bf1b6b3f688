"""The stores under a test: filled, looked at whole, migrated, and migrated by a process that is killed on the way."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tvmigrate
from tests.integrity.one_set import clear
from tests.tool.migrate.killed import killed
from tvmigrate.contract import new, old, values
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.load import load
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Event, Said, Started
from tvmigrate.migrate import run
from tvmigrate.migrate.documents import read_all, text_client
from tvmigrate.migrate.look import Plan
from tvmigrate.migrate.redis_keys import read_named, scan
from tvmigrate.verify.reference import live_databases

ROOT = Path(tvmigrate.__file__).parent.parent
FIXTURES = ROOT / "fixtures"
POLICY = Policy(show="the_voice")
# Contract §3, Rollback: what Elasticsearch gives an index itself.
_GIVEN = ("uuid", "creation_date", "provided_name", "version.", "resize.", "routing_partition_size")
_BRIEF_MS = 10_000
MONTHS = 120  # more than one insert takes

Picture = dict[str, Any]
# An expiry is read as what is left by the server's clock and written back as an instant, which may be some ms off: a
# picture has it to the second, and two seconds beside each other are the same.
SAME_EXPIRY_S = 1


@dataclass
class Stores:
    """Three running stores, and the state directory that a test's commands use."""

    endpoints: Endpoints
    clients: Clients
    state: Path
    said: list[str] = field(default_factory=list)
    databases: int = 4  # of Redis, that are looked at

    def fill(self, name: str) -> None:
        """Empty the stores and load a dataset: a fixture's name, or a folder."""
        clear(self.clients)
        load(Dataset.open(FIXTURES / name), self.endpoints)

    def outlive_brief_keys(self, name: str) -> None:
        """Wait until the keys that have only seconds are gone: a picture must not depend on how fast we are."""
        brief = [k for k in Dataset.open(FIXTURES / name).redis_keys() if k.ttl_ms is not None and k.ttl_ms < _BRIEF_MS]
        deadline = time.monotonic() + 2 * _BRIEF_MS / 1000
        while any(self.clients.redis_db(key.db).exists(key.key) for key in brief):
            assert time.monotonic() < deadline, "keys outlive their TTL"
            time.sleep(0.05)

    def hear(self, event: Event) -> None:
        """Keep what a command says."""
        if isinstance(event, Said):
            self.said.append(event.text)

    def apply(self, policy: Policy | None = POLICY, existing: str | None = None) -> run.Done:
        return run.apply(self.endpoints, policy, existing, self.state, self.hear)

    def apply_with(self, step: str, meddle: Callable[[], object], policy: Policy = POLICY) -> run.Done:
        """Migrate, and do something to the stores just before `step`."""

        def listen(event: Event) -> None:
            self.hear(event)
            if event == Started(step):
                meddle()

        return run.apply(self.endpoints, policy, None, self.state, listen)

    def plan(self, policy: Policy = POLICY, existing: str | None = None) -> Plan:
        return run.plan(self.endpoints, policy, existing, self.state, self.hear)

    def blockers(self, policy: Policy = POLICY, existing: str | None = None) -> list[str]:
        """Return the plan's blockers, and see that the plan wrote nothing."""
        before = self.picture()
        found = self.plan(policy, existing).blockers
        assert different(before, self.picture()) == {}
        assert not self.state.exists()
        return found

    def rollback(self) -> run.Done:
        return run.rollback(self.endpoints, self.state, self.hear)

    def finish(self) -> run.Done:
        return run.finish(self.endpoints, self.state, self.hear)

    def status(self) -> str:
        return run.status(self.endpoints, self.state)

    def killed(self, command: str, at: str) -> None:
        """Run `apply` or `rollback` in a process that kills itself; `at` is what `killed.py` calls WHERE."""
        log = self.state.with_name("killed.log")
        ended = killed(command, at, self.state, self.endpoints, log)
        assert ended == -signal.SIGKILL, f"it was not killed: {ended} {log.read_text('utf-8')}"

    def picture(self) -> Picture:
        """Return everything that is in the three stores, but for what has no meaning."""
        return {**self._redis(), **self._clickhouse(), **self._elasticsearch()}

    def folder(self) -> Path:
        """Return the folder of the only run."""
        (folder,) = (self.state / "runs").iterdir()
        return folder

    def backup_lines(self, name: str) -> list[Any]:
        return [json.loads(line) for line in (self.folder() / "backup" / name).read_text("utf-8").splitlines()]

    def quarantine(self) -> list[tuple[str, str, str]]:
        """Return (store, record_key, reason) of what was set aside."""
        return self._rows(f"SELECT store, record_key, reason FROM {new.DATABASE}.{new.QUARANTINE.name}")

    def quarantined_comments(self) -> dict[str, Any]:
        """Return the rows of `comments` that were set aside, by their comment id."""
        rows = self._rows(
            f"SELECT record_key, record FROM {new.DATABASE}.{new.QUARANTINE.name} WHERE source = '{old.COMMENTS.name}'"
        )
        return {key: json.loads(record) for key, record in rows}

    def archive(self) -> dict[tuple[str, str], Any]:
        """Return the archived fields by (store, record_key)."""
        rows = self._rows(f"SELECT store, record_key, fields FROM {new.DATABASE}.{new.ARCHIVE.name}")
        return {(store, key): json.loads(fields) for store, key, fields in rows}

    def _rows(self, query: str) -> list[Any]:
        return [tuple(row) for row in self.clients.clickhouse.query(query).result_rows]

    def _redis(self) -> Picture:
        found: Picture = {}
        for number in range(self.databases):
            client = self.clients.redis_db(number)
            for page in scan(client):
                for live in read_named(client, page, number):
                    assert live is not None
                    # To the second; half a second off would round either way.
                    expires = None if live.expires_ms is None else (live.expires_ms + 500) // 1000
                    found[f"redis {number} {live.key.key!r}"] = (live.key.type, repr(live.key.value), expires)
        return found

    def _clickhouse(self) -> Picture:
        client = self.clients.clickhouse
        found: Picture = {}
        for database in live_databases(self.clients) - {"default"}:
            tables = client.query(
                f"SELECT name, create_table_query, toString(uuid) FROM system.tables WHERE database = '{database}'"
            ).result_rows
            for name, create, uuid in tables:
                hashed = f"SELECT cityHash64(tuple(*)) AS hash FROM `{database}`.`{name}`"
                rows = client.query(f"SELECT count(), sum(hash), groupBitXor(hash) FROM ({hashed})").result_rows
                told = name if database == old.DATABASE else f"{database}.{name}"
                found[f"clickhouse {told}"] = (create, uuid, str(rows))
        return found

    def _elasticsearch(self) -> Picture:
        client = self.clients.elasticsearch
        found: Picture = {}
        with text_client(self.endpoints.elasticsearch) as reader:
            for name, about in client.indices.get(index="*", flat_settings=True).items():
                settings = {
                    key: value
                    for key, value in about["settings"].items()
                    if not key.removeprefix("index.").startswith(_GIVEN)
                }
                found[f"elasticsearch {name}"] = (settings, about["mappings"], about["aliases"])
                client.indices.refresh(index=name)
                for document in read_all(reader, name):
                    found[f"elasticsearch {name} {document.id}"] = document.source
        return found


def different(before: Picture, after: Picture) -> dict[str, tuple[Any, Any]]:
    """Return what is not the same in two pictures, by name, expiries a second apart aside."""
    names = sorted(before.keys() | after.keys())
    pairs = {name: (before.get(name), after.get(name)) for name in names}
    return {name: (was, now) for name, (was, now) in pairs.items() if was != now and not _same_key(name, was, now)}


def _same_key(name: str, was: Any, now: Any) -> bool:
    if not (name.startswith("redis") and was and now and was[:2] == now[:2]):
        return False
    return type(was[2]) is type(now[2]) is int and abs(was[2] - now[2]) <= SAME_EXPIRY_S


def meaning(picture: Picture, *, expiries: bool = False, started_ns: int | None = None) -> Picture:
    """Return a picture of a migrated system without what is of one run: its id, uuids, instants of the archive.

    Expiries are of one filling; without them it is only told which keys have one. The instant of the run, which stands
    in a hash whose old value had none, is `started_ns` since the epoch.
    """
    found = {}
    instant = None if started_ns is None else values.rfc3339(started_ns)
    for name, value in picture.items():
        if name.startswith("clickhouse"):
            table = name.split()[1]
            own = table in {new.QUARANTINE.name, new.ARCHIVE.name} or "_old_" in table
            found[table.partition("_old_")[0] + ("_old" if "_old_" in table else "")] = None if own else value[2]
        elif name.startswith("redis"):
            kind, text, expires = value
            said = text if instant is None else text.replace(instant, "RUN")
            found[name] = (kind, said, expires if expires is None or expiries else True)
        elif "_old_" not in name:
            found[name] = value
    return found


@dataclass(frozen=True)
class Applied:
    """The clean dataset and odd lists after `apply`; `expiries` are those the lists had, in ms since the epoch."""

    stores: Stores
    expiries: dict[str, int]
    plan: Plan
    done: run.Done


@dataclass(frozen=True)
class Standard:
    """The standard dataset before, after `apply`, and after `rollback`."""

    before: Picture
    done: run.Done
    migrated: Picture
    quarantine: list[tuple[str, str, str]]
    quarantined_comments: dict[str, Any]
    archive: dict[tuple[str, str], Any]
    after: Picture


def item(entity: str, value: float, timestamp: float | str) -> str:
    """Return an item of a metrics list."""
    return json.dumps({"entity": entity, "value": value, "timestamp": timestamp})


def add_odd_lists(stores: Stores) -> dict[str, int]:
    """Add lists that are mixed, merged, unordered or long, columns that are extra, and rows of many months."""
    redis = stores.clients.redis
    redis.rpush("metrics:mixed", "z", item("mixed", 1, 1), "0.5", item("mixed", 2, 1), "a")
    redis.rpush("metrics:short", item("merged", 1, "2025-01-02T00:00:00Z"), item("merged", 1, "2025-01-03T00:00:00Z"))
    redis.rpush("metrics:longer", item("merged", 1, "2025-01-02T00:00:00Z"))
    redis.rpush("metrics:lasting", item("merged", 1, "2025-01-03T00:00:00Z"))
    redis.rpush("metrics:long", *(item("long", n, n) for n in range(2500)))
    for name, ttl in {"mixed": 3_600_000, "short": 3_600_000, "longer": 7_200_000, "long": 5_400_000}.items():
        redis.pexpire(f"metrics:{name}", ttl)
    redis.rpush("metrics:b", item("order", 0, 2), item("order", 1, 1))
    redis.rpush("metrics:a", item("order", 2, 2), item("order", 3, 2))
    redis.set("eaos:brief", '{"score": 1, "positive": 1}', px=1)
    client = stores.clients.clickhouse
    client.command(
        f"ALTER TABLE {old.DATABASE}.{old.EAOS_METRICS.name} ADD COLUMN likes UInt32 DEFAULT 7,"
        " ADD COLUMN lang String DEFAULT 'vi'"
    )
    client.command(
        f"INSERT INTO {old.DATABASE}.{old.COMMENTS.name} SELECT concat('m', toString(number)), 'e', 't', 'u',"
        " toDateTime('1990-01-15 00:00:00', 'UTC') + toIntervalMonth(number), 'positive', 0.5, 1, 'many', NULL"
        f" FROM numbers({MONTHS})"
    )
    return {name: redis.pexpiretime(f"metrics:{name}") for name in ("mixed", "longer", "long")}

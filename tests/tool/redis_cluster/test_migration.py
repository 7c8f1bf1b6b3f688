"""The migration on a Redis Cluster, by a user of few rights: slots move, a master fails, the tool is killed."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integrity.one_set import rehearse_on
from tests.profiles import is_nightly
from tests.tool.migrate.stores import FIXTURES, Picture, Stores, different
from tests.tool.redis_cluster.servers import Nodes, running_sentinels, until
from tvmigrate.dataset.errors import DatasetError
from tvmigrate.dataset.load import load
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.engines.embedded.redis_cluster import Shape
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.migrate import system
from tvmigrate.verify.findings import State

_LONG = pytest.mark.skipif(not is_nightly(), reason="of the long run: HYPOTHESIS_PROFILE=nightly")
SPREAD = 600  # keys: some in every thirtieth of the slots
LONG = 2500  # items, which do not go in one command
# What docs/operations.md says that a user needs.
RIGHTS = (
    "+@read +@write +@connection +@transaction +eval +info +time +wait +asking +command "
    "+cluster|slots +cluster|nodes +cluster|countkeysinslot +cluster|getkeysinslot"
)


@pytest.fixture(scope="module")
def engines() -> Iterator[EmbeddedEngines]:
    with EmbeddedEngines(redis_cluster=Shape(3, 1)) as running:
        yield running


@pytest.fixture(scope="module")
def endpoints(engines: EmbeddedEngines) -> Endpoints:
    """Where the engines answer, with a user of no more rights than are needed."""
    nodes = Nodes(engines.redis_cluster)
    for client in nodes.clients:
        client.execute_command("ACL", "SETUSER", "mover", "on", ">s3cret", "~*", *RIGHTS.split())
    nodes.close()
    found = engines.endpoints
    return replace(found, redis=found.redis.replace("://", "://mover:s3cret@"))


@pytest.fixture
def nodes(engines: EmbeddedEngines) -> Iterator[Nodes]:
    """The servers of the cluster, all of which run."""
    cluster = engines.redis_cluster
    found = Nodes(cluster)
    for number, node in enumerate(cluster.nodes):
        if not node.running:
            cluster.restart_node(number)
            found.clients[number].execute_command("ACL", "SETUSER", "mover", "on", ">s3cret", "~*", *RIGHTS.split())
    until(found.in_step)
    yield found
    found.close()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clean dataset without other databases; keys all over the slots; a long list, of which some items stay."""
    folder = tmp_path_factory.mktemp("dataset") / "spread"
    shutil.copytree(FIXTURES / "clean", folder)
    file = folder / "redis.ndjson"
    keys = [key for line in file.read_text("utf-8").splitlines() if (key := json.loads(line))["db"] == 0]
    for number in range(SPREAD):
        counts = {"positive": number, "negative": 1, "neutral": 2, "total": number + 3}
        value = {"score": number / 1024, "metadata": counts | {"updated_at": "2025-11-20T13:05:00Z"}}
        keys.append(
            key_line(f"eaos:spread_{number}", "string", json.dumps(value), 9_000_000 if number % 7 == 0 else None)
        )
    items = [
        json.dumps({"entity": "long", "value": number, "timestamp": 1_760_000_000 + number})
        if number % 500
        else "broken"
        for number in range(LONG)
    ]
    keys.append(key_line("metrics:long", "list", items, 8_000_000))
    file.write_text("".join(json.dumps(key) + "\n" for key in keys), "utf-8")
    return folder


def key_line(name: str, kind: str, value: Any, ttl_ms: int | None) -> dict[str, Any]:
    return {"db": 0, "key": name, "type": kind, "ttl_ms": ttl_ms, "value": value}


@pytest.fixture
def stores(endpoints: Endpoints, nodes: Nodes, dataset: Path, tmp_path: Path) -> Iterator[Stores]:
    """The stores with the dataset in them, and nothing else."""
    with Clients(endpoints) as clients:
        found = Stores(endpoints, clients, tmp_path / "state", databases=1)
        found.fill(str(dataset))
        yield found


@pytest.fixture(scope="module")
def undisturbed(endpoints: Endpoints, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Picture:
    """What is in Redis after a migration that nothing disturbs."""
    with Clients(endpoints) as clients:
        stores = Stores(endpoints, clients, tmp_path_factory.mktemp("undisturbed") / "state", databases=1)
        stores.fill(str(dataset))
        stores.apply()
        return in_redis(stores.picture())


def in_redis(picture: Picture) -> Picture:
    """Return the types and values of keys; when they expire counts from the load, which is another each time."""
    return {
        name: (kind, value, expires is None)
        for name, told in picture.items()
        if name.startswith("redis")
        for kind, value, expires in [told]
    }


def test_the_dataset_has_keys_all_over_the_slots(stores: Stores, nodes: Nodes) -> None:
    assert len(nodes.masters()) == 3
    slots = {stores.clients.redis.keyslot(key) * 30 // 16384 for key in stores.clients.redis.scan_iter()}  # type: ignore[attr-defined]
    assert slots == set(range(30))


def test_a_rehearsal_on_a_cluster_finds_nothing_wrong(endpoints: Endpoints, dataset: Path) -> None:
    verdict = rehearse_on(endpoints, dataset)
    assert [(check.id, check.state) for check in verdict.checks if check.state not in {State.PASS, State.EMPTY}] == []
    ledger = {str(line.rule): line for line in verdict.ledger}
    assert ledger["redis.eaos"].old == SPREAD + 12
    assert (ledger["redis.metric"].quarantined, ledger["redis.eaos"].mapped + ledger["redis.eaos"].filled) == (
        5,
        SPREAD + 12,
    )


@pytest.mark.parametrize("step", ["build.redis", "remove.redis"] if is_nightly() else ["build.redis"])
def test_a_master_that_is_killed_costs_nothing_and_doubles_nothing(
    step: str, stores: Stores, nodes: Nodes, engines: EmbeddedEngines, undisturbed: Picture
) -> None:
    before, identity = stores.picture(), system.identify(stores.clients)
    victim = engines.redis_cluster.nodes[nodes.masters()[0]]
    stores.apply_with(step, victim.kill)
    assert not victim.running
    assert in_redis(stores.picture()) == undisturbed
    assert system.identify(stores.clients) == identity
    assert stores.status().startswith("Applied: ")
    stores.rollback()
    assert different(before, stores.picture()) == {}


def test_slots_that_move_meanwhile_cost_nothing_and_double_nothing(
    stores: Stores, nodes: Nodes, undisturbed: Picture
) -> None:
    before = stores.picture()
    names = [f"eaos:spread_{number}" for number in range(40)]
    names += [name.replace("eaos:", "eaos:current:the_voice/") for name in names] + ["metrics:long"]
    slots = sorted({stores.clients.redis.keyslot(name) for name in names})  # type: ignore[attr-defined]
    with moving(nodes, slots) as moved:
        stores.apply()
        assert in_redis(stores.picture()) == undisturbed
        stores.rollback()
    assert moved() > 0
    assert different(before, stores.picture()) == {}


class moving:  # noqa: N801 - it reads as what it does
    """Move slots from master to master for as long as it is entered; yields what tells how many moves there were."""

    def __init__(self, nodes: Nodes, slots: list[int]) -> None:
        self._nodes, self._slots = nodes, slots
        self._over = threading.Event()
        self._moves = 0
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._move)

    def __enter__(self) -> Callable[[], int]:
        self._thread.start()
        return lambda: self._moves

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _move(self) -> None:
        masters = self._nodes.masters()
        try:
            while not self._over.is_set():
                for slot in self._slots:
                    self._nodes.move([slot], masters[(self._moves // len(self._slots)) % len(masters)])
                    self._moves += 1
                    if self._over.wait(0.01):
                        return
        except BaseException as failed:  # noqa: BLE001 - it is raised where the test ends
            self._failed = failed


@_LONG
def test_a_killed_run_on_a_cluster_goes_on_and_back(stores: Stores, undisturbed: Picture) -> None:
    before = stores.picture()
    stores.killed("apply", "remove.redis")
    assert "In progress: " in stores.status()
    stores.apply()
    assert in_redis(stores.picture()) == undisturbed
    stores.killed("rollback", "clean.redis")
    assert "Rolling back: " in stores.status()
    stores.rollback()
    assert different(before, stores.picture()) == {}


@_LONG
def test_a_failover_behind_sentinel_costs_nothing_and_doubles_nothing(
    endpoints: Endpoints, dataset: Path, undisturbed: Picture, tmp_path: Path
) -> None:
    with running_sentinels(tmp_path) as (url, (master, _)):
        behind = replace(endpoints, redis=url)
        with Clients(behind) as clients:
            stores = Stores(behind, clients, tmp_path / "state", databases=4)
            stores.fill(str(dataset))
            before = stores.picture()
            stores.apply_with("remove.redis", master.kill)
            assert in_redis(stores.picture()) == undisturbed
            stores.rollback()
            assert different(before, stores.picture()) == {}


def test_keys_of_other_databases_are_refused_by_name(endpoints: Endpoints) -> None:
    with pytest.raises(DatasetError) as raised:
        load(Dataset.open(FIXTURES / "clean"), endpoints, replace=True)
    assert str(raised.value) == (
        f"{FIXTURES / 'clean' / 'redis.ndjson'}, line 22: the key 'online' is of database 3, and a Redis Cluster "
        "has database 0 alone; expected database 0 for every key, or one Redis server."
    )

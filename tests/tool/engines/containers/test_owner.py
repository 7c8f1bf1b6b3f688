"""What a killed run leaves, the next one removes; it removes nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tool.engines.processes import python
from tvmigrate.engines.containers import ContainerEngines, owner
from tvmigrate.engines.containers.kept import KeptSet, locked
from tvmigrate.engines.errors import EngineDied, EnginesInUse
from tvmigrate.events import Event, Said

Listed = Callable[..., list[Any]]
OWNER = """
from tvmigrate.engines.containers import ContainerEngines
import time
def tell(event):
    print(type(event).__name__, event.task, flush=True)
ContainerEngines(tell).start()
time.sleep(600)
"""
PURPOSE = "test"


def start_a_failing_run(broken: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Start engines of which one ends at once; return what was said."""
    events: list[Event] = []
    with monkeypatch.context() as patch:
        patch.setenv("TVMIGRATE_CLICKHOUSE_IMAGE", broken)
        with pytest.raises(EngineDied):
            ContainerEngines(events.append).start()
    return [event.text for event in events if isinstance(event, Said)]


@pytest.mark.parametrize("moment", ["Started elasticsearch", "Finished redis"])
def test_no_container_outlives_the_next_run_when_its_owner_was_killed_at(
    moment: str, containers: Listed, broken: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(python("-c", OWNER), stdout=subprocess.PIPE, env=environ, text=True) as killed:
        assert killed.stdout is not None
        for line in killed.stdout:
            if line.strip() == moment:
                break
        label = owner.labels_of("", "", "", None)[owner.OWNER]
        os.kill(killed.pid, signal.SIGKILL)
    left = [one for one in containers() if one.labels[owner.OWNER].startswith(f"{killed.pid}:")]
    assert all(one.labels[owner.OWNER] != label for one in left)
    if moment == "Finished redis":
        assert left
    said = start_a_failing_run(broken, monkeypatch)
    assert [one for one in containers() if one.labels[owner.OWNER].startswith(f"{killed.pid}:")] == []
    if left:
        assert said[0].startswith("Removed containers that a run which was killed had left: ")


@pytest.fixture
def made(docker: Any, images: dict[str, str]) -> Iterator[Callable[[dict[str, str]], Any]]:
    """Return what makes a container with labels; whatever is left of them is removed at the end."""
    all_of_them = []

    def make(labels: dict[str, str]) -> Any:
        container = docker.containers.create(images["TVMIGRATE_REDIS_IMAGE"], labels=labels)
        all_of_them.append(container)
        return container

    yield make
    for container in all_of_them:
        owner.remove(container)


def test_only_containers_of_ours_whose_owner_has_ended_are_removed(
    docker: Any, made: Callable[[dict[str, str]], Any]
) -> None:
    living = owner.labels_of("run", "redis", "form", None)
    dead = living | {owner.OWNER: f"{os.getpid()}:another boot:1"}
    stay = {
        "of a living owner": living,
        "kept": dead | {owner.KEPT: PURPOSE},
        "of another place": dead | {owner.PLACE: "0@elsewhere/pid:[1]"},
        "of nobody we know": {"org.testcontainers": "true"},
        "without an owner": {owner.PLACE: owner.place()},
    }
    containers = {what: made(labels) for what, labels in stay.items()}
    gone = made(dead)
    owner.remove_left(docker, lambda event: None)
    left = {one.id for one in docker.containers.list(all=True)}
    assert {what for what, one in containers.items() if one.id in left} == set(stay)
    assert gone.id not in left


def test_to_remove_what_is_gone_is_no_error(docker: Any, made: Callable[[dict[str, str]], Any]) -> None:
    container = made({})
    owner.remove(container)
    owner.remove(container)


@pytest.fixture
def nothing_kept(docker: Any) -> Iterator[None]:
    KeptSet.find(docker, PURPOSE).remove()
    yield
    KeptSet.find(docker, PURPOSE).remove()


@pytest.mark.usefixtures("nothing_kept")
def test_kept_containers_serve_the_next_run_emptied_and_others_replace_them(
    docker: Any, broken: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Assert it all on one start, which takes its time."""
    from tvmigrate.engines.clients import Clients  # noqa: PLC0415

    with ContainerEngines(keep=PURPOSE) as first:
        before = first.containers
        with Clients(first.endpoints) as clients:
            clients.redis.set("a", 1)
            clients.clickhouse.command("CREATE DATABASE d")
            clients.clickhouse.command("CREATE TABLE t (v UInt8) ENGINE = MergeTree ORDER BY v")
            clients.elasticsearch.indices.create(index="i", settings={"blocks.write": True})
        with pytest.raises(EnginesInUse):
            ContainerEngines(keep=PURPOSE).start()
    with ContainerEngines(keep=PURPOSE) as second, Clients(second.endpoints) as clients:
        assert second.containers == before
        assert clients.redis.dbsize() == 0
        assert clients.clickhouse.query("SELECT count() FROM system.databases WHERE name = 'd'").result_rows == [(0,)]
        assert clients.clickhouse.query("SELECT count() FROM system.tables WHERE name = 't'").result_rows == [(0,)]
        assert list(clients.elasticsearch.indices.get(index="*")) == []
    monkeypatch.setenv("TVMIGRATE_CLICKHOUSE_IMAGE", broken)
    with pytest.raises(EngineDied):
        ContainerEngines(keep=PURPOSE).start()
    assert KeptSet.find(docker, PURPOSE).containers == ()


def test_what_is_kept_is_of_one_process_at_a_time() -> None:
    with locked(PURPOSE), pytest.raises(EnginesInUse) as raised, locked(PURPOSE):
        pass
    assert str(raised.value) == (
        "Another process uses the containers that are kept, and would lose its data. Wait for it, or run without "
        "--keep: the containers are then this run's own."
    )

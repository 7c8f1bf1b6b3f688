"""Three containers together: they answer, are where and what they should be, say why they ended, leave nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tvmigrate.engines.clients import Clients, check_reachable
from tvmigrate.engines.containers import NAMES, ContainerEngines, clickhouse, elasticsearch, owner, redis
from tvmigrate.engines.containers.images import image_variables
from tvmigrate.engines.containers.spec import Spec
from tvmigrate.engines.errors import ContainerNotStarted, DockerUnavailable, EngineDied, ImageUnavailable
from tvmigrate.engines.live import settle
from tvmigrate.events import Event, Finished, Said, Started

from .conftest import Running

Listed = Callable[..., list[Any]]


def of_this_process(containers: Listed, *, but: ContainerEngines) -> list[Any]:
    """Return the containers that this process has started, but for those that the tests share."""
    mine = owner.labels_of("", "", "", None)[owner.OWNER]
    return [one for one in containers(owner.OWNER, mine) if one.id not in but.containers.values()]


def test_all_three_answer_as_soon_as_the_start_returns(engines: ContainerEngines) -> None:
    assert check_reachable(engines.endpoints) == engines.versions()
    engines.check()


def test_containers_start_side_by_side(running: Running) -> None:
    order = [
        (type(event), event.task)
        for event in running.events
        if isinstance(event, Started | Finished) and event.task in NAMES
    ]
    first_finish = min(index for index, (kind, task) in enumerate(order) if kind is Finished and task != "redis")
    assert {task for kind, task in order[:first_finish] if kind is Started} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_ports_are_published_on_the_loopback_address_alone(engines: ContainerEngines, docker: Any, name: str) -> None:
    ports = docker.containers.get(engines.containers[name]).attrs["HostConfig"]["PortBindings"]
    assert [binding["HostIp"] for bindings in ports.values() for binding in bindings] == ["127.0.0.1"]


@pytest.mark.parametrize(
    "spec",
    [redis.spec("i"), clickhouse.spec("i"), elasticsearch.spec("i", "1g")],
    ids=lambda spec: str(spec.name),
)
def test_each_container_has_the_memory_limit_that_it_is_said_to_have(
    engines: ContainerEngines, docker: Any, spec: Spec
) -> None:
    limits = docker.containers.get(engines.containers[spec.name]).attrs["HostConfig"]
    assert (limits["Memory"], limits["MemorySwap"]) == (spec.memory, spec.memory)


@pytest.mark.parametrize("name", NAMES)
def test_the_image_that_the_environment_names_is_what_runs(
    engines: ContainerEngines, docker: Any, images: dict[str, str], name: str
) -> None:
    container = docker.containers.get(engines.containers[name])
    assert container.attrs["Config"]["Image"] == images[image_variables()[name]]


def test_a_time_without_a_zone_is_told_in_utc(engines: ContainerEngines) -> None:
    with Clients(engines.endpoints) as clients:
        assert clients.clickhouse.query("SELECT timezone()").result_rows == [("UTC",)]


def test_nothing_is_evicted_from_redis_and_every_write_is_on_disk(engines: ContainerEngines) -> None:
    with Clients(engines.endpoints) as clients:
        told = clients.redis.config_get("maxmemory-policy", "appendfsync", "appendonly")
    assert {os.fsdecode(name): os.fsdecode(value) for name, value in told.items()} == {
        "maxmemory-policy": "noeviction",
        "appendfsync": "always",
        "appendonly": "yes",
    }


def test_a_container_that_ends_is_told_with_its_status_and_log_which_is_kept_and_nothing_is_left(
    engines: ContainerEngines, containers: Listed, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TVMIGRATE_CLICKHOUSE_IMAGE", broken)
    events: list[Event] = []
    with pytest.raises(EngineDied) as raised:
        ContainerEngines(events.append, logs=tmp_path / "logs").start()
    sentence, _, log = str(raised.value).partition("\n")
    assert sentence in {
        (
            "clickhouse ended while it was starting (exit status 7). The last lines of the log of its container "
            f"({broken}):"
        ),
        "clickhouse ended while it was starting: its container publishes no port.",
    }
    assert log.strip() in {"this one is broken", ""}
    assert "this one is broken" in (tmp_path / "logs" / "clickhouse.log").read_text()
    (said,) = [event.text for event in events if isinstance(event, Said)]
    assert said.startswith("The engines' logs are kept: ")
    assert of_this_process(containers, but=engines) == []


def test_an_image_that_is_nowhere_is_told_with_the_variable_that_names_another(
    engines: ContainerEngines, containers: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TVMIGRATE_REDIS_IMAGE", "localhost:9/nothing:0")
    with pytest.raises(ImageUnavailable) as raised:
        ContainerEngines().start()
    sentence = str(raised.value)
    assert sentence.startswith("The image localhost:9/nothing:0 of redis is not there, and cannot be pulled: ")
    assert sentence.endswith(
        "Name another with TVMIGRATE_REDIS_IMAGE, or make images of the embedded engines, which pulls nothing: "
        'eval "$(tvmigrate engines images)"'
    )
    assert of_this_process(containers, but=engines) == []


def test_a_container_that_docker_does_not_start_is_told_and_nothing_is_left(
    engines: ContainerEngines, containers: Listed, images: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = images["TVMIGRATE_ELASTICSEARCH_IMAGE"]
    monkeypatch.setenv("TVMIGRATE_REDIS_IMAGE", image)  # it holds no redis-server
    with pytest.raises(ContainerNotStarted) as raised:
        ContainerEngines().start()
    assert str(raised.value).startswith(f"Docker did not start a container of {image} for redis: ")
    assert of_this_process(containers, but=engines) == []


def test_where_no_docker_answers_it_is_said_and_auto_takes_embedded_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(DockerUnavailable) as raised:
        ContainerEngines().start()
    assert str(raised.value).startswith("No Docker answers at unix:///nowhere/docker.sock: ")
    settled = settle("auto")
    assert settled.kind == "embedded"
    assert settled.reason == f"Engines: embedded, chosen since no Docker can be used. {raised.value}"


def test_where_docker_answers_auto_takes_containers_and_says_so(docker: Any) -> None:
    settled = settle("auto")
    assert settled.kind == "containers"
    assert settled.reason == f"Engines: containers, chosen since Docker {docker.version()['Version']} answers."

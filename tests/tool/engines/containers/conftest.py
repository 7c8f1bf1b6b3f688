"""A Docker, images for it, and three containers that the tests of this folder share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tvmigrate.engines.containers import ContainerEngines, owner
from tvmigrate.engines.containers.daemon import opened
from tvmigrate.engines.containers.images import image_variables
from tvmigrate.engines.containers.local.build import make_images
from tvmigrate.engines.errors import DockerUnavailable
from tvmigrate.events import Event

BROKEN = "tvmigrate-local/broken:test"


@pytest.fixture(scope="package")
def docker() -> Iterator[Any]:
    try:
        client = opened()
        connected = client.__enter__()
    except DockerUnavailable as away:
        pytest.skip(str(away))
    yield connected
    client.__exit__(None, None, None)


@pytest.fixture(scope="package", autouse=True)
def images(docker: Any) -> Iterator[dict[str, str]]:
    """Images by variable, set in the environment: those that it names, else local ones, made now."""
    variables = image_variables().values()
    chosen = {name: os.environ[name] for name in variables if os.environ.get(name)}
    if len(chosen) < len(variables):
        chosen = make_images() | chosen
    with pytest.MonkeyPatch.context() as patch:
        for name, image in chosen.items():
            patch.setenv(name, image)
        yield chosen


@dataclass
class Running:
    """Containers that run for all tests of this folder, and what was said while they started."""

    engines: ContainerEngines
    events: list[Event] = field(default_factory=list)


@pytest.fixture(scope="package")
def running(images: dict[str, str]) -> Iterator[Running]:
    events: list[Event] = []
    with ContainerEngines(events.append) as engines:
        yield Running(engines, events)


@pytest.fixture(scope="package")
def engines(running: Running) -> ContainerEngines:
    return running.engines


@pytest.fixture(scope="package")
def broken(docker: Any, images: dict[str, str]) -> Iterator[str]:
    """An image whose containers say something and end with 7."""
    source = docker.containers.create(images["TVMIGRATE_REDIS_IMAGE"], "none")
    source.commit("tvmigrate-local/broken", "test", changes='CMD ["sh", "-c", "echo this one is broken; exit 7"]')
    source.remove()
    yield BROKEN
    docker.images.remove(BROKEN, force=True)


@pytest.fixture
def containers(docker: Any) -> Callable[..., list[Any]]:
    """Return what lists containers of the tool's, by label and value."""

    def listed(label: str = owner.OWNER, value: str | None = None) -> list[Any]:
        filters = {"label": label if value is None else f"{label}={value}"}
        found: list[Any] = docker.containers.list(all=True, filters=filters, ignore_removed=True)
        return found

    return listed

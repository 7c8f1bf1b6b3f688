"""One store's container: started through testcontainers, ready by a real request, asked why it ended, its log kept.

The core class of testcontainers, since its classes for these stores go by the tag's version number, make a user
`test`, or wait on for two minutes for a container that has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.utils import inside_container

from tvmigrate.engines.containers.daemon import told
from tvmigrate.engines.containers.images import image_variables
from tvmigrate.engines.containers.spec import MB, Spec
from tvmigrate.engines.embedded.process import indented
from tvmigrate.engines.errors import ContainerNotStarted, EngineDied, EngineNotReady, ImageUnavailable
from tvmigrate.events import Finished, Listener, Started

_LAST_LINES = 15
_LOOPBACK = "127.0.0.1"
_LOCAL = {"localhost", _LOOPBACK}
_ASK_EVERY = 0.1  # seconds


@contextmanager
def without_ryuk() -> Iterator[None]:
    """Let testcontainers start containers without its own reaper: its image would have to be pulled, and `owner` reaps.

    The setting is put back, for whoever else uses testcontainers in this process.
    """
    before = testcontainers_config.ryuk_disabled
    testcontainers_config.ryuk_disabled = True
    try:
        yield
    finally:
        testcontainers_config.ryuk_disabled = before


def image_id(client: Any, spec: Spec, listener: Listener) -> str:
    """Return the id of the image of `spec`, pulling it where it is not there.

    Raises:
        ImageUnavailable: it is not there and cannot be pulled.
    """
    try:
        return str(client.images.get(spec.image).id)
    except ImageNotFound:
        pass
    task, began = f"pull {spec.image}", time.monotonic()
    listener(Started(task))
    try:
        image = client.images.pull(spec.image)
    except (DockerException, OSError) as error:
        raise ImageUnavailable(
            f"The image {spec.image} of {spec.name} is not there, and cannot be pulled: {told(error)}. Name another "
            f"with {image_variables()[spec.name]}, or make images of the embedded engines, which pulls nothing: "
            'eval "$(tvmigrate engines images)"'
        ) from error
    listener(Finished(task, time.monotonic() - began))
    return str(image.id)


def create(spec: Spec, labels: Mapping[str, str], port: int | None) -> DockerContainer:
    """Return the container of `spec`, not yet started; `port` is the one on this machine, None for a free one."""
    container = DockerContainer(
        spec.image, labels=dict(labels), mem_limit=spec.memory, memswap_limit=spec.memory
    ).with_envs(**spec.environ)
    if spec.command is not None:
        container.with_command(list(spec.command))
    for path, text in spec.files.items():
        container.with_copy_into_container(text.encode(), path)
    # Elsewhere than on this machine, the loopback address would be that machine's.
    bound: Any = (_LOOPBACK, port) if _is_here(container.get_docker_client()) else port
    container.ports[f"{spec.port}/tcp"] = bound
    return container


def start(container: DockerContainer, spec: Spec) -> None:
    """Start the container; raises ContainerNotStarted if Docker does not."""
    try:
        container.start()
    except (DockerException, OSError) as error:
        raise ContainerNotStarted(
            f"Docker did not start a container of {spec.image} for {spec.name}: {told(error)}."
        ) from error


def address(client: DockerClient, container_id: str, spec: Spec) -> tuple[str, int]:
    """Return the host and port at which we reach the server in a container that runs.

    Raises:
        EngineDied: it has no port any more, since it ended.
        DockerException: Docker does not tell.
    """
    mode = client.get_connection_mode()
    if mode is ConnectionMode.bridge_ip:
        return client.bridge_ip(container_id), spec.port
    try:
        port = int(client.port(container_id, spec.port))
    except ConnectionError as error:
        raise EngineDied(f"{spec.name} ended while it was starting: its container publishes no port.") from error
    if _is_here(client):
        return _LOOPBACK, port
    return (client.host() if mode is ConnectionMode.docker_host else client.gateway_ip(container_id)), port


def _is_here(client: DockerClient) -> bool:
    """Tell whether Docker publishes ports on the loopback address that is ours too.

    testcontainers takes a machine that was once made of an image for a container: there, that we have Docker's bridge
    among our interfaces tells that we are its host.
    """
    if testcontainers_config.tc_host_override or testcontainers_config.connection_mode_override:
        return False
    if urlsplit(client.client.api.base_url).hostname not in _LOCAL:
        return False
    if not inside_container():
        return True
    try:
        options = client.client.networks.get("bridge").attrs["Options"]
    except NotFound:
        return False
    return options.get("com.docker.network.bridge.name") in psutil.net_if_addrs()


def await_answer(
    spec: Spec, container: Any, ask: Callable[[], str | None], cancelled: Callable[[float], bool], patience: float
) -> str:
    """Return the version that the server in the Docker `container` tells as soon as `ask` gets one.

    Raises:
        EngineDied: the container ended.
        EngineNotReady: it did not answer within `patience` seconds, or `cancelled(seconds)`, which waits, was true.
    """
    deadline = time.monotonic() + patience
    while True:
        version = ask()
        if version is not None:
            return version
        require_running(spec, container, "ended while it was starting")
        if time.monotonic() > deadline:
            raise EngineNotReady(
                f"The container of {spec.name} ({spec.image}) runs but did not answer within {patience:g} s. "
                f"The last lines of its log:\n{indented(tail(container))}"
            )
        if cancelled(_ASK_EVERY):
            raise EngineNotReady(f"{spec.name} was stopped, since the start was given up.")


def require_running(spec: Spec, container: Any, when: str) -> None:
    """Return if the Docker `container` runs; raises EngineDied, with how it ended and the end of its log, if not."""
    try:
        container.reload()
    except (DockerException, OSError) as error:
        raise EngineDied(f"{spec.name} {when}: its container is gone ({told(error)}).") from error
    state = container.attrs["State"]
    if state["Running"]:
        return
    cause = f" It needed more than the {spec.memory // MB} MB that its container has." if state.get("OOMKilled") else ""
    raise EngineDied(
        f"{spec.name} {when} (exit status {state['ExitCode']}).{cause} The last lines of the log of its container "
        f"({spec.image}):\n{indented(tail(container))}"
    )


def tail(container: Any) -> str:
    """Return the last 15 lines of a Docker container's log."""
    with suppress(DockerException, OSError):
        return str(container.logs(tail=_LAST_LINES).decode(errors="replace")).rstrip()
    return ""


def save_log(container: Any, path: Path) -> bool:
    """Write the whole log of a Docker container to `path`; return whether Docker still had one."""
    try:
        path.write_bytes(container.logs(timestamps=True))
    except APIError:
        return False
    return True

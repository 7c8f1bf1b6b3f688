"""Makes the local images and says which variables name them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from docker.errors import DockerException

from tvmigrate.engines.containers.daemon import opened, told
from tvmigrate.engines.containers.engines import NAMES
from tvmigrate.engines.containers.images import image_variables
from tvmigrate.engines.containers.local.contents import settings_of, tree_of
from tvmigrate.engines.embedded.elasticsearch import heap_size, prepare
from tvmigrate.engines.embedded.versions import Versions
from tvmigrate.engines.errors import ImageNotMade
from tvmigrate.events import Finished, Listener, Started, ignore

REPOSITORY = "tvmigrate-local"


def local_images() -> dict[str, str]:
    """Return what the local image of each store is called: its repository, and the engine's version as its tag."""
    versions = Versions.read()
    return {name: f"{REPOSITORY}/{name}:{getattr(versions, name)}" for name in NAMES}


def make_images(listener: Listener = ignore) -> dict[str, str]:
    """Make the three images of files of this machine, and return their names by the variable that names them.

    Raises:
        DockerUnavailable: no Docker answers.
        ImageNotMade: Docker does not take one.
        JarCorrupt, JarsUnavailable: Elasticsearch's jars; see `jars.ensure_jars`.
    """
    prepare(heap_size(), listener, threading.Event())
    images = local_images()
    with opened() as client:
        for name, image in images.items():
            began = time.monotonic()
            listener(Started(image))
            size = _make(client, name, image)
            listener(Finished(image, time.monotonic() - began, f"{size / 1e6:.0f} MB"))
    return {image_variables()[name]: image for name, image in images.items()}


def _make(client: Any, name: str, image: str) -> int:
    repository, _, tag = image.partition(":")
    before = _ids(client, image)
    try:
        answer = client.api.import_image_from_data(
            tree_of(name).tar(), repository=repository, tag=tag, changes=settings_of(name)
        )
        for line in _lines(answer):
            if "error" in line:
                raise ImageNotMade(f"Docker did not take the image {image}: {line['error']}.")
        made = client.images.get(image)
    except (DockerException, OSError) as error:
        raise ImageNotMade(f"The image {image} could not be made: {told(error)}.") from error
    for stale in before - {made.id}:
        _forget(client, stale)
    return int(made.attrs["Size"])


def _lines(answer: str) -> Iterator[dict[str, Any]]:
    for line in answer.splitlines():
        if line.strip():
            yield json.loads(line)


def _ids(client: Any, image: str) -> set[str]:
    return {one.id for one in client.images.list(name=image)}


def _forget(client: Any, image_id: str) -> None:
    """Remove an image that has lost its name to a new one, unless a container still is of it."""
    try:
        client.images.remove(image_id)
    except DockerException:
        return

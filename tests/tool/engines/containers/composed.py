"""docker-compose.yml brought up for a test, with other images, and taken down whatever happens."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tool.engines.processes import ROOT
from tvmigrate.engines.clients import unreachable
from tvmigrate.engines.embedded.ports import is_free
from tvmigrate.engines.endpoints import Endpoints

FILE = ROOT / "docker-compose.yml"
PROJECT = "tv-analytics-test"
WHERE = Endpoints("redis://127.0.0.1:6379", "http://127.0.0.1:8123", "http://127.0.0.1:9200")


def command(place: Path) -> list[str]:
    """Return the words that start compose on docker-compose.yml: Docker's plugin, else the older program.

    That one (Debian's docker-compose) does not know `name`, so it gets a copy without.
    """
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose", "--file", str(FILE)]
    if shutil.which("docker-compose"):
        copy = place / "docker-compose.yml"
        copy.write_text("".join(f"{line}\n" for line in FILE.read_text().splitlines() if not line.startswith("name:")))
        return ["docker-compose", "--file", str(copy)]
    pytest.skip("neither `docker compose` nor `docker-compose` is there")


@contextmanager
def composed(docker: Any, images: Mapping[str, str], place: Path) -> Iterator[Endpoints]:
    """Give the endpoints of the three services for the body, when all of them answer; `images` is by service."""
    services = yaml.safe_load(FILE.read_text())["services"]
    names = {service["container_name"] for service in services.values()}
    if there := names & {one.name for one in docker.containers.list(all=True)}:
        pytest.skip(f"containers of these names are there already: {', '.join(sorted(there))}")
    published = [int(port.split(":")[1]) for service in services.values() for port in service["ports"]]
    if taken := [port for port in published if not is_free(port)]:
        pytest.skip(f"ports that docker-compose.yml publishes are taken: {taken}")
    others = place / "images.yml"
    # A machine that allows less than the file asks for, as a sandbox does, gets what it allows.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    lowered = {
        name: {"ulimits": {"nofile": {"soft": most, "hard": most}}}
        for name, service in services.items()
        if service.get("ulimits", {}).get("nofile", {}).get("hard", 0) > most
    }
    changed = {name: {"image": image, **lowered.get(name, {})} for name, image in images.items()}
    others.write_text(yaml.safe_dump({"services": changed}))
    compose = [*command(place), "--file", str(others), "--project-name", PROJECT, "--project-directory", str(ROOT)]
    try:
        subprocess.run([*compose, "up", "--detach"], check=True, timeout=300)
        deadline = time.monotonic() + 300
        while away := unreachable(WHERE):
            assert time.monotonic() < deadline, away
            time.sleep(0.2)
        yield WHERE
    finally:
        subprocess.run([*compose, "down", "--volumes"], check=True, timeout=120)

"""The commands that start containers: up, status, down, images; a rehearsal killed in the middle, and the next."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tool.engines.processes import ROOT, python
from tvmigrate.engines.clients import check_reachable
from tvmigrate.engines.containers import owner, standing
from tvmigrate.engines.containers.kept import KeptSet
from tvmigrate.engines.containers.local.build import local_images
from tvmigrate.engines.endpoints import Endpoints

Listed = Callable[..., list[Any]]
REHEARSE = ("rehearse", "--dataset", str(ROOT / "fixtures" / "clean"), "--show", "the_voice", "--engines", "containers")


@pytest.fixture
def engines_command(environ: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = python("-m", "tvmigrate", "engines", *words)
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=600, check=False)

    return run


@pytest.fixture
def nothing_up(docker: Any) -> Iterator[None]:
    if KeptSet.find(docker, standing.PURPOSE).containers:
        pytest.skip("engines are up in containers already, by somebody's `engines up --detach`")
    yield
    KeptSet.find(docker, standing.PURPOSE).remove()


def exported(stdout: str) -> dict[str, str]:
    """Return the variables that shell lines export."""
    return dict(line.removeprefix("export ").split("=", 1) for line in stdout.splitlines())


@pytest.mark.usefixtures("nothing_up")
def test_detached_containers_run_until_down(
    engines_command: Callable[..., subprocess.CompletedProcess[str]], docker: Any
) -> None:
    up = engines_command("up", "--engines", "containers", "--detach")
    assert up.returncode == 0, up.stderr
    check_reachable(Endpoints.from_environ(exported(up.stdout)))
    again = engines_command("up", "--engines", "auto", "--detach")
    assert again.stdout == up.stdout
    assert "Engines: containers, chosen since Docker " in again.stderr
    status = engines_command("status", "--engines", "containers")
    assert (status.returncode, len(status.stdout.splitlines())) == (0, 3)
    down = engines_command("down", "--engines", "containers")
    assert "redis (up)" in down.stderr
    assert KeptSet.find(docker, standing.PURPOSE).containers == ()
    assert engines_command("status", "--engines", "containers").returncode == 3


def test_a_directory_makes_no_sense_for_containers(
    engines_command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    up = engines_command("up", "--engines", "containers", "--dir", str(tmp_path))
    assert (up.returncode, up.stdout) == (2, "")
    assert up.stderr == ("Error: --dir is for embedded engines; containers are found by their labels: leave it off.\n")


def test_images_prints_the_variables_that_name_what_it_made(
    engines_command: Callable[..., subprocess.CompletedProcess[str]], docker: Any
) -> None:
    made = engines_command("images")
    assert made.returncode == 0, made.stderr
    assert exported(made.stdout) == {
        f"TVMIGRATE_{store.upper()}_IMAGE": image for store, image in local_images().items()
    }
    assert all(docker.images.get(image) for image in local_images().values())


def test_a_rehearsal_killed_in_the_middle_leaves_no_container_after_the_next(
    containers: Listed, environ: dict[str, str], tmp_path: Path
) -> None:
    command = python("-m", "tvmigrate", *REHEARSE, "--report", str(tmp_path))
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True) as killed:
        assert killed.stderr is not None
        for line in killed.stderr:
            if line.strip().startswith("migration |"):
                break
        killed.kill()

    def left() -> list[Any]:
        return [one for one in containers() if one.labels[owner.OWNER].startswith(f"{killed.pid}:")]

    assert len(left()) == 3
    after = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=600, check=False)
    assert json.loads((tmp_path / "verdict.json").read_text())["verdict"] == "pass", after.stderr[-3000:]
    assert "Removed containers that a run which was killed had left: clickhouse, elasticsearch, redis." in after.stderr
    assert left() == []
    assert not (tmp_path / "logs").exists()  # nothing failed

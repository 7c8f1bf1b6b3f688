"""One migration gets one verdict, check by check, on embedded engines, in containers, and on what compose brings up."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tool.engines.processes import ROOT
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.containers.images import image_variables
from tvmigrate.engines.endpoints import Endpoints

from .composed import composed

# Not what the contract says, so that there are findings to compare as well.
SPOIL = """
import os, urllib.request
change = b"ALTER TABLE tv_analytics.raw_comments UPDATE sentiment = 'neutral' WHERE sentiment = 'negative'"
urllib.request.urlopen(os.environ["CLICKHOUSE_URL"] + "/?mutations_sync=1", change)
"""
MIGRATION = f"tvmigrate apply --yes && {shlex.join([sys.executable, '-c', SPOIL])}"
KINDS = ("embedded", "containers", "live")


@pytest.fixture(scope="module")
def live(docker: Any, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    by_store = {store: images[variable] for store, variable in image_variables().items()}
    with composed(docker, by_store, tmp_path_factory.mktemp("compose")) as endpoints:
        yield endpoints


def verdict(engines: str, report: Path, endpoints: Endpoints | None = None) -> dict[str, Any]:
    """Rehearse on `engines` by the command, and return the verdict without what may differ."""
    scripts = str(Path(sys.executable).parent)
    environ = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    words = ["rehearse", "--dataset", str(ROOT / "fixtures" / "clean"), "--show", "the_voice", "--engines", engines]
    words += ["--show-values"]  # what stands for a value that is not shown is another in each report
    run = subprocess.run(
        [sys.executable, "-m", "tvmigrate", *words, "--migration", MIGRATION, "--report", str(report)],
        env=environ | (endpoints.environ() if endpoints else {}),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 1, run.stderr[-3000:]
    told: dict[str, Any] = json.loads((report / "verdict.json").read_text())
    versions = {store: version.split(".")[0] for store, version in told.pop("engines").items()}
    del told["seconds"], told["made"]["began"]
    for check in told["checks"]:
        check["findings"] = sorted(json.dumps(finding, sort_keys=True) for finding in check["findings"])
    return told | {"majors": versions}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return verdict("embedded", tmp_path_factory.mktemp("embedded"))


def test_the_verdict_has_what_is_right_and_what_is_wrong(embedded: dict[str, Any]) -> None:
    states = {check["id"]: check["state"] for check in embedded["checks"]}
    assert states["clickhouse.comments"] == "fail"
    assert states["rollback.clickhouse"] == "pass"


def test_containers_get_the_verdict_of_embedded_engines(embedded: dict[str, Any], tmp_path: Path) -> None:
    assert verdict("containers", tmp_path) == embedded
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {
        "redis.log",
        "clickhouse.log",
        "elasticsearch.log",
    }  # something failed, so the engines' logs are kept


def test_what_compose_brings_up_gets_the_verdict_of_embedded_engines(
    embedded: dict[str, Any], live: Endpoints, tmp_path: Path
) -> None:
    with Clients(live) as clients:
        clients.clickhouse.command(
            "DROP DATABASE IF EXISTS tv_analytics SYNC"
        )  # the official image makes the new tables
    assert verdict("live", tmp_path, live) == embedded


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize(
    ("container", "words", "told"),
    [
        ("tv-analytics-redis", ["redis-cli", "PING"], "PONG"),
        ("tv-analytics-clickhouse", ["clickhouse-client", "--query=SELECT 1 + 1"], "2"),
    ],
    ids=["redis", "clickhouse"],
)
def test_the_guides_docker_exec_works_with_the_containers_names(container: str, words: list[str], told: str) -> None:
    done = subprocess.run(["docker", "exec", container, *words], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == told

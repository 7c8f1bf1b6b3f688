"""docker-compose.yml: what the guide and the application's defaults take for granted stands in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from src.settings import Urls
from tests.app.scripts.running import ROOT
from tvmigrate.contract import new, render
from tvmigrate.engines.clients import supported
from tvmigrate.engines.embedded.versions import Versions

FILE = ROOT / "docker-compose.yml"
STORES = ("redis", "clickhouse", "elasticsearch")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text("utf-8"))["services"]


def test_the_services_are_the_three_stores_under_the_guides_container_names(services: dict[str, Any]) -> None:
    assert {name: service["container_name"] for name, service in services.items()} == {
        "redis": "tv-analytics-redis",
        "clickhouse": "tv-analytics-clickhouse",
        "elasticsearch": "tv-analytics-elasticsearch",
    }


@pytest.mark.parametrize("store", STORES)
def test_a_store_answers_where_the_application_looks_by_default(services: dict[str, Any], store: str) -> None:
    default = urlsplit(getattr(Urls.from_environ({}), store))
    assert f"{default.hostname}:{default.port}:{default.port}" in services[store]["ports"]


@pytest.mark.parametrize("store", STORES)
def test_every_port_is_on_loopback_alone(services: dict[str, Any], store: str) -> None:
    assert services[store]["ports"] == [port for port in services[store]["ports"] if port.startswith("127.0.0.1:")]


IMAGES = {
    "redis": r"redis:(\d+\.\d+\.\d+)-bookworm",
    "clickhouse": r"clickhouse/clickhouse-server:(\d+\.\d+\.\d+\.\d+)",
    "elasticsearch": r"docker\.elastic\.co/elasticsearch/elasticsearch:(\d+\.\d+\.\d+)",
}


@pytest.mark.parametrize("store", STORES)
def test_an_image_is_official_pinned_and_of_a_version_that_the_tool_supports(
    services: dict[str, Any], store: str
) -> None:
    pinned = re.fullmatch(IMAGES[store], services[store]["image"])
    assert pinned
    assert supported(store, pinned[1])


@pytest.mark.parametrize("store", ["redis", "elasticsearch"])
def test_a_version_is_the_one_that_the_tests_run_on(services: dict[str, Any], store: str) -> None:
    assert f":{getattr(Versions.read(), store)}" in services[store]["image"]


@pytest.mark.parametrize("store", STORES)
def test_a_store_has_a_health_check_a_memory_limit_and_a_volume(services: dict[str, Any], store: str) -> None:
    service = services[store]
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["volumes"][0].partition(":")[0] == store


def test_there_is_no_password_in_the_file() -> None:
    words = re.sub(r"(?m)#.*$", "", FILE.read_text("utf-8")).lower()
    assert not re.findall(r"password|passwd|secret|requirepass|token", words)


def test_clickhouse_lets_its_user_in_from_outside_without_a_password(services: dict[str, Any]) -> None:
    assert services["clickhouse"]["environment"] == {"CLICKHOUSE_DB": new.DATABASE, "CLICKHOUSE_SKIP_USER_SETUP": "1"}


def test_elasticsearch_is_one_node_without_security(services: dict[str, Any]) -> None:
    environment = services["elasticsearch"]["environment"]
    assert environment["discovery.type"] == "single-node"
    assert environment["xpack.security.enabled"] == "false"


def test_the_new_tables_file_alone_is_mounted_where_clickhouse_runs_files_at_its_first_start(
    services: dict[str, Any],
) -> None:
    mounts = [mount.split(":") for service in services.values() for mount in service["volumes"]]
    ((source, target, mode),) = [mount for mount in mounts if mount[0].startswith(".")]
    assert (ROOT / source).resolve() == ROOT / "scripts" / render.NEW_SQL
    assert (str(PurePosixPath(target).parent), mode) == ("/docker-entrypoint-initdb.d", "ro")
    assert Path(source).name == PurePosixPath(target).name


def test_docker_compose_takes_the_file() -> None:
    docker = shutil.which("docker")
    found = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    if not found:
        pytest.skip("there is no docker with compose on this machine")
    ended = subprocess.run(
        [str(docker), "compose", "-f", str(FILE), "config", "-q"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")

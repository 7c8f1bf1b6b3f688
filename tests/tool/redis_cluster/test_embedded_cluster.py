"""The embedded Redis Cluster by itself: its shape, its end with its owner, and its data in the next start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.tool.engines.processes import ROOT, left_in, processes_in, python
from tests.tool.redis_cluster.servers import slept
from tvmigrate.engines.clients import open_redis
from tvmigrate.engines.embedded.redis_cluster import Place, RedisCluster, Shape
from tvmigrate.engines.errors import DirectoryUnusable
from tvmigrate.engines.live import open_engines
from tvmigrate.errors import UsageError

OWNER = """
import sys, time
from pathlib import Path
from tvmigrate.engines.embedded.redis_cluster import Place, RedisCluster, Shape
def wait(seconds):
    time.sleep(seconds)
    return False
folder = Path(sys.argv[1])
RedisCluster(Shape(3, 0), Place(folder / "redis", folder / "logs", None, folder), wait).start(60)
print("formed", flush=True)
time.sleep(600)
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "cluster"
    for name in ("redis", "logs"):
        (folder / name).mkdir(parents=True)
    return Place(folder / "redis", folder / "logs")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "A Redis Cluster is given as MASTERSxREPLICAS, such as 3x1, and not as '3'."),
        ("axb", "A Redis Cluster is given as MASTERSxREPLICAS, such as 3x1, and not as 'axb'."),
        (
            "2x1",
            (
                "A Redis Cluster of 2x1 is not made here: it takes 3 to 64 masters, a majority of which elects a new "
                "one, and up to 4 replicas of each."
            ),
        ),
    ],
)
def test_a_shape_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        Shape.parse(text)
    assert str(raised.value) == message


def test_only_embedded_engines_have_a_cluster_of_their_own() -> None:
    with pytest.raises(UsageError) as raised:
        open_engines("live", redis_cluster=Shape(3, 1))
    assert str(raised.value) == "--redis-cluster is for embedded engines, and the engines are live: leave it off."


def test_no_server_and_no_temporary_file_outlives_an_owner_that_is_killed(place: Place) -> None:
    folder = place.data.parent
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = python("-c", OWNER, str(folder))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "formed\n"
        assert len(processes_in(folder)) >= 3
        owner.kill()
    assert left_in(folder) == []
    assert not folder.exists()


def test_the_data_of_a_cluster_serve_its_next_start_on_other_ports(place: Place) -> None:
    first = RedisCluster(Shape(3, 1), place, slept)
    first.start(120)
    with open_redis(first.url) as client:
        for number in range(50):
            client.set(f"key {number}", number)
    first.kill()
    second = RedisCluster(Shape(3, 1), place, slept)
    assert set(first.ports).isdisjoint(second.ports)
    second.start(120)
    try:
        with open_redis(second.url) as client:
            assert sorted(client.scan_iter()) == sorted(f"key {number}".encode() for number in range(50))
    finally:
        second.stop()
    with pytest.raises(DirectoryUnusable) as raised:
        RedisCluster(Shape(4, 0), place, slept).start(1)
    assert str(raised.value) == (
        f"{place.data} holds a Redis Cluster of 6 servers, and 4x0 has 4. Ask for as many as are there, or give "
        "another directory."
    )

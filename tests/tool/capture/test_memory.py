"""Memory does not grow with what is captured: a command's peak at a size, and at ten times that size."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import profiles
from tests.integrity.one_set import clear
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

LONG, SHORT = 50_000, 500
_PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=2);"
    " print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
)


def tvmigrate(endpoints: Endpoints, *words: str) -> int:
    """Run a command and return the most memory that it had, in MB."""
    ended = subprocess.run(
        [sys.executable, "-c", _PEAK, sys.executable, "-P", "-m", "tvmigrate", *words],
        env={**os.environ, **endpoints.environ()}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout.split()[-1])


def captured(endpoints: Endpoints, folder: Path, comments: int) -> int:
    """Fill the engines with so many comments, a tenth as many keys, and capture them; return the peak in MB."""
    with Clients(endpoints) as clients:
        clear(clients)
    tvmigrate(endpoints, "generate", "--into-engines", "--comments", str(comments), "--entities", str(comments // 10))
    peak = tvmigrate(endpoints, "capture", str(folder))
    dataset = Dataset.open(folder)
    assert sum(1 for _ in dataset.documents()) == comments
    assert dataset.tables["comments"].rows.read_bytes().count(b"\n") == comments
    return peak


def test_ten_times_as_much_needs_no_more_memory(empty_engines, tmp_path, share):
    size = LONG if profiles.is_nightly() else SHORT
    once, ten_times = (captured(empty_engines, tmp_path / str(n), n * size) for n in (1, 10))
    # Pages and batches grow until they are as large as they may be, which the small size does not reach.
    assert ten_times <= (1.1 if profiles.is_nightly() else 1.5) * once
    share(
        ("capture", "comments captured in memory that stays"),
        f"{once} MB, ten times: {ten_times} MB",
        10 * size,
        10 * LONG,
    )

"""What is captured is what was loaded, and memory does not grow with it: at a size, and at ten times that size."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests import profiles
from tests.integrity.one_set import clear
from tests.tool.capture.sums import Sums, whole, without_what_is_masked
from tvmigrate.contract import old
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

LONG, SHORT = 50_000, 500
COMMENTS = "CAPTURE_COMMENTS"  # the variable of another long run: comments in each store
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


def size_of(comments: int) -> list[str]:
    return ["--comments", str(comments), "--entities", str(comments // 10)]


def captured(endpoints: Endpoints, folder: Path, comments: int) -> int:
    """Fill the engines with so many comments, a tenth as many keys, and capture them; return the peak in MB."""
    with Clients(endpoints) as clients:
        clear(clients)
    tvmigrate(endpoints, "generate", "--into-engines", *size_of(comments))
    return tvmigrate(endpoints, "capture", str(folder))


def summed_and_removed(folder: Path, sums: Callable[[Dataset], Sums]) -> Sums:
    """Return what `sums` makes of the dataset in a folder, which is then removed: the next one needs the room."""
    found = sums(Dataset.open(folder))
    shutil.rmtree(folder)
    return found


def test_ten_times_as_much_needs_no_more_memory_and_is_what_was_loaded_masked_or_not(
    empty_engines: Endpoints, tmp_path: Path, share: Callable[..., None]
) -> None:
    size = int(os.environ.get(COMMENTS, 10 * LONG)) // 10 if profiles.is_nightly() else SHORT
    once, ten_times = (captured(empty_engines, tmp_path / str(n), n * size) for n in (1, 10))
    # Pages and batches grow until they are as large as they may be, which the small size does not reach.
    assert ten_times <= (1.1 if profiles.is_nightly() else 1.5) * once
    plain = summed_and_removed(tmp_path / "10", whole)

    secret = tmp_path / "secret"
    secret.write_bytes(b"a secret of sixteen bytes and more")
    masked = tvmigrate(empty_engines, "capture", str(tmp_path / "masked"), "--mask", "--mask-key", str(secret))
    assert masked <= (1.1 if profiles.is_nightly() else 1.5) * once
    public = summed_and_removed(tmp_path / "masked", without_what_is_masked)

    tvmigrate(empty_engines, "generate", str(tmp_path / "loaded"), *size_of(10 * size))
    loaded = Dataset.open(tmp_path / "loaded")
    assert plain == whole(loaded)
    assert public == without_what_is_masked(loaded)
    assert public["comments"][0] == public[old.INDEX.name][0] == 10 * size
    share(
        ("capture", "comments captured in memory that stays, equal to what was loaded, masked or not"),
        f"{10 * size:,} at most {ten_times} MB, masked {masked} MB, a tenth of them {once} MB",
        10 * size,
        10 * max(LONG, size),
    )

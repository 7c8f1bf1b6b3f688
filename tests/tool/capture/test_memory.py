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
from tvmigrate.contract import new
from tvmigrate.dataset.generate import Size
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

LONG, SHORT = 0.05, 0.0001  # of the standard size, whose lists and sorted sets are as long at any scale
SCALE = "CAPTURE_SCALE"  # the variable of another long run
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


def records(scale: float) -> int:
    """Return how many keys, rows and documents the standard size has at a scale."""
    size = Size.standard(scale)
    keys = size.entities + size.sorted_sets + size.lists + size.unrelated + len(new.TREND_KEYS)
    return keys + size.comments + size.metric_rows + size.documents


def captured(endpoints: Endpoints, folder: Path, scale: float) -> tuple[int, int]:
    """Fill the engines with data of a scale and capture them, also masked; return both peaks in MB."""
    with Clients(endpoints) as clients:
        clear(clients)
    tvmigrate(endpoints, "generate", "--into-engines", "--scale", str(scale))
    folder.mkdir()
    secret = folder / "secret"
    secret.write_bytes(b"a secret of sixteen bytes and more")
    plain = tvmigrate(endpoints, "capture", str(folder / "plain"))
    return plain, tvmigrate(endpoints, "capture", str(folder / "masked"), "--mask", "--mask-key", str(secret))


def summed_and_removed(folder: Path, sums: Callable[[Dataset], Sums]) -> Sums:
    """Return what `sums` makes of the dataset in a folder, which is then removed: the next one needs the room."""
    found = sums(Dataset.open(folder))
    shutil.rmtree(folder)
    return found


def test_ten_times_as_much_needs_no_more_memory_and_is_what_was_loaded_masked_or_not(
    empty_engines: Endpoints, tmp_path: Path, share: Callable[..., None]
) -> None:
    scale = float(os.environ.get(SCALE, LONG)) if profiles.is_nightly() else SHORT
    once, ten_times = (captured(empty_engines, tmp_path / str(n), n * scale) for n in (1, 10))
    # Pages and batches grow until they are as large as they may be, which the small size does not reach.
    grown = 1.1 if profiles.is_nightly() else 1.5
    assert ten_times[0] <= grown * once[0]
    assert ten_times[1] <= grown * once[1]
    plain = summed_and_removed(tmp_path / "10" / "plain", whole)
    public = summed_and_removed(tmp_path / "10" / "masked", without_what_is_masked)

    tvmigrate(empty_engines, "generate", str(tmp_path / "loaded"), "--scale", str(10 * scale))
    loaded = Dataset.open(tmp_path / "loaded")
    assert plain == whole(loaded)
    assert public == without_what_is_masked(loaded)
    assert sum(count for count, _ in plain.values()) == records(10 * scale)
    share(
        ("capture", "records captured in memory that stays, equal to what was loaded, masked or not"),
        f"scale {10 * scale:g}: {ten_times[0]} MB, masked {ten_times[1]} MB; a tenth: {once[0]} and {once[1]} MB",
        records(10 * scale),
        records(10 * max(LONG, scale)),
    )

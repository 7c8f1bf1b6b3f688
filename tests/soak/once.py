"""Much data once through, and a tenth of it before: `python -m tests.soak.once --scale 0.2`.

Generate, load, apply, verify, roll back, verify, with what the tool's own processes and the engines hold sampled every
two seconds. The tool's peaks at both sizes are compared: exit code 1 if memory, open files or connections grew with the
data, or anything was lost. A scale of 1 are 500,000 keys, 10 million rows and 200,000 documents. The benchmarks
were run last at 0.3 (docs/benchmarks.md): ten times their data are `--scale 3`, half an hour.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests import nightly
from tests.integrity.one_set import rehearsal_on
from tests.soak.loop import ROOT
from tests.soak.measure import MB, connections_to
from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.heap import give_back
from tvmigrate.verify.findings import State
from tvmigrate.workers import usual_size

EVERY_S = 2.0
Peaks = dict[str, int]
ROLES = ("the verifier", "apply", "rollback", "a worker")
# What a process of the tool has where its buffers are full, which are all of a fixed size: a cache of SQLite's 20 MB,
# pages and parts of 4 MB, some of each at once. With little data they are not, and that they fill is no growth.
FULL_MB = 160
# What may not grow by more than a tenth, and by how much it may differ anyway.
COMPARED = {
    "largest process mb": 30, "most files of a process": 5, "REDIS_URL connections": 5, "CLICKHOUSE_URL connections": 5,
    "ELASTICSEARCH_URL connections": 5,
}  # fmt: skip


@contextmanager
def sampled(engines: EmbeddedEngines, peaks: Peaks) -> Iterator[None]:
    """Keep the largest of each figure while the block runs."""
    over = threading.Event()
    ours = {*engines.processes.values(), *engines.guards.values()}
    urls = engines.endpoints.environ()

    def look() -> None:
        while not over.wait(EVERY_S):
            found = dict(_own(ours))
            for name, pid in engines.processes.items():
                found[f"{name} mb"] = psutil.Process(pid).memory_info().rss // MB
            found |= {f"{name} connections": connections_to(url) for name, url in urls.items()}
            for name, number in found.items():
                peaks[name] = max(peaks.get(name, 0), number)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _own(engines: set[int]) -> Iterator[tuple[str, int]]:
    """Yield the memory of the tool's processes together, of the largest of each role, and the most files of one.

    The verifier's own ClickHouse is an engine too, and told apart.
    """
    memory, files, roles, reference = [0], [0], dict.fromkeys(ROLES, 0), 0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        try:
            if process.pid in engines or any(parent.pid in engines for parent in process.parents()):
                continue
            held = process.memory_full_info().uss // MB
            if "tvmigrate.verify.reference_engine" in process.cmdline():
                reference = max(reference, held)
                continue
            role = _role(process)
            roles[role] = max(roles[role], held)
            memory.append(held)
            files.append(process.num_fds())
        except psutil.Error:
            continue
    yield from (("tool mb", sum(memory)), ("largest process mb", max(memory)), ("most files of a process", max(files)))
    yield from ((f"{role} mb", held) for role, held in roles.items())
    yield "verifier's clickhouse mb", reference


def _role(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    if "multiprocessing" in command:
        return "a worker"
    return next((role for role in ("apply", "rollback") if f"tvmigrate {role}" in command), "the verifier")


def once(scale: float, folder: Path) -> tuple[Peaks, list[str], float]:
    """Go there and back with data of `scale`; return the peaks, what was wrong, and the seconds without generating."""
    dataset = folder / f"data-{scale:g}"
    words = ["generate", str(dataset), "--scale", f"{scale:g}", "--bad", "0.001", "--rows", "parquet"]
    subprocess.run([sys.executable, "-m", "tvmigrate", *words], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    peaks: Peaks = {}
    with EmbeddedEngines(folder / f"engines-{scale:g}") as engines, sampled(engines, peaks):
        began = time.monotonic()
        # A number of workers that is asked for is there from the beginning, with little data too.
        with rehearsal_on(engines.endpoints, dataset, workers=usual_size()) as rehearsal:
            results = [*rehearsal.migrated(), *rehearsal.rolled_back()]
            ledger = rehearsal.verdict().ledger
        seconds = time.monotonic() - began
    wrong = [f"{one.id}: {one.error or one.findings[:1]}" for one in results if one.state in {State.FAIL, State.ERROR}]
    wrong += [f"unbalanced: {line}" for line in ledger if not line.balanced]
    return peaks, wrong, seconds


def main() -> int:
    """Run the tenth, then the whole, and compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.once", description=__doc__)
    parser.add_argument("--scale", type=float, default=0.2)
    parser.add_argument(
        "--directory", type=Path, default=None, help="where the data go; a temporary folder unless said"
    )
    asked = parser.parse_args()
    give_back()  # the verifier works in this process, as it does in a command's
    told: dict[str, Peaks] = {}
    wrong: list[str] = []
    seconds = 0.0
    with tempfile.TemporaryDirectory(dir=asked.directory) as folder:
        for scale in (asked.scale / 10, asked.scale):
            peaks, found, took = once(scale, Path(folder))
            told[f"{scale:g}"] = peaks
            wrong += found
            seconds += took
            print(f"scale {scale:g}: {took:.0f} s, {peaks}, {found}", flush=True)  # noqa: T201
    small, large = told.values()
    for name, slack in COMPARED.items():
        allowed = small.get(name, 0) * 1.1 + slack
        if large.get(name, 0) > (max(allowed, FULL_MB) if name == "largest process mb" else allowed):
            wrong.append(f"{name} grew with the data from {small.get(name)} to {large.get(name)}")
    share = {"run": "load", "what": "sizes once through", "kind": f"scale {asked.scale:g}", "ran": 2, "of": 2,
             "seed": None, "seconds": None}  # fmt: skip
    (run,) = nightly.counted([(share, not wrong, seconds)])
    path = nightly.write(run, "python -m " + " ".join(["tests.soak.once", *sys.argv[1:]]))
    body = json.loads(path.read_text("utf-8")) | {"peaks": told, "wrong": wrong}
    path.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print("\n".join(wrong) or "Nothing lost, nothing grew.")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

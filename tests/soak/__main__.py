"""The long form: `python -m tests.soak --minutes 20` ends by itself and writes docs/nightly/soak.json.

Exit code 1 if something was lost, left or wrong, or if memory, open files or connections grew.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from tests import nightly, profiles
from tests.soak.loop import ROOT, Soak
from tests.soak.measure import grown, sample
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.embedded import EmbeddedEngines

RUN = ("soak", "cycles of load, apply, verify, rollback, verify, with interruptions")
KIND = "standard"


def main() -> int:
    """Run cycles until the time is over."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--dataset", type=Path, default=ROOT / "fixtures" / "standard")
    parser.add_argument("--seed", type=int, default=profiles.seed())
    asked = parser.parse_args()
    began = time.monotonic()
    series: list[dict[str, int]] = []
    wrong = ""
    with tempfile.TemporaryDirectory() as folder, EmbeddedEngines() as engines:
        soak = Soak(engines.endpoints, asked.dataset, Path(folder), random.Random(asked.seed))  # noqa: S311
        pids = engines.processes
        while time.monotonic() - began < asked.minutes * 60:
            try:
                soak.cycle()
            except AssertionError as lost:
                wrong = str(lost)
                break
            with Clients(engines.endpoints) as clients:
                series.append({"s": round(time.monotonic() - began), **sample(clients, pids)})
            print(f"{soak.done['cycles']} cycles, {series[-1]}", flush=True)  # noqa: T201
    found = [wrong] if wrong else grown([{k: v for k, v in point.items() if k != "s"} for point in series])
    _write(soak, series, found, time.monotonic() - began, asked.seed)
    print("\n".join(found) or f"Nothing lost, nothing grew: {dict(soak.done)}")  # noqa: T201
    return 1 if found else 0


def _write(soak: Soak, series: list[dict[str, int]], found: list[str], seconds: float, seed: int) -> None:
    cycles = soak.done["cycles"]
    share = {"run": RUN[0], "what": RUN[1], "kind": KIND, "ran": cycles, "of": cycles, "seed": seed, "seconds": None}
    (run,) = nightly.counted([(share, not found, seconds)])
    path = nightly.write(run, "python -m " + " ".join(["tests.soak", *sys.argv[1:]]))
    result = json.loads(path.read_text("utf-8"))
    result |= {"done": dict(soak.done), "largest command mb": soak.largest_mb, "found": found, "series": series}
    text = json.dumps(result, indent=2, ensure_ascii=False)
    # One point a line, or the file is longer than anybody reads.
    points = ",\n".join("    " + json.dumps(point) for point in series)
    head = json.dumps({**result, "series": []}, indent=2, ensure_ascii=False)
    assert json.loads(text)["series"] == series
    path.write_text(head.replace('"series": []', f'"series": [\n{points}\n  ]') + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())

"""Known holes in the locked dependencies: `python -m tests.audit [--required]`, which asks pip-audit's databases.

What could not be looked at is said. That is no pass: exit code 3 with `--required`; without it 0, so that a machine
without those databases can go on with the rest. Exit code 1 if a hole is known.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
SERVICES = ("pypi", "osv")
SECONDS = 300


def asked(service: str) -> tuple[list[Mapping[str, Any]], str]:
    """Return what pip-audit says of each dependency by one service, and what went wrong."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip",
               "--format", "json", "--progress-spinner", "off", "--vulnerability-service", service,
               "--timeout", "10"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return [], f"it did not answer within {SECONDS} s"
    try:
        return json.loads(done.stdout)["dependencies"], ""
    except (ValueError, KeyError):
        return [], " ".join(done.stderr.split())[-300:] or f"exit code {done.returncode}"


def told(dependencies: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str], int]:
    """Return the known holes as lines, the names that were not looked at, and how many were."""
    holes = [
        f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
        for one in dependencies
        for hole in one.get("vulns", ())
    ]
    skipped = [one["name"] for one in dependencies if "skip_reason" in one]
    return holes, skipped, len(dependencies) - len(skipped)


def main(arguments: Sequence[str]) -> int:
    """Ask one service after the other until one has looked at everything."""
    reasons = []
    for service in SERVICES:
        found, why = asked(service)
        holes, skipped, looked = told(found)
        if holes:
            sys.stdout.write("\n".join(["Dependencies with known holes:", *holes]) + "\n")
            return 1
        if found and not skipped:
            sys.stdout.write(f"Dependencies: {looked} of {looked} audited by {service}, no known hole.\n")
            return 0
        reasons.append(why or f"{service} knows nothing of {len(skipped)} of {len(found)}")
    sys.stdout.write(f"Dependencies were NOT audited here: {'; '.join(reasons)}.\n")
    return 3 if "--required" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

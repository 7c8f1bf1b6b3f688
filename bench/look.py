"""The verification as a process that stays: it loads and migrates a dataset once, then looks as often as it is asked.

Argument: the dataset. A line on stdin asks for a look: `{"only": [check ids]}`, all checks if null. A line on stdout
answers: `seconds` of the look, `examined` and `findings` by check, `errors`. The first line says that it is migrated.
What a look works out of the old data is worked out anew by each, as the first look of a rehearsal does.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson


def main(dataset: str, show: str) -> None:
    """Serve until stdin ends."""
    # Imported here: each worker of the look imports the program that it belongs to, as of a command it is a light one.
    from tvmigrate.contract.policy import Policy  # noqa: PLC0415
    from tvmigrate.verify.exits import MIGRATION_EXIT  # noqa: PLC0415
    from tvmigrate.verify.findings import Phase  # noqa: PLC0415
    from tvmigrate.verify.kept import Kept  # noqa: PLC0415
    from tvmigrate.verify.rehearsal import Job, Rehearsal  # noqa: PLC0415

    job = Job(Path(dataset), Policy(show=show), engines="live", only=frozenset({MIGRATION_EXIT.id}))
    with Rehearsal(job) as rehearsal:
        results = rehearsal.migrated()
        _say({"migrated": [result.error for result in results if result.findings_total or result.error]})
        for line in sys.stdin:
            only = orjson.loads(line)["only"]
            rehearsal.job = replace(job, only=None if only is None else frozenset(only))
            with Kept() as kept:
                rehearsal._reference = replace(rehearsal.reference, kept=kept)
                began = time.perf_counter()
                results, _ = rehearsal.look(Phase.MIGRATION)
                seconds = time.perf_counter() - began
            _say(
                {
                    "seconds": seconds,
                    "examined": {result.id: result.examined for result in results},
                    "findings": {result.id: result.findings_total for result in results if result.findings_total},
                    "fields": sorted({f"{f.field}" for result in results for f in result.findings}),
                    "errors": [result.error for result in results if result.error],
                }
            )


def _say(body: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(body) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Records that are bad by their size: mapped or quarantined like any other, with bounded memory."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests import profiles
from tests.conftest import Tell
from tests.corpus.big import MB, RECIPES
from tests.integrity.one_set import rehearsal_on
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.verify.findings import State

RUN = ("bad-input", "bad files and records")
# A short run makes one of them, another with each commit, at a 64th of its size.
PART = 1 if profiles.is_nightly() else 64
BASE, TIMES = 300 * MB, 12  # a value is there as bytes, as text, parsed, and as what is written of it


# Runs a command and writes the memory (kB) of the largest of its processes to a file.
MEASURE = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[2:]); "
    "open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)); sys.exit(code)"
)


def measured(path: Path, command: str) -> str:
    """Return the shell command that runs ours and writes its peak to `path`."""
    return shlex.join([sys.executable, "-c", MEASURE, str(path), sys.executable, "-m", "tvmigrate", command, "--yes"])


def chosen() -> list[str]:
    if profiles.is_nightly():
        return list(RECIPES)
    return [list(RECIPES)[profiles.turn() % len(RECIPES)]]


@pytest.mark.parametrize("name", chosen())
def test_a_big_record_ends_like_any_other_and_takes_bounded_memory(
    name: str, endpoints: Endpoints, tmp_path: Path, share: Tell
) -> None:
    share(RUN, "big records", 1, len(RECIPES))
    big = RECIPES[name](PART)
    big.write(tmp_path / "dataset")
    peaks = [tmp_path / "apply", tmp_path / "rollback"]
    commands = dict(zip(("migration", "rollback"), map(measured, peaks, ("apply", "rollback")), strict=True))
    with rehearsal_on(endpoints, tmp_path / "dataset", **commands) as rehearsal:
        results = rehearsal.migrated()
        with Clients(endpoints) as clients:
            asked = "SELECT reason, count() FROM tv_analytics.migration_quarantine GROUP BY reason"
            found = Counter(dict(clients.clickhouse.query(asked).result_rows))
        results = [*results, *rehearsal.rolled_back()]
        ledger = rehearsal.verdict().ledger
    wrong = [(one.id, one.error, one.findings[:1]) for one in results if one.state in {State.FAIL, State.ERROR}]
    assert wrong == []
    told = {
        (str(line.rule), fate): getattr(line, fate)
        for line in ledger
        for fate in ("mapped", "filled", "quarantined", "untouched")
        if line.old is not None and getattr(line, fate)
    }
    assert (told, found) == (dict(big.fates), big.reasons)
    assert max(int(path.read_text()) * 1024 for path in peaks) < BASE + TIMES * big.largest + big.objects

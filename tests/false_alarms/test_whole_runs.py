"""Whole rehearsals of right migrations: every policy, every migration, wherever the client runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import profiles
from tests.integrity.one_set import empty, rehearsal_on
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.verify.findings import Verdict

from .judging import RUN, assert_nothing_found
from .migrations import FIXTURES, MIGRATIONS, POLICIES, ROOT, Migration, policy_job

# A show may be called anything that is one path segment, so that a program id is unlike any other text of the test.
ODD = {
    "show-emoji": Policy(show="🎤giọng-hát"),
    "show-decomposed": Policy(show="gio\u0323ng_ha\u0301t", timezone="Asia/Ho_Chi_Minh"),
    "show-quotes": Policy(show='it\'s"%s"\\n{x}'),
}
# `clean`, its comments with columns that the server reckons itself: no dataset holds what is in them.
DERIVED = "derived-columns"
_RECKONED = "    length_of_text UInt64 MATERIALIZED length(text),\n    shouted String ALIAS upper(text),\n"
COMBINATIONS = [
    *((migration, policy, "standard") for migration in MIGRATIONS if migration != "keeping" for policy in POLICIES),
    *(("keeping", policy, "standard") for policy in ("show-map-saigon", "keep-zero-kathmandu")),
    *((migration, policy, "clean") for migration in MIGRATIONS for policy in ODD),
    *((migration, "show-quotes", DERIVED) for migration in MIGRATIONS),
]
CHOSEN = COMBINATIONS if profiles.is_nightly() else [("keeping", "show-quotes", DERIVED)]

PLACES = {
    "kathmandu": {"TZ": "Asia/Kathmandu"},
    "new-york": {"TZ": "America/New_York"},
    "apia": {"TZ": "Pacific/Apia"},
    "turkish": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "vietnamese": {"LC_ALL": "vi_VN.UTF-8", "TZ": "Asia/Ho_Chi_Minh"},
    "no-utf8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "posix-ascii": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
    "hash-seed-0": {"PYTHONHASHSEED": "0"},
    "hash-seed-1": {"PYTHONHASHSEED": "1"},
    "hash-seed-4294967295": {"PYTHONHASHSEED": "4294967295"},
    "optimized": {"PYTHONOPTIMIZE": "2"},
    "warnings": {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
    "dumb-terminal": {"TERM": "dumb", "COLUMNS": "20", "NO_COLOR": "1"},
}
ALL_AT_ONCE = {"all-at-once": PLACES["no-utf8"] | PLACES["apia"] | PLACES["hash-seed-1"] | PLACES["optimized"]}
CHOSEN_PLACES = PLACES | ALL_AT_ONCE if profiles.is_nightly() else ALL_AT_ONCE
ENGINES_TOO = ["new-york", "turkish", "no-utf8"]  # our engines inherit where they are started


def rehearsed(endpoints: Endpoints, migration: Migration, policy: Policy, dataset: Path, folder: Path) -> Verdict:
    with rehearsal_on(endpoints, dataset, **migration.job(), **policy_job(policy, folder)) as rehearsal:
        rehearsal.rolled_back()
        return rehearsal.verdict()


@pytest.mark.parametrize("combination", CHOSEN, ids="-".join)
def test_a_right_migration_is_right_under_every_policy(endpoints, combination, tmp_path, share) -> None:
    """Assert that neither another's way of doing it nor another policy is taken for a fault."""
    share(RUN, "migrations under a policy", 1, len(COMBINATIONS))
    migration, policy, dataset = combination
    old = derived(tmp_path / dataset) if dataset == DERIVED else FIXTURES / dataset
    verdict = rehearsed(endpoints, MIGRATIONS[migration], (POLICIES | ODD)[policy], old, tmp_path)
    assert_nothing_found(verdict.checks, verdict.ledger)


def derived(folder: Path) -> Path:
    shutil.copytree(FIXTURES / "clean", folder)
    table = folder / "clickhouse" / "comments.sql"
    stored = "    eaos_score Nullable(Float32)\n"
    told = table.read_text("utf-8")
    assert stored in told
    table.write_text(told.replace(stored, _RECKONED + stored), "utf-8")
    return folder


def run_elsewhere(place: dict[str, str], report: Path, *options: str, dataset: str = "clean") -> None:
    """Rehearse in a process of its own, in another place, and assert that its verdict is a pass."""
    command = [sys.executable, "-P", "-m", "tvmigrate", "rehearse", "--dataset", str(FIXTURES / dataset)]
    ended = subprocess.run(
        [*command, "--show", "the_voice", "--report", str(report), *options],
        env={**os.environ, "PYTHONPATH": str(ROOT), **place},
        cwd=report.parent,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, (ended.stdout + ended.stderr).decode("utf-8", "replace")
    verdict = json.loads((report / "verdict.json").read_text("utf-8"))
    assert verdict["verdict"] == "pass"
    assert sum(check["findings_total"] for check in verdict["checks"]) == 0


@pytest.mark.parametrize("place", CHOSEN_PLACES.values(), ids=CHOSEN_PLACES)
def test_where_the_client_runs_changes_no_verdict(endpoints, place, tmp_path, share) -> None:
    """Assert that time zone, locale, encoding and hash seed of the process have no say in what data mean."""
    share(RUN, "places of the client", 1, len(PLACES | ALL_AT_ONCE))
    empty(endpoints)
    run_elsewhere(place | endpoints.environ(), tmp_path / "report", "--engines", "live")


@pytest.mark.skipif(not profiles.is_nightly(), reason="starts engines of its own; in the long run only")
@pytest.mark.parametrize("name", ENGINES_TOO)
def test_where_the_engines_run_changes_no_verdict(name, tmp_path, share) -> None:
    """Assert that a server's own time zone and locale, which an old DateTime is shown in, have no say either."""
    share(RUN, "places of the engines", 1, len(ENGINES_TOO))
    run_elsewhere(PLACES[name], tmp_path / "report", dataset="standard")

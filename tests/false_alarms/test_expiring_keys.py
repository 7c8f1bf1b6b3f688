"""Keys that expire before, during and after the migration, between looks, and before the rollback."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests import profiles
from tests.integrity.one_set import SHOW, rehearsal_on
from tvmigrate.verify.findings import Phase

from .judging import RUN, assert_nothing_found
from .migrations import FIXTURES, MIGRATIONS

NAMES = ["ours", *(name for name in MIGRATIONS if name not in {"ours", "keeping"}), "keeping"]
CHOSEN = NAMES if profiles.is_nightly() else NAMES[:1]
LOOKS = 5
SECOND_MS = 1000


def expiring(folder: Path, seconds: range) -> Path:
    """Write a dataset with a key of every kind for every length of life; return it."""
    lines = []

    def add(key: str, kind: str, value: object, life: int, db: int = 0) -> None:
        ttl = life * SECOND_MS + 137 * len(lines) % SECOND_MS
        lines.append({"db": db, "key": key, "type": kind, "ttl_ms": ttl, "value": value})

    for n, life in enumerate(seconds):
        at = "2025-11-20T06:05:00Z"
        add(f"eaos:short_{n}", "string", json.dumps({"score": 0.5, "positive": n, "timestamp": at, "left": n}), life)
        add(f"eaos:filled_{n}", "string", json.dumps({"score": 0.5, "positive": n}), life)
        add(f"eaos:broken_{n}", "string", "{", life)
        item = {"entity": f"own_{n}", "value": n, "timestamp": at}
        add(f"metrics:own_{n}", "list", [json.dumps(item), "0.5"], life)
        add(f"metrics:merged_{n}", "list", [json.dumps({"entity": "merged", "value": n, "timestamp": at})], life)
        add(f"metrics:refused_{n}", "list", ["1", "["], life)
        add(f"session:{n}", "string", "x", life, db=n % 2)
    for window, life in zip((5, 15, 60, 30), seconds[:: max(1, len(seconds) // 4)], strict=False):
        add(f"trend:{window}m", "zset", [["show", 1.5], ["giọng hát", 2]], life)
    folder.mkdir()
    (folder / "dataset.toml").write_text('name = "expiring"\n')
    (folder / "redis.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for part in ("clickhouse", "elasticsearch"):
        (folder / part).symlink_to(FIXTURES / "clean" / part)
    return folder


@pytest.mark.parametrize("name", CHOSEN)
def test_keys_that_expire_at_any_moment_are_no_difference(endpoints, name, tmp_path, share) -> None:
    """Assert that a key that ran out is counted as expired, whenever that was, and never as lost.

    Lives are spread over the whole rehearsal: some end before the migration, some within it, some within a look.
    """
    dataset = expiring(tmp_path / "dataset", range(1, 31))
    with rehearsal_on(endpoints, dataset, policy=SHOW, **MIGRATIONS[name].job()) as rehearsal:
        assert_nothing_found(rehearsal.migrated(), rehearsal.verdict().ledger)
        for ran in range(1, LOOKS + 1 if profiles.is_nightly() else 2):
            share(RUN, "moments of keys that expire", 1, LOOKS * len(NAMES))
            time.sleep(ran * 0.7)
            assert_nothing_found(*rehearsal.look(Phase.MIGRATION))
        assert_nothing_found(rehearsal.rolled_back(), [])

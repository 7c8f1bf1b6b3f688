"""The migration guide taken literally: it fails, and a finding names each of its defects that shows in the data.

The defects are those of docs/contract.md §4. They cannot all show in one run, since some hide others and some are the
reader's choice: so there are three readers.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tvmigrate.contract.outcome import Store
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import ExitCode
from tvmigrate.report.prose import explain
from tvmigrate.verify.context import QuarantineKind
from tvmigrate.verify.findings import Direction, Finding, State, Verdict

from .one_set import migrate_on, rehearsal_on, rehearse_on

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "examples" / "literal_guide"
ALREADY_NEW = "eaos:current:rap_viet/finale"  # written by the application's new version before the migration
STANDARD = ROOT / "fixtures" / "standard"
KEPT = 300  # findings of a check

# The guide's readers: the first of two ways everywhere; the other ways; and one who stops at step 3's first way.
AS_IT_STANDS, OTHER_WAYS, SOURCE_ALONE = "as-it-stands", "other-ways", "source-alone"
CHOICES = {
    AS_IT_STANDS: "",
    OTHER_WAYS: "GUIDE_CLEAR=keys GUIDE_TABLE=drop GUIDE_CLONE=block ",
    SOURCE_ALONE: "GUIDE_SCHEMA=source ",
}


@dataclass(frozen=True)
class Shows:
    """A defect, who meets it, and the finding that names it: check, direction, old or new name, field, words."""

    defect: str
    reader: str
    check: str
    store: Store
    direction: Direction
    names: str
    field: str | None
    words: str


R, C, E, X = Store.REDIS, Store.CLICKHOUSE, Store.ELASTICSEARCH, Store.CROSS
MISSING, EXTRA, CHANGED, SCHEMA = Direction.MISSING, Direction.EXTRA, Direction.CHANGED, Direction.SCHEMA
BACKUP = "tv_analytics.comments_backup"
COMMENTS, METRICS, INDEX = "tv_analytics.comments", "tv_analytics.eaos_metrics", "tv_comments"
SHOWS = [
    # 1. CREATE TABLE … AS copies no rows
    Shows("empty-backup", AS_IT_STANDS, "clickhouse.old-tables", C, MISSING, BACKUP, "rows", "copies columns, no rows"),
    Shows("empty-restored", OTHER_WAYS, "rollback.clickhouse", C, MISSING, COMMENTS, "rows", "is there and empty"),
    # 2. redis-cli --rdb as a restore; see also test_the_restore_overwrites_the_backup
    Shows("nothing-restored", AS_IT_STANDS, "rollback.redis", R, MISSING, "trend:5m", "key", "never reads one"),
    # 3. _clone needs a write block, and the clone keeps it and gets a replica
    Shows("clone-refused", AS_IT_STANDS, "migration.exit", X, CHANGED, "", "exit_code", "must be read-only to resize"),
    Shows("clone-never-made", AS_IT_STANDS, "rollback.elasticsearch", E, MISSING, INDEX, "index", "none of its"),
    Shows("block-left", OTHER_WAYS, "elasticsearch.settings", E, SCHEMA, INDEX, "index.blocks.write", "`_clone` asks"),
    Shows("clone-keeps-block", OTHER_WAYS, "rollback.elasticsearch-schema", E, SCHEMA, INDEX,
        "settings.index.blocks.write", "a clone keeps"),
    Shows("clone-gets-replica", OTHER_WAYS, "rollback.elasticsearch-schema", E, SCHEMA, INDEX,
        "settings.index.number_of_replicas", "one replica"),
    # 4. CREATE TABLE IF NOT EXISTS keeps the old columns
    Shows("old-columns-kept", AS_IT_STANDS, "clickhouse.schema.eaos_metrics", C, SCHEMA, METRICS, None, "NOT EXISTS"),
    Shows("new-column-missing", AS_IT_STANDS, "clickhouse.schema.eaos_metrics", C, SCHEMA, METRICS, "program_id", ""),
    # 5. the old eaos_metrics is backed up nowhere
    Shows("no-copy-of-eaos-metrics", AS_IT_STANDS, "rollback.clickhouse", C, MISSING, METRICS, None, "none of its 422"),
    Shows("table-not-back", AS_IT_STANDS, "rollback.clickhouse-schema", C, MISSING, METRICS, "table", "from a copy"),
    # 6. RENAME fails while comments exists
    Shows("rename-refused", AS_IT_STANDS, "rollback.exit", X, CHANGED, "", "exit_code", "comments already exists"),
    Shows("backup-not-renamed", AS_IT_STANDS, "rollback.clickhouse-extra", C, EXTRA, BACKUP, "table", "RENAME"),
    # 7. KEYS eaos:* also matches eaos:current:*
    Shows("new-key-deleted", OTHER_WAYS, "redis.unrelated", R, MISSING, ALREADY_NEW, "key", "KEYS"),
    # 8. FLUSHDB takes unrelated keys
    Shows("unrelated-flushed", AS_IT_STANDS, "redis.unrelated", R, MISSING, "cache:thumbnail", "key", "FLUSHDB"),
    Shows("quarantine-flushed", AS_IT_STANDS, "redis.old-keys", R, MISSING, "eaos:a_hash", "key", "stays untouched"),
    # 9. SOURCE is no clickhouse-client command
    Shows("source-refused", AS_IT_STANDS, "migration.exit", X, CHANGED, "", "exit_code", "position 1 (SOURCE)"),
    Shows("no-new-table", SOURCE_ALONE, "clickhouse.schema.raw_comments", C, MISSING, "tv_analytics.raw_comments", None,
        "There is no table"),
    # 10. no old data to go back to, and nothing was carried over
    Shows("keys-not-back", AS_IT_STANDS, "rollback.redis", R, MISSING, "eaos:contestant_1", "key", "every key back"),
    Shows("index-not-back", AS_IT_STANDS, "rollback.elasticsearch-schema", E, MISSING, INDEX, "index", "was an index"),
    Shows("rows-not-carried-over", AS_IT_STANDS, "clickhouse.comments", C, MISSING, "raw_comments agg-1", None, ""),
    Shows("keys-not-carried-over", AS_IT_STANDS, "redis.eaos", R, MISSING, "eaos:contestant_1", "key", ""),
    Shows("index-not-replaced", AS_IT_STANDS, "elasticsearch.alias", E, SCHEMA, INDEX, "alias", "should be an alias"),
]  # fmt: skip


@pytest.fixture(scope="module")
def verdicts(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """Return the verdict on each reader's migration; the guide's own on standard/, the others' on a smaller set."""
    small = tmp_path_factory.mktemp("guide") / "clean"
    shutil.copytree(ROOT / "fixtures" / "clean", small)
    new_key = {"db": 0, "key": ALREADY_NEW, "type": "hash", "ttl_ms": None, "value": {"score": "0.5"}}
    with (small / "redis.ndjson").open("a") as lines:
        lines.write(json.dumps(new_key) + "\n")
    return {
        AS_IT_STANDS: rehearse_on(endpoints, STANDARD, **_job(AS_IT_STANDS)),
        OTHER_WAYS: rehearse_on(endpoints, small, **_job(OTHER_WAYS)),
        SOURCE_ALONE: migrate_on(endpoints, small, **_job(SOURCE_ALONE)),
    }


def _job(reader: str) -> dict[str, object]:
    choices = CHOICES[reader]
    return {
        # Only what the table speaks of: to list every record that the guide loses takes time.
        "only": frozenset(shows.check for shows in SHOWS if shows.reader == reader),
        "migration": f"{choices}sh '{GUIDE / 'migrate.sh'}'",
        "rollback": f"sh '{GUIDE / 'rollback.sh'}'",
        "quarantine": QuarantineKind.NONE,
        "max_findings": KEPT,
    }


@pytest.mark.parametrize("reader", [AS_IT_STANDS, OTHER_WAYS, SOURCE_ALONE])
def test_the_guide_taken_literally_fails(verdicts: dict[str, Verdict], reader: str) -> None:
    """Assert that whoever does just what the guide says is told that the data is not migrated."""
    assert verdicts[reader].state is State.FAIL
    assert verdicts[reader].exit_code is ExitCode.DIFFERENT


@pytest.mark.parametrize("shows", SHOWS, ids=lambda shows: shows.defect)
def test_each_defect_that_shows_is_named(verdicts: dict[str, Verdict], shows: Shows) -> None:
    """Assert that a finding says store, record, field and direction of what the guide's line did, and why."""
    (result,) = [check for check in verdicts[shows.reader].checks if check.id == shows.check]
    assert any(_names(finding, shows) for finding in result.findings), explain(result, shown=10)


def _names(finding: Finding, shows: Shows) -> bool:
    return (
        (finding.store, finding.direction, finding.field) == (shows.store, shows.direction, shows.field)
        and shows.names in f"{finding.old} {finding.new}"
        and shows.words in finding.note
    )


def test_the_restore_overwrites_the_backup(endpoints: Endpoints, tmp_path: Path) -> None:
    """Assert what no look at the stores can tell: the guide's "restore" writes over the only dump that held the keys.

    The suite sees that no key came back, not that there is nothing left to try again with.
    """
    job = {**_job(AS_IT_STANDS), "directory": tmp_path, "only": frozenset({"redis.trend"})}
    with rehearsal_on(endpoints, ROOT / "fixtures" / "clean", **job) as rehearsal:
        rehearsal.migrated()
        (dump,) = tmp_path.glob("*/work/dump.rdb")
        before = dump.read_bytes()
        rehearsal.rolled_back()
        after = dump.read_bytes()
    assert b"trend:60m" in before
    assert b"trend:60m" not in after
    assert after.startswith(b"REDIS")

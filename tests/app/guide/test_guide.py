"""docs/guide.md as its reader types it: every block, in order, on engines that hold an old system."""

from __future__ import annotations

import ast
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.guide.page import GUIDE, ORIGINAL, Block, blocks
from tests.app.guide.reader import OLD_IMPORT, Reader, Told
from tvmigrate.contract import old

BLOCKS = blocks(GUIDE)
CLEAN = GUIDE.parents[1] / "fixtures" / "clean"
ORIGINALS_SNIPPETS = ("Test Redis V2", "Test ClickHouse V2", "Test Elasticsearch V2")


class Walk:
    """What became of each block; after one that failed no other was typed."""

    def __init__(self, told: dict[int, Told], folder: Path) -> None:
        self.told = told
        self.folder = folder

    def of(self, words: str, after: str = "") -> Told:
        """Return what became of the first block that holds `words`, of those from the heading `after` on."""
        seen = not after
        for block in BLOCKS:
            seen = seen or block.heading == after
            if seen and words in block.text:
                if block.number not in self.told:
                    pytest.skip("a block before it failed")
                return self.told[block.number]
        raise AssertionError(f"no block of {GUIDE} holds {words!r}")


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """Type the whole guide, up to the first block that fails."""
    folder = tmp_path_factory.mktemp("guide")
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    environ["API_PORT"] = str(free_port())
    told: dict[int, Told] = {}
    with Reader(folder, environ) as reader:
        for block in BLOCKS:
            told[block.number] = reader.types(block)
            if told[block.number].code:
                break
        yield Walk(told, folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_block_works_as_typed(walk: Walk, block: Block) -> None:
    if block.number not in walk.told:
        pytest.skip("a block before it failed")
    told = walk.told[block.number]
    assert told.code == 0, f"{block.text}\n{told.out}\n{told.err}"


def test_no_block_is_of_a_language_that_is_not_run() -> None:
    assert {block.language for block in BLOCKS} == {"bash", "python"}


@pytest.mark.parametrize("title", ORIGINALS_SNIPPETS)
def test_the_clients_snippets_are_the_originals_to_the_letter(title: str) -> None:
    (ours,), (theirs,) = ([b.text for b in blocks(page) if b.heading == title] for page in (GUIDE, ORIGINAL))
    assert ours == theirs


def test_the_old_system_is_planned_applied_rolled_back_and_applied_again(walk: Walk) -> None:
    assert "Nothing stands in the way." in walk.of("tvmigrate plan").out
    assert walk.of("tvmigrate status", "Step 4: Clear Old Redis Data").out.startswith("Applied: ")
    assert "is rolled back: the old data are as its backup has them." in walk.of("tvmigrate rollback").out
    assert "is applied." in walk.of("tvmigrate apply", "Rollback Code").out
    assert walk.of("tvmigrate finish").code == 0


def test_the_rollback_brings_back_each_row_and_document(walk: Walk) -> None:
    rows = [lines(CLEAN / "clickhouse" / f"{table.name}.ndjson") for table in old.TABLES]
    assert list(map(int, walk.of(f"FROM {old.DATABASE}.{old.COMMENTS.name}").out.split())) == rows
    assert json.loads(walk.of("/_count").out)["count"] == documents()


def documents() -> int:
    return lines(CLEAN / "elasticsearch" / f"{old.INDEX.name}.ndjson")


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_what_was_written_before_the_rollback_is_saved(walk: Walk) -> None:
    told = walk.of("tvmigrate rollback")
    assert "after_switch" in told.err
    assert list(walk.folder.glob(".tvmigrate/runs/*/after_switch/redis.ndjson"))


def test_the_code_is_rolled_back_by_its_commit(walk: Walk) -> None:
    assert walk.of("git revert").code == 0
    assert (walk.folder / "dashboard.py").read_text("utf-8") == OLD_IMPORT


def test_the_snippets_print_what_they_wrote(walk: Walk) -> None:
    eaos, trends = walk.of("add_trending_topic").out.splitlines()
    assert "'program_id': 'test_show'" in eaos
    topics = ast.literal_eval(trends.removeprefix("Trends: "))
    assert {"topic": "contestant_1", "score": 50.0} in topics or len(topics) == 5
    assert "'total_comments': 150" in walk.of("get_latest_eaos").out
    assert walk.of("index_comment").out == "Search results: 1\n"


def test_the_checks_of_storage_and_agent_pass(walk: Walk) -> None:
    for after in ("Step 8: Verify Migration", "📝 Post-Migration Checklist"):
        assert "All three storage clients work." in walk.of("tests/test_storage_v2.py", after).out
        told = walk.of("tests/test_agent.py", after)
        assert "8 of 8 tools were asked." in told.out + told.err


def test_a_person_asks_the_agent_and_gets_trends(walk: Walk) -> None:
    assert "top_trends" in walk.of("--mode interactive").out


def test_every_store_is_up_and_the_api_knows_the_old_names(walk: Walk) -> None:
    health = json.loads(walk.of("--retry-all-errors").out)
    assert (health["status"], set(health["stores"])) == ("up", {"redis", "clickhouse", "elasticsearch"})
    status, count = walk.of("/v2/comments/count").out.splitlines()
    assert status.startswith("Applied: ")
    assert json.loads(count)["count"] == documents()
    new_and_old = walk.of("time_window=15").out
    assert '"new_parameter":"time_range"' in new_and_old
    assert '"status":400' in new_and_old


def test_each_table_is_already_right_after_the_migration(walk: Walk) -> None:
    told = walk.of("init_databases", "📝 Post-Migration Checklist").out
    assert "already right" in told
    assert "made:" not in told


def test_nothing_is_left_running(walk: Walk) -> None:
    assert walk.of("engines down").code == 0

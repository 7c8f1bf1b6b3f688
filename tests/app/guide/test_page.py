"""docs/guide.md beside the original: the same headings in the same order, each defect named, each mapping true."""

from __future__ import annotations

import pytest

from tests.app.guide.page import GUIDE, ORIGINAL, Section, blocks, pairs, remarks, sections
from tvmigrate.contract import values
from tvmigrate.contract.policy import Policy

OURS = sections(GUIDE)
WITH_BLOCKS = sorted({block.heading for block in blocks(ORIGINAL)})
# The defects of docs/contract.md §4: a heading, and words of what is said there.
DEFECTS = {
    "CREATE TABLE … AS copies no rows": ("Step 1: Backup Existing Data", "makes an empty table"),
    "--rdb as a restore overwrites the backup": ("Rollback Redis", "overwrites the only backup"),
    "_clone needs a write block first": ("Step 1: Backup Existing Data", "the index is not closed to writes"),
    "the clone keeps it": ("Rollback Elasticsearch", "closed to writes as the backup is"),
    "and gets one replica": ("Rollback Elasticsearch", "one replica whatever it had"),
    "IF NOT EXISTS keeps the old columns": ("Step 3: Update ClickHouse Schema", "silently keeps its columns"),
    "old eaos_metrics is backed up nowhere": ("Step 1: Backup Existing Data", "backed up nowhere"),
    "RENAME fails while comments exists": ("Rollback ClickHouse", "`RENAME` then fails"),
    "KEYS eaos:* also matches new keys": ("Step 4: Clear Old Redis Data", "also matches `eaos:current:*`"),
    "FLUSHDB takes unrelated keys": ("Step 4: Clear Old Redis Data", "no part of the migration"),
    "SOURCE is no command": ("Step 3: Update ClickHouse Schema", "a command of another database's client"),
    "no old data to go back to": ("Step 4: Clear Old Redis Data", "no old data to go back to"),
    "nothing is migrated": ("Database Migration Guide", "never moves a record"),
    "stopping the stores": ("Step 2: Stop Services", "stops the stores"),
    "sleep": ("Step 6: Re-initialize Databases", "`sleep 10` hopes"),
    "init_databases beside old tables": ("Step 6: Re-initialize Databases", "still has the old tables"),
    "samples in the place of data": ("Step 7: Seed New Data", "samples stand where the data were"),
    "DELETE before _clone": ("Rollback Elasticsearch", "deletes the index before"),
    "checkout": ("Rollback Code", "whichever that is"),
    "drop old tables": ('"Table already exists" error', "loses every row"),
    "restart": ("Redis connection refused", "writes since then are lost"),
    "delete index and recreate": ("Elasticsearch mapping conflict", "loses every comment"),
    "increase timeout": ("ClickHouse query timeout", "its rows twice"),
}

LOSSES = ("lost", "loses", "takes", "overwrites", "rows twice", "made-up")


def section(heading: str) -> Section:
    (found,) = [one for one in OURS if one.heading == heading]
    return found


def test_the_headings_are_the_originals_in_their_order() -> None:
    assert [(one.level, one.heading) for one in OURS] == [(one.level, one.heading) for one in sections(ORIGINAL)]


@pytest.mark.parametrize("heading", WITH_BLOCKS)
def test_what_the_original_does_is_said_beside_each_of_its_blocks(heading: str) -> None:
    """Assert that a remark stands under the heading, or under the one that it belongs to."""
    whole = section("🧪 Testing New Schema") if heading.startswith("Test ") else section(heading)
    assert remarks(whole), f"docs/guide.md says nothing of the original's block under {heading!r}"


@pytest.mark.parametrize(("heading", "words"), DEFECTS.values(), ids=DEFECTS)
def test_the_defect_is_named_where_it_is(heading: str, words: str) -> None:
    assert words in " ".join(section(heading).text.replace("\n> ", " ").split())


@pytest.mark.parametrize("heading", [one.heading for one in OURS if remarks(one)])
def test_a_remark_says_what_is_lost(heading: str) -> None:
    told = " ".join(remarks(section(heading)))
    assert any(word in told for word in LOSSES), told


# ------------------------------------------------------------------------------------------------------ the mappings

MAPPED = pairs(section("Entity → Program ID"))
LABELS = pairs(section("Sentiment Labels"))
WINDOWS = pairs(section("Time Windows"))


def test_each_entity_becomes_the_program_id_that_is_shown() -> None:
    *with_show, kept = MAPPED
    assert len(with_show) == 3
    assert [values.program_id(entity, Policy(show="show_name")) for entity, _ in with_show] == [p for _, p in with_show]
    assert values.program_id(kept[0], Policy(keep_entities=True)) == kept[1]


def test_each_window_becomes_the_time_range_that_is_shown_and_none_is_left_out() -> None:
    assert dict(WINDOWS) == dict(values.TIME_RANGES)


def test_each_label_becomes_the_sentiment_that_is_shown_and_none_is_left_out() -> None:
    assert {values.sentiment(label) for label, _ in LABELS} == set(values.Sentiment)
    assert [(label, str(values.sentiment(label))) for label, _ in LABELS] == LABELS


def test_the_code_for_time_windows_says_what_the_contract_says() -> None:
    (code,) = [block.text for block in blocks(GUIDE) if block.heading == "Time Windows"]
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 - a block of our own page
    assert values.time_range(str(names["time_window"])) == names["time_range"]

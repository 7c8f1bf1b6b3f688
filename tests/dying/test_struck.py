"""A store that fails in the middle of a step: the step is done again, or the run stops and goes on later."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from functools import partial
from urllib.parse import quote_plus

import pytest

from tests import profiles
from tests.conftest import Tell
from tests.dying.answers import BULK_REJECTED
from tests.dying.between import Cut, Strike
from tests.dying.conftest import Struck
from tests.dying.table import Case, cases, in_turn, lasting
from tests.tool.migrate.stores import FIXTURES
from tvmigrate.contract import new, old
from tvmigrate.dataset.errors import LoadError
from tvmigrate.dataset.load import load
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.failing import Store
from tvmigrate.errors import ExitCode
from tvmigrate.migrate import elasticsearch_bulk, store_lock
from tvmigrate.migrate.errors import MigrationError
from tvmigrate.pace import Pace

RUN = ("engines", "failures of engines")
NAMES = {"redis": Store.REDIS, "clickhouse": Store.CLICKHOUSE, "elasticsearch": Store.ELASTICSEARCH}
ALL, WITHOUT_END = list(cases()), list(lasting())
SHORT, SHORT_LASTING = 1, 1  # of them a short run


def shared(known: list[Case], short: int) -> list[Case]:
    """Return all, or those of the commit's turn."""
    if profiles.is_nightly():
        return known
    apart = len(known) // short
    return known[profiles.turn() % apart :: apart][:short]


def strike(struck: Struck, case: Case, step: str) -> Strike:
    """Return a strike at some request of a step: of each case another, of the same always the same."""
    count = struck.counts[step]
    assert count, f"{step} asks {case.store} nothing"
    number = int.from_bytes(hashlib.sha256(f"{case} {step}".encode()).digest()[:4], "big")
    return Strike(case.trouble, after=number % count)


@pytest.mark.parametrize("case", shared(ALL, SHORT), ids=str)
def test_a_failure_that_passes_is_met_by_doing_the_step_again_and_every_record_is_there_once(
    struck: Struck, share: Tell, case: Case
) -> None:
    alike = sum((one.store, one.failure) == (case.store, case.failure) for one in ALL)
    share(RUN, f"{case.store}: {case.failure}", ran=1, of=alike)
    there, back = strike(struck, case, case.apply), strike(struck, case, case.rollback)
    assert struck.apply(**{case.apply: there}).changed
    struck.calm()
    assert there.struck == 1
    struck.require_migrated()
    assert struck.rollback(**{case.rollback: back}).changed
    assert back.struck == 1
    struck.calm()
    struck.require_old()


@pytest.mark.parametrize("case", shared(WITHOUT_END, SHORT_LASTING), ids=str)
def test_a_failure_that_lasts_stops_the_run_with_a_sentence_and_the_run_goes_on_later(
    struck: Struck, share: Tell, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    share(RUN, f"{case.store}: lasting", ran=1, of=sum(c.store == case.store for c in WITHOUT_END))
    monkeypatch.setattr(elasticsearch_bulk, "Pace", partial(Pace, patience=1.0))
    for step, command, goes_on in (
        (case.apply, struck.apply, "In progress: the run "),
        (case.rollback, struck.rollback, "Rolling back: the run "),
    ):
        with pytest.raises(MigrationError) as stopped:
            command(0.6, **{step: Strike(case.trouble, times=10**9)})
        assert stopped.value.exit_code is ExitCode.COULD_NOT_CHECK
        text = str(stopped.value)
        assert NAMES[case.store] in text, text
        assert "run the command again: it goes on where it stopped" in text, text
        struck.calm()
        status = struck.stores.status()
        assert status.startswith(goes_on)
        assert f"is at the step {step}." in status
        if case.store == "elasticsearch":  # nobody could take out the lock, and this process has not ended since
            struck.stores.clients.elasticsearch.options(ignore_status=404).indices.delete(index=store_lock.INDEX)
        assert command().changed
        struck.require_migrated() if command == struck.apply else struck.require_old()


@in_turn(8)
def test_documents_that_a_full_queue_rejects_are_sent_again_and_are_there_once(struck: Struck, share: Tell) -> None:
    share(RUN, "elasticsearch: bulk rejections", ran=1, of=1)
    rejections = Strike(BULK_REJECTED, mark=b"/_bulk", times=5)
    struck.apply(**{"build.elasticsearch": rejections})
    assert rejections.struck == 5
    struck.require_migrated()


@in_turn(7)
def test_a_load_whose_insert_is_not_answered_is_none_and_leaves_nothing(struck: Struck, share: Tell) -> None:
    share(RUN, "clickhouse: a load unanswered", ran=1, of=1)
    clients = struck.stores.clients
    clients.clickhouse.command(f"DROP DATABASE {old.DATABASE} SYNC")
    dataset = Dataset.open(FIXTURES / "clean")
    lost = Strike(Cut.UNANSWERED, mark=b"INSERT", times=9)
    struck.between["clickhouse"].strike = lost
    with pytest.raises(LoadError) as failed:
        load(replace(dataset, redis=None, indices={}), struck.endpoints)
    assert lost.struck == 1
    assert "clickhouse failed while a dataset was loaded into it: rows were sent, and whether they were taken" in str(
        failed.value
    )
    tables = f"SELECT name FROM system.tables WHERE database = '{old.DATABASE}'"
    assert clients.clickhouse.query(tables).result_rows == []


@in_turn(4)
def test_a_statement_that_an_earlier_try_left_at_work_is_waited_for(struck: Struck, share: Tell) -> None:
    """Assert that a step is not done again beside what ClickHouse still does of the first time."""
    share(RUN, "clickhouse: a statement at work", ran=1, of=1)
    client, left = struck.stores.clients.clickhouse, []

    def leave() -> None:
        name = f"{old.DATABASE}.left_{struck.stores.folder().name}"
        client.command(f"CREATE TABLE {name} (x UInt8) ENGINE = MergeTree ORDER BY x")
        left.append(threading.Thread(target=client.command, args=(f"INSERT INTO {name} SELECT sleep(3)",)))
        left[0].start()
        at_work = f"query_kind = 'Insert' AND position(query, '{name}') > 0"
        while client.query(f"SELECT count() FROM system.processes WHERE {at_work}").result_rows == [(0,)]:
            assert left[0].is_alive(), "it was at work and nobody saw it"

    try:
        struck.apply(**{"build.clickhouse": Strike(None, before=leave)})
    finally:
        for statement in left:
            statement.join()
    (said,) = [text for text in struck.stores.said if text.startswith("Waiting for a statement")]
    assert f"INSERT INTO {old.DATABASE}.left_" in said
    client.command(f"DROP TABLE {old.DATABASE}.left_{struck.stores.folder().name} SYNC")
    struck.require_migrated()


@in_turn(9)
def test_an_insert_whose_answer_is_lost_makes_no_second_row(struck: Struck, share: Tell) -> None:
    """Assert that the driver sends no insert again by itself: whether the first was done, it cannot know."""
    share(RUN, "clickhouse: an insert of rows unanswered", ran=1, of=1)
    statement = quote_plus(f"INSERT INTO `{new.DATABASE}`.`{new.QUARANTINE.name}__staging_")
    lost = Strike(Cut.UNANSWERED, mark=statement.encode(), times=3)
    struck.apply(**{"build.quarantine": lost})
    assert lost.struck == 3
    struck.require_migrated()

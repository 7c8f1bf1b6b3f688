"""The frame: whatever keeps a check from looking is an error or a failure, never a pass."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tvmigrate.contract import policy
from tvmigrate.contract.outcome import Fate, Rule, Store
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import UsageError
from tvmigrate.events import Event, Finished, Printed, Started, ignore
from tvmigrate.side_by_side import at_once
from tvmigrate.verify import command
from tvmigrate.verify import rehearsal as rehearsal_module
from tvmigrate.verify.balance import BALANCE
from tvmigrate.verify.check import Check, Registry, Sheet, examine
from tvmigrate.verify.context import Context, QuarantineKind
from tvmigrate.verify.errors import NotReady, ReferenceFailed
from tvmigrate.verify.findings import Direction, Finding, NotJudged, Phase, State
from tvmigrate.verify.ledger import Book
from tvmigrate.verify.reference import ReferenceEngine
from tvmigrate.verify.rehearsal import Job, Rehearsal
from tvmigrate.verify.set_aside import SCHEMA, found_by_reason
from tvmigrate.verify.spool import Spool

from .conftest import FIXTURES, World, examination_of
from .small_redis import POLICY

LAW = Check("test.law", Phase.MIGRATION, Store.REDIS, Rule.REDIS_EAOS, "Assert that it holds.")
FINDING = Finding(Store.REDIS, Rule.REDIS_EAOS, Direction.MISSING, "It is gone.")


def bare_context(book: Book) -> Context:
    """A context for examinations that look at nothing of it."""
    nothing = cast("Any", None)
    return Context(nothing, nothing, POLICY, 0, 0, ignore, book=book)


def result_of(run: Any, book: Book | None = None) -> Any:
    registry = Registry()
    registry.examines(LAW)(run)
    (result,) = examine(registry.examinations[0], bare_context(book or Book()), limit=2)
    return result


def test_a_check_that_raises_is_an_error_with_its_sentence() -> None:
    def run(context: Context, sheets: Mapping[str, Sheet]) -> None:
        sheets[LAW.id].saw(5)
        raise OSError("the server went away")

    result = result_of(run)
    assert (result.state, result.error) == (State.ERROR, "The check stopped: OSError: the server went away")


def test_a_check_that_found_something_before_it_raised_is_a_failure() -> None:
    def run(context: Context, sheets: Mapping[str, Sheet]) -> None:
        sheets[LAW.id].find(FINDING)
        raise OSError("the server went away")

    result = result_of(run)
    assert (result.state, result.findings, result.error is None) == (State.FAIL, (FINDING,), False)


def test_a_check_that_examined_nothing_of_what_there_was_is_a_failure() -> None:
    result = result_of(lambda context, sheets: sheets[LAW.id].old_side_has(3))
    assert result.state is State.FAIL


def test_a_check_with_nothing_to_look_at_is_empty() -> None:
    assert result_of(lambda context, sheets: None).state is State.EMPTY


def test_what_a_check_that_raised_had_counted_is_forgotten() -> None:
    book = Book()
    book.old_has(Rule.REDIS_TREND, 1)

    def run(context: Context, sheets: Mapping[str, Sheet]) -> None:
        context.book.old_has(Rule.REDIS_EAOS, 5)
        raise OSError("the server went away")

    result_of(run, book)
    assert [line.rule for line in book.lines()] == [Rule.REDIS_TREND]


def test_a_check_that_does_not_apply_is_noted_with_its_reason() -> None:
    book, registry = Book(), Registry()
    registry.examines(LAW, applies=lambda context: "There is nothing of the kind.")(lambda context, sheets: None)
    assert examine(registry.examinations[0], bare_context(book), limit=2) == []
    assert book.unjudged == [NotJudged((LAW.id,), "There is nothing of the kind.")]


def test_quarantined_records_are_told_by_reason_the_most_frequent_first() -> None:
    book = Book()
    book.set_aside(Rule.CLICKHOUSE_COMMENTS, "not-utf8", 4)
    for reason in ("bad-json", "bad-count", "bad-count"):
        book.set_aside(Rule.REDIS_EAOS, reason)
    assert [(line.store, line.rule, line.reason, line.count) for line in book.reasons] == [
        (Store.REDIS, Rule.REDIS_EAOS, "bad-count", 2),
        (Store.REDIS, Rule.REDIS_EAOS, "bad-json", 1),
        (Store.CLICKHOUSE, Rule.CLICKHOUSE_COMMENTS, "not-utf8", 4),
    ]
    assert [(line.rule, line.quarantined) for line in book.lines()] == [
        (Rule.REDIS_EAOS, 3), (Rule.CLICKHOUSE_COMMENTS, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "found"),
    [(0, [0, 0]), (1, [1, 0]), (2, [2, 0]), (3, [2, 1]), (9, [2, 1])],
    ids=["none", "fewer", "of-one-reason", "all", "more"],
)
def test_of_records_that_share_a_key_as_many_are_set_aside_as_there_are_rows(rows: int, found: list[int]) -> None:
    with Spool(SCHEMA) as spool:
        expected = [("a", "bad-count"), ("a", "bad-json"), ("a", "bad-count")]
        spool.add("INSERT INTO expected VALUES (?, ?)", expected)
        spool.add("INSERT INTO live VALUES (?, ?)", [("a", rows), ("b", 5)])
        assert list(found_by_reason(spool)) == [("a", "bad-count", 2, found[0]), ("a", "bad-json", 1, found[1])]


def full_book(*, lost: int = 0) -> Book:
    book = Book()
    for rule in Rule:
        book.old_has(rule, 3)
        book.came_to(rule, Fate.MAPPED, 3)
    book.old_has(Rule.REDIS_EAOS, lost)
    return book


def judge_balance(world: World, book: Book) -> Any:
    (result,) = examine(examination_of(BALANCE.id), replace(world.context, book=book), limit=9)
    return result


def test_a_ledger_that_adds_up_passes(migrated: World) -> None:
    assert judge_balance(migrated, full_book()).state is State.PASS


def test_a_ledger_that_does_not_add_up_fails_and_names_the_rule(migrated: World) -> None:
    result = judge_balance(migrated, full_book(lost=1))
    assert [(f.rule, f.field, f.expected, f.actual) for f in result.findings] == [(Rule.REDIS_EAOS, "accounted", 4, 3)]


def test_a_record_counted_twice_fails(migrated: World) -> None:
    book = full_book()
    book.came_to(Rule.REDIS_TREND, Fate.FILLED, 1)
    assert [f.rule for f in judge_balance(migrated, book).findings] == [Rule.REDIS_TREND]


def test_a_record_without_a_fate_is_named(migrated: World) -> None:
    book = full_book(lost=1)
    book.without_fate(replace(FINDING, old="eaos:a"))
    assert "eaos:a" in [f.old for f in judge_balance(migrated, book).findings]


def test_every_record_without_a_fate_is_counted_though_few_are_kept(migrated: World) -> None:
    book = Book(limit=3)
    for rule in Rule:
        book.old_has(rule, 40)
        book.came_to(rule, Fate.MAPPED, 40 if rule is not Rule.REDIS_EAOS else 0)
    for number in range(40):
        book.without_fate(replace(FINDING, old=f"eaos:{number}"))
    result = judge_balance(migrated, book)
    assert (result.findings_total, [group.count for group in result.groups]) == (41, [40, 1])


def test_a_rule_that_nobody_counted_is_an_error(migrated: World) -> None:
    book = Book()
    book.old_has(Rule.REDIS_EAOS, 0)
    result = judge_balance(migrated, book)
    assert result.state is State.ERROR
    assert "redis.trend" in result.error


def test_a_lost_record_unbalances_the_ledger(migrated: World) -> None:
    migrated.clients.redis.delete("eaos:current:show/a")
    migrated.judge("redis.")
    unbalanced = [line.rule for line in migrated.book.lines() if not line.balanced]
    assert unbalanced == [Rule.REDIS_EAOS]
    assert [f.old for f in migrated.book.lost(Rule.REDIS_EAOS)] == ["eaos:a"]


def test_a_quarantine_row_of_an_unknown_source_is_found(migrated: World) -> None:
    migrated.sql(
        "INSERT INTO tv_analytics.migration_quarantine SELECT * REPLACE ('elsewhere' AS source)"
        " FROM tv_analytics.migration_quarantine LIMIT 1"
    )
    assert [f.actual for f in judge_balance(migrated, full_book()).findings] == ["elsewhere"]


def test_an_archive_row_of_an_unknown_source_is_found(migrated: World) -> None:
    migrated.sql(
        "INSERT INTO tv_analytics.migration_archive"
        " VALUES ('r', 'redis', 'elsewhere', 'eaos:a', '{}', '2026-01-01 00:00:00')"
    )
    (finding,) = judge_balance(migrated, full_book()).findings
    assert (finding.direction, finding.old, finding.new) == (Direction.EXTRA, "eaos:a", "migration_archive")
    assert finding.note == (
        "1 rows of migration_archive name the store 'redis' and the source 'elsewhere', which no old record has; the "
        "source of a record is its old key prefix without the colon, its old table or its old index."
    )


def test_with_quarantine_none_what_a_table_of_that_name_holds_is_not_judged(migrated: World) -> None:
    migrated.sql(
        "INSERT INTO tv_analytics.migration_quarantine SELECT * REPLACE ('elsewhere' AS source)"
        " FROM tv_analytics.migration_quarantine LIMIT 1"
    )
    elsewhere = replace(migrated, context=replace(migrated.context, quarantine=QuarantineKind.NONE))
    assert judge_balance(elsewhere, full_book()).state is State.PASS


# ------------------------------------------------------------------------------------------------------ commands


def run_command(text: str, place: Path, **environ: str) -> tuple[command.Run, list[str]]:
    (place / command.WORK).mkdir()
    events: list[Event] = []
    done = command.run(text, "migration", place, environ, events.append)
    return done, [event.line for event in events if isinstance(event, Printed)]


def test_a_command_runs_in_a_directory_of_its_own_and_its_lines_are_told_and_kept(tmp_path: Path) -> None:
    done, told = run_command("pwd; echo wrong >&2; printf end", tmp_path)
    assert (done.exit_code, told) == (0, [str(tmp_path / "work"), "wrong", "end"])
    assert (tmp_path / "migration.log").read_text() == f"{tmp_path / 'work'}\nwrong\nend"


def test_a_line_is_told_without_its_end_and_as_far_as_anybody_reads(tmp_path: Path) -> None:
    _, told = run_command(r"printf 'a\r\n\rb\n\377\n\n'", tmp_path)
    assert told == ["a", "\rb", "\ufffd", ""]


def test_a_command_gets_the_policy_asked_for_and_none_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TVMIGRATE_KEEP_ENTITIES", "1")
    names = "|".join((policy.SHOW, policy.KEEP_ENTITIES, policy.ENTITY_MAP, policy.TIMEZONE, policy.MISSING_COUNTS))
    _, told = run_command(f"env | grep -E '^({names})=' | sort", tmp_path, TVMIGRATE_SHOW="show")
    assert list(told) == ["TVMIGRATE_SHOW=show"]


@pytest.mark.parametrize(
    ("text", "code", "how"),
    [
        ("exit 3", 3, "ended with exit code 3"),
        ("kill -9 $$", 137, "was killed by SIGKILL (exit code 137)"),
        ("no-such-program", 127, "could not be started (exit code 127)"),
    ],
    ids=["non-zero", "killed", "not there"],
)
def test_how_a_command_ended_is_told(tmp_path: Path, text: str, code: int, how: str) -> None:
    done, _ = run_command(text, tmp_path)
    assert (done.exit_code, done.how) == (code, how)


def test_nothing_that_a_command_started_outlives_it(tmp_path: Path) -> None:
    _, told = run_command("sleep 60 & echo $!", tmp_path)
    deadline = time.monotonic() + 10
    while _runs(int(told[0])) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(int(told[0]))


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


# ----------------------------------------------------------------------------------------------------- the reference


def test_two_references_in_one_process_do_not_see_each_other() -> None:
    with ReferenceEngine() as one, ReferenceEngine() as other:
        one.command("CREATE DATABASE a")
        names = other.query("SELECT name FROM system.databases WHERE name = 'a'")
        assert names == []


def test_a_statement_the_reference_refuses_is_an_error_and_the_next_one_is_answered() -> None:
    with ReferenceEngine() as engine:
        with pytest.raises(ReferenceFailed, match="Unknown expression identifier"):
            engine.query("SELECT nope")
        assert engine.query("SELECT 1 AS one") == [{"one": 1}]


def test_a_reader_that_stops_half_way_leaves_nothing_to_the_next_question() -> None:
    with ReferenceEngine() as engine:
        rows = engine.rows("SELECT number FROM numbers(1000000)")
        assert next(rows) == {"number": 0}
        rows.close()
        assert engine.query("SELECT 1 AS one") == [{"one": 1}]


def test_a_reader_that_stops_before_its_statement_fails_leaves_nothing_to_the_next_question() -> None:
    with ReferenceEngine() as engine:
        engine.answers_within(10)
        rows = engine.rows("SELECT number, throwIf(number = 999999, 'too far') FROM numbers(1000000)")
        assert next(rows)["number"] == 0
        rows.close()
        assert engine.query("SELECT 1 AS one") == [{"one": 1}]


def test_a_reference_that_died_says_so() -> None:
    with ReferenceEngine() as engine:
        os.kill(engine.pid, 9)
        with pytest.raises(ReferenceFailed, match="has ended"):
            engine.query("SELECT 1")


# ----------------------------------------------------------------------------------------------------- the rehearsal


def test_a_check_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match=r"There is no check redis\.nope; the checks are"):
        Rehearsal(Job(FIXTURES / "clean", POLICY, only=frozenset({"redis.nope"})))


def test_there_is_no_verdict_before_the_migration() -> None:
    with pytest.raises(NotReady, match="nothing was migrated"):
        Rehearsal(Job(FIXTURES / "clean", POLICY)).verdict()


def test_there_is_nothing_to_look_at_before_a_command_of_the_phase_ran() -> None:
    with pytest.raises(NotReady, match="no rollback has run"):
        Rehearsal(Job(FIXTURES / "clean", POLICY)).look(Phase.ROLLBACK)


def test_a_look_is_at_the_stores_as_they_are_now_and_leaves_the_verdict_and_its_listener_alone(
    empty_engines: Endpoints, clients: Clients, small_dataset: Dataset
) -> None:
    job = Job(small_dataset.path, POLICY, migration="true", engines="live", only=frozenset({"redis.extra"}))
    told: list[Event] = []
    with pytest.MonkeyPatch.context() as environment:
        for name, url in empty_engines.environ().items():
            environment.setenv(name, url)
        with Rehearsal(job, told.append) as rehearsal:
            migrated = rehearsal.migrated()
            verdict, told_before = rehearsal.verdict(), list(told)
            first, ledger = rehearsal.look(Phase.MIGRATION)
            clients.redis.set("stranger", "new")
            (second,), _ = rehearsal.look(Phase.MIGRATION)
            clients.redis.delete("stranger")
            again, _ = rehearsal.look(Phase.MIGRATION)
            assert (rehearsal.verdict(), told) == (verdict, told_before)
    assert migrated == first == again
    assert ledger == verdict.ledger
    assert [finding.new for finding in second.findings] == ["stranger"]


def test_an_engine_killed_in_the_middle_makes_its_checks_errors(small_dataset: Dataset) -> None:
    kill = f"{sys.executable} -c \"import os, redis; redis.from_url(os.environ['REDIS_URL']).shutdown(nosave=True)\""
    with Rehearsal(Job(small_dataset.path, POLICY, migration=kill, rollback="true", second_round=False)) as rehearsal:
        results = {result.id: result for result in rehearsal.migrated() if result.id.startswith("redis.")}
        states = {result.state for result in results.values()}
        rolled_back = {result.id: result for result in rehearsal.rolled_back()}
    assert states == {State.ERROR}
    assert "redis ended unasked" in (results["redis.eaos"].error or "")
    assert rolled_back["rollback.redis"].state is State.ERROR


def test_a_migration_that_fails_is_judged_all_the_same(empty_engines: Endpoints, small_dataset: Dataset) -> None:
    job = Job(small_dataset.path, POLICY, migration="echo giving up; exit 3", rollback="true", engines="live")
    with pytest.MonkeyPatch.context() as environment:
        for name, url in empty_engines.environ().items():
            environment.setenv(name, url)
        with Rehearsal(job) as rehearsal:
            results = {result.id: result for result in rehearsal.migrated()}
            verdict = rehearsal.verdict()
    (finding,) = results["migration.exit"].findings
    assert (finding.field, finding.expected, finding.actual) == ("exit_code", 0, 3)
    assert finding.note.endswith("Its last lines:\ngiving up")
    assert results["redis.eaos"].state is State.FAIL
    assert verdict.state is State.FAIL
    assert verdict.exit_code == 1


def test_only_the_checks_asked_for_are_reported(empty_engines: Endpoints, small_dataset: Dataset) -> None:
    job = Job(small_dataset.path, POLICY, migration="true", engines="live", only=frozenset({"redis.extra"}))
    with pytest.MonkeyPatch.context() as environment:
        for name, url in empty_engines.environ().items():
            environment.setenv(name, url)
        with Rehearsal(job) as rehearsal:
            assert [result.id for result in rehearsal.migrated()] == ["redis.extra"]


def test_a_rollback_that_changes_nothing_is_the_same_twice(empty_engines: Endpoints, small_dataset: Dataset) -> None:
    job = Job(small_dataset.path, POLICY, migration="true", rollback="true", engines="live")
    with pytest.MonkeyPatch.context() as environment:
        for name, url in empty_engines.environ().items():
            environment.setenv(name, url)
        with Rehearsal(job) as rehearsal:
            results = {result.id: result.state for result in rehearsal.rolled_back()}
    again = [f"rollback.redis{suffix}" for suffix in ("", ".twice", ".after-second-migration")]
    assert [results[check_id] for check_id in again] == [State.PASS] * 3
    assert results["redis.eaos.second-migration"] is State.FAIL


def test_each_look_says_how_many_checks_and_what_they_came_to(
    empty_engines: Endpoints, small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry()
    says = {"a.finds": None, "b.stops": OSError("gone"), "c.passes": None}
    for name, problem in says.items():
        check = Check(name, Phase.MIGRATION, Store.REDIS, Rule.REDIS_EAOS, "Assert that it holds.")

        def run(
            context: Context, sheets: Mapping[str, Sheet], name: str = name, problem: Exception | None = problem
        ) -> None:
            sheets[name].saw(1)
            if name == "a.finds":
                sheets[name].find(FINDING)
            if problem is not None:
                raise problem

        registry.examines(check)(run)
    for name, url in empty_engines.environ().items():
        monkeypatch.setenv(name, url)
    told: list[Event] = []
    job = Job(small_dataset.path, POLICY, migration="true", engines="live")
    with Rehearsal(job, told.append, registry) as rehearsal:
        rehearsal.migrated()
    assert [event.task for event in told if isinstance(event, Started) and event.task.startswith("check ")] == [
        "check a redis", "check b redis", "check c redis",
    ]  # fmt: skip
    assert {event.task: event.note for event in told if isinstance(event, Finished) and "check" in event.task} == {
        "check a redis": "1 checks, 1 findings",
        "check b redis": "1 checks, 0 findings, could not look to the end",
        "check c redis": "1 checks, 0 findings",
    }


def test_the_stores_are_looked_at_at_once_and_what_is_across_them_sees_what_they_found(
    empty_engines: Endpoints, small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, stores = Registry(), (Store.REDIS, Store.CLICKHOUSE, Store.ELASTICSEARCH)
    all_there, clients, seen = threading.Barrier(len(stores), timeout=30), [], {}

    def of(store: Store) -> None:
        def run(context: Context, sheets: Mapping[str, Sheet]) -> None:
            all_there.wait()
            clients.append(context.clients)
            context.book.old_has(Rule.REDIS_EAOS, 1)
            if store is Store.CLICKHOUSE:
                raise OSError("gone")
            sheets[f"{store}.a"].saw(1)

        registry.examines(Check(f"{store}.a", Phase.MIGRATION, store, Rule.REDIS_EAOS, "Assert that it holds."))(run)

    for store in reversed(stores):
        of(store)

    @registry.examines(Check("cross.a", Phase.MIGRATION, Store.CROSS, Rule.REDIS_EAOS, "Assert that it holds."))
    def _across(context: Context, sheets: Mapping[str, Sheet]) -> None:
        sheets["cross.a"].saw(1)
        seen.update({line.rule: line.old for line in context.book.lines()})

    for name, url in empty_engines.environ().items():
        monkeypatch.setenv(name, url)
    with Rehearsal(Job(small_dataset.path, POLICY, migration="true", engines="live"), ignore, registry) as rehearsal:
        results = rehearsal.migrated()
    states = [(result.id, result.state) for result in results if result.id != "migration.exit"]
    assert states == [
        ("redis.a", State.PASS), ("clickhouse.a", State.ERROR), ("elasticsearch.a", State.PASS), ("cross.a", State.PASS)
    ]  # fmt: skip
    assert len(set(map(id, clients))) == len(stores)
    assert seen == {Rule.REDIS_EAOS: 2}


def test_of_much_data_one_store_is_looked_at_after_the_other(
    empty_engines: Endpoints, small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal_module, "_SIDE_BY_SIDE_BYTES", 0)
    registry, threads = Registry(), []

    def run(context: Context, sheets: Mapping[str, Sheet]) -> None:
        threads.append(threading.current_thread())

    for store in (Store.REDIS, Store.ELASTICSEARCH):
        check = Check(f"{store}.a", Phase.MIGRATION, store, Rule.REDIS_EAOS, "Assert that it holds.")
        registry.examines(check)(run)
    for name, url in empty_engines.environ().items():
        monkeypatch.setenv(name, url)
    with Rehearsal(Job(small_dataset.path, POLICY, migration="true", engines="live"), ignore, registry) as rehearsal:
        rehearsal.migrated()
    assert threads == [threading.current_thread()] * 2


def test_what_no_check_answers_for_ends_the_look() -> None:
    """Assert that an error outside of an examination is raised, and only when the others have ended."""
    ended = []

    def broken() -> None:
        raise ValueError("mine")

    def slow() -> None:
        time.sleep(0.1)
        ended.append(Store.ELASTICSEARCH)

    with pytest.raises(ValueError, match="mine"):
        at_once({Store.REDIS: broken, Store.ELASTICSEARCH: slow})
    assert ended == [Store.ELASTICSEARCH]


def test_two_books_make_one() -> None:
    one, other, both = Book(3), Book(3), Book(3)
    for book, times in ((one, 2), (other, 4)):
        for each in (book, both):
            each.old_has(Rule.REDIS_EAOS, times)
            each.set_aside(Rule.REDIS_EAOS, "bad-json", times)
            each.not_judged(["redis.eaos"], "Why.")
            for number in range(times):
                each.without_fate(replace(FINDING, old=f"{times} {number}"))
                each.inconsistent(Store.REDIS, Rule.REDIS_EAOS, "kind", f"{times} {number}", "note", 2)
    other.as_due(Rule.REDIS_TREND)
    both.as_due(Rule.REDIS_TREND)
    one.add(other)
    assert one.__dict__ == both.__dict__


def test_the_verdict_says_what_was_asked_and_how_long_it_took(
    empty_engines: Endpoints, small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, url in empty_engines.environ().items():
        monkeypatch.setenv(name, url)
    job = Job(small_dataset.path, POLICY, migration="true", rollback="true", engines="live", second_round=False)
    with Rehearsal(replace(job, only=frozenset({"redis.extra", "rollback.redis"}))) as rehearsal:
        migrated, rolled_back = rehearsal.migrated(), rehearsal.rolled_back()
        verdict = rehearsal.verdict()
    assert (verdict.show, verdict.policy) == (
        POLICY.show,
        {
            "show": POLICY.show, "keep_entities": False, "entity_map": {}, "old_layout": None,
            "timezone": POLICY.timezone, "missing_counts": "quarantine", "old": "removed", "quarantine": "table",
            "migration": "true", "rollback": "true", "dataset": small_dataset.name,
        },
    )  # fmt: skip
    assert sorted(verdict.engines) == ["clickhouse", "elasticsearch", "redis"]
    assert verdict.checks == [*migrated, *rolled_back]
    assert [result.id for result in verdict.checks] == ["redis.extra", "rollback.redis"]
    assert list(verdict.seconds) == [
        "engines", "load", "migration", "verify migration", "rollback", "verify rollback",
    ]  # fmt: skip
    assert all(0 <= seconds == round(seconds, 3) for seconds in verdict.seconds.values())
    assert all(line.old is None or line.old >= 0 for line in verdict.ledger)


def test_a_contradiction_that_stands_for_many_is_one_example_and_counts_as_many() -> None:
    book = Book()
    for name, times in (("a", 1), ("b", 7)):
        book.inconsistent(Store.CROSS, Rule.CROSS_IDS, "only-in-clickhouse", name, f"{name} is alone.", times)
    (entry,) = book.inconsistencies
    assert (entry["count"], [example["old"] for example in entry["examples"]]) == (8, ["a", "b"])

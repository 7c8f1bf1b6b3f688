"""One command at a time changes the same stores, from whatever machine: who comes second is told who is first."""

from __future__ import annotations

import dataclasses
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tool.migrate.stores import POLICY, Stores, different
from tests.tool.migrate.test_commands import tvmigrate
from tvmigrate.migrate import run, store_lock
from tvmigrate.migrate.errors import LockLost, StoresBusy
from tvmigrate.migrate.store_lock import INDEX, LEASE_SECONDS, Holder, StoreLock, server_clock


def lock(stores: Stores, **options: Any) -> StoreLock:
    return StoreLock(stores.endpoints.elasticsearch, "apply", stores.hear, **options)


def elsewhere(stores: Stores, **changed: Any) -> Holder:
    """Put a lock of a run on another machine into Elasticsearch; `age` is that of its last sign of life, in s."""
    clock = server_clock(stores.clients.elasticsearch) - changed.pop("age", 0)
    ours = Holder.ours("apply", clock)
    told = {"token": "other", "host": "beta", "user": "ann", "pid": 7, "run": "r1", "place": "beta", **changed}
    other = dataclasses.replace(ours, **told)
    stores.clients.elasticsearch.index(index=INDEX, id="holder", document=dataclasses.asdict(other))
    return other


def traces(stores: Stores) -> list[str]:
    """Return the indices of ours that are there, hidden ones too."""
    return list(stores.clients.elasticsearch.indices.get(index="tvmigrate*", expand_wildcards="all"))


@pytest.fixture(autouse=True)
def _no_trace(stores: Stores) -> Iterator[None]:
    yield
    stores.clients.elasticsearch.options(ignore_status=404).indices.delete(index=INDEX)


@pytest.mark.parametrize("command", ["apply", "rollback", "finish"])
def test_a_second_command_with_a_state_of_its_own_is_told_who_works_with_the_stores_and_since_when(
    stores: Stores, tmp_path: Path, command: str
) -> None:
    second = Stores(stores.endpoints, stores.clients, tmp_path / "second")
    told = []
    holder = []

    def come_second() -> None:
        holder.append(Holder(**stores.clients.elasticsearch.get(index=INDEX, id="holder")["_source"]))
        before = stores.picture()
        options = ("--show", "the_voice") if command == "apply" else ()
        told.append(tvmigrate(second, command, "--yes", *options))
        assert different(before, stores.picture()) == {}

    done = stores.apply_with("switch.clickhouse", come_second)
    ((code, out, err),) = told
    assert done.run is not None
    first = f"`tvmigrate apply`, run {done.run.id}, process {os.getpid()} of {holder[0].user} on {socket.gethostname()}"
    assert (code, out) == (3, "")
    assert err.startswith(
        f"Error: These stores are in the hands of {first}, since {holder[0].since}; its last sign of life is "
    )
    assert err.endswith(
        " s old. Nothing was changed. Wait until it has ended. If it cannot end any more, its lock is free 60 s after "
        "its last sign of life, at once on its own machine, and with --take-over if you know that it is dead.\n"
    )
    assert traces(stores) == []
    assert stores.status().startswith("Applied: ")


def test_status_says_who_works_with_the_stores(stores: Stores) -> None:
    seen = []
    stores.apply_with("build.redis", lambda: seen.append(stores.status()))
    assert seen[0].splitlines()[0].startswith("In progress: ")
    assert seen[0].splitlines()[1].startswith("At work since 20")
    assert seen[0].splitlines()[1].endswith(f"process {os.getpid()} of {store_lock._user()} on {socket.gethostname()}.")
    assert "\n" not in stores.status()


def test_what_a_killed_run_left_is_taken_over_at_once_on_its_own_machine(stores: Stores) -> None:
    stores.killed("apply", "build.clickhouse")
    assert traces(stores) == [INDEX]
    assert "is left since" in stores.status()
    stores.apply(None)
    (said,) = [text for text in stores.said if text.startswith("Took over the lock of `tvmigrate apply`, run ")]
    assert said.endswith(": that process has ended.")
    assert traces(stores) == []


def test_a_lock_of_another_machine_holds_until_its_lease_is_over(stores: Stores) -> None:
    other = elsewhere(stores, age=LEASE_SECONDS // 2)
    with pytest.raises(StoresBusy) as busy:
        stores.apply()
    assert f"in the hands of `tvmigrate apply`, run r1, process 7 of ann on beta, since {other.since}" in str(
        busy.value
    )
    other = elsewhere(stores, age=LEASE_SECONDS + 1)
    assert stores.apply().changed
    said = next(text for text in stores.said if text.startswith("Took over"))
    told, _, silent = said.partition(" no sign of life for ")
    assert told == (
        f"Took over the lock of `tvmigrate apply`, run r1, process 7 of ann on beta, held since {other.since}: it has "
        "given"
    )
    assert int(silent.split()[0]) > LEASE_SECONDS


def test_a_process_number_of_another_machine_says_nothing_here(stores: Stores) -> None:
    gone = 4_000_000  # more than Linux gives
    elsewhere(stores, pid=gone)
    with pytest.raises(StoresBusy):
        stores.apply()
    elsewhere(stores, pid=gone, place=store_lock._place())
    assert stores.apply().changed


def test_take_over_takes_a_lock_whatever_its_age(stores: Stores) -> None:
    other = elsewhere(stores)
    done = run.apply(stores.endpoints, POLICY, None, stores.state, stores.hear, manner=run.Manner(take_over=True))
    assert done.changed
    assert (
        f"Took over the lock of `tvmigrate apply`, run r1, process 7 of ann on beta, held since {other.since}: "
        "--take-over was given." in stores.said
    )


@pytest.mark.parametrize("step", ["build.clickhouse", "switch.elasticsearch", "remove.redis"])
def test_a_run_whose_lock_was_taken_stops_before_its_next_write_and_goes_on_when_it_has_it_again(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(store_lock, "_MARGIN_SECONDS", LEASE_SECONDS)  # so that it looks each time
    before: list[dict[str, Any]] = []
    other: list[Holder] = []

    def take() -> None:
        before.append(stores.picture())
        other.append(elsewhere(stores))

    with pytest.raises(LockLost) as lost:
        stores.apply_with(step, take)
    assert str(lost.value) == (
        "This run lost its lock tvmigrate_lock in Elasticsearch: `tvmigrate apply`, run r1, process 7 of ann on beta "
        f"has it since {other[0].since}. It stopped before its next write. See that nobody else works with these "
        "stores, then run the command again: it goes on where it stopped."
    )
    assert different(before[0], stores.picture()) == {}
    assert traces(stores) == [INDEX]  # the other's
    stores.clients.elasticsearch.indices.delete(index=INDEX)
    assert stores.apply(None).changed
    assert stores.rollback().changed


def test_a_lock_that_somebody_removed_is_not_made_anew(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_lock, "_MARGIN_SECONDS", LEASE_SECONDS)
    with pytest.raises(LockLost, match="lost its lock tvmigrate_lock in Elasticsearch: somebody removed it"):
        stores.apply_with("build.redis", lambda: stores.clients.elasticsearch.indices.delete(index=INDEX))
    assert traces(stores) == []


def test_signs_of_life_are_given_while_a_step_takes_its_time(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_lock, "RENEW_SECONDS", 0.05)
    client = stores.clients.elasticsearch
    with lock(stores) as held:
        assert held.holder is not None
        first = client.get(index=INDEX, id="holder")["_seq_no"]
        deadline = time.monotonic() + 20
        while client.get(index=INDEX, id="holder")["_seq_no"] < first + 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        held.require()
    assert traces(stores) == []


def test_of_many_who_come_at_once_one_gets_the_lock(stores: Stores) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415
    from threading import Barrier  # noqa: PLC0415

    many = 8
    together, all_tried = Barrier(many), Barrier(many)

    def come(_: int) -> bool:
        together.wait()
        try:
            with lock(stores):
                all_tried.wait()
                return True
        except StoresBusy:
            all_tried.wait()
            return False

    with ThreadPoolExecutor(many) as pool:
        assert sorted(pool.map(come, range(many))) == [False] * (many - 1) + [True]
    assert traces(stores) == []

"""Steps of different stores at once: they come to what they come to one after the other, and one that fails ends all.

What a kill leaves of them: tests/crash, "side by side".
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.tool.migrate.stores import POLICY, Picture, Stores, different, meaning
from tvmigrate.events import Advanced, Event, Said
from tvmigrate.migrate import lanes, run
from tvmigrate.migrate.errors import NotEqual, SourceChanged, StoresBusy
from tvmigrate.migrate.plan import STAGES, Step
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import Work
from tvmigrate.stopping import Stopped
from tvmigrate.workers import Workers

_LONG_S = 30.0
_NAMES = ("backup.redis", "backup.clickhouse", "backup.elasticsearch")


@dataclass
class Stage:
    """A stage of three steps that a test writes itself; `ended` are those that came to their end."""

    stores: Stores
    steps: tuple[Callable[[Work], None], ...]
    ended: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)

    def apply(self, monkeypatch: pytest.MonkeyPatch, manner: run.Manner = run.MANNER) -> run.Done:
        """Take the stage alone, and leave out the others."""
        taken = tuple(Step(name, self._counted(name, do)) for name, do in zip(_NAMES, self.steps, strict=True))
        monkeypatch.setattr(run, "STAGES", (taken,))
        stores = self.stores
        return run.apply(stores.endpoints, POLICY, None, stores.state, self.hear, workers=Workers(2), manner=manner)

    def hear(self, event: Event) -> None:
        """Keep what is said, and ask to stop where a step advances."""
        if isinstance(event, Said):
            self.said.append((event.level, event.text))
        if isinstance(event, Advanced):
            raise Stopped(signal.SIGTERM)

    def _counted(self, name: str, do: Callable[[Work], None]) -> Callable[[Work], None]:
        def step(work: Work) -> None:
            do(work)
            self.ended.append(name)

        return step


def nothing(_: Work) -> None:
    """End at once."""


def goes_on(work: Work) -> None:
    """Do what asks before each write whether it may, until it may not."""
    deadline = time.monotonic() + _LONG_S
    while time.monotonic() < deadline:
        assert work.clients
        time.sleep(0.01)


def made(stores: Stores, done: run.Done) -> Picture:
    """Return what a run made."""
    assert done.run is not None
    return meaning(stores.picture(), started_ns=done.run.started_ns)


def test_it_comes_to_the_same_as_one_after_the_other(stores: Stores) -> None:
    before = stores.picture()
    right = made(stores, stores.apply())
    stores.rollback()
    assert different(before, stores.picture()) == {}

    with Workers(2) as workers:
        done = run.apply(stores.endpoints, POLICY, None, stores.state, stores.hear, workers=workers)
        assert different(right, made(stores, done)) == {}
        assert all(line.balanced for line in done.ledger)
        run.rollback(stores.endpoints, stores.state, stores.hear, workers)
    assert different(before, stores.picture()) == {}


def test_the_steps_of_a_stage_are_under_way_together(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    barrier = threading.Barrier(3, timeout=_LONG_S)

    def met(_: Work) -> None:
        barrier.wait()

    stage = Stage(stores, (met, met, met))
    stage.apply(monkeypatch)
    assert sorted(stage.ended) == sorted(_NAMES)


def test_steps_that_touch_all_stores_are_alone() -> None:
    together = [{step.store for step in stage} for stage in STAGES if len(stage) > 1]
    assert together
    assert all(None not in stage and len(stage) == 3 for stage in together)
    switches = [stage for stage in STAGES for step in stage if step.name.startswith("switch.")]
    assert [len(stage) for stage in switches] == [1, 1, 1]


def test_where_one_fails_the_others_end_before_their_next_write(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, failed = threading.Event(), threading.Event()

    def fails(_: Work) -> None:
        assert begun.wait(_LONG_S)
        failed.set()
        raise SourceChanged("The first that failed.")

    def fails_too(_: Work) -> None:
        begun.set()
        assert failed.wait(_LONG_S)
        time.sleep(0.2)
        raise NotEqual("Another that failed.")

    stage = Stage(stores, (goes_on, fails, fails_too))
    with pytest.raises(SourceChanged, match=r"^The first that failed\.$"):
        stage.apply(monkeypatch)
    assert stage.ended == []
    assert ("warning", "Another that failed.") in stage.said

    on = Stage(stores, (nothing, nothing, nothing))
    on.apply(monkeypatch)
    assert sorted(on.ended) == sorted(_NAMES)


def test_what_was_done_is_not_done_again(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(stores, (nothing, nothing, nothing))

    def fails_later(_: Work) -> None:
        deadline = time.monotonic() + _LONG_S
        while len(stage.ended) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)  # until the journal has it
        raise SourceChanged("It failed.")

    stage.steps = (nothing, fails_later, nothing)
    with pytest.raises(SourceChanged):
        stage.apply(monkeypatch)
    assert stores.status().startswith(f"In progress: the run {stores.folder().name} is at the step backup.clickhouse. ")
    on = Stage(stores, (nothing, nothing, nothing))
    on.apply(monkeypatch)
    assert on.ended == ["backup.clickhouse"]


def test_who_asks_to_stop_is_told_which_steps_were_under_way(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def advances(work: Work) -> None:
        time.sleep(0.3)  # until the third has ended
        work.advanced("backup.clickhouse", 1)

    stage = Stage(stores, (goes_on, advances, nothing))
    with pytest.raises(Stopped) as stopped:
        stage.apply(monkeypatch)
    named = stores.folder().name
    at = f"at the steps backup.redis and backup.clickhouse of the run {named}."
    assert str(stopped.value).startswith(f"Stopped by SIGTERM {at} `tvmigrate apply` goes on")
    assert stage.ended == ["backup.elasticsearch"]
    assert f"the run {named} is at the steps backup.redis and backup.clickhouse." in stores.status()


def test_the_stores_stay_locked_until_a_step_that_does_not_end_at_once_has(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Assert it of Ctrl-C while a step waits for an answer: nobody else may come in between."""
    monkeypatch.setattr(lanes, "_LETS_GO_SECONDS", 0.2)
    answered, came_back = threading.Event(), threading.Event()

    def waits(work: Work) -> None:
        assert answered.wait(_LONG_S)
        try:
            assert work.clients
        finally:
            came_back.set()

    def interrupts(_: Work) -> None:
        signal.raise_signal(signal.SIGINT)

    stage = Stage(stores, (waits, interrupts, nothing))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # workers of xdist ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            stage.apply(monkeypatch)
    finally:
        signal.signal(signal.SIGINT, before)
    on = Stage(stores, (nothing, nothing, nothing))
    with pytest.raises(StoresBusy, match="These stores are in the hands of `tvmigrate apply`"):
        on.apply(monkeypatch)
    answered.set()
    assert came_back.wait(_LONG_S)
    assert "backup.redis" not in stage.ended
    on.apply(monkeypatch, run.Manner(take_over=True))
    assert "backup.redis" in on.ended


def test_a_run_begun_when_all_stores_shared_a_spool_goes_on_and_back_with_it(stores: Stores) -> None:
    """Assert it of a run in the middle of which the tool was brought up to date."""
    before = stores.picture()
    right = made(stores, stores.apply())
    stores.rollback()

    def stop() -> None:
        raise Stopped(signal.SIGTERM)

    with pytest.raises(Stopped):
        stores.apply_with("compare.redis", stop)
    shared = max((stores.state / "runs").iterdir())
    share(shared)
    with Workers(2) as workers:
        done = run.apply(stores.endpoints, POLICY, None, stores.state, stores.hear, workers=workers)
        assert different(right, made(stores, done)) == {}
        assert all(line.balanced for line in done.ledger)
        run.rollback(stores.endpoints, stores.state, stores.hear, workers)
    assert different(before, stores.picture()) == {}
    assert sorted(path.name for path in shared.glob("spool*")) == ["spool.sqlite"]


def share(folder: Path) -> None:
    """Put what a run knows into one file for all stores, as it was before each had its own."""
    files = sorted(folder.glob("spool.*.sqlite"))
    with Spool(folder / "spool.sqlite") as one:
        for path in files:
            one.db.execute("ATTACH ? AS other", (str(path),))
            tables = one.db.execute("SELECT name FROM other.sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                one.db.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table}")
            one.db.execute("DETACH other")
            path.unlink()

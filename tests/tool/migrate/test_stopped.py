"""Commands that are asked to stop, and what is said then; tests/crash asks them at every write."""

from __future__ import annotations

import pytest

from tests.tool.migrate.stores import Stores, different
from tvmigrate.events import Event, Listener, Started
from tvmigrate.migrate import run
from tvmigrate.migrate.journal import Journal, State
from tvmigrate.migrate.plan import REVERSE
from tvmigrate.stopping import Stopped


def stop(number: int) -> None:
    raise Stopped(number)


def stop_at(step: str, number: int) -> Listener:
    def listen(event: Event) -> None:
        if event == Started(step):
            stop(number)

    return listen


def test_apply_and_rollback_say_how_they_go_on_and_do(stores: Stores) -> None:
    before = stores.picture()
    with pytest.raises(Stopped, match=r"^Stopped by SIGTERM; nothing was begun\.$"):
        stores.apply_with("plan.clickhouse", lambda: stop(15))
    assert stores.status().startswith("Not begun: ")
    with pytest.raises(Stopped) as stopped:
        stores.apply_with("build.redis", lambda: stop(15))
    named = stores.folder().name
    assert str(stopped.value) == (
        f"Stopped by SIGTERM at the step build.redis of the run {named}. `tvmigrate apply` goes on, `tvmigrate "
        "rollback` goes back."
    )
    with pytest.raises(Stopped) as stopped:
        run.rollback(stores.endpoints, stores.state, stop_at("clean.redis", 2))
    assert str(stopped.value) == (
        f"Stopped on your word (Ctrl-C) at the step clean.redis of the run {named}. `tvmigrate rollback` goes on."
    )
    stores.rollback()
    assert different(before, stores.picture()) == {}


def test_a_command_that_is_stopped_at_once_is_noted_how_to_go_on(stores: Stores) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        stores.apply_with("build.redis", interrupt)
    assert stopped.value.__notes__ == ["`tvmigrate apply` goes on, `tvmigrate rollback` goes back."]


def test_the_status_of_a_rollback_that_has_done_nothing_yet_names_its_first_step(stores: Stores) -> None:
    """Assert that it does not name the last step of the way there; and that `finish` says how it goes on, and does."""
    done = stores.apply()
    assert done.run is not None
    with Journal(stores.state) as journal:
        journal.set_state(done.run.id, State.ROLLING_BACK)  # where a kill may leave it
        said = stores.status()
        journal.set_state(done.run.id, State.APPLIED)
    first = REVERSE[0].name
    assert said == f"Rolling back: the run {done.run.id} is at the step {first}. `tvmigrate rollback` goes on."
    with pytest.raises(Stopped, match=r"^Stopped by SIGHUP at the step .*\. `tvmigrate finish` goes on\.$"):
        run.finish(stores.endpoints, stores.state, stop_at("finish.elasticsearch", 1))
    assert stores.finish().changed

"""One process at a time works with a state directory, and who cannot is told why and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tvmigrate.errors import UsageError
from tvmigrate.migrate.errors import StateBusy
from tvmigrate.migrate.lock import locked


def test_a_second_process_is_told_to_wait(tmp_path: Path) -> None:
    state = tmp_path / "a" / "state"
    with locked(state), pytest.raises(StateBusy) as busy, locked(state):
        pass
    assert str(busy.value) == (
        f"Another tvmigrate process works with the state directory {state}; wait until it has ended."
    )
    with locked(state):
        assert [path.name for path in state.iterdir()] == ["lock"]


@pytest.mark.parametrize(("below", "why"), [("file/state", "Not a directory"), ("file", "File exists")])
def test_a_state_directory_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path, below: str, why: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError) as refused, locked(tmp_path / below):
        pass
    assert str(refused.value) == (
        f"The state directory {tmp_path / below} cannot be used: {why}. It holds the journal and the backup; name a"
        " directory that can be written to with --state DIR or TVMIGRATE_STATE."
    )

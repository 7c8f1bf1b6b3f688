"""The kept lines are the user's alone; completion offers what may come next, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory

from src.agent import TOOLS
from src.agent.completion import CallCompleter
from src.agent.helping import COMMANDS
from src.agent.history import open_history
from tests.app.agent.stock import ONE, TWO


def test_a_history_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "state" / "agent_history"
    path.parent.mkdir()
    path.write_text("\n# then\n+topics\n")
    path.chmod(0o644)
    history, trouble = open_history(path)
    assert isinstance(history, FileHistory)
    assert trouble == ""
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(history.load_history_strings()) == ["topics"]


def test_a_history_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    history, trouble = open_history(tmp_path / "file" / "agent_history")
    assert isinstance(history, InMemoryHistory)
    assert trouble.startswith("What you type is not kept for the next session: ")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", [*(tool.name for tool in TOOLS), *COMMANDS]),
        ("to", ["top_trends", "topics"]),
        ("help an", ["anomalies"]),
        ("top_trends ", ["time_range=", "limit=", "offset="]),
        ("top_trends limit=5 ", ["time_range=", "offset="]),
        ("top_trends time_range=", ["5min", "15min", "1hour"]),
        ("search_comments sentiment=n", ["negative", "neutral"]),
        ("current_eaos program_id=contestant", [ONE, TWO]),
        ("current_eaos program_id=đồ", ['"Đồ Rê Mí"']),
        (f"compare_programs program_ids={ONE},_2", [TWO]),
        ("điểm eaos của contestant_1", [ONE]),
        ("top_trends no_such=", []),
    ],
)
def test_what_may_come_next_is_offered(typed: str, offered: list[str]) -> None:
    completer = CallCompleter(TOOLS, COMMANDS, lambda: [ONE, TWO, "Đồ Rê Mí"])
    found = completer.get_completions(Document(typed), CompleteEvent(completion_requested=True))
    assert [completion.text for completion in found] == offered

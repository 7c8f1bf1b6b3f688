"""The agent as the guide runs it, `python tests/test_agent.py --mode interactive`; under pytest, what each mode does.

What the modes are made of is in `src/agent/`, and its parts are tested in `tests/app/agent/`.
"""

# ruff: noqa: E402 - run as a script, the file has to say where `src` is before it is imported, and needs no pytest

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # run as a script, Python looks beside the script, and `src` is in the clone's root
    from src.agent.cli import main

    raise SystemExit(main(program="python tests/test_agent.py"))

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pexpect
import pytest

from src.agent.cli import main
from src.agent.formats import anthropic_tools, mcp_tools, openai_tools
from src.agent.helping import COMMANDS
from src.agent.planner import Plan
from src.agent.tools import TOOLS
from tests.app.agent import stock
from tests.app.agent.stock import ONE, TWO

if TYPE_CHECKING:
    from tvmigrate.engines.endpoints import Endpoints

COMMAND = ["tests/test_agent.py", "--mode", "interactive"]
PROMPT = "eaos>"
NOWHERE = "127.0.0.1:1"
EXAMPLE = "`top_trends time_range=15min limit=5`"
FILE_NEEDED = "--mode batch needs a FILE, or - for standard input; the other modes take none."


@pytest.fixture(scope="module")
async def environ(endpoints: Endpoints) -> AsyncIterator[dict[str, str]]:
    """The environment of a command on stores that hold the records of `stock`."""
    await stock.write(endpoints)
    # prompt_toolkit asks the terminal where the cursor is, and nobody answers behind this pseudo-terminal.
    yield {**os.environ, **endpoints.environ(), "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
    stock.empty(endpoints)


@pytest.fixture
def here(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run `main` in this process on those stores."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)


class Terminal:
    """A person at a terminal of 120 columns who runs the agent from the clone's root."""

    def __init__(self, environ: dict[str, str], *arguments: str) -> None:
        self.child = pexpect.spawn(
            sys.executable,
            [*COMMAND, *arguments],
            cwd=str(ROOT),
            # readline, wherever it is imported, puts another terminal's size into the environment.
            env={name: value for name, value in environ.items() if name not in {"COLUMNS", "LINES"}},
            dimensions=(50, 120),
            encoding="utf-8",
            timeout=60,
        )

    def sees(self, text: str) -> str:
        """Wait until `text` is on the screen and return what was written before it."""
        self.child.expect_exact(text)
        return str(self.child.before)

    def types(self, text: str) -> None:
        self.child.send(text)

    def enters(self, text: str) -> str:
        """Type a line and return what is written until the next prompt."""
        self.child.send(text + "\r")
        self.child.expect_exact("\n")  # the line itself
        return plain(self.sees(PROMPT))

    def leaves(self) -> int | None:
        """Wait until the agent has ended and return its exit code."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus


def plain(text: str) -> str:
    """Return what a terminal shows without its colours and the movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)


def run(environ: dict[str, str], lines: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the guide with `lines` as its standard input."""
    return subprocess.run(
        [sys.executable, *command], check=False, cwd=ROOT, env=environ, input=lines, capture_output=True, text=True
    )


@pytest.fixture
def person(environ: dict[str, str], tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal({**environ, "XDG_STATE_HOME": str(tmp_path)})
    terminal.sees(PROMPT)
    yield terminal
    terminal.child.close(force=True)


# ------------------------------------------------------------------------------------------------------ interactive


def test_a_person_calls_asks_and_is_helped(person: Terminal) -> None:
    shown = person.enters(f"current_eaos program_id={ONE}")
    assert f"→ current_eaos program_id={ONE}" in shown
    assert re.search(rf"│ {ONE} │ +0\.82 │ +120 │ +15 │ +40 │ +175 │ 2025-11-20T12:00:00Z │", shown)
    shown = person.enters('{"name": "top_trends", "arguments": {"time_range": "15min", "limit": 1}}')
    assert re.search(r"│ +1 │ topic 11 │ +11 │", shown)
    shown = person.enters(f"điểm eaos của {TWO}")
    assert f"→ current_eaos program_id={TWO}" in shown
    assert "0.55" in shown
    assert "I did not understand that. It names nothing that I know." in person.enters("how are you")
    assert "There is no tool 'topic'. Nearest: topics." in person.enters("topic program_id=x")
    assert "limit is 'x'; allowed is a whole number" in person.enters("anomalies limit=x")
    shown = person.enters("help")
    assert all(name in shown for name in (*(tool.name for tool in TOOLS), *COMMANDS))
    shown = person.enters("help top_trends")
    assert "Needed: one of 5min, 15min, 1hour." in shown
    person.types("quit\r")
    assert person.leaves() == 0


def test_tab_completes_tools_arguments_values_and_programs(person: Terminal) -> None:
    for keys, inserted in (("top_\t", "trends"), (" ti\t", "me_range="), ("15\t", "min")):
        person.types(keys)
        person.sees(inserted)
    person.types("\r")
    person.sees("→ top_trends time_range=15min")
    person.sees(PROMPT)
    for keys, inserted in (("current_eaos prog\t", "ram_id="), ("segment\t", stock.INTRO)):
        person.types(keys)
        person.sees(inserted)
    person.types("\r")
    person.sees(f"→ current_eaos program_id={stock.INTRO}")
    person.sees(PROMPT)
    person.types("\x04")
    assert person.leaves() == 0


def test_ctrl_c_cancels_a_line_and_ctrl_d_ends(person: Terminal) -> None:
    person.types("current_eaos program_id=nonsense")
    person.sees("nonsense")
    person.types("\x03")
    person.sees(PROMPT)
    assert "nonsense" not in person.enters("help anomalies")
    person.types("\x04")
    assert person.leaves() == 0


def test_what_was_typed_is_kept_for_the_user_alone(environ: dict[str, str], tmp_path: Path) -> None:
    environ = {**environ, "XDG_STATE_HOME": str(tmp_path)}
    for typed, shown in (("list_programs contains=intro\r", stock.INTRO), ("\x1b[A\r", stock.INTRO)):
        terminal = Terminal(environ)
        terminal.sees(PROMPT)
        terminal.types(typed)  # the second time, the arrow up
        terminal.sees(shown)
        terminal.sees(PROMPT)
        terminal.types("\x04")
        assert terminal.leaves() == 0
    history = tmp_path / "tv_analytics" / "agent_history"
    assert history.stat().st_mode & 0o777 == 0o600
    assert "+list_programs contains=intro\n" in history.read_text()


def test_a_store_away_is_named_and_the_session_goes_on(environ: dict[str, str], tmp_path: Path) -> None:
    environ = {**environ, "CLICKHOUSE_URL": f"http://{NOWHERE}", "XDG_STATE_HOME": str(tmp_path)}
    terminal = Terminal(environ)
    greeting = plain(terminal.sees(PROMPT))
    assert re.search(rf"clickhouse +away: clickhouse at http://{NOWHERE}", greeting)
    assert f"clickhouse at http://{NOWHERE}" in terminal.enters("anomalies")
    assert "0.82" in terminal.enters(f"current_eaos program_id={ONE}")
    terminal.types("quit\r")
    assert terminal.leaves() == 0


def test_ctrl_c_cancels_a_call_that_is_not_answered(environ: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        environ = {**environ, "REDIS_URL": url, "XDG_STATE_HOME": str(tmp_path)}
        terminal = Terminal(environ, "--timeout", "60")
        terminal.sees("quit ends.")
        terminal.child.kill(signal.SIGINT)
        terminal.sees("Cancelled.")
        terminal.sees(PROMPT)
        terminal.types("top_trends time_range=5min\r")
        terminal.sees("→ top_trends")
        terminal.types("\x03")
        terminal.sees("Cancelled.")
        terminal.sees(PROMPT)
        terminal.types("\x04")
        assert terminal.leaves() == 0


def test_without_a_terminal_lines_are_read_as_they_are(environ: dict[str, str]) -> None:
    lines = f"# a remark\ntrends 15min\ntopics program_id={ONE}\nnonsense\nquit\nanomalies\n"
    ran = run(environ, lines, *COMMAND)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "→ top_trends time_range=15min" in ran.stdout
    assert re.search(r"│ giọng hát │ +2 │", ran.stdout)
    assert "I did not understand that." in ran.stdout
    assert "→ anomalies" not in ran.stdout


class FaultyPlanner:
    """A planner of somebody else's: it has its own idea of a question, here a fault."""

    async def plan(self, question: str, tools: Any) -> Plan:
        raise RuntimeError(f"the model is away: {question}")


def test_a_planner_can_be_plugged_in_and_its_fault_does_not_end_the_session(environ: dict[str, str]) -> None:
    ran = run(environ, "a question\nlist_programs\n", *COMMAND, "--planner", "tests.test_agent:FaultyPlanner")
    assert ran.returncode == 0
    assert "RuntimeError: the model is away: a question" in ran.stdout
    assert "→ list_programs" in ran.stdout


# ------------------------------------------------------------------------------------------------------------ batch


def batch(tmp_path: Path, text: str, *options: str) -> tuple[int, str]:
    script = tmp_path / "script.txt"
    script.write_text(text)
    return main(["--mode", "batch", str(script), *options]), str(script)


def test_a_batch_runs_calls_and_ends_with_0(here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, name = batch(tmp_path, f"# calls\n\nlist_programs\ncurrent_eaos program_id={ONE}\n")
    told = capsys.readouterr()
    assert code == 0
    assert told.err == f"{name}: 2 of 2 calls succeeded.\n"
    assert f"4: current_eaos program_id={ONE}" in told.out
    assert "0.82" in told.out


def test_a_failed_line_is_named_and_the_others_run(
    here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, name = batch(tmp_path, "current_eaos program_id=zzz\ntrends 15min\ncurent_eaos\nlist_programs\n")
    told = capsys.readouterr()
    assert code == 1
    assert told.err.splitlines() == [
        f"{name}:1: redis has no current EAOS of program 'zzz'. list_programs gives the programs that there are.",
        f"{name}:2: trends 15min is not a call: a call is typed as `tool name=value …`, such as {EXAMPLE}.",
        f"{name}:3: There is no tool 'curent_eaos'. Nearest: current_eaos.",
        f"{name}: 1 of 4 calls succeeded.",
    ]


def test_a_batch_as_json_has_an_object_a_line(here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = batch(tmp_path, "top_trends time_range=1hour\nnonsense here\ntopics\n", "--json")
    first, second, third = map(json.loads, capsys.readouterr().out.splitlines())
    assert code == 1
    assert (first["line"], first["ok"], first["rows"]) == (1, True, [{"rank": 1, "topic": "endless", "score": "inf"}])
    assert (second["line"], second["ok"], second["error"]["type"]) == (2, False, "UnreadableCall")
    assert third["error"]["problems"] == [
        {"argument": "program_id", "problem": "missing", "given": None, "allowed": "text that is not empty"}
    ]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("lines", "expected"),
    [("anomalies\ntop_trends time_range=5min\n", 3), ("list_programs\n", 3), ("anomalies\ntopics\n", 1)],
    ids=["a store away", "a part of a list away", "a failure outweighs it"],
)
def test_a_batch_without_a_store_ends_with_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lines: str, expected: int
) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", f"http://{NOWHERE}")
    ended, name = batch(tmp_path, lines)
    assert ended == expected
    assert f"{name}:1: clickhouse" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "batch"], FILE_NEEDED),
        (
            ["--mode", "interactive", "x"],
            "--mode batch needs a FILE, or - for standard input; the other modes take none.",
        ),
        (["--mode", "batch", "no/such"], "no/such cannot be read: No such file or directory."),
        (["--timeout", "0"], "argument --timeout: invalid number of seconds value: '0'"),
        (["--mode", "interactive", "--planner", "nowhere:x"], "--planner is 'nowhere:x' (No module named 'nowhere')"),
    ],
)
def test_wrong_use_ends_with_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments, program="agent")
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_script_that_is_empty_or_no_text_is_wrong_use(
    here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, name = batch(tmp_path, "# nothing\n")
    assert code == 2
    assert f"{name} holds no call: nothing was run." in capsys.readouterr().err
    (tmp_path / "binary").write_bytes(b"list_programs\n\xff\n")
    with pytest.raises(SystemExit, match="2"):
        main(["--mode", "batch", str(tmp_path / "binary")])
    assert "binary is not UTF-8: line 2 holds the byte 0xff." in capsys.readouterr().err


def test_a_batch_reads_standard_input(environ: dict[str, str]) -> None:
    ran = run(environ, "topics\n", "tests/test_agent.py", "--mode", "batch", "-")
    assert ran.returncode == 1
    assert ran.stderr.startswith("standard input:1: topics: program_id is missing;")


# ------------------------------------------------------------------------------------------------ test and schemas


def test_without_a_mode_every_tool_is_called(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    told = capsys.readouterr()
    assert {line.split()[1].rstrip(":") for line in told.out.splitlines()} == {tool.name for tool in TOOLS}
    assert all(line.startswith("ok ") for line in told.out.splitlines())
    assert told.err == "10 of 10 calls succeeded, 8 of 8 tools were asked.\n"


def test_the_check_names_a_store_that_is_away(
    here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ELASTICSEARCH_URL", f"http://{NOWHERE}")
    assert main(["--mode", "test"]) == 3
    told = capsys.readouterr().out
    assert f"away      search_comments limit=5: elasticsearch at http://{NOWHERE}" in told
    assert "Start the stores with `docker-compose up -d`" in told


@pytest.mark.parametrize(
    ("form", "tools"), [("openai", openai_tools()), ("anthropic", anthropic_tools()), ("mcp", mcp_tools())]
)
def test_the_schemas_are_printed(form: str, tools: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--mode", "schemas", "--format", form]) == 0
    assert json.loads(capsys.readouterr().out) == tools

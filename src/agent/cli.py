"""The command: `python tests/test_agent.py [--mode interactive|batch|test|schemas] …`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import io
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from src.agent.batch import run_batch
from src.agent.check import run_check
from src.agent.dispatcher import Agent
from src.agent.exits import Exit
from src.agent.formats import FORMATS
from src.agent.planner import Planner
from src.agent.questions.rules import RulePlanner
from src.agent.screen import Screen
from src.agent.stores import SECONDS
from src.settings import CLICKHOUSE_URL, ELASTICSEARCH_URL, REDIS_URL

_ABOUT = f"""Ask the TV analytics stores through the agent's tools.

The stores are those of {REDIS_URL}, {CLICKHOUSE_URL} and {ELASTICSEARCH_URL}; unset, those of docker-compose.yml.

modes:
  test          call every tool once on what the stores hold and say how each fared (the default); nothing is written
  interactive   type questions and calls, see tables
  batch FILE    run the calls of FILE (- is standard input), one a line, # begins a comment
  schemas       print the tools as a model's API takes them (--format)

exit codes: 0 done; 1 a call failed or was wrong; 2 the command was used wrongly; 3 a store was away"""


def main(arguments: Sequence[str] | None = None, program: str | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        arguments: the command line without the program's name; by default this process's.
        program: how the program is called in its help.
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show a letter gets its code, not a crash
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parser = _parser(program)
    options = parser.parse_args(arguments)
    if (options.mode == "batch") != (options.file is not None):
        parser.error("--mode batch needs a FILE, or - for standard input; the other modes take none.")
    try:
        return int(_run(options, parser))
    except KeyboardInterrupt:
        return 130  # as a shell says it: 128 + SIGINT
    except BrokenPipeError:
        # Who read our output, such as head, has enough. Python would complain while it flushes at the end.
        sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: PTH123, SIM115 - to be closed by the exit
        return 141


def _run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Exit:
    if options.mode == "schemas":
        print(json.dumps(FORMATS[options.format](), ensure_ascii=False, indent=2))  # noqa: T201 - what was asked for
        return Exit.DONE
    screen = Screen(sys.stdout, sys.stderr, as_json=options.json)
    if options.mode == "batch":
        lines = _lines(options.file, parser)
        name = "standard input" if options.file == "-" else options.file
        return asyncio.run(_with_agent(options.timeout, lambda agent: run_batch(agent, lines, name, screen)))
    if options.mode == "test":
        return asyncio.run(_with_agent(options.timeout, lambda agent: run_check(agent, screen)))
    programs: set[str] = set()
    planner = _planner(options.planner, parser) if options.planner else RulePlanner(lambda: programs)
    return asyncio.run(_with_agent(options.timeout, lambda agent: _converse(agent, planner, screen, programs)))


async def _with_agent(timeout: float, work: Callable[[Agent], object]) -> Exit:
    async with Agent(timeout=timeout) as agent:
        return Exit(await work(agent))  # type: ignore[misc]


async def _converse(agent: Agent, planner: Planner, screen: Screen, programs: set[str]) -> int:
    # prompt_toolkit is imported where a person types: a batch and a pipe do without.
    from src.agent.interactive import Session, at_pipe, at_terminal  # noqa: PLC0415

    session = Session(agent, planner, screen, programs)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return await at_pipe(session, sys.stdin, screen)
    from prompt_toolkit import PromptSession  # noqa: PLC0415

    from src.agent.completion import CallCompleter, tab_key  # noqa: PLC0415
    from src.agent.helping import COMMANDS  # noqa: PLC0415
    from src.agent.history import open_history  # noqa: PLC0415

    history, trouble = open_history()
    if trouble:
        screen.note(trouble)
    completer = CallCompleter(agent.tools, COMMANDS, lambda: sorted(programs))
    prompt: PromptSession[str] = PromptSession(
        history=history,
        completer=completer,
        key_bindings=tab_key(completer),
        complete_while_typing=False,
        enable_history_search=True,
    )
    return await at_terminal(session, prompt, screen)


def _lines(file: str, parser: argparse.ArgumentParser) -> list[str]:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig").splitlines()
    except OSError as error:
        parser.error(f"{file} cannot be read: {error.strerror or error}.")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        parser.error(f"{file} is not UTF-8: line {line} holds the byte 0x{error.object[error.start]:02x}.")


def _planner(name: str, parser: argparse.ArgumentParser) -> Planner:
    module, _, attribute = name.partition(":")
    try:
        factory: Callable[[], Planner] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        parser.error(f"--planner is {name!r} ({error}): expected is MODULE:NAME of what makes a planner when called.")
    return factory()


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or seconds <= 0:
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"  # argparse says `invalid number of seconds value: 'x'`


def _parser(program: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program, description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mode", choices=("test", "interactive", "batch", "schemas"), default="test")
    parser.add_argument("file", nargs="?", metavar="FILE", help="with --mode batch: a script of calls, or -")
    parser.add_argument("--json", action="store_true", help="write each result as one line of JSON")
    parser.add_argument(
        "--timeout", type=_seconds, default=SECONDS, metavar="SECONDS", help="for each call of a store (%(default)s)"
    )
    parser.add_argument("--format", choices=tuple(FORMATS), default="openai", help="of --mode schemas (%(default)s)")
    parser.add_argument(
        "--planner",
        metavar="MODULE:NAME",
        help="with --mode interactive: what turns questions into calls, instead of the built-in rules",
    )
    return parser

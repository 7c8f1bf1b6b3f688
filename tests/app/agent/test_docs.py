"""What docs/agent.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from src.agent import TOOLS, RulePlanner
from src.agent.exits import Exit
from src.agent.lines import read_call
from src.agent.validation import check, find_tool
from src.settings import CLICKHOUSE_URL, ELASTICSEARCH_URL, REDIS_URL, Urls

TEXT = (Path(__file__).parents[3] / "docs" / "agent.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]


def test_every_tool_has_its_line_and_every_exit_code_its_own() -> None:
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == [tool.name for tool in TOOLS]
    assert re.findall(r"^\| (\d) \|", TEXT, re.MULTILINE) == [str(int(code)) for code in Exit]


async def test_every_line_that_is_shown_is_a_call_or_understood() -> None:
    lines = next(text for language, text in BLOCKS if "EAOS của" in text).splitlines()
    for line in lines:
        call = read_call(line, TOOLS)
        if call is None:
            call = (await RulePlanner().plan(line, TOOLS)).calls[0]
        check(find_tool(call.tool, TOOLS), call.arguments)


def test_the_python_runs(urls: Urls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, url in (
        (REDIS_URL, urls.redis),
        (CLICKHOUSE_URL, urls.clickhouse),
        (ELASTICSEARCH_URL, urls.elasticsearch),
    ):
        monkeypatch.setenv(name, url)
    exec(PYTHON[0], {"__name__": "docs"})  # noqa: S102 - what a reader copies
    assert "'topic 11'" in capsys.readouterr().out
    for text in PYTHON[1:]:  # these need a model's package
        compile(text, "agent.md", "exec")

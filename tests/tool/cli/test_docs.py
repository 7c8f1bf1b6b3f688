"""Every command and option is documented, and the pages name none that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tvmigrate import cli, pytest_plugin, settings
from tvmigrate.errors import ExitCode

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md")
] + sorted((ROOT / "docs").glob("*.md"))


def all_commands() -> Iterator[tuple[str, click.Command]]:
    for name, mounted in cli.COMMANDS.items():
        command = mounted.load()
        if isinstance(command, click.Group):
            yield from ((f"{name} {part}", below) for part, below in command.commands.items())
        else:
            yield name, command


ALL = dict(all_commands())
OPTIONS = [
    (name, option)
    for name, command in ALL.items()
    for parameter in command.params
    if isinstance(parameter, click.Option)
    for option in parameter.opts
    if option.startswith("--")
]


def section(name: str) -> str:
    """Return what docs/commands.md says of the command `name`."""
    found = re.search(rf"^## `tvmigrate {re.escape(name)}`.*?(?=^## |\Z)", COMMANDS, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_a_section(name):
    assert section(name), f"docs/commands.md has no section `tvmigrate {name}`"


@pytest.mark.parametrize("name", ALL)
def test_every_command_is_in_the_readme(name):
    assert f"`tvmigrate {name}" in README


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[" ".join(pair) for pair in OPTIONS])
def test_every_option_of_a_command_is_documented(name, option):
    assert f"`{option}" in section(name)


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[" ".join(pair) for pair in OPTIONS])
def test_every_option_says_what_it_does(name, option):
    (parameter,) = [one for one in ALL[name].params if option in one.opts]
    assert parameter.help


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_no_option_that_is_not_there(page):
    """Assert that what a page says to paste exists, wherever it follows `tvmigrate`."""
    known = {option for _, option in OPTIONS} | {"--debug", "--version", "--help", "--log-format", "--metrics-port"}
    text = page.read_text(encoding="utf-8")
    for line in re.findall(rf"tvmigrate (?:{'|'.join(cli.COMMANDS)})\b[^`\n|]*", text):
        assert set(re.findall(r"--[a-z][a-z-]+", line)) <= known, line


def test_every_option_of_the_plugin_is_in_the_docs():
    parser = pytest.Parser(_ispytest=True)
    pytest_plugin.pytest_addoption(parser)
    (group,) = [group for group in parser._groups if group.name == "tvmigrate"]
    names = {name for option in group.options for name in option.names()}
    assert names == {f"--{field.replace('_', '-')}" for field in settings.Asked.__slots__} - {
        "--annotations",
        "--max-findings",
        "--only",
        "--second-round",
        "--timeout",
        "--workers",
        "--executor",
    }
    assert [name for name in names if f"`{name}" not in section("rehearse")] == []


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_in_the_readme(code):
    assert re.search(rf"^\| {int(code)} \|", README, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"

"""Our own scripts and pages are without hazards, or say why one is meant."""

from pathlib import Path

import pytest

from tvmigrate.lint.hazards import HAZARDS
from tvmigrate.lint.page import MARK, with_codes
from tvmigrate.lint.read.files import read_file
from tvmigrate.lint.run import lint
from tvmigrate.lint.tell import as_text

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted(path for path in (ROOT / "scripts").rglob("*.*") if "__pycache__" not in path.parts)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OWN = [*SCRIPTS, *PAGES, ROOT / ".ci" / "run"]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_it_has_no_hazard(path):
    report = lint([read_file(path, path.relative_to(ROOT).as_posix(), (ROOT,))])
    assert [(one.code, one.place.line) for one in report.findings if one.code != "TVM901"] == []


def test_our_scripts_are_read_and_not_only_opened():
    """Assert that the law above is not kept by reading nothing."""
    assert lint([read_file(path, path.name) for path in SCRIPTS]).statements >= 9


def test_the_page_of_codes_is_the_one_that_is_generated():
    page = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
    assert page == with_codes(page), "write it anew: python -m tvmigrate.lint.page docs/lint.md"


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.code)
def test_every_code_stands_on_the_page(hazard):
    page = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
    assert f"\n### {hazard.code} {hazard.name}\n" in page[page.index(MARK) :]


def test_the_readme_shows_what_the_command_says_of_the_guide():
    """Assert that each paragraph shown is one that the command prints, the last line too."""
    guide = "tests/tool/lint/literal_guide.md"
    printed = as_text(lint([read_file(ROOT / guide, guide, (ROOT,))])).split("\n\n")
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Before anything runs")[2]
    shown = [part for part in section.split("```text\n")[1].split("\n```")[0].split("\n\n") if part != "[…]"]
    assert len(shown) > 3
    assert [part for part in shown if part not in printed] == []
    assert shown[-1] == printed[-1]

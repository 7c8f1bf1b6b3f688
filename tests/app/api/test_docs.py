"""docs/api.md names every endpoint, parameter and problem that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from src.api.app import create_app
from src.api.old_style import OLD_PARAMETERS
from src.api.problems import KINDS
from src.settings import Urls

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_page_lists_the_endpoints_with_their_parameters():
    rows = re.findall(r"^\| `(/[^`]+)` \| ([^|]*) \|", PAGE, re.MULTILINE)
    listed = {path: set(re.findall(r"`(\w+)`", parameters)) for path, parameters in rows}
    assert listed == {
        path: {parameter["name"] for parameter in item["get"].get("parameters", ())}
        for path, item in create_app(Urls()).openapi()["paths"].items()
    }


def test_the_page_lists_the_problems_with_their_statuses():
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", PAGE, re.MULTILINE)
    assert [(name, int(status)) for name, status in rows] == [(kind.name, kind.status) for kind in KINDS]


def test_the_page_lists_the_old_parameters():
    (row,) = re.findall(r"^\| `old-parameter` \| 400 \| ([^:]*):", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == set(OLD_PARAMETERS)

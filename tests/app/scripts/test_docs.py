"""Every option of a script stands in the section that describes it, with its default."""

from __future__ import annotations

import click
import pytest

from src.setup.initialise import init_databases
from src.setup.seed import seed_sample_data
from tests.app.scripts.running import ROOT

PAGE = ROOT / "docs" / "application.md"
SCRIPTS = {"init_databases": init_databases, "seed_sample_data_v2": seed_sample_data}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_option_is_documented_with_its_default(name: str) -> None:
    section = PAGE.read_text("utf-8").partition(f"### `python scripts/{name}.py`")[2].partition("\n### ")[0]
    for option in SCRIPTS[name].params:
        assert isinstance(option, click.Option)
        (row,) = [line for line in section.splitlines() if line.startswith(f"| `{option.opts[0]}")]
        if not option.is_flag and "as above" not in row:
            default = option.default
            assert (f"{default:g}" if isinstance(default, float) else str(default)) in row

"""What all tests share: the Hypothesis profile. The suite's fixtures come from `tvmigrate.pytest_plugin`."""

import os
from pathlib import Path

import pytest

from tests.profiles import register

TESTS = Path(__file__).parent / "tests"

pytest_plugins = ("pytester",)  # for the tests of our own plugin

if os.environ.get("CI"):
    os.environ.setdefault("HYPOTHESIS_PROFILE", "ci")
register()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let a folder's tests run in one process each under `pytest -n`: they share engines, and their order."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        folder = item.path.parent.relative_to(TESTS)
        if "rehearsal" not in getattr(item, "fixturenames", ()):  # those of the suite are the plugin's to place
            item.add_marker(pytest.mark.xdist_group(str(folder)))

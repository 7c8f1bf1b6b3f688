"""What all tests share: the Hypothesis profile. The suite's fixtures come from `tvmigrate.pytest_plugin`."""

import os
from pathlib import PurePosixPath
from typing import Any

import pytest

from tests.profiles import register

SUITE = {"schema", "integrity", "rollback"}  # one rehearsal answers them, and their order counts

pytest_plugins = ("pytester",)  # for the tests of our own plugin

if os.environ.get("CI"):
    os.environ.setdefault("HYPOTHESIS_PROFILE", "ci")
register()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let a folder's tests run in one process each under `pytest -n`: they share engines, and their order."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only where it is asked for

    class ByFolder(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            _, *folders = PurePosixPath(nodeid.partition("::")[0]).parent.parts
            return "suite" if folders[:1] and folders[0] in SUITE else "/".join(folders)

    return ByFolder(config, log)

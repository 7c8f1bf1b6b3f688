"""What all tests share: the Hypothesis profile. The suite's fixtures come from `tvmigrate.pytest_plugin`."""

import os
from pathlib import PurePosixPath
from typing import Any

import pytest

from tests.profiles import register

SUITE = {"schema", "integrity", "rollback"}  # one rehearsal answers them, and their order counts
# What takes minutes begins first, so that no process is left with it when the others are done; the rest in any order.
LONGEST_FIRST = (
    "tool/migrate", "suite", "tool/engines/containers", "tool/verify", "tool/engines", "dying", "tool/redis_cluster",
    "tool/contract", "app/api", "app/scripts", "false_alarms", "app/guide", "state_machine", "tool/cli", "faults",
    "tool/workers", "tool/faults", "crash", "app/storage", "tool/checklist", "tool/security", "tool/verify_live",
    "tool/capture", "tool/dataset", "tool/verify_stores", "tool/benchmarks", "mutation", "corpus", "soak", "tool/ci",
)  # fmt: skip

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

        def _assign_work_unit(self, node: Any) -> None:
            for scope in reversed(LONGEST_FIRST):
                if scope in self.workqueue:
                    self.workqueue.move_to_end(scope, last=False)
            super()._assign_work_unit(node)

    return ByFolder(config, log)

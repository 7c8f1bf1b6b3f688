"""A command imports what it needs and no more, and takes nothing from whoever imports the tool."""

from __future__ import annotations

import subprocess
import sys

NOT_USED = "['aiohttp', 'httpx', 'numpy', 'pyarrow', 'requests']"
# Without the three URLs the command ends as soon as all is imported.
BY_ITSELF = "try: cli.main(['status'])\nexcept SystemExit: pass"
WITHIN = "cli.run(['status'])"


def imported(run: str, then: str = "") -> str:
    """Return which of those libraries a process has imported after `run`, and `then`."""
    code = (
        f"import os, sys\nos.environ.pop('REDIS_URL', None)\nfrom tvmigrate import cli\n{run}\n{then}\n"
        f"print([name for name in {NOT_USED} if name in sys.modules])"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_a_command_in_a_process_of_its_own_imports_no_library_that_it_does_not_use():
    assert imported(BY_ITSELF) == "[]"


def test_a_command_within_a_program_leaves_the_client_whole():
    assert imported(WITHIN) == NOT_USED


def test_what_was_not_imported_can_still_be():
    assert imported(BY_ITSELF, "import requests") == "['requests']"

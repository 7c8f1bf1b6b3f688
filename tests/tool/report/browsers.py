"""The system's Chromium, for what looks at report.html."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium-headless-shell", "chromium")  # Debian's packages, the smaller first


def found() -> str | None:
    """Return the path of the browser; None if the system has none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def running() -> Iterator[Browser]:
    """Start the browser; raises FileNotFoundError if the system has none."""
    path = found()
    if path is None:
        raise FileNotFoundError(f"There is no {' or '.join(NAMES)} on this system: apt-get install {NAMES[0]}.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()

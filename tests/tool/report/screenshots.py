"""The pictures of docs/report.md and the README, taken of two reports in the system's Chromium.

`python -m tests.tool.report.screenshots PASSED FAILED` takes the paths of a `report.html` that passed and of one that
did not, as `tvmigrate rehearse` writes them; docs/report.md says of which runs.
"""

from __future__ import annotations

import base64
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from .browsers import running

DOCS = Path(__file__).parents[3] / "docs"
QUALITY = 80


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the top of a report, `width` and `height` in pixels of the page, `scale` of the screen to each."""

    name: str
    passed: bool
    width: int
    height: int
    scheme: str
    scale: float = 1


PICTURES = (
    Picture("report-failed.webp", passed=False, width=1180, height=1240, scheme="light"),
    Picture("report-phone.webp", passed=True, width=360, height=1180, scheme="dark", scale=1.5),
)


def take(browser: Browser, picture: Picture, report: Path) -> None:
    """Write `picture` of `report` into docs/."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height}, color_scheme=picture.scheme,
        device_scale_factor=picture.scale,
    )  # fmt: skip
    page = context.new_page()
    page.goto(report.absolute().as_uri())
    told = context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    (DOCS / picture.name).write_bytes(base64.b64decode(told["data"]))
    context.close()


if __name__ == "__main__":
    passed, failed = map(Path, sys.argv[1:])
    with running() as browser:
        for one in PICTURES:
            take(browser, one, passed if one.passed else failed)

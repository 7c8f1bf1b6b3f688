"""Writes the generated part of docs/lint.md: `python -m tvmigrate.lint.page docs/lint.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from tvmigrate.lint.hazards import HAZARDS
from tvmigrate.lint.tell import as_page

MARK = "<!-- generated below: python -m tvmigrate.lint.page docs/lint.md -->\n"


def with_codes(page: str) -> str:
    """Return the page with what stands below the mark written anew. Raises ValueError if the mark is not there."""
    return page[: page.index(MARK) + len(MARK)] + "\n" + as_page(HAZARDS)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_codes(file.read_text(encoding="utf-8")), encoding="utf-8")

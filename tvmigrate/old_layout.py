"""The file that says what a site calls its old data: read in one way, whoever asks."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tvmigrate.contract.old_layout import OldLayout
from tvmigrate.errors import UsageError
from tvmigrate.old_layout_document import parse


def read_old_layout(path: Path) -> OldLayout:
    """Read a TOML file of the form that docs/old-layouts.md describes.

    Raises:
        UsageError: it cannot be read, is not TOML, or see `parse`.
    """
    try:
        document = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise UsageError(
            f"The layout file {path} cannot be read: {error.strerror}. `tvmigrate inspect --output FILE` writes one."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"The layout file {path} is not TOML: {error}.") from error
    return parse(document, f"The layout file {path}")

"""What is worked out of the old data once a rehearsal and read by every look at the stores: old data never change."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from tvmigrate.closing import Closing
from tvmigrate.verify.spool import Spool


class Kept(Closing):
    """Spools that are filled when they are first asked for, and then only read; gone when the `with` ends."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="tvmigrate-kept-")
        self._made: dict[str, list[tuple[Any, Path]]] = {}
        self._numbers = count()

    def spool(self, name: str, depends_on: Any, schema: str, fill: Callable[[Spool], None]) -> Path:
        """Return the file of the spool `name`, for `Spool(kept=…)`; nothing may write into it.

        `depends_on` is all that its content depends on beside the old data, a value that can be compared: a policy, a
        query's text. Where no spool was made for an equal one, a new one with the tables of `schema` is handed to
        `fill`. Whatever `fill` raises is raised, and nothing is kept of it.
        """
        made = self._made.setdefault(name, [])
        for known, path in made:
            if known == depends_on:
                return path
        path = Path(self._directory.name) / f"{next(self._numbers)}.sqlite"
        try:
            with Spool(schema, path=path) as spool:
                fill(spool)
                spool.commit()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        made.append((depends_on, path))
        return path

    def close(self) -> None:
        """Remove the files; a second call does nothing."""
        self._directory.cleanup()

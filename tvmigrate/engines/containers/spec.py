"""What a container is to be, as a value that the three stores' modules fill in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spec:
    """One store's container.

    `port` is the one that the server listens on inside; `memory` the most it may use, in bytes; `command` replaces the
    image's own; `files` are put into the container before it starts, text by path.
    """

    name: str
    image: str
    port: int
    memory: int
    environ: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def form(self, image_id: str) -> str:
        """Return a digest of all this and of the image's id: containers of one form are alike."""
        parts = (self.name, image_id, self.port, self.memory, sorted(self.environ.items()), self.command,
                 sorted(self.files.items()))  # fmt: skip
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

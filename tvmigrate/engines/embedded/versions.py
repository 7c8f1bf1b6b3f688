"""Which versions the embedded engines are pinned to: `versions.toml` and `jars.toml`, read as values."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Versions:
    """The pins of `versions.toml`; `jars` are Maven coordinates, group:artifact:version."""

    redis: str
    clickhouse: str
    elasticsearch: str
    jars: tuple[str, ...]

    @classmethod
    def read(cls) -> Versions:
        """Read the pins that ship with the package."""
        pins: Any = _table("versions.toml")
        return cls(
            redis=pins["redis"]["version"],
            clickhouse=pins["clickhouse"]["version"],
            elasticsearch=pins["elasticsearch"]["version"],
            jars=tuple(pins["elasticsearch"]["jars"]),
        )


def jar_checksums() -> dict[str, str]:
    """Return the sha256 (hex) of every jar by its coordinate, from `jars.toml`."""
    return dict(_table("jars.toml")["sha256"])


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text())

"""Which versions the embedded engines are pinned to: `versions.toml` and `jars-VERSION.toml`, read as values."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from tvmigrate.errors import UsageError

ELASTICSEARCH_VERSION = "TVMIGRATE_ELASTICSEARCH_VERSION"


@dataclass(frozen=True, slots=True)
class Versions:
    """The pins of `versions.toml`; `jars` are Maven coordinates, group:artifact:version."""

    redis: str
    clickhouse: str
    elasticsearch: str
    jars: tuple[str, ...]

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Versions:
        """Read the pins that ship with the package; of Elasticsearch the version that the environment names.

        Raises:
            UsageError: `TVMIGRATE_ELASTICSEARCH_VERSION` names a version that is not pinned.
        """
        pins: Any = _table("versions.toml")
        known: list[str] = pins["elasticsearch"]["versions"]
        chosen = environ.get(ELASTICSEARCH_VERSION) or known[0]
        if chosen not in known:
            raise UsageError(
                f"{ELASTICSEARCH_VERSION} is {chosen!r}; an embedded Elasticsearch there is of {' and '.join(known)}. "
                "For any other version use --engines containers with TVMIGRATE_ELASTICSEARCH_IMAGE."
            )
        return cls(
            redis=pins["redis"]["version"],
            clickhouse=pins["clickhouse"]["version"],
            elasticsearch=chosen,
            jars=tuple(f"{artifact}:{chosen}" for artifact in pins["elasticsearch"]["artifacts"]),
        )


def elasticsearch_versions() -> tuple[str, ...]:
    """Return every version of Elasticsearch that runs embedded, the default first."""
    return tuple(_table("versions.toml")["elasticsearch"]["versions"])


def lock_name(version: str) -> str:
    """Return the name of the file that holds the checksums of the jars of Elasticsearch `version`."""
    return f"jars-{version}.toml"


def jar_checksums() -> dict[str, str]:
    """Return the sha256 (hex) of every jar by its coordinate, of the Elasticsearch that `Versions.read` chooses."""
    return dict(_table(lock_name(Versions.read().elasticsearch))["sha256"])


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text())

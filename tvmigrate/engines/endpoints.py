"""Where three running engines answer, and the one way to open a client to each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import astuple, dataclass

from tvmigrate.engines.secrets import READ_ONLY, masked, with_secrets
from tvmigrate.errors import UsageError

__all__ = ["CLICKHOUSE_URL", "ELASTICSEARCH_URL", "READ_ONLY", "REDIS_URL", "Endpoints"]

REDIS_URL = "REDIS_URL"
CLICKHOUSE_URL = "CLICKHOUSE_URL"
ELASTICSEARCH_URL = "ELASTICSEARCH_URL"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The URLs of the three stores, as every command, script and test reads them (contract §5)."""

    redis: str
    clickhouse: str
    elasticsearch: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Endpoints:
        """Read the three URLs from `environ`, with the passwords that stand beside them (`secrets.with_secrets`).

        Raises:
            UsageError: one or more of the three variables is not set; all missing ones are named. See `with_secrets`.
        """
        missing = [name for name in (REDIS_URL, CLICKHOUSE_URL, ELASTICSEARCH_URL) if not environ.get(name)]
        if missing:
            raise UsageError(
                f"{', '.join(missing)} not set: the tool does not guess where your data lives. Export the URLs of the "
                'three stores, or start embedded engines with: eval "$(tvmigrate engines up --detach --dir DIR)"'
            )
        return cls(
            with_secrets("REDIS", environ[REDIS_URL], environ),
            with_secrets("CLICKHOUSE", environ[CLICKHOUSE_URL], environ),
            with_secrets("ELASTICSEARCH", environ[ELASTICSEARCH_URL], environ),
        )

    def __repr__(self) -> str:
        """Show where the stores are, and no password."""
        return f"{type(self).__name__}({', '.join(map(repr, map(masked, astuple(self))))})"

    def read_only(self) -> Endpoints:
        """Return the same stores, to be opened by clients that cannot write, wherever their URLs are taken."""
        return Endpoints(*(url.removesuffix(READ_ONLY) + READ_ONLY for url in astuple(self)))

    def environ(self) -> dict[str, str]:
        """Return the variables to add to a child's environment."""
        return {REDIS_URL: self.redis, CLICKHOUSE_URL: self.clickhouse, ELASTICSEARCH_URL: self.elasticsearch}

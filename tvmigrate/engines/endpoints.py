"""Where three running engines answer, and the one way to open a client to each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import astuple, dataclass

from tvmigrate.errors import UsageError

REDIS_URL = "REDIS_URL"
CLICKHOUSE_URL = "CLICKHOUSE_URL"
ELASTICSEARCH_URL = "ELASTICSEARCH_URL"
READ_ONLY = "#read-only"  # at the end of a URL: whoever opens it gets a client that cannot write (`read_only`)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The URLs of the three stores, as every command, script and test reads them (contract §5)."""

    redis: str
    clickhouse: str
    elasticsearch: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Endpoints:
        """Read the three URLs from `environ`.

        Raises:
            UsageError: one or more of the three variables is not set; all missing ones are named.
        """
        missing = [name for name in (REDIS_URL, CLICKHOUSE_URL, ELASTICSEARCH_URL) if not environ.get(name)]
        if missing:
            raise UsageError(
                f"{', '.join(missing)} not set: the tool does not guess where your data lives. Export the URLs of the "
                'three stores, or start embedded engines with: eval "$(tvmigrate engines up --detach --dir DIR)"'
            )
        return cls(environ[REDIS_URL], environ[CLICKHOUSE_URL], environ[ELASTICSEARCH_URL])

    def read_only(self) -> Endpoints:
        """Return the same stores, to be opened by clients that cannot write, wherever their URLs are taken."""
        return Endpoints(*(url.removesuffix(READ_ONLY) + READ_ONLY for url in astuple(self)))

    def environ(self) -> dict[str, str]:
        """Return the variables to add to a child's environment."""
        return {REDIS_URL: self.redis, CLICKHOUSE_URL: self.clickhouse, ELASTICSEARCH_URL: self.elasticsearch}

"""Where the application's three stores answer: three environment variables, with the ports of docker-compose.yml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

REDIS_URL = "REDIS_URL"
CLICKHOUSE_URL = "CLICKHOUSE_URL"
ELASTICSEARCH_URL = "ELASTICSEARCH_URL"

DEFAULT_REDIS_URL = "redis://127.0.0.1:6379"
DEFAULT_CLICKHOUSE_URL = "http://127.0.0.1:8123"
DEFAULT_ELASTICSEARCH_URL = "http://127.0.0.1:9200"


@dataclass(frozen=True, slots=True)
class Urls:
    """The URLs of the three stores.

    `redis` is `redis://`, `rediss://` or `unix://`; `clickhouse` and `elasticsearch` are `http(s)://`. Each may hold a
    user and a password.
    """

    redis: str = DEFAULT_REDIS_URL
    clickhouse: str = DEFAULT_CLICKHOUSE_URL
    elasticsearch: str = DEFAULT_ELASTICSEARCH_URL

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Urls:
        """Read REDIS_URL, CLICKHOUSE_URL and ELASTICSEARCH_URL; one that is unset or empty has its default."""
        return cls(
            redis=environ.get(REDIS_URL) or DEFAULT_REDIS_URL,
            clickhouse=environ.get(CLICKHOUSE_URL) or DEFAULT_CLICKHOUSE_URL,
            elasticsearch=environ.get(ELASTICSEARCH_URL) or DEFAULT_ELASTICSEARCH_URL,
        )


def masked(url: str) -> str:
    """Return `url` with its password replaced by `***`; what is no URL is not shown at all."""
    try:
        parts = urlsplit(url)
        if not parts.password:
            return url
    except ValueError:
        return "***"
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}").geturl()

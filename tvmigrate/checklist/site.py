"""What the items look at: the stores, the application's commands and trees, and what was said of tests and team."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import elasticsearch
import redis
import urllib3
from clickhouse_connect.driver.client import Client as ClickHouse
from clickhouse_connect.driver.exceptions import ClickHouseError

from tvmigrate.contract.old_layout import CONTRACT, OldLayout
from tvmigrate.engines.clients import open_clickhouse, open_elasticsearch, open_redis
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.engines.secrets import without_secrets
from tvmigrate.errors import TvmigrateError
from tvmigrate.events import Listener, ignore

AWAY = (
    redis.RedisError,
    ClickHouseError,
    elasticsearch.ApiError,
    elasticsearch.TransportError,
    elasticsearch.UnsupportedProductError,
    urllib3.exceptions.HTTPError,
    OSError,
    TvmigrateError,
)
PROBE = "TVMIGRATE_PROBE"  # the variable with the show of the records that an item writes and takes away
PROBE_PREFIX = "checklist-probe-"
WITHOUT_PROBES = "This item writes records of its own and takes them away again: --write-probes allows it."
_LONGEST = 400  # characters of an answer
_PYTHON = shlex.quote(sys.executable)
SAMPLE_COMMAND = f'{_PYTHON} scripts/seed_sample_data_v2.py --count 20 --until now --show "${PROBE}"'
SAMPLE_CLEAN_COMMAND = f'{_PYTHON} scripts/seed_sample_data_v2.py --remove --show "${PROBE}"'
STORAGE_COMMAND = f"{_PYTHON} tests/test_storage_v2.py"
AGENT_COMMAND = f"{_PYTHON} tests/test_agent.py"
API_COMMAND = f"{_PYTHON} -m src.api --port %d"


@dataclass(frozen=True, slots=True)
class Attested:
    """Who says that the team knows, and since when."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Commands:
    """The application's own checks, shell commands run in the directory that the checklist is started in."""

    sample: str = SAMPLE_COMMAND
    sample_clean: str = SAMPLE_CLEAN_COMMAND
    storage: str = STORAGE_COMMAND
    agent: str = AGENT_COMMAND


@dataclass(frozen=True, slots=True)
class Site:
    """One system after its migration, and what was said of it.

    `write_probes` allows the items that write, and `held_back` says why they must not all the same, empty where they
    may; `services` are more services by name, each with the URL that answers
    when it is well; `api` the URL of a running API, None to start the tree's own; `since` when the migration was done,
    None as the journal in `state` says; `timeout` how long a store may take for an answer, in seconds;
    `layout` what the old data were called.
    """

    endpoints: Endpoints
    commands: Commands = Commands()
    write_probes: bool = False
    held_back: str = ""
    services: tuple[tuple[str, str], ...] = ()
    sources: tuple[Path, ...] = ()
    documents: tuple[Path, ...] = ()
    api: str | None = None
    junit: tuple[Path, ...] = ()
    since: datetime | None = None
    state: Path = Path(".tvmigrate")
    attested: Attested | None = None
    timeout: float = 30.0
    layout: OldLayout = CONTRACT
    listener: Listener = ignore

    @property
    def no_probes(self) -> str:
        """The sentence that says why nothing may be written, empty where it may."""
        return self.held_back if self.write_probes else WITHOUT_PROBES

    def say(self, error: BaseException) -> str:
        """Return what an error says, on one line, without a password of the stores' URLs."""
        text = " ".join(str(error).split()) or type(error).__name__
        urls = (self.endpoints.redis, self.endpoints.clickhouse, self.endpoints.elasticsearch)
        return cut(without_secrets(text, urls).rstrip("."))


@dataclass(frozen=True, slots=True)
class Readers:
    """Clients of the three stores that cannot write."""

    redis: redis.Redis
    clickhouse: ClickHouse
    elasticsearch: elasticsearch.Elasticsearch

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a ClickHouse query."""
        return [tuple(row) for row in self.clickhouse.query(sql).result_rows]


def open_store(site: Site, store: str) -> Any:
    """Return a client of one store that cannot write; raises what is in `AWAY`."""
    read_only = site.endpoints.read_only()
    opens: dict[str, Callable[[], Any]] = {
        "redis": partial(open_redis, read_only.redis, 0, site.timeout),
        "clickhouse": partial(open_clickhouse, read_only.clickhouse, site.timeout),
        "elasticsearch": partial(open_elasticsearch, read_only.elasticsearch, site.timeout),
    }
    return opens[store]()


@contextmanager
def readers(site: Site) -> Iterator[Readers]:
    """Open the three for `with`; raises what is in `AWAY`."""
    with ExitStack() as opened:
        clients = []
        for store in ("redis", "clickhouse", "elasticsearch"):
            client = open_store(site, store)
            opened.callback(client.close)
            clients.append(client)
        yield Readers(*clients)


def cut(text: str, most: int = _LONGEST) -> str:
    """Return a text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return names with commas, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def script_of(command: str) -> Path | None:
    """Return the Python file that a command of the defaults' form runs, None where it runs none."""
    found = re.search(r"(?:^|\s)(\S+\.py)\b", command)
    return Path(found[1]) if found else None

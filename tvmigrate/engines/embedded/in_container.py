"""What a local image runs: the embedded engine, told by the variables that the official image takes.

Only those that `--engines containers` and docker-compose.yml set are read; see docs/engines.md for what differs.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping

from tvmigrate.engines.embedded.clickhouse_server.__main__ import PASSWORD
from tvmigrate.engines.embedded.elasticsearch import DEFAULT_HEAP
from tvmigrate.engines.embedded.process import python_module

_ANY = "0.0.0.0"  # noqa: S104 - of the container, whose ports are published on the loopback address


def main() -> None:
    """Become the engine that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", choices=["clickhouse", "elasticsearch"])
    store = parser.parse_args().store
    command = clickhouse(os.environ) if store == "clickhouse" else elasticsearch(os.environ)
    if store == "clickhouse":
        os.environ[PASSWORD] = os.environ.get("CLICKHOUSE_PASSWORD", "")
    os.execv(command[0], command)  # noqa: S606 - this process is to become the engine


def clickhouse(environ: Mapping[str, str]) -> list[str]:
    """Return the command of ClickHouse that `environ` asks for."""
    return python_module(
        "tvmigrate.engines.embedded.clickhouse_server",
        "--data", "/var/lib/clickhouse", "--host", _ANY, "--port", "8123",
        "--user", environ.get("CLICKHOUSE_USER") or "default",
    )  # fmt: skip


def elasticsearch(environ: Mapping[str, str]) -> list[str]:
    """Return the command of Elasticsearch that `environ` asks for, with the heap and the class cache."""
    heap = re.search(r"-Xmx(\w+)", environ.get("ES_JAVA_OPTS", ""))
    command = python_module(
        "tvmigrate.engines.embedded.elasticsearch_node",
        "--home", "/usr/share/elasticsearch", "--host", _ANY, "--port", "9200",
        "--heap", heap[1] if heap else DEFAULT_HEAP,
    )  # fmt: skip
    from tvmigrate.engines.embedded.class_archive import archive_path  # noqa: PLC0415 - of this store alone

    archive = archive_path()
    return [*command, f"--jvm-option=-XX:AOTCache={archive}"] if archive.exists() else command


if __name__ == "__main__":
    main()

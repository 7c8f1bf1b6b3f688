"""Statements that ClickHouse runs by itself, one after the other: what it can do at best."""

from __future__ import annotations

import os
import sys
import time

from bench.peers.sharing import told
from tvmigrate.engines.clients import open_clickhouse

if __name__ == "__main__":
    client = open_clickhouse(os.environ["CLICKHOUSE_URL"], 3600)
    began = time.perf_counter()
    for statement in sys.argv[1:]:
        client.command(statement)
    told(time.perf_counter() - began)

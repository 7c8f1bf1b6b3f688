"""Serve the API: `python -m src.api [--host HOST] [--port PORT]`; the stores are those that the environment names."""

from __future__ import annotations

import argparse

import uvicorn

from src.api.app import create_app
from src.api.link import Limits
from src.errors import InvalidValue

# Longer than clients and proxies keep an idle connection (60 s and less): who closes it first must not be the server,
# or a request that is just under way on it is lost.
_KEEP_ALIVE_SECONDS = 75


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    usual = Limits()
    parser = argparse.ArgumentParser(
        prog="python -m src.api",
        description="Serve the API over REDIS_URL, CLICKHOUSE_URL and ELASTICSEARCH_URL.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8000, help="port to listen at; 0: a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--store-seconds",
        type=float,
        default=usual.store_seconds,
        help="how long a store may take for a request, until it is answered with 504 (default: %(default)g)",
    )
    parser.add_argument(
        "--clickhouse-threads",
        type=int,
        default=usual.clickhouse_threads,
        help="how many questions may be under way at ClickHouse (default: %(default)s)",
    )
    options = parser.parse_args()
    try:
        limits = Limits(store_seconds=options.store_seconds, clickhouse_threads=options.clickhouse_threads)
    except InvalidValue as error:
        parser.error(str(error))
    uvicorn.run(create_app(limits=limits), host=options.host, port=options.port, timeout_keep_alive=_KEEP_ALIVE_SECONDS)


if __name__ == "__main__":
    main()

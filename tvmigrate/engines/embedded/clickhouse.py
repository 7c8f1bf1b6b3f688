"""The embedded ClickHouse: chdb behind ClickHouse's HTTP interface, as `clickhouse_server` serves it."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tvmigrate.engines.embedded.ports import HOST
from tvmigrate.engines.embedded.process import Launch, python_environ, python_module

NAME = "clickhouse"
_SERVER = "tvmigrate.engines.embedded.clickhouse_server"


def launch(data: Path, port: int) -> Launch:
    """Return how to start ClickHouse on `port` with its data in `data`."""
    command = python_module(_SERVER, "--data", str(data), "--port", str(port))
    return Launch(NAME, command, data, python_environ())


def url(port: int) -> str:
    """Return the URL of a ClickHouse on `port`."""
    return f"http://{HOST}:{port}"


def answer(port: int, host: str = HOST) -> str | None:
    """Return the version if a SELECT is answered, else None."""
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/?query=SELECT%20version()")
        response = connection.getresponse()
        body = response.read().decode()
        return body.strip() if response.status == 200 else None
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()

"""Starting and asking a server, and clickhouse-connect's two clients behind one way of calling them."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient

STARTS_WITHIN = 60  # seconds


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True, slots=True)
class Server:
    """A running server process, and the plainest way to ask it something."""

    process: subprocess.Popen[str]
    port: int
    data: Path

    def ask(
        self,
        body: bytes | str = b"",
        *,
        method: str = "POST",
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        **url: Any,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            content = body.encode() if isinstance(body, str) else body
            target = f"{path}?{urlencode(url)}" if url else path
            connection.request(method, target, body=content or None, headers=dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, {n.lower(): v for n, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def connect(self, **options: Any) -> Any:
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, **options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(data: Path, *options: str, port: int | None = None, environ: Mapping[str, str] | None = None) -> Server:
    port = port or free_port()
    command = [sys.executable, "-m", "tvmigrate.engines.embedded.clickhouse_server"]
    process = subprocess.Popen(
        [*command, "--data", str(data), "--port", str(port), "--exit-with-stdin", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environ or {})},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate(timeout=STARTS_WITHIN)[1]
    return Server(process, port, data)


def stop(server: Server) -> tuple[int, str]:
    """End a server in order; return its exit status and all it wrote to stderr."""
    server.process.terminate()
    _, errors = server.process.communicate(timeout=STARTS_WITHIN)
    return server.process.returncode, errors


@dataclass(frozen=True, slots=True)
class Either:
    """clickhouse-connect's sync or async client behind one way of calling it, so that each law is tested on both."""

    client: Any

    async def __call__(self, method: str, *args: Any, **named: Any) -> Any:
        result = getattr(self.client, method)(*args, **named)
        return await result if hasattr(result, "__await__") else result

    def piecewise(self, parts: list[bytes]) -> Any:
        """Return a generator of the kind that the client takes as a body."""

        async def later() -> AsyncIterator[bytes]:
            for part in parts:
                yield part

        return later() if isinstance(self.client, AsyncClient) else (part for part in parts)

    async def pieces(self, method: str, *args: Any, **named: Any) -> list[Any]:
        """Call a method that streams, and return all it streams."""
        stream = await self(method, *args, **named)
        if hasattr(stream, "__aenter__"):
            async with stream as opened:
                return [piece async for piece in opened]
        with stream as opened:
            return list(opened.stream() if hasattr(opened, "stream") else opened)


def eventually(condition: Any, seconds: float = 20) -> bool:
    """Wait until `condition()` holds; return whether it did in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True

"""A gate before a store: it lets everything through, nothing in (as if the store were stopped), or no answer out."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Gate:
    """Listens on a port of its own and speaks with the store behind it; use as `async with Gate(url) as gate`."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.StreamWriter] = set()
        self._answers = asyncio.Event()
        self._answers.set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"{self._parts.scheme}://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._answers.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections and end those that are there."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for link in self._links:
            link.transport.abort()
        await asyncio.sleep(0)

    def hold(self) -> None:
        """Take connections and requests, and answer nothing."""
        self._answers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        self._links |= {writer, behind_writer}
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._pump(reader, behind_writer), self._pump(behind_reader, writer, held=True))
        self._links -= {writer, behind_writer}
        writer.transport.abort()
        behind_writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, held: bool = False) -> None:
        while data := await source.read(65_536):
            if held:
                await self._answers.wait()
            sink.write(data)
            await sink.drain()
        sink.transport.abort()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold()
        await self.close()

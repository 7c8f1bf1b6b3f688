"""TLS in front of a plain server: what the embedded engines, which have none, lack of a production's."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import trustme


@dataclass
class Authority:
    """A certificate authority with its files, and proxies whose certificates it signed."""

    folder: Path
    authority: trustme.CA = field(default_factory=trustme.CA)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.authority.cert_pem.write_to_path(self.ca)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def client(self, name: str = "tvmigrate@example.org") -> tuple[Path, Path]:
        """Return the files of a client's certificate and key."""
        made = self.authority.issue_cert(name)
        certificate, key = self.folder / "client.pem", self.folder / "client.key"
        made.cert_chain_pems[0].write_to_path(certificate)
        made.private_key_pem.write_to_path(key)
        return certificate, key

    @contextmanager
    def before(self, port: int, host: str = "127.0.0.1", *, wants_client: bool = False) -> Iterator[int]:
        """Run a proxy before the server on `port`, with a certificate for `host`; yield the proxy's port."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(host).configure_cert(context)
        if wants_client:
            self.authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            started = asyncio.run_coroutine_threadsafe(_serve(port, context), loop).result()
            yield int(started.sockets[0].getsockname()[1])
            asyncio.run_coroutine_threadsafe(_end(started), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _serve(port: int, context: ssl.SSLContext) -> asyncio.Server:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = [writer]
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            opened.append(back)
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        except asyncio.CancelledError:
            for one in opened:
                one.transport.abort()
            raise

    return await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while some := await reader.read(1 << 16):
            writer.write(some)
            await writer.drain()
    with suppress(OSError):
        writer.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.01)  # the loop closes what was aborted

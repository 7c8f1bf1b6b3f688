"""A TCP proxy that loses an answer: it forwards a request, waits until the server has answered, and closes."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


@dataclass
class _Link:
    client: socket.socket
    server: socket.socket
    losing: bool = False


class LosingProxy:
    """Stands before the store at `url` (its own address: `.url`), and loses the answers to the next `lose` requests
    that hold `marker`; `instead` is sent in their place. `seen` counts all requests that held it. Where `trickle` is
    given, requests go on in pieces of so many bytes, a millisecond apart.
    """

    def __init__(self, url: str, marker: bytes, lose: int = 1, instead: bytes = b"", trickle: int = 0) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._marker, self._left, self._instead, self._trickle = marker, lose, instead, trickle
        self.seen = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{parts.scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._links: list[_Link] = []

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for link in self._links:
            _close(link)
        for thread in self._threads:
            thread.join()
        self._listener.close()
        for link in self._links:
            link.client.close()
            link.server.close()

    def lose(self, answers: int) -> None:
        """Lose the answers to the next requests."""
        self._left = answers

    def cut(self) -> None:
        """Close all connections that are open, as a server does that stops."""
        for link in self._links:
            _close(link)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            link = _Link(client, socket.create_connection(self._target))
            self._links.append(link)
            for relay in (self._to_server, self._to_client):
                thread = threading.Thread(target=relay, args=(link,))
                self._threads.append(thread)
                thread.start()

    def _to_server(self, link: _Link) -> None:
        while data := _received(link.client):
            if self._marker in data:
                self.seen += 1
                if self._left:
                    self._left -= 1
                    link.losing = True
            for at in range(0, len(data), self._trickle or len(data)):
                _send(link.server, data[at : at + (self._trickle or len(data))])
                time.sleep(0.001 if self._trickle else 0)
        _close(link)

    def _to_client(self, link: _Link) -> None:
        while data := _received(link.server):
            if link.losing:
                _send(link.client, self._instead)
                break
            _send(link.client, data)
        _close(link)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(65536)
    except OSError:
        return b""


def _send(end: socket.socket, data: bytes) -> None:
    try:
        end.sendall(data)
    except OSError:
        return


def _close(link: _Link) -> None:
    for end in (link.client, link.server):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue

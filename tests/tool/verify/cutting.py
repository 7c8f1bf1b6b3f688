"""A TCP proxy before a real engine that cuts its answers, or adds settings to what is asked of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_PIECE = 65536


class Proxy:
    """Forwards connections; `cut` is how many bytes of an answer pass before both ends are closed (None: all).

    Only answers to requests that hold `mark` are cut. `added` is put before the parameters of each HTTP request.
    """

    def __init__(self, url: str, mark: bytes = b"") -> None:
        self._port = urlsplit(url).port
        self._mark = mark
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listening]
        self.url = f"{urlsplit(url).scheme}://127.0.0.1:{self._listening.getsockname()[1]}"
        self.cut: int | None = None
        self.cuts = 0
        self.added = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._open += [near, far]
                left: list[int | None] = [None]
                threading.Thread(target=self._ask, args=(near, far, left), daemon=True).start()
                threading.Thread(target=self._answer, args=(far, near, left), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket, left: list[int | None]) -> None:
        with suppress(OSError):
            while piece := near.recv(_PIECE):
                if self._mark in piece:
                    left[0] = self.cut
                far.sendall(piece.replace(b" /?", b" /?" + self.added, 1) if self.added else piece)
            far.shutdown(socket.SHUT_RDWR)

    def _answer(self, far: socket.socket, near: socket.socket, left: list[int | None]) -> None:
        with suppress(OSError):
            while piece := far.recv(_PIECE):
                room = left[0]
                if room is not None and len(piece) >= room:
                    self.cuts += 1
                    near.sendall(piece[:room])
                    break
                if room is not None:
                    left[0] = room - len(piece)
                near.sendall(piece)
        for end in (near, far):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close every connection and stop listening."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def proxy(url: str, mark: bytes = b"") -> Iterator[Proxy]:
    """Run a proxy before the engine at `url`."""
    running = Proxy(url, mark)
    try:
        yield running
    finally:
        running.close()

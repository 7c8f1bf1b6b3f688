"""A TCP proxy before a real engine that strikes requests: cuts, resets, delays or replaces what is answered to them."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

_PIECE = 1 << 16
_IDLE_SECONDS = 0.05  # without another byte, a request is whole


class Cut(Enum):
    """What becomes of a struck request, and of its answer."""

    UNSENT = "closed before it is sent"
    UNANSWERED = "closed when it is done, before its answer"
    HALF = "closed in the middle of its answer"
    RESET = "reset in the middle of its answer"
    LATE = "answered 2 s later"


LATE_SECONDS = 2.0
# What is sent instead of an answer, of the bytes of the request; or what is done before the request goes on.
Instead = Callable[[bytes], bytes]
Before = Callable[[], None]


@dataclass
class Strike:
    """Which requests are struck, of those that hold `mark` from now on: `times` of them after the first `after`."""

    trouble: Cut | Instead | None
    mark: bytes = b""
    after: int = 0
    times: int = 1
    before: Before | None = None
    seen: int = 0
    struck: int = 0

    def takes(self, data: bytes, begins: bool) -> bool:
        """Count a request, of which `data` is a piece, and tell whether it is struck."""
        if not (self.mark in data if self.mark else begins):
            return False
        self.seen += 1
        if not self.after < self.seen <= self.after + self.times:
            return False
        self.struck += 1
        return True


@dataclass
class _Link:
    near: socket.socket
    far: socket.socket
    answered: bool = True  # so that what comes next from the near end is a new request
    trouble: Cut | None = None

    def close(self, *, reset: bool = False) -> None:
        for end in (self.near, self.far):
            if reset and end is self.near:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RD)
                end.close()
            else:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


@dataclass
class Between:
    """A proxy before the engine at `target`; its own address is `url`."""

    target: str
    strike: Strike | None = None
    requests: int = 0
    _links: list[_Link] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        self._port = parts.port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"{parts.scheme}://127.0.0.1:{self._listening.getsockname()[1]}"
        self._start(self._serve)

    def close(self) -> None:
        """Stop listening and close every connection."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        for link in self._links:
            link.close()
        while self._threads:
            self._threads.pop().join()
        self._listening.close()
        for link in self._links:
            link.near.close()
            link.far.close()

    def _start(self, relay: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=relay, args=arguments, daemon=True))
        self._threads[-1].start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._port))
            except OSError:  # the engine is away: so are we
                near.close()
                continue
            link = _Link(near, far)
            self._links.append(link)
            for relay in (self._ask, self._answer):
                self._start(relay, link)

    def _ask(self, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while data := link.near.recv(_PIECE):
                begins, link.answered = link.answered, False
                strike = self._struck(data, begins)
                if strike is not None and not self._hit(link, strike, data):
                    continue
                link.far.sendall(data)
        link.close()

    def _struck(self, data: bytes, begins: bool) -> Strike | None:
        with self._counting:
            self.requests += begins
            strike = self.strike
            return strike if strike is not None and strike.takes(data, begins) else None

    def _hit(self, link: _Link, strike: Strike, data: bytes) -> bool:
        """Strike a request that begins with `data`; return whether it goes on to the engine."""
        if strike.before is not None:
            strike.before()
        if strike.trouble is Cut.UNSENT:
            link.close()
            return False
        if isinstance(strike.trouble, Cut) or strike.trouble is None:
            link.trouble = strike.trouble
            return True
        link.near.sendall(strike.trouble(data + b"".join(_rest(link.near))))
        link.answered = True
        return False

    def _answer(self, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while data := link.far.recv(_PIECE):
                trouble, link.trouble = link.trouble, None
                if trouble is Cut.LATE:
                    time.sleep(LATE_SECONDS)
                elif trouble is Cut.UNANSWERED:
                    break
                elif trouble is not None:
                    link.near.sendall(data[: len(data) // 2])
                    link.close(reset=trouble is Cut.RESET)
                    break
                link.answered = True
                link.near.sendall(data)
        link.close()


def _rest(end: socket.socket) -> Iterator[bytes]:
    """Yield what is still on its way of a request, until nothing comes for a moment."""
    end.settimeout(_IDLE_SECONDS)
    try:
        while data := end.recv(_PIECE):
            yield data
    except TimeoutError:
        return
    finally:
        end.settimeout(None)

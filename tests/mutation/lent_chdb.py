"""A ClickHouse in a process of its own that stands in for `chdb`, which does not survive a fork once it is loaded.

`python -m tests.mutation.lent_chdb SOCKET` answers; `lend(socket)` makes `import chdb` give what asks it.
"""

from __future__ import annotations

import pickle
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

_LENGTH = struct.Struct("!Q")
_LONGEST = "SET max_execution_time = 120"


def _receive(connection: socket.socket) -> Any:
    (left,) = _LENGTH.unpack(_read(connection, _LENGTH.size))
    return pickle.loads(_read(connection, left))  # noqa: S301 - from our own process


def _read(connection: socket.socket, left: int) -> bytes:
    pieces = []
    while left:
        piece = connection.recv(min(left, 2**20))
        if not piece:
            raise EOFError
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _send(connection: socket.socket, value: object) -> None:
    raw = pickle.dumps(value)
    connection.sendall(_LENGTH.pack(len(raw)) + raw)


def serve(path: Path) -> None:
    """Answer statements, one connection after the other, until the process that started this one is gone."""
    import chdb  # noqa: PLC0415 - here alone

    session = chdb.connect(":memory:")
    session.query(_LONGEST)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    while True:
        connection, _ = listening.accept()
        with connection, suppress(EOFError, OSError):
            while True:
                statement, form = _receive(connection)
                try:
                    answer = session.query(statement, form).bytes()
                except RuntimeError as error:
                    answer = RuntimeError(str(error))  # its own class is one of the module that is lent
                _send(connection, answer)


class _Answer:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def bytes(self) -> bytes:
        return self._raw


class _Connection:
    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))

    def query(self, statement: str, form: str = "CSV") -> _Answer:
        _send(self._socket, (statement, form))
        answer = _receive(self._socket)
        if isinstance(answer, Exception):
            raise answer
        return _Answer(answer)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def lend(path: Path) -> Iterator[None]:
    """Start the process, and have `import chdb` give a module whose connections ask it."""
    path.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-m", __name__, str(path)], stdin=subprocess.PIPE)
    try:
        while not path.exists():
            if process.poll() is not None:
                raise RuntimeError(f"the ClickHouse to be lent ended with {process.returncode}")
            time.sleep(0.05)
        lent = ModuleType("chdb")
        lent.connect = lambda _: _Connection(path)  # type: ignore[attr-defined]
        sys.modules["chdb"] = lent
        yield
    finally:
        sys.modules.pop("chdb", None)
        process.kill()
        process.wait()


if __name__ == "__main__":
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with who started it
    serve(Path(sys.argv[1]))

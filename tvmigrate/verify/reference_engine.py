"""The verifier's own ClickHouse: chdb in a small process of its own, asked over pipes.

chdb allows one engine a process, and several rehearsals may be open in one (a pytest session); so each has a child. It
ends with its stdin, so also when the verifier is killed.

On stdin: 4 bytes of length, then a JSON object `{"sql": …}` or `{"insert": head, "format": …, "file": path}`. On
stdout: frames of one letter (D data, H more rows taken, E end, X an error's text), 4 bytes of length, then that many
bytes.
"""

from __future__ import annotations

import json
import signal
import struct
import sys
from pathlib import Path
from typing import IO, Any, Protocol

_LENGTH = struct.Struct(">I")
_PIECE = 1 << 20


class Readable(Protocol):
    """What frames are read from."""

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""


def read_frame(source: Readable) -> tuple[bytes, bytes] | None:
    """Return the next (letter, content), None at the end of the stream."""
    head = source.read(1 + _LENGTH.size)
    if len(head) < 1 + _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head[1:])
    content = source.read(size)
    return (head[:1], content) if len(content) == size else None


def write_frame(sink: IO[bytes], letter: bytes, content: bytes = b"") -> None:
    """Write one frame; a longer content than a frame holds must be cut by the caller."""
    sink.write(letter + _LENGTH.pack(len(content)) + content)


def main(directory: str) -> int:
    """Serve one verifier until it closes our stdin."""
    # The terminal's Ctrl-C is for the verifier, which then closes our stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import chdb  # noqa: PLC0415 - half a second, and only this process needs it

    connection = chdb.connect(directory)  # type: ignore[no-untyped-call]
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (frame := read_frame(source)) is not None:
        request = json.loads(frame[1])
        try:
            _answer(connection, request, sink)
            write_frame(sink, b"E")
        except (chdb.ChdbError, RuntimeError, OSError) as error:
            write_frame(sink, b"X", str(error).encode("utf-8", "replace"))
        sink.flush()
    connection.close()
    return 0


def _answer(connection: Any, request: dict[str, str], sink: IO[bytes]) -> None:
    if "insert" in request:
        with (
            Path(request["file"]).open("rb") as rows,
            connection.send_insert(request["insert"], request["format"]) as stream,
        ):
            while piece := rows.read(_PIECE):
                stream.append(piece)
                write_frame(sink, b"H")
                sink.flush()
            stream.finish()
    elif request.get("rows"):
        with connection.send_query(request["sql"], "JSONEachRow") as stream:
            for chunk in stream:
                content = chunk.bytes()
                for start in range(0, len(content), _PIECE):
                    write_frame(sink, b"D", content[start : start + _PIECE])
    else:
        connection.query(request["sql"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

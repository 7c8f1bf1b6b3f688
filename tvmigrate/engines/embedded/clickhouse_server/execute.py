"""From a request to its answer: find the statement, run it on a handle, hand its rows over as they come.

A SELECT writes through a pipe (`INTO OUTFILE '/dev/fd/N'`), so any format streams whole, in bounded memory,
and the engine still tells its figures. An INSERT feeds the engine piece by piece. All else has a small answer.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Final

from tvmigrate.engines.embedded.clickhouse_server import compress
from tvmigrate.engines.embedded.clickhouse_server.engine import Engine, Figures, Finished, Kind
from tvmigrate.engines.embedded.clickhouse_server.errors import Code, QueryError, exception_block
from tvmigrate.engines.embedded.clickhouse_server.request import Asked, External
from tvmigrate.engines.embedded.clickhouse_server.scope import Scope
from tvmigrate.engines.embedded.clickhouse_server.sessions import Sessions
from tvmigrate.engines.embedded.clickhouse_server.statement import (
    Cut,
    InlineInsert,
    Readable,
    find_inline_insert,
    find_output,
    first_words,
    is_blank,
)
from tvmigrate.engines.embedded.clickhouse_server.zones import find_zones

PIPE_BYTES: Final = 1 << 20
MEMORY_BYTES: Final = 4 << 20  # of an answer that is waited for whole; what is more lies in a temporary file
HELD_BYTES: Final = 64 << 10
STATEMENT_BYTES: Final = 64 << 20
_STREAMED: Final = (("SELECT",), ("WITH",), ("FROM",))


class BrokenOff(Exception):  # noqa: N818 - not an error of its own: the error is already in the stream
    """Raised behind the last piece of an answer that failed after it began: its HTTP end is missing too."""


@dataclass(slots=True)
class Answer:
    """What goes back: status, headers and the body's pieces; `close` must be called whatever happens."""

    status: int
    headers: dict[str, str]
    pieces: Iterator[bytes] = field(default_factory=lambda: iter(()))
    close: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Running:
    """The way to stop a request's statement from another thread, while it is one that only reads."""

    cancel: Callable[[], None] = lambda: None


def _read_statement(query: bytes, pieces: Iterator[bytes]) -> tuple[bytes, InlineInsert | None, Iterator[bytes]]:
    """Return the statement, where its inline rows begin if it has some, and those rows.

    As in ClickHouse, the URL's query, a line end and the body make one text.
    """
    text = query
    found: InlineInsert | Cut | None = Cut()
    for piece in pieces:
        text += b"\n" + piece if text is query and query else piece
        found = find_inline_insert(text, complete=False) if isinstance(found, Cut) else found
        if isinstance(found, InlineInsert):
            return text, found, _joined(text[found.data_at :], pieces)
        if len(text) > STATEMENT_BYTES:
            raise QueryError.own(Code.SYNTAX_ERROR, f"The statement is longer than {STATEMENT_BYTES} bytes.")
    found = find_inline_insert(text, complete=True)
    if isinstance(found, InlineInsert):
        return text, found, _joined(text[found.data_at :], iter(()))
    return text, None, iter(())


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


class _Streaming:
    """A SELECT that runs in a thread and writes into a pipe, which `read` reads."""

    def __init__(self, select: Readable, asked: Asked, scope: Scope, engine: Engine) -> None:
        self._read_end, self._write_end = os.pipe()
        with contextlib.suppress(AttributeError, OSError):  # a bigger pipe is only faster
            fcntl.fcntl(self._write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._scope = scope
        self._engine = engine
        self._mark = f"/* {secrets.token_hex(8)} */"  # by which KILL QUERY finds the statement
        zones = None
        if (select.format or asked.format) == "Native":
            zones = find_zones(scope.handle, select, asked.params)
        self._zones = zones.restorer() if zones else None
        text = (zones.rename(select) if zones else select).into(f"/dev/fd/{self._write_end}", asked.format)
        self._text = text + b" " + self._mark.encode()
        self._asked = asked
        self._ended = False
        self.failure: QueryError | None = None
        self.figures: Figures | None = None
        self._thread = threading.Thread(target=self._run, name=f"query {asked.query_id}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.figures = self._scope.handle.run(self._text, self._asked.format, self._asked.params).figures
        except QueryError as error:
            self.failure = error
        finally:
            # Before the reader sees the end: the client's next request may need the same session.
            self._scope.leave()
            os.close(self._write_end)

    @property
    def progress(self) -> Figures:
        return self.figures or self._scope.handle.progress

    def read(self) -> bytes:
        """Return the next piece, empty at the end."""
        piece = os.read(self._read_end, PIPE_BYTES)
        while self._zones and not self._ended:
            self._ended = not piece
            if settled := self._zones.feed(piece):
                return settled
            piece = os.read(self._read_end, PIPE_BYTES) if piece else b""
        return piece

    def cancel(self) -> None:
        """Ask the engine to stop; closing the pipe alone would not stop it."""
        if self._thread.is_alive():
            self._engine.cancel(self._mark)

    def close(self) -> None:
        self.cancel()
        while self.read():
            pass
        self._thread.join()
        os.close(self._read_end)


class Service:
    """Answers requests. Its methods block; each request has a thread of its own."""

    def __init__(self, engine: Engine, display_name: str) -> None:
        self._engine = engine
        self._sessions = Sessions(engine)
        self._display_name = display_name

    def close(self) -> None:
        """Close the sessions and the engine."""
        self._sessions.close()
        self._engine.close()

    def refusal(self, error: QueryError, query_id: str | None = None) -> Answer:
        """Return the answer that tells `error`."""
        headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "X-ClickHouse-Exception-Code": str(error.code),
            "X-ClickHouse-Server-Display-Name": self._display_name,
        }
        if query_id:
            headers["X-ClickHouse-Query-Id"] = query_id
        body = error.line(self._engine.version).encode(errors="backslashreplace")
        return Answer(error.status, headers, iter((body,)))

    def answer(
        self,
        asked: Asked,
        pieces: Iterator[bytes],
        externals: Iterable[tuple[External, Iterable[bytes]]],
        running: Running,
    ) -> Answer:
        """Run what is asked; `pieces` is the request's body. What can be stopped is put into `running`.

        Raises:
            QueryError: it failed before anything was answered.
        """
        text, insert, rows = _read_statement(asked.query, compress.unpack(pieces, asked.content_encoding))
        scope = Scope(self._engine, self._sessions, asked)
        handed_over = False
        try:
            kind, count = (Kind.MUTATING, 1) if insert else scope.handle.classify(text)
            if not insert and is_blank(text):
                raise QueryError.own(Code.SYNTAX_ERROR, "Syntax error: Empty query.")
            if count > 1:
                raise QueryError.own(Code.SYNTAX_ERROR, "Syntax error: Multi-statements are not allowed.")
            scope.enter(text, kind, externals)
            headers = self._headers(asked, scope)
            if insert:
                scope.bind()
                return self._small(scope.handle.insert(insert.head, insert.format, rows), asked, headers, None)
            output = find_output(text)
            if output.into_outfile:
                raise QueryError.own(Code.INTO_OUTFILE_NOT_ALLOWED, "INTO OUTFILE is not allowed over HTTP.")
            format_name = output.format or asked.format
            if kind is Kind.READ_ONLY and first_words(text, 1) in _STREAMED:
                streaming = _Streaming(output, asked, scope, self._engine)
                handed_over = True  # its thread leaves the scope
                running.cancel = streaming.cancel
            else:
                return self._small(scope.handle.run(text, asked.format, asked.params), asked, headers, format_name)
        finally:
            if not handed_over:
                scope.leave()
        headers["X-ClickHouse-Format"] = format_name
        return self._streamed(streaming, asked, headers)

    def _headers(self, asked: Asked, scope: Scope) -> dict[str, str]:
        return {
            "X-ClickHouse-Query-Id": asked.query_id,
            "X-ClickHouse-Timezone": scope.timezone,
            "X-ClickHouse-Server-Display-Name": self._display_name,
            "X-ClickHouse-Exception-Tag": secrets.token_hex(8),
        }

    def _small(self, finished: Finished, asked: Asked, headers: dict[str, str], format_name: str | None) -> Answer:
        headers["X-ClickHouse-Summary"] = finished.figures.header()
        if finished.answer and format_name:
            headers["X-ClickHouse-Format"] = format_name
        return _packed(Answer(200, headers, iter((finished.answer,))), asked)

    def _streamed(self, streaming: _Streaming, asked: Asked, headers: dict[str, str]) -> Answer:
        store: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - closed with the answer
        try:
            ended = False
            while not ended and (asked.wait or store.tell() < asked.buffer_size):
                piece = streaming.read()
                store.write(piece)
                ended = not piece
        except BaseException:
            store.close()
            streaming.close()
            raise
        if ended and streaming.failure:
            store.close()
            streaming.close()
            raise streaming.failure
        headers["X-ClickHouse-Summary"] = streaming.progress.header()

        def close() -> None:
            store.close()
            streaming.close()

        store.seek(0)
        line = self._engine.version
        answer = Answer(200, headers, _pieces(store, None if ended else streaming, headers, line), close)
        return _packed(answer, asked)


def _pieces(store: IO[bytes], streaming: _Streaming | None, headers: dict[str, str], version: str) -> Iterator[bytes]:
    """Yield what is stored, then what still streams.

    The engine writes a format's proper end even when a query fails. So the last bytes wait for the outcome, and a
    failed answer does not get them: without its end no reader of Arrow, Parquet or JSON takes it for whole.
    """
    held = b""
    while piece := store.read(PIPE_BYTES) or (streaming.read() if streaming else b""):
        held += piece
        if len(held) > HELD_BYTES:
            yield held[:-HELD_BYTES]
            held = held[-HELD_BYTES:]
    if streaming is None or streaming.failure is None:
        yield held
        return
    yield exception_block(streaming.failure.line(version), headers["X-ClickHouse-Exception-Tag"])
    raise BrokenOff


def _packed(answer: Answer, asked: Asked) -> Answer:
    encoding = compress.choose(asked.accept_encoding) if asked.packs else None
    if encoding is None:
        return answer
    answer.headers["Content-Encoding"] = encoding
    answer.pieces = _pack(answer.pieces, compress.packer(encoding))
    return answer


def _pack(pieces: Iterator[bytes], packer: compress.Packer) -> Iterator[bytes]:
    broken = False
    try:
        for piece in pieces:
            yield packer.pack(piece)
    except BrokenOff:
        broken = True
    yield packer.finish()
    if broken:
        raise BrokenOff

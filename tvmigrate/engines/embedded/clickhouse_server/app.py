"""The routes: what ClickHouse's HTTP port answers, as one ASGI application."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tvmigrate.engines.embedded.clickhouse_server.errors import Code, QueryError
from tvmigrate.engines.embedded.clickhouse_server.execute import Answer, BrokenOff, Running, Service
from tvmigrate.engines.embedded.clickhouse_server.request import Asked, Credentials, External, ask

MOST_AT_ONCE = 256  # requests that run at the same time; each holds a thread
MOMENT = 0.2  # seconds
_UPLOAD_PIECE = 1 << 20
FIELD_BYTES = 64 << 20  # of one text field of a form, such as its query


@dataclass(frozen=True, slots=True)
class User:
    """The one user of the server; a bearer token is good if it is the password."""

    name: str
    password: str

    def check(self, given: Credentials) -> None:
        """Let `given` pass.

        Raises:
            QueryError: 516, with a text that does not say which of user and password was wrong.
        """
        secret = given.password if given.token is None else given.token
        user = given.user if given.token is None else self.name
        if not (_same(user, self.name) and _same(secret, self.password)):
            raise QueryError.own(
                Code.AUTHENTICATION_FAILED,
                f"{given.user}: Authentication failed: password is incorrect, or there is no user with such name.",
            )


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="surrogateescape"), other.encode(errors="surrogateescape"))


class _Streamed(Response):
    """Sends an `Answer` piece by piece from a thread; stops the engine's work when the client goes away."""

    def __init__(self, answer: Answer, running: Running, limiter: anyio.CapacityLimiter) -> None:
        self._answer = answer
        self._running = running
        self._limiter = limiter
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with _stopped_by_disconnect(receive, self._running, self._limiter):
                await self._send(send)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._answer.close, limiter=self._limiter)

    async def _send(self, send: Send) -> None:
        headers = {"Content-Type": "text/plain; charset=UTF-8", **self._answer.headers}
        raw = [(name.lower().encode(), text.encode("latin-1", "replace")) for name, text in headers.items()]
        await send({"type": "http.response.start", "status": self._answer.status, "headers": raw})
        try:
            while (piece := await anyio.to_thread.run_sync(self._next, limiter=self._limiter)) is not None:
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except BrokenOff:
            # No last chunk, so that no reader takes the answer for whole. The moment lets the client read the error
            # first: aiohttp drops what it has not handed over when it sees the connection end.
            await anyio.sleep(MOMENT)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _next(self) -> bytes | None:
        return next(self._answer.pieces, None)


@asynccontextmanager
async def _stopped_by_disconnect(
    receive: Receive, running: Running, limiter: anyio.CapacityLimiter, after: anyio.Event | None = None
) -> AsyncIterator[None]:
    """Stop what is `running` if the client goes away meanwhile; watch from `after` on, the body's end."""

    def cancel() -> None:
        running.cancel()  # looked up now: it comes to be while the statement runs

    async def watch() -> None:
        if after is not None:
            await after.wait()
        while (await receive())["type"] != "http.disconnect":
            pass
        await anyio.to_thread.run_sync(cancel, limiter=limiter)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        yield
        tasks.cancel_scope.cancel()


def create_app(service: Service, user: User) -> Starlette:
    """Return the application that answers with `service` whoever proves to be `user`."""
    limiter = anyio.CapacityLimiter(MOST_AT_ONCE)

    async def query(request: Request) -> Response:
        url = dict(request.query_params.multi_items())
        headers = {name.lower(): _utf8(text) for name, text in request.headers.items()}
        running = Running()
        query_id = None
        try:
            asked = ask(request.method, url, headers)
            query_id = asked.query_id
            if request.method in ("GET", "HEAD") and "query" not in url:
                return PlainTextResponse("Ok.\n")
            user.check(asked.credentials)
            answer = await _run(request, asked, running)
        except QueryError as error:
            answer = service.refusal(error, query_id)
            await _drain(request)
        return _Streamed(answer, running, limiter)

    async def _run(request: Request, asked: Asked, running: Running) -> Answer:
        read = anyio.Event()
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            body = _pieces(request.stream(), read)
            return await _watched(request, lambda: service.answer(asked, body, (), running), running, read)
        async with request.form(max_files=1000, max_fields=10000, max_part_size=FIELD_BYTES) as form:
            read.set()
            full, externals = _with_form(asked, form)
            return await _watched(request, lambda: service.answer(full, iter(()), externals, running), running, read)

    async def _watched(request: Request, work: Callable[[], Answer], running: Running, read: anyio.Event) -> Answer:
        failure: QueryError | None = None
        async with _stopped_by_disconnect(request.receive, running, limiter, read):
            try:
                answer = await anyio.to_thread.run_sync(work, limiter=limiter)
            except QueryError as error:  # caught here, or the task group would wrap it
                failure = error
        if failure:
            raise failure
        return answer

    async def ok(request: Request) -> Response:
        return PlainTextResponse("Ok.\n")

    async def nothing(request: Request) -> Response:
        return PlainTextResponse(
            f"There is no handle {request.url.path}\n\nUse / or /ping for health checks.\n"
            "Send queries from your program with POST method or GET /?query=...\n",
            404,
        )

    return Starlette(
        routes=[
            Route("/ping", ok, methods=["GET", "HEAD"]),
            Route("/replicas_status", ok, methods=["GET", "HEAD"]),
            Route("/", query, methods=["GET", "HEAD", "POST"]),
            Route("/{path:path}", nothing, methods=["GET", "HEAD", "POST"]),
        ]
    )


def _utf8(header: str) -> str:
    """Return a header as ClickHouse reads it; ASGI hands it over as Latin-1."""
    return header.encode("latin-1").decode(errors="surrogateescape")


async def _drain(request: Request) -> None:
    """Read what is left of a refused request: a client that still sends would see a reset, not the answer."""
    with contextlib.suppress(ClientDisconnect, RuntimeError):
        async for _ in request.stream():
            pass


def _pieces(stream: AsyncIterator[bytes], read: anyio.Event) -> Iterator[bytes]:
    """Read a body from the request's own thread, one piece at a time; `read` is set behind the last."""

    async def following() -> bytes | None:
        try:
            return await anext(stream, None)
        except ClientDisconnect:
            raise QueryError.own(
                Code.QUERY_WAS_CANCELLED, "The client went away before it had sent its whole request."
            ) from None

    while (piece := anyio.from_thread.run(following)) is not None:
        if piece:
            yield piece
    anyio.from_thread.run_sync(read.set)


def _with_form(asked: Asked, form: FormData) -> tuple[Asked, list[tuple[External, Iterator[bytes]]]]:
    fields = {name: part for name, part in form.multi_items() if isinstance(part, str)}
    files = {name: part for name, part in form.multi_items() if isinstance(part, UploadFile)}
    full = asked.with_form(fields).without_external(frozenset(files))
    return full, [(full.external(name), _upload(part)) for name, part in files.items()]


def _upload(part: UploadFile) -> Iterator[bytes]:
    while piece := part.file.read(_UPLOAD_PIECE):
        yield piece

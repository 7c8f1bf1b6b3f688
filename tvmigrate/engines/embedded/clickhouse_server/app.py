"""The routes: what ClickHouse's HTTP port answers, as one ASGI application."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import anyio
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tvmigrate.engines.embedded.clickhouse_server.errors import Code, QueryError
from tvmigrate.engines.embedded.clickhouse_server.execute import Answer, BrokenOff, Service
from tvmigrate.engines.embedded.clickhouse_server.request import Asked, Credentials, External, ask

MOST_AT_ONCE = 256  # requests that run at the same time; each holds a thread
_UPLOAD_PIECE = 1 << 20
_SECRETS = frozenset({"password", "user"})


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
    """Sends an `Answer` piece by piece from a thread, and ends the engine's work when the client goes away."""

    def __init__(self, answer: Answer, limiter: anyio.CapacityLimiter) -> None:
        self._answer = answer
        self._limiter = limiter
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.lower().encode(), text.encode("latin-1", "replace")) for name, text in self._answer.headers.items()]
        if not any(name == b"content-type" for name, _ in headers):
            headers.append((b"content-type", b"text/plain; charset=UTF-8"))
        try:
            await send({"type": "http.response.start", "status": self._answer.status, "headers": headers})
            while True:
                piece = await anyio.to_thread.run_sync(self._next, limiter=self._limiter)
                if piece is None:
                    break
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except BrokenOff:
            return  # without the last chunk, so that no reader takes the answer for whole
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._answer.close, limiter=self._limiter)

    def _next(self) -> bytes | None:
        return next(self._answer.pieces, None)


def create_app(service: Service, user: User) -> Starlette:
    """Return the application that answers with `service` whoever proves to be `user`."""
    limiter = anyio.CapacityLimiter(MOST_AT_ONCE)

    async def query(request: Request) -> Response:
        url = {name: text for name, text in request.query_params.multi_items()}
        headers = {name.lower(): text for name, text in request.headers.items()}
        asked: Asked | None = None
        try:
            asked = ask(request.method, url, headers)
            if request.method in ("GET", "HEAD") and "query" not in url:
                return PlainTextResponse("Ok.\n")
            user.check(asked.credentials)
            answer = await _run(request, asked)
        except QueryError as error:
            answer = service.refusal(error, asked.query_id if asked else None)
        return _Streamed(answer, limiter)

    async def _run(request: Request, asked: Asked) -> Answer:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            body = _pieces(request.stream())
            return await anyio.to_thread.run_sync(lambda: service.answer(asked, body), limiter=limiter)
        async with request.form() as form:
            full, externals = _with_form(asked, form)
            return await anyio.to_thread.run_sync(
                lambda: service.answer(full, iter(()), externals), limiter=limiter
            )

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


def _pieces(stream: AsyncIterator[bytes]) -> Iterator[bytes]:
    """Read an asynchronous body from the request's own thread, one piece at a time."""

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


def _with_form(asked: Asked, form: FormData) -> tuple[Asked, list[tuple[External, Iterator[bytes]]]]:
    fields = {name: part for name, part in form.multi_items() if isinstance(part, str)}
    files = {name: part for name, part in form.multi_items() if isinstance(part, UploadFile)}
    full = asked.with_form(fields).without_external(frozenset(files))
    return full, [(full.external(name), _upload(part)) for name, part in files.items()]


def _upload(part: UploadFile) -> Iterator[bytes]:
    while piece := part.file.read(_UPLOAD_PIECE):
        yield piece


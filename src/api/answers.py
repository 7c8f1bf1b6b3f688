"""What an exception is answered with: each becomes a problem, and none of them shows a password or a trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from src.api import cursors, problems
from src.api.link import StoreTooSlow
from src.api.problems import ApiProblem, Kind
from src.api.scrubbing import Scrubber
from src.errors import InvalidValue, StoreError, StoreUnavailable, UnknownProgram

RETRY_AFTER_SECONDS = 1
# What the clients call an argument, where the API calls it otherwise.
_API_NAMES: Mapping[str, str] = {"size": "limit"}


def handle(app: FastAPI, scrub: Scrubber) -> None:
    """Make `app` answer every exception with a problem, whose detail went through `scrub`."""

    def answer(
        request: Request, kind: Kind, detail: str, headers: Mapping[str, str] | None = None, **members: Any
    ) -> JSONResponse:
        return JSONResponse(
            problems.body(kind, scrub(detail), request.url.path, **members),
            kind.status,
            headers=dict(headers or {}),
            media_type=problems.MEDIA_TYPE,
        )

    @app.exception_handler(ApiProblem)
    async def _problem(request: Request, error: ApiProblem) -> JSONResponse:
        return answer(request, error.kind, str(error), **error.members)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [_fault(found) for found in error.errors()]
        detail = " ".join(f"{fault['parameter']}: {fault['detail']}." for fault in faults)
        return answer(request, problems.INVALID_PARAMETER, detail, parameter=faults[0]["parameter"], errors=faults)

    @app.exception_handler(InvalidValue)
    async def _refused_by_client(request: Request, error: InvalidValue) -> JSONResponse:
        if error.field == "after":
            bad = cursors.bad("cursor is not one that this API gave.")
            return answer(request, bad.kind, str(bad), **bad.members)
        parameter = _API_NAMES.get(error.field, error.field)
        return answer(request, problems.INVALID_PARAMETER, str(error), parameter=parameter)

    @app.exception_handler(UnknownProgram)
    async def _unknown(request: Request, error: UnknownProgram) -> JSONResponse:
        return answer(request, problems.UNKNOWN_PROGRAM, str(error), parameter="program_id")

    @app.exception_handler(StoreError)
    async def _store(request: Request, error: StoreError) -> JSONResponse:
        kind = kind_of(error)
        headers = {} if kind is problems.STORE_REFUSED else {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return answer(request, kind, str(error), headers, store=error.store)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == problems.METHOD_NOT_ALLOWED.status:
            allowed = (error.headers or {}).get("Allow", "GET")
            detail = f"{request.url.path} takes {allowed} and not {request.method}."
            return answer(request, problems.METHOD_NOT_ALLOWED, detail, error.headers)
        if error.status_code == problems.NO_SUCH_PATH.status:
            detail = f"There is no {request.url.path}: /openapi.json lists the endpoints."
            return answer(request, problems.NO_SUCH_PATH, detail, error.headers)
        return JSONResponse(
            {
                "type": "about:blank",
                "title": str(error.detail),
                "status": error.status_code,
                "detail": str(error.detail),
            },
            error.status_code,
            headers=dict(error.headers or {}),
            media_type=problems.MEDIA_TYPE,
        )

    @app.exception_handler(Exception)
    async def _fault_of_ours(request: Request, error: Exception) -> JSONResponse:
        # Starlette raises it again when this is answered, and the server logs it.
        return answer(request, problems.INTERNAL, "The API failed; its log says where. The stores were only read.")


def kind_of(error: StoreError) -> Kind:
    """Return which problem a store's error is."""
    if isinstance(error, StoreTooSlow):
        return problems.STORE_TOO_SLOW
    return problems.STORE_UNAVAILABLE if isinstance(error, StoreUnavailable) else problems.STORE_REFUSED


def _fault(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameter and the message of one of FastAPI's validation errors."""
    place: Iterable[Any] = found["loc"]
    name = ".".join(str(part) for part in place if part not in {"query", "path", "header", "cookie", "body"})
    return {"parameter": name, "detail": str(found["msg"]).removeprefix("Value error, ")}

"""Pages: one item more is asked for than is given, and `next` is the path of the page after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict
from urllib.parse import urlencode

from fastapi import Request


class Page(TypedDict):
    """The items of a page, and path and query of the next one; None on the last."""

    items: list[Any]
    next: str | None


def page(request: Request, found: Sequence[Any], limit: int, offset: int) -> Page:
    """Return the first `limit` of `found`, which holds one more where there is a next page."""
    more = link(request, offset=offset + limit) if len(found) > limit else None
    return Page(items=list(found[:limit]), next=more)


def link(request: Request, **changed: int | str | None) -> str:
    """Return path and query of `request` with the parameters in `changed`; None takes one away."""
    query = {**request.query_params, **changed}
    return f"{request.url.path}?{urlencode({name: value for name, value in query.items() if value is not None})}"

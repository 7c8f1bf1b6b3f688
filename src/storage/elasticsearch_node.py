"""Elasticsearch requests that a server of any major answers in its own form.

The client of major 9 asks for answers `compatible-with=9`, which a server of major 8 refuses (400). A request of plain
JSON names no major: https://www.elastic.co/docs/reference/elasticsearch/rest-apis/compatibility
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from elastic_transport import AiohttpHttpNode, HttpHeaders, Urllib3HttpNode
from elastic_transport.client_utils import DEFAULT, DefaultType

if TYPE_CHECKING:
    from elastic_transport._node import NodeApiResponse

_OF_A_MAJOR = re.compile(r"application/vnd\.elasticsearch\+([a-z-]+); *compatible-with=\d+")


class PlainJsonNode(AiohttpHttpNode):
    """A connection of an async client that leaves the major out of `Accept` and `Content-Type`."""

    # The driver's async nodes are not what their base class says either.
    async def perform_request(  # type: ignore[override]
        self, method: str, target: str, body: bytes | None = None, headers: HttpHeaders | None = None, **options: Any
    ) -> NodeApiResponse:
        """Send a request; arguments, answer and errors are those of `AiohttpHttpNode.perform_request`."""
        return await super().perform_request(method, target, body, _plain(headers), **options)


class PlainJsonSyncNode(Urllib3HttpNode):
    """The same of a client that is not async."""

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: float | DefaultType | None = DEFAULT,
    ) -> NodeApiResponse:
        """Send a request; arguments, answer and errors are those of `Urllib3HttpNode.perform_request`."""
        return super().perform_request(method, target, body, _plain(headers), request_timeout)


def _plain(headers: HttpHeaders | None) -> HttpHeaders:
    return HttpHeaders({name: _OF_A_MAJOR.sub(r"application/\1", value) for name, value in (headers or {}).items()})

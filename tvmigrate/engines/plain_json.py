"""Elasticsearch requests that a server of any major answers in its own form.

The client of major 9 asks for answers `compatible-with=9`, which a server of major 8 refuses (400). The two clients
cannot be installed side by side either: `elasticsearch8` needs `elastic-transport` before 9, `elasticsearch` 9 and
later. A request of plain JSON names no major, and the server answers as its own documentation says:
https://www.elastic.co/docs/reference/elasticsearch/rest-apis/compatibility
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from elastic_transport import HttpHeaders, Urllib3HttpNode
from elastic_transport.client_utils import DEFAULT, DefaultType

if TYPE_CHECKING:
    from elastic_transport._node import NodeApiResponse

_OF_A_MAJOR = re.compile(r"application/vnd\.elasticsearch\+([a-z-]+); *compatible-with=\d+")
_HEADERS = ("accept", "content-type")


class PlainJsonNode(Urllib3HttpNode):
    """A connection to one server that leaves the major out of `Accept` and `Content-Type`."""

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: float | DefaultType | None = DEFAULT,
    ) -> NodeApiResponse:
        """Send a request; arguments, answer and errors are those of `Urllib3HttpNode.perform_request`."""
        plain = HttpHeaders(headers or {})
        for name in _HEADERS:
            if name in plain:
                plain[name] = _OF_A_MAJOR.sub(r"application/\1", plain[name])
        return super().perform_request(method, target, body, plain, request_timeout)

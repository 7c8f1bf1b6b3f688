"""Elasticsearch requests that are repeated only where that changes nothing.

The driver sends any request again when it was not answered, or with 429, 502, 503 or 504, three times and at once:
also one that makes an index or clones it, which is refused the second time if the first was done.
"""

from __future__ import annotations

from typing import Any

from elastic_transport import Transport, TransportApiResponse

# The last part of the path of what changes nothing, or comes to the same when it is done again.
_REPEATABLE = frozenset({"_search", "_count", "_pit", "_refresh", "_mget", "_bulk"})


class OnceTransport(Transport):
    """Sends what changes something once; whoever asked sees to the rest."""

    def perform_request(self, method: str, target: str, **options: Any) -> TransportApiResponse:
        """Send a request; arguments, answer and errors are those of `Transport.perform_request`."""
        path = target.partition("?")[0]
        if method not in {"GET", "HEAD"} and path.rpartition("/")[2] not in _REPEATABLE:
            options["max_retries"] = 0
        return super().perform_request(method, target, **options)

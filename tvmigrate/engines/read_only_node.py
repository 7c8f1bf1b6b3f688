"""Elasticsearch requests that only read: any other is refused before it is sent (`read_only` says when)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from elastic_transport import HttpHeaders
from elastic_transport.client_utils import DEFAULT, DefaultType

from tvmigrate.engines.plain_json import PlainJsonNode
from tvmigrate.engines.read_only import refused

if TYPE_CHECKING:
    from elastic_transport._node import NodeApiResponse

# https://www.elastic.co/docs/api/doc/elasticsearch/: by GET also _refresh and _flush work, and they do more than read.
GETS = frozenset(
    {
        *("_alias", "_aliases", "_cat", "_cluster", "_count", "_data_stream", "_doc", "_field_caps", "_index_template"),
        *("_ingest", "_license", "_mapping", "_mget", "_msearch", "_nodes", "_recovery", "_resolve", "_search"),
        *("_segments", "_settings", "_shard_stores", "_source", "_stats", "_template", "_xpack"),
    }
)  # fmt: skip
_WORD = re.compile(r"/(_[a-z_]+)")
_POST = re.compile(r"(/[^_/][^/]*)?/(_count|_field_caps|_mget|_msearch|_pit|_search)|/_search/scroll")


class ReadOnlyNode(PlainJsonNode):
    """A connection to one Elasticsearch server that sends nothing but what reads, and points in time come and go."""

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: float | DefaultType | None = DEFAULT,
    ) -> NodeApiResponse:
        """Send a request; raises WriteRefused instead if it may be one that writes."""
        if not _only_reads(method, target):
            raise refused("Elasticsearch", f"{method} {target.partition('?')[0]}")
        return super().perform_request(method, target, body, headers, request_timeout)


def _only_reads(method: str, target: str) -> bool:
    path = unquote(target.partition("?")[0])
    if method in {"GET", "HEAD"}:
        return all(word in GETS for word in _WORD.findall(path)[:1])  # without one it is an index, or the server itself
    if method == "DELETE":
        return path in {"/_pit", "/_search/scroll"}
    return method == "POST" and _POST.fullmatch(path) is not None

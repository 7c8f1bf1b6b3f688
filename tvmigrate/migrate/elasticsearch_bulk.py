"""Bulk requests: ready bodies on their way while the next is made, with pauses where Elasticsearch asks for them."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from elasticsearch import ApiError, Elasticsearch

from tvmigrate.engines.failing import BLOCKED
from tvmigrate.engines.quoting import unquoted
from tvmigrate.migrate.errors import MigrationError
from tvmigrate.pace import Pace

_ANSWER_S = 5.0  # an answer in that time is none that is late
_IN_FLIGHT = 2
_TOO_MANY, _UNAVAILABLE = 429, 503
_FOR_NOW = frozenset({_TOO_MANY, _UNAVAILABLE})  # a queue is full, a shard is away
_STORE = "Elasticsearch"


class Bulk:
    """Indexes documents into one index, two requests at a time; for `with`, at whose end all are answered.

    Written again, a document is the same: an interrupted build sends it anew.
    """

    def __init__(self, client: Elasticsearch, index: str) -> None:
        self._client = client
        self._index = index
        self._lines: list[bytes] = []
        self._size = 0
        self._pace = Pace(size=2 << 20, least=64 << 10, most=8 << 20, target=_ANSWER_S)  # bytes
        self._threads: ThreadPoolExecutor | None = None
        self._sent: deque[Future[None]] = deque()

    def add(self, doc_id: bytes, source: bytes) -> None:
        """Index a document, given as the JSON of its `_id` and of its `_source`.

        Raises:
            MigrationError: Elasticsearch refused one; the sentence names it and says why.
            Overloaded: it takes nothing for a minute.
        """
        line = b'{"index":{"_id":' + doc_id + b"}}\n" + source + b"\n"
        self._lines.append(line)
        self._size += len(line)
        if self._size >= self._pace.size:
            self._send()

    def _send(self) -> None:
        body = b"".join(self._lines)
        self._lines, self._size = [], 0
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_IN_FLIGHT, "bulk")
        self._sent.append(self._threads.submit(self._index_all, body))
        if len(self._sent) >= _IN_FLIGHT:
            self._sent.popleft().result()

    def close(self) -> None:
        """Send what is left and wait until everything is answered."""
        if self._threads is None:
            if self._lines:
                self._index_all(b"".join(self._lines))
            return
        if self._lines:
            self._send()
        while self._sent:
            self._sent.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            if self._threads is not None:
                self._threads.shutdown(cancel_futures=True)

    def _index_all(self, body: bytes) -> None:
        # All is well in a word; which document is not, the next answer has to say.
        wanted = _ERRORS
        while True:
            began = time.monotonic()
            try:
                answer = send(self._client, self._index, body, wanted)
            except ApiError as error:
                if error.error == BLOCKED:
                    raise self._blocked(str(error)) from error
                if error.status_code not in _FOR_NOW:
                    raise
                self._pace.refused(_STORE, str(error))
                continue
            if not answer["errors"]:
                self._pace.answered(len(body), time.monotonic() - began)
                return
            if wanted == _ERRORS:
                wanted = _WHICH
                continue
            failed = [item["index"] for item in answer["items"] if "error" in item["index"]]
            self._require_only_refusals(failed)
            self._pace.refused(_STORE, _why(failed[0]), in_part=len(failed) < len(answer["items"]))

    def _require_only_refusals(self, failed: list[dict[str, Any]]) -> None:
        problem = next((item for item in failed if item["status"] not in _FOR_NOW), None)
        blocked = next((item for item in failed if item["error"]["type"] == BLOCKED), None)
        if blocked is not None:
            raise self._blocked(_why(blocked))
        if problem is not None:
            raise MigrationError(
                f"Elasticsearch refused the document {problem['_id']!r} of {self._index}: {_why(problem)}. Nothing was "
                "switched; run `tvmigrate rollback`, and report the document: the contract should have set it aside."
            )

    def _blocked(self, why: str) -> MigrationError:
        return MigrationError(
            f"Elasticsearch takes no writes into {self._index}: {why.rstrip('.')}. Nothing was switched. If its disk "
            "is nearly full make room, and it opens the index by itself; else take the block away. Then run `tvmigrate "
            "apply` again: it goes on where it stopped."
        )


_ERRORS = "errors"
_WHICH = "errors,items.index.error,items.index._id,items.index.status"


def send(client: Elasticsearch, index: str, body: bytes, wanted: str) -> dict[str, Any]:
    """Send a ready bulk body; return the `wanted` parts of the answer (a filter_path)."""
    # An `operations` of bytes goes out as it is, though the driver's annotation knows only lists.
    answer: dict[str, Any] = client.bulk(index=index, operations=body, filter_path=wanted).body  # type: ignore[arg-type]
    return answer


def _why(failed: dict[str, Any]) -> str:
    return unquoted(f"{failed['error']['type']}: {failed['error'].get('reason', '')}")

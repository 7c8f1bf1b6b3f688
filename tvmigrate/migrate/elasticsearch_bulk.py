"""Bulk requests: ready bodies on their way while the next is made, with pauses where Elasticsearch asks for them."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from elasticsearch import ApiError, Elasticsearch

from tvmigrate.migrate.errors import MigrationError

BULK_BYTES = 4 << 20
_LEAST_BYTES = 128 << 10
_IN_FLIGHT = 2
_PATIENCE_S = 60.0
_TOO_MANY = 429


class Bulk:
    """Indexes documents into one index, two requests at a time; for `with`, at whose end all are answered.

    Written again, a document is the same: an interrupted build sends it anew.
    """

    def __init__(self, client: Elasticsearch, index: str) -> None:
        self._client = client
        self._index = index
        self._lines: list[bytes] = []
        self._size = 0
        self._limit = BULK_BYTES
        self._threads: ThreadPoolExecutor | None = None
        self._sent: deque[Future[None]] = deque()

    def add(self, doc_id: bytes, source: bytes) -> None:
        """Index a document, given as the JSON of its `_id` and of its `_source`.

        Raises:
            MigrationError: Elasticsearch refused one; the sentence names it and says why.
        """
        line = b'{"index":{"_id":' + doc_id + b"}}\n" + source + b"\n"
        self._lines.append(line)
        self._size += len(line)
        if self._size >= self._limit:
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
        deadline = time.monotonic() + _PATIENCE_S
        pause = 0.2
        # All is well in a word; which document is not, the next answer has to say.
        wanted = "errors"
        while True:
            try:
                # An `operations` of bytes goes out as it is, though the driver's annotation knows only lists.
                answer = self._client.bulk(index=self._index, operations=body, filter_path=wanted)  # type: ignore[arg-type]
            except ApiError as error:
                if error.status_code != _TOO_MANY or time.monotonic() > deadline:
                    raise
            else:
                if not answer["errors"]:
                    return
                if wanted == "errors":
                    wanted = "errors,items.index.error,items.index._id"
                    continue
                self._refuse(answer["items"], patient=time.monotonic() <= deadline)
            # 429: its queue or a circuit breaker is full; it asks for a pause, and for less at a time.
            self._limit = max(_LEAST_BYTES, self._limit // 2)
            time.sleep(pause)
            pause = min(pause * 2, 5)

    def _refuse(self, items: list[dict[str, Any]], *, patient: bool) -> None:
        failed = [item["index"] for item in items if "error" in item["index"]]
        problem = next((item for item in failed if "rejected" not in item["error"]["type"]), None)
        if problem is None and failed and not patient:
            problem = failed[0]
        if problem is None:
            return
        error_says = f"{problem['error']['type']}: {problem['error'].get('reason', '')}"
        raise MigrationError(
            f"Elasticsearch refused the document {problem['_id']!r} of {self._index}: {error_says}. Nothing was "
            "switched; run `tvmigrate rollback`, and report the document: the contract should have set it aside."
        )

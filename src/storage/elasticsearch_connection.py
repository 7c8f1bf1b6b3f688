"""One async HTTP client of Elasticsearch, whose failures come as the application's errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import unquote

import stamina
from elastic_transport import SerializationError, TransportError
from elasticsearch import (
    ApiError,
    AsyncElasticsearch,
    AuthenticationException,
    BadRequestError,
    NotFoundError,
    UnsupportedProductError,
)

from src.settings import ELASTICSEARCH_URL, Urls
from src.storage.elasticsearch_node import PlainJsonNode
from src.storage.failures import ELASTICSEARCH, INIT, away, is_away, not_connected, refused, split_url, waits

T = TypeVar("T")
AWAY = frozenset({429, 502, 503, 504})  # too busy, or a proxy's word that nobody is there


class ElasticsearchConnection:
    """Opens, closes and asks. All that is asked may be done twice: documents have ids of their own."""

    def __init__(self, url: str | None, timeout: float, attempts: int, pool_size: int) -> None:
        self._given_url = url
        self.url = ""
        self._timeout = timeout
        self._waits = waits(attempts, timeout)
        self._pool_size = pool_size
        self._client: AsyncElasticsearch | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Open the client and ask for the server's version; a second call opens it anew."""
        await self.close()
        url = self._given_url or Urls.from_environ().elasticsearch
        parts = split_url(ELASTICSEARCH_URL, url, ("http", "https"))
        port = parts.port or (443 if parts.scheme == "https" else 9200)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        user = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self.url, self._loop = url, asyncio.get_running_loop()
        self._client = AsyncElasticsearch(
            f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}",
            basic_auth=user,
            request_timeout=self._timeout,
            connections_per_node=self._pool_size,
            max_retries=0,  # ours have jitter
            node_class=PlainJsonNode,
        )
        try:
            await self.ask("connect", lambda client: client.info())
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the client; a second call does nothing."""
        client, self._client = self._client, None
        # What a loop that ended left open cannot be closed from here.
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.close()

    async def ask(self, method: str, question: Callable[[AsyncElasticsearch], Awaitable[T]]) -> T:
        """Ask, and ask again while Elasticsearch is away."""
        client = self.require(method)

        async def once() -> T:
            with self._failures():
                return await question(client)

        return await stamina.AsyncRetryingCaller(**self._waits)(is_away, once)

    def require(self, method: str) -> AsyncElasticsearch:
        """Return the open client; raises NotConnected, naming the method."""
        elsewhere = self._loop is not asyncio.get_running_loop()
        if self._client is None or elsewhere:
            known, connect = elsewhere and self._client is not None, "await elasticsearch_client_v2.connect()"
            raise not_connected("elasticsearch_client_v2", method, connect, elsewhere=known)
        return self._client

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except AuthenticationException as error:
            raise refused(
                ELASTICSEARCH, self.url, said(error.body), f"correct user and password in {ELASTICSEARCH_URL}"
            ) from error
        except ApiError as error:
            if error.status_code in AWAY:
                raise away(ELASTICSEARCH, self.url, f"HTTP {error.status_code}, {said(error.body)}") from error
            # What is asked is right for the contract's index; one of another shape cannot sort by its keywords.
            advice = INIT if isinstance(error, NotFoundError | BadRequestError) else ""
            raise refused(ELASTICSEARCH, self.url, said(error.body), advice) from error
        except (UnsupportedProductError, SerializationError) as error:
            raise refused(ELASTICSEARCH, self.url, error) from error
        except TransportError as error:
            raise away(ELASTICSEARCH, self.url, error.message) from error  # str() of it leaves the cause out
        except OSError as error:
            raise away(ELASTICSEARCH, self.url, error) from error


def said(body: Any) -> str:
    """Return the reason in an error's body, with its type."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error)
    cause = error.get("caused_by")
    deeper = f" ({cause.get('reason')})" if isinstance(cause, dict) else ""
    return f"{error.get('type')}: {error.get('reason')}{deeper}"

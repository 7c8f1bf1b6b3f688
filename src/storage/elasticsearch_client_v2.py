"""The application's client of Elasticsearch on the new layout: comments. Async; `elasticsearch_client_v2` is one.

await elasticsearch_client_v2.connect()
await elasticsearch_client_v2.search_comments(program_id="the_voice/lan", query="great")
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack, cast

from elasticsearch import AsyncElasticsearch

from src.errors import UnreadableRecord
from src.settings import masked
from src.storage import checks, comment_search
from src.storage.batches import Limits, batches
from src.storage.comment_search import COMMENT_ID, RELEVANCE, TEXT, Filters
from src.storage.elasticsearch_connection import AWAY, ElasticsearchConnection, said
from src.storage.failures import ELASTICSEARCH, INIT, away, refused
from src.storage.records import Comment, Document, FoundComment
from tvmigrate.contract import new

Refresh = Literal["wait_for"] | bool
Sort = Literal["relevance", "newest", "oldest"]
_LISTED = 10  # refused documents that an error names
# Of one bulk request; Elasticsearch takes 100 MB. https://www.elastic.co/docs/reference/elasticsearch/configuration-reference/networking-settings
_LIMITS: Limits[dict[str, Any]] = Limits(records=500, size=10_000_000, weigh=lambda one: len(one[TEXT]))


class SearchFilters(TypedDict, total=False):
    """Which comments are asked for, beside the program and the words; one left out or None asks for nothing.

    `start` and `end` both belong to the period; naive is local time. Times are compared to the millisecond.
    """

    sentiment: str | None
    topic: str | None
    start: dt.datetime | None
    end: dt.datetime | None


class ElasticsearchClientV2:
    """An HTTP client with a pool of connections, for one event loop.

    What is asked is repeated with jitter while the store is away: up to `attempts` times within `timeout`. Writes too:
    a comment is written under its own id, and comes to the same when it is written twice.

    Every method but `connect` and `disconnect` raises `NotConnected` before `connect()`, `StoreUnavailable` where
    Elasticsearch is away, and `StoreRefused` where it answers with an error. Timestamps are written to the
    microsecond; of migrated ones, finer digits are cut off when they are read.
    """

    def __init__(self, url: str | None = None, *, timeout: float = 5.0, attempts: int = 3, pool_size: int = 16) -> None:
        """Nothing is opened before `connect()`.

        Args:
            url: `http(s)://[user:password@]host[:port]`; None: ELASTICSEARCH_URL, read when `connect()` is called.
            timeout: seconds to wait for an answer.
            attempts: how often at most a request is tried.
            pool_size: connections at most.
        """
        self._connection = ElasticsearchConnection(url, timeout, attempts, pool_size)

    async def connect(self) -> None:
        """Open the client and ask Elasticsearch for an answer; a second call opens it anew.

        Raises:
            InvalidValue: the URL is none of Elasticsearch.
            StoreUnavailable: Elasticsearch does not answer; nothing is left open.
            StoreRefused: Elasticsearch refuses the user, or is something else.
        """
        await self._connection.open()

    async def disconnect(self) -> None:
        """Close the client; a second call does nothing."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def ping(self) -> None:
        """Return when Elasticsearch has answered."""
        await self._connection.ask("ping", lambda client: client.info())

    # ----------------------------------------------------------------------------------------------------- writing

    async def index_comment(
        self,
        comment_id: str,
        program_id: str,
        text: str,
        username: str,
        timestamp: dt.datetime,
        sentiment: str,
        sentiment_score: float,
        engagement_score: float,
        topics: list[str],
        *,
        refresh: Refresh = "wait_for",
    ) -> str:
        """Write a comment under its id, over one that is there; return the id.

        Args:
            comment_id: not blank, at most 512 bytes.
            program_id: not blank, at most 32,766 bytes, as each topic.
            text: any text.
            username: at most 32,766 bytes; may be empty.
            timestamp: naive is local time.
            sentiment: positive, negative or neutral.
            sentiment_score, engagement_score: finite, at most ±3.4028235e38.
            topics: a list; order and doubles stay.
            refresh: `wait_for` (the default) returns when a search finds the comment, at most a second later by
                Elasticsearch's own default; False returns at once; True makes searches find it now, at a price.

        Raises:
            InvalidValue: an argument is not as said.
        """
        given = (
            comment_id, program_id, text, username, timestamp, sentiment, sentiment_score, engagement_score, topics
        )  # fmt: skip
        source = comment_search.source(checks.comment(dict(zip(new.DOCUMENT_FIELDS, given, strict=True))))
        await self._write("index_comment", [source], refresh)
        return str(source[COMMENT_ID])

    async def bulk_index(self, comments: Iterable[Comment], *, refresh: Refresh = False) -> int:
        """Write comments, 500 a request, and return how many; an `eaos_score` is left out.

        Raises:
            InvalidValue: a comment cannot be stored: it is named by its position. Requests before it are written.
            StoreRefused: Elasticsearch refused documents: their ids and the reasons are named, and how many others
                were written.
        """
        self._connection.require("bulk_index")
        written = 0
        for batch in batches("comment", comments, lambda one: comment_search.source(checks.comment(one)), _LIMITS):
            written += await self._write("bulk_index", batch, refresh, written)
        return written

    # ----------------------------------------------------------------------------------------------------- reading

    async def get_comment(self, comment_id: str) -> Document | None:
        """Return a comment, None if there is none; it need not be refreshed.

        Raises:
            InvalidValue: `comment_id` is blank.
            UnreadableRecord: the document is not of the contract's form.
        """
        identity = checks.name(COMMENT_ID, comment_id, new.MAX_ID_BYTES)

        # Not GET …/_doc/{id}: see `_write`.
        answer = await self._connection.ask("get_comment", lambda client: client.mget(index=new.ALIAS, ids=[identity]))
        (found,) = answer["docs"]
        if "error" in found:
            raise refused(ELASTICSEARCH, self._connection.url, said(found), INIT)
        return cast(Document, self._document(found)) if found["found"] else None

    async def search_comments(
        self,
        program_id: str | None = None,
        query: str | None = None,
        *,
        size: int = 10,
        offset: int = 0,
        sort: Sort = "relevance",
        **filters: Unpack[SearchFilters],
    ) -> list[FoundComment]:
        """Return comments, each with its relevance as `score`.

        Args:
            program_id: of this program; None: of any.
            query: words, of which the text holds one or more; None: any text (`score` is 0.0 then).
            size, offset: a page of the first 10,000; use `search_page` beyond.
            sort: `relevance` (then newest first), `newest` or `oldest`; of equal ones by id.
            filters: see `SearchFilters`.

        Raises:
            InvalidValue: an argument is not as said.
            UnreadableRecord: a document is not of the contract's form.
        """
        wanted, passed = comment_search.window(size, offset)
        hits = await self._search("search_comments", Filters(program_id, query, **filters), sort, wanted, passed)
        return [self._found(hit) for hit in hits]

    async def search_page(
        self,
        program_id: str | None = None,
        query: str | None = None,
        *,
        size: int = 10,
        sort: Sort = "newest",
        after: str | None = None,
        **filters: Unpack[SearchFilters],
    ) -> tuple[list[FoundComment], str | None]:
        """Return a page as `search_comments` does, and the `after` of the next one (None: this was the last).

        Any number of comments can be paged through. Comments written meanwhile are on a later page or on none.

        Raises:
            InvalidValue: as `search_comments`; `after` is none, or of another sort.
            UnreadableRecord: a document is not of the contract's form.
        """
        more = min(checks.limit("size", size) + 1, checks.MAX_LIMIT)  # one more tells whether there is another page
        passed = None if after is None else comment_search.after(sort, after)
        asked = Filters(program_id, query, **filters)
        hits = await self._search("search_page", asked, sort, more, after=passed)
        page = hits[:size]
        last = len(hits) < more or not page
        return [self._found(hit) for hit in page], None if last else comment_search.next_after(sort, page[-1]["sort"])

    async def count_comments(
        self, program_id: str | None = None, query: str | None = None, **filters: Unpack[SearchFilters]
    ) -> int:
        """Return how many comments `search_comments` finds by the same filters.

        Raises:
            InvalidValue: an argument is not as said.
        """
        body = Filters(program_id, query, **filters).body()
        answer = await self._connection.ask("count_comments", lambda client: client.count(index=new.ALIAS, query=body))
        return int(answer["count"])

    # ---------------------------------------------------------------------------------------------------- the wire

    async def _search(
        self, method: str, filters: Filters, sort: str, size: int, offset: int = 0, after: list[Any] | None = None
    ) -> list[dict[str, Any]]:
        query, order = filters.body(), comment_search.sort(sort)
        answer = await self._connection.ask(
            method,
            lambda client: client.search(
                index=new.ALIAS,
                query=query,
                sort=order,
                size=size,
                from_=offset,
                search_after=after,
                track_scores=True,
                track_total_hits=False,
                allow_partial_search_results=False,  # a shard that is away is an error, not fewer comments
            ),
        )
        return list(answer["hits"]["hits"])

    async def _write(self, method: str, batch: list[dict[str, Any]], refresh: Refresh, before: int = 0) -> int:
        """Write documents and return how many; those that Elasticsearch is too busy for are sent again.

        Always in bulk, where ids stand in the body: in a path, the id `..` would be read as a way up, to the index.
        """
        pending = batch
        refusals: list[str] = []
        advice = ""

        async def send(client: AsyncElasticsearch) -> None:
            nonlocal pending, advice
            operations = [part for one in pending for part in ({"index": {"_id": one[COMMENT_ID]}}, one)]
            # Without require_alias, Elasticsearch makes an index of its own where the alias is missing.
            answer = await client.bulk(index=new.ALIAS, operations=operations, refresh=refresh, require_alias=True)
            busy = []
            for one, item in zip(pending, answer["items"], strict=True):
                result = item["index"]
                if "error" not in result:
                    continue
                if result["status"] in AWAY:
                    busy.append(one)
                    continue
                refusals.append(f"{one[COMMENT_ID]}: {said(result)}")
                if result["status"] == HTTPStatus.NOT_FOUND:
                    advice = INIT
            pending = busy
            if busy:
                raise away(ELASTICSEARCH, self._connection.url, f"it was too busy for {len(busy)} documents")

        await self._connection.ask(method, send)
        if refusals:
            listed = "; ".join(refusals[:_LISTED]) + ("; …" if len(refusals) > _LISTED else "")
            others = before + len(batch) - len(refusals)
            raise refused(
                ELASTICSEARCH,
                self._connection.url,
                f"{len(refusals)} documents ({others} others are written), {listed}",
                advice,
            )
        return len(batch)

    def _found(self, hit: Mapping[str, Any]) -> FoundComment:
        return cast(FoundComment, {**self._document(hit), RELEVANCE: hit["_score"] or 0.0})

    def _document(self, found: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return comment_search.document(found["_source"])
        except ValueError as error:
            raise UnreadableRecord(
                ELASTICSEARCH,
                f"{found['_id']} of {new.ALIAS} in elasticsearch at {masked(self._connection.url)} has not the form "
                f"of the new layout: {error}.",
            ) from error


elasticsearch_client_v2 = ElasticsearchClientV2()

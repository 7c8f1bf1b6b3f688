"""Elasticsearch answers that are whole or an error: a shard that is away must not look like fewer documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from tvmigrate.verify.errors import VerificationError


class AnswerCut(VerificationError):  # noqa: N818 - it says what happened, as in `errors`
    """An answer has not all that was asked for, so that nothing can be told of what is not in it."""


def require_whole(answer: Mapping[str, Any], what: str) -> None:
    """See that every shard answered in time; `what` begins the sentence that says so.

    https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search (`timed_out`, `_shards`)

    Raises:
        AnswerCut: the time ran out, or a shard failed.
    """
    if answer.get("timed_out"):
        raise AnswerCut(
            f"{what} was cut short: its time ran out at the server (timed_out). Look again when it is idle."
        )
    shards = answer.get("_shards", {})
    if left := shards.get("total", 0) - shards.get("successful", 0):
        why = "; ".join(str(one.get("reason", one))[:200] for one in shards.get("failures", ()))
        raise AnswerCut(
            f"{what} was cut short: {left} of {shards['total']} shards did not answer{f' ({why})' if why else ''}. "
            "Bring the index to green or yellow health, and look again."
        )


def require_as_many(found: int, total: int, what: str) -> None:
    """See that as many hits came as there are; raises AnswerCut."""
    if found != total:
        raise AnswerCut(f"{what} was cut short: {found} hits came, and there are {total}.")


def count(client: Elasticsearch, name: str, query: Mapping[str, Any]) -> int:
    """Return how many documents behind `name` a query finds; raises AnswerCut if a shard did not count."""
    answer = client.count(index=name, query=query)
    require_whole(answer.body, f"A count in {name}")
    return int(answer["count"])


def count_each(client: Elasticsearch, name: str, queries: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return what `count` does of each query, asked at once; raises AnswerCut if a shard did not count.

    A document with a `_doc_count` stands for as many, which `count` does not heed.
    https://www.elastic.co/docs/reference/aggregations/search-aggregations-bucket-filters-aggregation
    """
    answer = client.search(
        index=name, size=0, track_total_hits=False, allow_partial_search_results=False,
        aggs={"found": {"filters": {"filters": list(queries)}}},
    )  # fmt: skip
    require_whole(answer.body, f"A count in {name}")
    return [int(bucket["doc_count"]) for bucket in answer["aggregations"]["found"]["buckets"]]


def refresh(client: Elasticsearch, index: str) -> None:
    """Let a search see what was written last; raises AnswerCut if a shard that is there cannot."""
    answer = client.indices.refresh(index=index)
    failed = answer["_shards"]["failed"]
    if failed:
        raise AnswerCut(f"{failed} shards of {index} could not be refreshed: a search may not see all that is stored.")

"""What the stores already hold under the names that sample data use, and the removal of earlier sample data."""

# ruff: noqa: S608 - every name goes through `quoted`, every text through a parameter
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from elasticsearch import helpers

from src.setup.sample.plan import COMMENT_PREFIX, Plan
from src.setup.stores import Stores
from tvmigrate.contract import new
from tvmigrate.contract.layout import Table, quoted

_COMMENT_ID, _PROGRAM_ID, *_ = new.DOCUMENT_FIELDS
_PAGE = 2000


@dataclass(frozen=True, slots=True)
class Present:
    """What is there of the plan's programs and topics.

    Attributes:
        counts: number of records by where they are; without those of which there are none.
        sample: comments whose ids say that they are sample data.
        foreign: comments of the plan's programs that are none.
    """

    counts: dict[str, int]
    sample: int
    foreign: int

    @property
    def replaceable(self) -> bool:
        """Whether all of it was seeded, as far as can be told: some comments were, and no other ones are there."""
        return bool(self.sample) and not self.foreign


def look(stores: Stores, plan: Plan) -> Present:
    """Count what is there; raises what the drivers raise."""
    counts = {f"clickhouse {table.name}": _rows(stores, table, plan) for table in new.TABLES}
    counts[f"elasticsearch {new.ALIAS}"] = _documents(stores, plan)
    keys = list(_keys(stores, plan))
    counts["redis keys"] = len(keys)
    counts["redis trends"] = sum(len(members) for _, members in _members(stores, plan))
    sample = _rows(stores, new.RAW_COMMENTS, plan, sample=True) + _documents(stores, plan, sample=True)
    both = counts[f"clickhouse {new.RAW_COMMENTS.name}"] + counts[f"elasticsearch {new.ALIAS}"]
    return Present({place: number for place, number in counts.items() if number}, sample, both - sample)


def remove(stores: Stores, plan: Plan) -> None:
    """Remove every record of the plan's programs and every topic of its show; comments last.

    Who is interrupted here finds sample comments still, and may begin again. Raises what the drivers raise.
    """
    for page in _pages(_keys(stores, plan)):
        stores.redis.unlink(*page)
    for key, members in _members(stores, plan):
        if members:
            stores.redis.zrem(key, *members)
    for table in sorted(new.TABLES, key=lambda one: one is new.RAW_COMMENTS):
        stores.clickhouse.command(
            f"ALTER TABLE {_place(table)} DELETE WHERE {_condition()} SETTINGS mutations_sync = 2", _parameters(plan)
        )
    while _delete_page(stores, plan):
        pass


def _rows(stores: Stores, table: Table, plan: Plan, *, sample: bool = False) -> int:
    mine = f" AND startsWith({quoted(_COMMENT_ID)}, {{prefix:String}})" if sample else ""
    query = f"SELECT count() FROM {_place(table)} WHERE {_condition()}{mine}"
    return int(stores.clickhouse.query(query, _parameters(plan)).result_rows[0][0])


def _place(table: Table) -> str:
    return f"{quoted(new.DATABASE)}.{quoted(table.name)}"


def _condition() -> str:
    return f"has({{programs:Array(String)}}, {quoted(_PROGRAM_ID)})"


def _parameters(plan: Plan) -> dict[str, object]:
    return {"programs": list(plan.programs), "prefix": COMMENT_PREFIX}


def _documents(stores: Stores, plan: Plan, *, sample: bool = False) -> int:
    mine = [{"prefix": {_COMMENT_ID: COMMENT_PREFIX}}] if sample else []
    query = {"bool": {"filter": [{"terms": {_PROGRAM_ID: list(plan.programs)}}, *mine]}}
    stores.elasticsearch.indices.refresh(index=new.ALIAS)
    return int(stores.elasticsearch.count(index=new.ALIAS, query=query)["count"])


def _delete_page(stores: Stores, plan: Plan) -> int:
    # Page by page: `_delete_by_query` is no part of the embedded Elasticsearch.
    query = {"terms": {_PROGRAM_ID: list(plan.programs)}}
    stores.elasticsearch.indices.refresh(index=new.ALIAS)
    answer = stores.elasticsearch.search(index=new.ALIAS, query=query, size=_PAGE, source=False, sort=["_doc"])
    hits = answer["hits"]["hits"]
    helpers.bulk(
        stores.elasticsearch,
        ({"_op_type": "delete", "_index": hit["_index"], "_id": hit["_id"]} for hit in hits),
        ignore_status=404,
    )
    return len(hits)


def _keys(stores: Stores, plan: Plan) -> Iterator[bytes]:
    for program in plan.programs:
        key = new.eaos_key(program).encode()
        if stores.redis.exists(key):
            yield key
    programs = {program.encode() for program in plan.programs}
    events = new.EVENTS_PREFIX.encode()
    for key in stores.redis.scan_iter(match=events + _literally(plan.show) + b"/*", count=_PAGE):
        if key.removeprefix(events).rpartition(b":")[0] in programs:
            yield key


def _members(stores: Stores, plan: Plan) -> Iterator[tuple[str, list[bytes]]]:
    for key in new.TREND_KEYS:
        found = stores.redis.zscan_iter(key, match=_literally(plan.topic_prefix) + b"*", count=_PAGE)
        yield key, sorted({member for member, _ in found})


def _literally(text: str) -> bytes:
    """Return a glob pattern of Redis that `text` alone matches."""
    return re.sub(r"([\\*?\[\]^-])", r"\\\1", text).encode()


def _pages(keys: Iterator[bytes]) -> Iterator[list[bytes]]:
    found = sorted(set(keys))
    for start in range(0, len(found), _PAGE):
        yield found[start : start + _PAGE]

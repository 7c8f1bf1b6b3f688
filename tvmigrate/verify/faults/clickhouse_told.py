"""What Elasticsearch says of a comment of ClickHouse, for what the checks across stores find of a fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elasticsearch import NotFoundError

from tvmigrate.contract import new, values
from tvmigrate.contract.outcome import Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.verify.faults.clickhouse_tables import NOBODY, Victim
from tvmigrate.verify.faults.model import Key
from tvmigrate.verify.faults.site import Site


def in_both(site: Site, comment: Victim) -> Key:
    """Return the comment's id if Elasticsearch has it too, else nobody: what `cross.ids` misses when it is gone."""
    name = str(comment.values["comment_id"])
    return NOBODY if _document(site, name) is None else name


def told_alike(site: Site, comment: Victim, field: str) -> Key:
    """Return the comment's id if both stores say the same of `field`, else nobody: what `cross.values` compares."""
    name = str(comment.values["comment_id"])
    document = _document(site, name)
    if document is None:
        return NOBODY
    mine, theirs = comment.values[field], document.get(field)
    if field == "timestamp":
        try:
            theirs = values.instant(theirs, Policy(keep_entities=True)) // values.NS_PER_S
        except Unmappable:
            return NOBODY
        mine //= 1000
    return name if mine == theirs else NOBODY


def _document(site: Site, name: str) -> Mapping[str, Any] | None:
    try:
        found = site.clients.elasticsearch.get(index=new.ALIAS, id=name)
    except NotFoundError:
        return None
    source: Mapping[str, Any] = found["_source"]
    return source

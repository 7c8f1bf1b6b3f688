"""Faults across stores: each store could be right by itself, and what the stores say together is not.

No finding of `cross.*` stands alone while the old data are known: whatever tears two stores apart is in one of them,
and that store's own checks see it there. What these checks add is to say that it is torn.
"""

from __future__ import annotations

from tvmigrate.contract import new
from tvmigrate.contract.layout import literal
from tvmigrate.verify.faults.clickhouse_tables import kept, victims
from tvmigrate.verify.faults.model import Finds, Plant, after_migration
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_NOBODY = "tvmigrate/nobody"


@after_migration(
    Finds("cross.programs", Direction.EXTRA, "program_id"),
    Finds("redis.extra", Direction.EXTRA, "key"),
)
def program_that_one_store_knows(site: Site) -> Plant:
    """Redis has the current score of a program that has no row in ClickHouse."""
    key = new.eaos_key(_NOBODY)
    fields = {new.SCORE: "0.5", new.UPDATED_AT: "2025-11-20T06:05:00Z"}
    for field in new.EAOS_FIELDS:
        site.clients.redis.hset(key, field, fields.get(field, "0"))
    yield [_NOBODY, key]
    site.clients.redis.delete(key)


@after_migration(
    Finds("cross.ids", Direction.MISSING, "comment_id"),
    Finds("clickhouse.comments", Direction.EXTRA),
    incident="A writer that was not stopped writes to both stores, and the switch comes between its two writes.",
)
def comment_written_in_between(site: Site) -> Plant:
    """A comment came while the migration ran, and is in ClickHouse and not in Elasticsearch."""
    comment = first(victims(site, new.RAW_COMMENTS), "comment")
    with kept(site, new.RAW_COMMENTS.name) as table:
        table.add(comment.where, comment_id=literal(_NOBODY))
        yield [_NOBODY, comment.named(comment_id=_NOBODY)]

"""What the old stores would say of each comment by the rules, and where they contradict each other: kept a rehearsal.

Both are compared by the verifier's own ClickHouse, which reads what the documents say from the file that keeps it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvmigrate.contract import sql
from tvmigrate.contract.layout import literal
from tvmigrate.verify.clickhouse import kept_refused
from tvmigrate.verify.comment_facts import FIELDS
from tvmigrate.verify.context import Context
from tvmigrate.verify.cross_facts import (
    CLICKHOUSE,
    ELASTICSEARCH,
    ID,
    comments_as_they_should_be,
    take,
)
from tvmigrate.verify.elasticsearch_expected import kept_documents, kept_sums
from tvmigrate.verify.elasticsearch_sums import SCHEMA, Sums
from tvmigrate.verify.spool import Spool

EXAMPLES = 5
_AT_ONCE = 1000
# What does not fit goes to the disk: https://clickhouse.com/docs/operations/settings/settings#join_algorithm
_ON_DISK = (
    "SETTINGS max_bytes_before_external_group_by = 300000000, join_algorithm = 'grace_hash',"
    " max_bytes_in_join = 300000000"
)
# `counts`: rows of either side, comments of either and of both. `alone`: by the side that has them, how many comments
# the other has not; `lonely` are the first of them, with why. `unlike`: by field in how many comments they differ;
# `differing` are the first of them.
_SCHEMA = """
    CREATE TABLE counts (said INT, comments INT, shared INT);
    CREATE TABLE alone (side INT, n INT);
    CREATE TABLE lonely (side INT, id TEXT, why TEXT);
    CREATE TABLE unlike (field TEXT, n INT);
    CREATE TABLE differing (field TEXT, id TEXT, mine, theirs)"""


def kept_before(context: Context) -> Path:
    """Return the spool of `_SCHEMA`: what the old stores would say of each comment by the rules, compared."""
    documents = kept_documents(context)

    def fill(spool: Spool) -> None:
        _Both(context, documents).compare(spool)

    return context.reference.kept.spool("differences of the old stores", context.policy, _SCHEMA, fill)


def document_sums_expected(context: Context) -> Sums:
    """Return the sums of what Elasticsearch should say of each comment."""
    documents = kept_documents(context)

    def fill(spool: Spool) -> None:
        sums = Sums()
        with Spool(kept=documents) as said:
            facts = f"SELECT id, {', '.join(FIELDS)} FROM kept.documents WHERE reason IS NULL"
            for name, program, sentiment, score, second in said.rows(facts):
                take(sums, name, (program, sentiment, score, second))
        spool.add("INSERT INTO sums VALUES (?, ?, ?)", sums.rows())

    with Spool(kept=context.reference.kept.spool("facts of documents", context.policy, SCHEMA, fill)) as spool:
        return kept_sums(spool)


@dataclass(frozen=True, slots=True)
class _Both:
    """The two sides as subqueries of the reference, each with the columns `id` and f0 to f3, the facts."""

    context: Context
    documents: Path

    @property
    def rows(self) -> str:
        """What ClickHouse says."""
        source = comments_as_they_should_be(self.context)
        if source is None:
            return "(SELECT '' AS id, '' AS f0, '' AS f1, toInt64(0) AS f2, toInt64(0) AS f3 WHERE 0)"
        return (
            f"(SELECT {ID} AS id, CAST(program_id AS String) AS f0, sentiment AS f1,"
            " toInt64(reinterpretAsUInt32(toFloat32(sentiment_score))) AS f2,"
            f" intDiv(toUnixTimestamp64Milli(timestamp), 1000) AS f3 FROM {source})"
        )

    @property
    def said(self) -> str:
        """What Elasticsearch says; -1 is no score of four bytes, and so stands for none."""
        return (
            "(SELECT assumeNotNull(id) AS id, ifNull(program_id, '') AS f0, ifNull(sentiment, '') AS f1,"
            " ifNull(toInt64(reinterpretAsUInt32(sentiment_score)), -1) AS f2,"
            f" ifNull(timestamp, {-(2**62)}) AS f3"
            f" FROM sqlite({literal(str(self.documents))}, 'documents') WHERE reason IS NULL)"
        )

    def compare(self, spool: Spool) -> None:
        """Fill the tables of `_SCHEMA` but for the sums."""
        (row,) = self._ask(
            "SELECT toString(sum(n)) AS said, toString(count()) AS comments, toString(sum(here AND there)) AS both,"
            " toString(sum(here AND NOT there)) AS one, toString(sum(there AND NOT here)) AS other FROM ("
            "SELECT h, max(side = 0) AS here, max(side = 1) AS there, count() AS n FROM ("
            f"SELECT xxh3_128(id) AS h, 0 AS side FROM {self.rows}"
            f" UNION ALL SELECT xxh3_128(id) AS h, 1 AS side FROM {self.said}) GROUP BY h)"
        )
        number = {name: int(value) for name, value in row.items()}
        spool.add("INSERT INTO counts VALUES (?, ?, ?)", [(number["said"], number["comments"], number["both"])])
        alone = [(CLICKHOUSE, number["one"]), (ELASTICSEARCH, number["other"])]
        spool.add("INSERT INTO alone VALUES (?, ?)", alone)
        for side, count in alone:
            if count:
                lonely = ((side, name, self._why(side, name)) for name in self._lonely(side))
                spool.add("INSERT INTO lonely VALUES (?, ?, ?)", list(lonely))
        if number["both"]:
            self._differing(spool)

    def _ask(self, query: str) -> Iterator[dict[str, Any]]:
        return self.context.reference.tables.rows(f"{query} {_ON_DISK}")

    def _lonely(self, side: int) -> list[str]:
        """Return the first comments that one side has alone."""
        # What Elasticsearch says is what is hashed: it has no more comments than ClickHouse, most often far fewer.
        one, kind = ("a", "LEFT") if side == CLICKHOUSE else ("b", "RIGHT")
        found: list[str] = []
        while len(found) < EXAMPLES:
            after = f"WHERE {one}.id > {literal(found[-1])} " if found else ""
            # Of an id that is there more than once there may be many rows.
            names = [
                str(row["id"])
                for row in self._ask(
                    f"SELECT {one}.id AS id FROM (SELECT id FROM {self.rows}) AS a {kind} ANTI JOIN"
                    f" (SELECT id FROM {self.said}) AS b ON a.id = b.id {after}ORDER BY id LIMIT {_AT_ONCE}"
                )
            ]
            found += dict.fromkeys(names)
            if len(names) < _AT_ONCE:
                break
        return found[:EXAMPLES]

    def _why(self, side: int, name: str) -> str | None:
        """Return why the other side does not have a comment, if it is quarantined there."""
        if side == ELASTICSEARCH:
            with Spool(kept=kept_refused(self.context, sql.comments(self.context.policy))) as spool:
                found = spool.one("SELECT min(reason) FROM kept.refused WHERE key = ?", (name,))
        else:
            with Spool(kept=self.documents) as spool:
                found = spool.one("SELECT min(reason) FROM kept.documents WHERE id = ?", (name,))
        return found[0] if found else None

    def _differing(self, spool: Spool) -> None:
        places = range(len(FIELDS))
        both = ", ".join(f"a.f{n} AS a{n}, b.f{n} AS b{n}" for n in places)
        apart = " OR ".join(f"a.f{n} != b.f{n}" for n in places)
        pairs = self._ask(
            f"SELECT a.id AS id, {both} FROM {self.rows} AS a JOIN {self.said} AS b ON a.id = b.id WHERE {apart}"
        )
        rows = (
            (FIELDS[n], row["id"], _kept(FIELDS[n], row[f"a{n}"]), _kept(FIELDS[n], row[f"b{n}"]))
            for row in pairs
            for n in places
            if row[f"a{n}"] != row[f"b{n}"]
        )
        with Spool("CREATE TABLE pairs (field TEXT, id TEXT, mine, theirs)") as found:
            found.add("INSERT INTO pairs VALUES (?, ?, ?, ?)", rows)
            for field in FIELDS:
                count = found.number("SELECT count(DISTINCT id) FROM pairs WHERE field = ?", (field,))
                spool.add("INSERT INTO unlike VALUES (?, ?)", [(field, count)])
                first = f"""
                    SELECT field, id, min(mine), min(theirs) FROM pairs WHERE field = ?
                    GROUP BY id ORDER BY id LIMIT {EXAMPLES}"""
                spool.add("INSERT INTO differing VALUES (?, ?, ?, ?)", found.rows(first, (field,)))


def _kept(field: str, value: Any) -> Any:
    """Return a fact as `comment_facts` has it."""
    if field == "sentiment_score":
        return None if value < 0 else struct.pack("<I", value)
    return None if field == "timestamp" and value == -(2**62) else value

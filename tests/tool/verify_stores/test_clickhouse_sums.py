"""What proves aggregates by sums proves right ones, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvmigrate.contract import new, old, sql
from tvmigrate.contract.layout import literal
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.verify.clickhouse_sums import of_comments, proved_rows

POLICY = Policy(show="the_voice")
NAME = new.COMMENT_AGGREGATES.name
TYPES = {column.name: column.type for column in new.COMMENT_AGGREGATES.columns}
# Entity, second, score, topics: the group (e, 0, a) has three comments, and (e, 0, b) one.
COMMENTS = [("e", 0, 0.1, "a, b"), ("e", 299, -0.4, "a"), ("e", 5, 0.3, "a, a"), ("f", 300, 0.7, "a"), ("f", 0, 0, "")]


@dataclass
class Tables:
    """A database with old comments and the aggregates of them."""

    clients: Clients

    def fill(self, comments: list[tuple[str, int, float, str]]) -> None:
        self.sql(f"TRUNCATE TABLE sums.{old.COMMENTS.name}")
        self.sql(f"TRUNCATE TABLE sums.{NAME}")
        rows = ", ".join(
            f"('c{n}', {literal(entity)}, '', '', {1_700_000_100 + second}, 'positive', {score!r}, 0,"
            f" {literal(topics)}, NULL)"
            for n, (entity, second, score, topics) in enumerate(comments)
        )
        if rows:
            self.sql(f"INSERT INTO sums.{old.COMMENTS.name} VALUES {rows}")
        self.sql(f"INSERT INTO sums.{NAME} {sql.aggregates(POLICY, f'sums.{old.COMMENTS.name}')}")

    def sql(self, statement: str) -> None:
        self.clients.clickhouse.command(statement, settings={"mutations_sync": 2})

    def proved(self, types: dict[str, str] = TYPES) -> int | None:
        """Ask for what is proved, as the verifier does."""
        summed = ", ".join(f"toString(sum({each}))" for each in of_comments())
        query = f"SELECT {summed} FROM ({sql.comments(POLICY).query(f'sums.{old.COMMENTS.name}')})"
        (sums,) = self.clients.clickhouse.query(query).result_rows
        return proved_rows(self.clients.clickhouse, f"sums.{NAME}", types, tuple(map(int, sums)))

    def rows(self) -> int:
        return int(self.clients.clickhouse.command(f"SELECT count() FROM sums.{NAME}"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tables(engines: Endpoints) -> Iterator[Tables]:
    with Clients(engines) as clients:
        made = Tables(clients)
        made.sql("CREATE DATABASE sums")
        made.sql(old.COMMENTS.create("sums"))
        made.sql(new.COMMENT_AGGREGATES.create("sums"))
        try:
            yield made
        finally:
            made.sql("DROP DATABASE sums SYNC")


topics = st.lists(st.sampled_from(["a", "b", "đẹp", "🔥", " "]), max_size=5).map(",".join)
scores = st.floats(-1, 1, width=32).map(lambda score: score if abs(score) > 1e-4 else 0.25)
comments = st.tuples(st.sampled_from(["e", "f", "s/g"]), st.integers(0, 900), scores, topics)


@given(st.lists(comments, max_size=30))
@settings(max_examples=15, deadline=None)
def test_the_aggregates_of_the_contract_are_proved(tables: Tables, comments: list[tuple[str, int, float, str]]) -> None:
    tables.fill(comments)
    assert tables.proved() == tables.rows()


ONE = "program_id = 'the_voice/e' AND topic = 'a'"


@pytest.mark.parametrize(
    "change",
    {
        "count": f"UPDATE count = count + 1 WHERE {ONE}",
        "count-and-mean-of-the-same-sum": f"UPDATE count = count * 2, avg_sentiment = avg_sentiment / 2 WHERE {ONE}",
        "a-mean-off-by-little": "UPDATE avg_sentiment = avg_sentiment * (1 + 2e-12) WHERE topic = 'b'",
        "a-zero-that-is-none": "UPDATE avg_sentiment = 1e-18 WHERE program_id = 'the_voice/e' AND topic = 'a'",
        "a-mean-that-is-no-number": f"UPDATE avg_sentiment = nan WHERE {ONE}",
        "an-infinite-mean": f"UPDATE avg_sentiment = -inf WHERE {ONE}",
        "missing": f"DELETE WHERE {ONE}",
        "all-missing": "DELETE WHERE 1",
    }.items(),
    ids=lambda change: change[0],
)
def test_a_wrong_group_is_not_proved(tables: Tables, change: tuple[str, str]) -> None:
    tables.fill(COMMENTS)
    assert tables.proved() == 3
    tables.sql(f"ALTER TABLE sums.{NAME} {change[1]}")
    assert tables.proved() is None


@pytest.mark.parametrize(
    ("select", "where"),
    [
        ("* REPLACE ('x' AS topic)", ONE),
        ("* REPLACE ('x' AS program_id)", ONE),
        ("* REPLACE (timestamp + 300 AS timestamp)", ONE),
        ("* REPLACE (timestamp + 1 AS timestamp)", ONE),
        ("* REPLACE (if(program_id = 'the_voice/f', 'b', 'a') AS topic)", "topic IN ('a', 'b')"),
        ("* REPLACE (c AS count)", f"{ONE} ARRAY JOIN [1, 2] AS c"),
        ("* REPLACE (c AS count)", f"{ONE} ARRAY JOIN [0, 3] AS c"),
    ],
    ids=["topic", "program", "bucket", "no-bucket", "topics-changed-places", "in-two-rows", "a-row-of-nothing"],
)
def test_a_group_elsewhere_or_in_two_rows_is_not_proved(tables: Tables, select: str, where: str) -> None:
    tables.fill(COMMENTS)
    columns = ", ".join(TYPES)
    tables.sql(f"CREATE TABLE sums.kept ENGINE = Memory AS SELECT * FROM sums.{NAME}")
    try:
        condition, _, join = where.partition(" ARRAY JOIN ")
        tables.sql(f"ALTER TABLE sums.{NAME} DELETE WHERE {condition}")
        source = f"sums.kept ARRAY JOIN {join}" if join else "sums.kept"
        tables.sql(f"INSERT INTO sums.{NAME} SELECT {columns} FROM (SELECT {select} FROM {source} WHERE {condition})")
    finally:
        tables.sql("DROP TABLE sums.kept SYNC")
    assert tables.proved() is None


@pytest.mark.parametrize(
    "rows",
    ["('the_voice/e', 1700000100, 'c', 1, 0.5), ('the_voice/e', 1700000100, 'c', 1, 0.5)",
     "('the_voice/e', 1700000100, 'c', 2, 0.5), ('the_voice/e', 1700000100, 'd', 0, 0)"],
    ids=["two-rows-that-add-up", "a-row-of-nothing"],
)  # fmt: skip
def test_rows_that_add_up_to_the_right_sums_are_not_proved_unless_a_group_has_one(tables: Tables, rows: str) -> None:
    tables.fill([("e", 0, 0.5, "c"), ("e", 1, 0.5, "c")])
    assert tables.proved() == 1
    tables.sql(f"TRUNCATE TABLE sums.{NAME}")
    tables.sql(f"INSERT INTO sums.{NAME} VALUES {rows}")
    assert tables.proved() is None


def test_a_score_that_is_not_ordinary_proves_nothing(tables: Tables) -> None:
    tables.fill([*COMMENTS, ("e", 0, 2.0**-100, "")])
    assert tables.proved() is None
    tables.fill([*COMMENTS, ("e", 0, 2.0**20, "")])
    assert tables.proved() is None


def test_a_column_of_another_type_proves_nothing(tables: Tables) -> None:
    tables.fill(COMMENTS)
    assert tables.proved({**TYPES, "timestamp": "DateTime"}) is None

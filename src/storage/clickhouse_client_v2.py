"""The application's client of ClickHouse on the new layout. Sync, for any thread; `clickhouse_client_v2` is one.

clickhouse_client_v2.connect()
clickhouse_client_v2.get_latest_eaos("the_voice/lan")
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, Unpack, cast

from src.storage import checks, clickhouse_rows, times
from src.storage.batches import batches
from src.storage.clickhouse_connection import ClickHouseConnection, qualified
from src.storage.clickhouse_rows import AVG_SENTIMENT, COUNT, PROGRAM_ID, SEVERITY, TIMESTAMP, TOPIC
from src.storage.records import Aggregate, Anomaly, Comment, EaosMetric, TopicCount
from tvmigrate.contract import new
from tvmigrate.contract.layout import Table

_MILLISECOND = "fromUnixTimestamp64Milli({%s:Int64}, 'UTC')"


class ClickHouseClientV2:
    """An HTTP client without a session.

    Reads are repeated with jitter while the store is away: up to `attempts` times within `timeout`. An insert is
    repeated only where no connection came about: after that it raises `StoreUnavailable` with `maybe_done`, and no
    row is written twice.

    Every method but `connect` and `disconnect` raises `NotConnected` before `connect()`, `StoreUnavailable` where
    ClickHouse is away, and `StoreRefused` where it answers with an error. Instants are kept to the millisecond (of
    aggregates: to the second), finer digits are cut off.
    """

    def __init__(self, url: str | None = None, *, timeout: float = 5.0, attempts: int = 3, pool_size: int = 16) -> None:
        """Nothing is opened before `connect()`.

        Args:
            url: `http(s)://[user[:password]@]host[:port][/database]`; None: CLICKHOUSE_URL, read when `connect()` is
                called. The tables are those of `tv_analytics`, whatever database it names.
            timeout: seconds to wait for a connection, and for an answer.
            attempts: how often at most what is safe to repeat is tried.
            pool_size: connections that are kept; more threads than that open more.
        """
        self._connection = ClickHouseConnection(url, timeout, attempts, pool_size)

    def connect(self) -> None:
        """Open the client and ask ClickHouse for an answer; a second call opens it anew.

        Raises:
            InvalidValue: the URL is none of ClickHouse.
            StoreUnavailable: ClickHouse does not answer; nothing is left open.
            StoreRefused: ClickHouse refuses the user or the database.
        """
        self._connection.open()

    def disconnect(self) -> None:
        """Close the client; a second call does nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    def ping(self) -> None:
        """Return when ClickHouse has answered."""
        self._connection.ping()

    # ------------------------------------------------------------------------------------------------------- EAOS

    def insert_eaos_metric(
        self,
        program_id: str,
        timestamp: dt.datetime,
        score: float,
        positive_count: int,
        negative_count: int,
        neutral_count: int,
        total_comments: int,
    ) -> None:
        """Insert a row into `eaos_metrics`.

        Args:
            program_id: not blank.
            timestamp: naive is local time.
            score: finite; kept bit for bit.
            positive_count, negative_count, neutral_count: whole numbers from 0.
            total_comments: their sum.

        Raises:
            InvalidValue: an argument is not as said.
        """
        given = (program_id, timestamp, score, positive_count, negative_count, neutral_count, total_comments)
        checked = clickhouse_rows.metric(dict(zip(new.EAOS_METRICS.column_names, given, strict=True)))
        self._insert("insert_eaos_metric", new.EAOS_METRICS, checked)

    def get_latest_eaos(self, program_id: str) -> EaosMetric | None:
        """Return the newest row of a program, None if it has none.

        Raises:
            InvalidValue: `program_id` is blank.
        """
        rows = self._select("get_latest_eaos", new.EAOS_METRICS, {PROGRAM_ID: program_id}, newest=True, limit=1)
        return cast(EaosMetric, rows[0]) if rows else None

    def get_eaos_history(
        self,
        program_id: str,
        start: dt.datetime | None = None,
        end: dt.datetime | None = None,
        limit: int = 1000,
        offset: int = 0,
    ) -> list[EaosMetric]:
        """Return rows of a program, oldest first.

        Args:
            program_id: not blank.
            start, end: both belong to the period; naive is local time, None leaves the side open.
            limit: rows at most, 1 to 10,000.
            offset: rows that are passed over.

        Raises:
            InvalidValue: an argument is not as said.
        """
        rows = self._select(
            "get_eaos_history", new.EAOS_METRICS, {PROGRAM_ID: program_id}, start, end, limit=limit, offset=offset
        )
        return cast(list[EaosMetric], rows)

    # --------------------------------------------------------------------------------------------------- comments

    def insert_comment(self, **comment: Unpack[Comment]) -> None:
        """Insert a row into `raw_comments`; the arguments are the fields of `Comment`.

        Raises:
            InvalidValue: a field is missing, unknown, or cannot be stored.
        """
        self._insert("insert_comment", new.RAW_COMMENTS, checks.comment(comment))

    def insert_comments(self, comments: Iterable[Comment]) -> int:
        """Insert comments, 10,000 at a time, and return how many.

        Raises:
            InvalidValue: one cannot be stored: it is named by its position. Batches before it are written.
        """
        return self._insert_many("insert_comments", "comment", new.RAW_COMMENTS, comments, checks.comment)

    # ------------------------------------------------------------------------------------------------- aggregates

    def insert_aggregates(self, aggregates: Iterable[Aggregate]) -> int:
        """Insert rows into `comment_aggregates`, 10,000 at a time, and return how many; raises as `insert_comments`."""
        return self._insert_many(
            "insert_aggregates", "aggregate", new.COMMENT_AGGREGATES, aggregates, clickhouse_rows.aggregate
        )

    def get_topics(
        self, program_id: str, start: dt.datetime | None = None, end: dt.datetime | None = None, limit: int = 20
    ) -> list[TopicCount]:
        """Return the topics of a program by their number of comments, most first, of one number by topic.

        Args:
            program_id: not blank.
            start, end: of the buckets' starts; both belong to the period.
            limit: topics at most, 1 to 10,000.

        Raises:
            InvalidValue: an argument is not as said.
        """
        where, parameters = _where({PROGRAM_ID: program_id}, start, end)
        sql = (
            f"SELECT {TOPIC}, sum({COUNT}) AS comments, sumKahan({AVG_SENTIMENT} * {COUNT}) / comments AS mean\n"
            f"FROM {qualified(new.COMMENT_AGGREGATES)}\nWHERE {where}\nGROUP BY {TOPIC}\nHAVING comments > 0\n"
            f"ORDER BY comments DESC, {TOPIC}\nLIMIT {{limit:UInt64}}"
        )
        rows = self._connection.rows("get_topics", sql, parameters | {"limit": checks.limit("limit", limit)})
        return [TopicCount(topic=topic, count=count, avg_sentiment=mean) for topic, count, mean in rows]

    # -------------------------------------------------------------------------------------------------- anomalies

    def insert_anomaly(
        self,
        program_id: str,
        timestamp: dt.datetime,
        metric: str,
        value: float,
        expected: float,
        deviation: float,
        severity: str,
    ) -> None:
        """Insert a row into `anomalies`: texts not blank, numbers finite, a naive timestamp is local time.

        Raises:
            InvalidValue: an argument is not as said.
        """
        given = (program_id, timestamp, metric, value, expected, deviation, severity)
        checked = clickhouse_rows.anomaly(dict(zip(new.ANOMALIES.column_names, given, strict=True)))
        self._insert("insert_anomaly", new.ANOMALIES, checked)

    def get_anomalies(
        self,
        program_id: str | None = None,
        start: dt.datetime | None = None,
        end: dt.datetime | None = None,
        severity: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Anomaly]:
        """Return anomalies, newest first, of one program or severity or of all (None); else as `get_eaos_history`."""
        equal = {PROGRAM_ID: program_id, SEVERITY: severity}
        rows = self._select("get_anomalies", new.ANOMALIES, equal, start, end, newest=True, limit=limit, offset=offset)
        return cast(list[Anomaly], rows)

    def programs(self) -> list[str]:
        """Return the programs that any of the four tables has a row of, sorted."""
        each = [f"SELECT DISTINCT {PROGRAM_ID} FROM {qualified(table)}" for table in new.TABLES]
        sql = f"SELECT DISTINCT {PROGRAM_ID} FROM ({' UNION ALL '.join(each)}) ORDER BY {PROGRAM_ID}"
        return [name for (name,) in self._connection.rows("programs", sql, {})]

    # --------------------------------------------------------------------------------------------------- the wire

    def _insert(self, method: str, table: Table, record: Mapping[str, Any]) -> None:
        self._connection.insert(method, table, [clickhouse_rows.row(table, record)])

    def _insert_many(self, method: str, what: str, table: Table, given: Iterable[object], check: Any) -> int:
        self._connection.require(method)
        written = 0
        limits = clickhouse_rows.limits(table)
        for rows in batches(what, given, lambda one: clickhouse_rows.row(table, check(one)), limits):
            self._connection.insert(method, table, rows, written)
            written += len(rows)
        return written

    def _select(
        self,
        method: str,
        table: Table,
        equal: Mapping[str, str | None],
        start: dt.datetime | None = None,
        end: dt.datetime | None = None,
        *,
        newest: bool = False,
        limit: int,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        where, parameters = _where(equal, start, end)
        # All columns, so that pages of rows of one instant neither overlap nor leave one out.
        rest = ", ".join(name for name in table.column_names if name != TIMESTAMP)
        sql = (
            f"SELECT {', '.join(table.column_names)}\nFROM {qualified(table)}\nWHERE {where}\n"
            f"ORDER BY {TIMESTAMP}{' DESC' if newest else ''}, {rest}\nLIMIT {{limit:UInt64}} OFFSET {{offset:UInt64}}"
        )
        page = {"limit": checks.limit("limit", limit), "offset": checks.offset("offset", offset)}
        rows = self._connection.rows(method, sql, parameters | page)
        return [clickhouse_rows.record(table, values) for values in rows]


def _where(
    equal: Mapping[str, str | None], start: dt.datetime | None, end: dt.datetime | None
) -> tuple[str, dict[str, Any]]:
    """Return a condition and its parameters; a None of `equal` asks for nothing."""
    asked = {field: checks.name(field, value) for field, value in equal.items() if value is not None}
    conditions = [f"{field} = {{{field}:String}}" for field in asked]
    parameters: dict[str, Any] = dict(asked)
    first, last = times.period(start, end)
    for name, moment, sign in (("start", first, ">="), ("end", last, "<=")):
        if moment is not None:
            conditions.append(f"{TIMESTAMP} {sign} {_MILLISECOND % name}")
            parameters[name] = times.milliseconds(moment)
    return " AND ".join(conditions) or "true", parameters


clickhouse_client_v2 = ClickHouseClientV2()

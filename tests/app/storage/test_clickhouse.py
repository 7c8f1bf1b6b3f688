"""The ClickHouse client: periods, pages, topics, anomalies, batches over many months, many threads."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from src.errors import InvalidValue, StoreRefused
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from tvmigrate.contract import new

AT = dt.datetime(2025, 11, 20, 6, 5, tzinfo=dt.UTC)
MS = dt.timedelta(milliseconds=1)


def comment(number: int, at: dt.datetime = AT, **fields) -> dict:
    return {
        "comment_id": f"c{number}",
        "program_id": "p",
        "text": "t",
        "username": "u",
        "timestamp": at,
        "sentiment": "neutral",
        "sentiment_score": 0.5,
        "engagement_score": 1,
        "topics": ["show"],
        **fields,
    }


@pytest.fixture
def history(clickhouse_v2):
    """Ten rows of p, a millisecond apart, written in no order; score is the row's number. One row of q."""
    for n in (3, 1, 4, 0, 5, 9, 2, 6, 8, 7):
        clickhouse_v2.insert_eaos_metric("p", AT + n * MS, n, n, 0, 0, n)
    clickhouse_v2.insert_eaos_metric("q", AT + 99 * MS, 99, 0, 0, 0, 0)
    return clickhouse_v2


def scores(rows) -> list[float]:
    return [row["score"] for row in rows]


def test_history_is_oldest_first_and_both_ends_belong_to_it(history):
    assert scores(history.get_eaos_history("p")) == list(range(10))
    assert scores(history.get_eaos_history("p", AT + 2 * MS, AT + 4 * MS)) == [2, 3, 4]
    assert scores(history.get_eaos_history("p", start=AT + 8 * MS)) == [8, 9]
    assert scores(history.get_eaos_history("p", end=AT)) == [0]
    assert scores(history.get_eaos_history("p", limit=3, offset=8)) == [8, 9]
    assert history.get_eaos_history("absent") == []


def test_the_latest_is_the_newest_of_its_program(history):
    assert history.get_latest_eaos("p")["score"] == 9
    assert history.get_latest_eaos("q")["score"] == 99
    assert history.get_latest_eaos("absent") is None


def test_pages_of_rows_of_one_instant_are_one_order(clickhouse_v2):
    for n in range(7):
        clickhouse_v2.insert_eaos_metric("p", AT, n, 0, 0, 0, 0)
    pages = [scores(clickhouse_v2.get_eaos_history("p", limit=2, offset=at)) for at in range(0, 8, 2)]
    assert pages == [[0, 1], [2, 3], [4, 5], [6]]


def test_topics_are_summed_and_their_mean_is_weighted(clickhouse_v2):
    def bucket(minutes: int, topic: str, count: int, mean: float) -> dict:
        at = AT + dt.timedelta(minutes=minutes)
        return {"program_id": "p", "timestamp": at, "topic": topic, "count": count, "avg_sentiment": mean}

    rows = [bucket(0, "show", 1, 1.0), bucket(5, "show", 3, 0.0), bucket(0, "b", 2, -0.5), bucket(10, "a", 2, 0.5)]
    assert clickhouse_v2.insert_aggregates(iter(rows)) == 4
    topics = [{"topic": "show", "count": 4, "avg_sentiment": 0.25}, {"topic": "a", "count": 2, "avg_sentiment": 0.5}]
    topics += [{"topic": "b", "count": 2, "avg_sentiment": -0.5}]
    assert clickhouse_v2.get_topics("p") == topics
    assert clickhouse_v2.get_topics("p", limit=1) == topics[:1]
    later = AT + dt.timedelta(minutes=5)
    assert [one["topic"] for one in clickhouse_v2.get_topics("p", start=later)] == ["show", "a"]
    assert clickhouse_v2.get_topics("p", end=AT - MS) == []


def test_anomalies_are_newest_first_and_filtered(clickhouse_v2):
    for n, (program, severity) in enumerate([("p", "high"), ("p", "low"), ("q", "high")]):
        clickhouse_v2.insert_anomaly(program, AT + n * MS, "score", n, 0, n, severity)
    values = [one["value"] for one in clickhouse_v2.get_anomalies()]
    assert values == [2, 1, 0]
    assert [one["value"] for one in clickhouse_v2.get_anomalies("p")] == [1, 0]
    assert [one["value"] for one in clickhouse_v2.get_anomalies(severity="high", limit=1, offset=1)] == [0]
    assert [one["value"] for one in clickhouse_v2.get_anomalies(start=AT + MS, end=AT + MS)] == [1]


def test_programs_are_those_of_all_tables(clickhouse_v2):
    clickhouse_v2.insert_eaos_metric("d", AT, 0, 0, 0, 0, 0)
    clickhouse_v2.insert_comment(**comment(1, program_id="b"))
    clickhouse_v2.insert_anomaly("a", AT, "score", 0, 0, 0, "low")
    aggregate = {"program_id": "c", "timestamp": AT, "topic": "t", "count": 1, "avg_sentiment": 0}
    clickhouse_v2.insert_aggregates([aggregate])
    assert clickhouse_v2.programs() == ["a", "b", "c", "d"]


def test_comments_of_many_years_are_inserted_in_batches(clickhouse_v2, raw_clickhouse):
    """A block may touch 100 partitions, which are months; here are 240, and each is in its batch twice."""
    months = [AT.replace(year=1950 + n // 24, month=n // 2 % 12 + 1) for n in range(480)]
    assert clickhouse_v2.insert_comments(comment(n, at) for n, at in enumerate(months)) == 480
    sql = "SELECT count(), uniqExact(comment_id), uniqExact(toYYYYMM(timestamp)) FROM tv_analytics.raw_comments"
    assert raw_clickhouse.query(sql).result_rows == [(480, 480, 240)]


def test_no_comments_are_no_insert(clickhouse_v2):
    assert clickhouse_v2.insert_comments([]) == 0


def test_a_comment_that_cannot_be_stored_is_named_by_its_position(clickhouse_v2, raw_clickhouse):
    bad = [comment(0), comment(1), comment(2, sentiment="tích cực")]
    with pytest.raises(InvalidValue) as raised:
        clickhouse_v2.insert_comments(bad)
    assert raised.value.field == "sentiment"
    assert str(raised.value) == (
        "The comment at position 2 (from 0) cannot be written; the first 0 are. sentiment is 'tích cực': expected is "
        "one of positive, negative, neutral: write 'positive', the label of the new layout."
    )
    assert raw_clickhouse.query("SELECT count() FROM tv_analytics.raw_comments").result_rows == [(0,)]


def test_an_instant_outside_the_column_is_refused(clickhouse_v2):
    with pytest.raises(InvalidValue) as raised:
        clickhouse_v2.insert_eaos_metric("p", AT.replace(year=1899), 0, 0, 0, 0, 0)
    assert str(raised.value) == (
        "timestamp is 1899-11-20T06:05:00Z: the table of ClickHouse holds the years 1900 to 2299."
    )
    with pytest.raises(InvalidValue, match="the table of ClickHouse holds the years 1970 to 2105"):
        clickhouse_v2.insert_aggregates(
            [{"program_id": "p", "timestamp": AT.replace(year=2200), "topic": "t", "count": 1, "avg_sentiment": 0}]
        )


def test_many_threads_share_a_client(clickhouse_v2, raw_clickhouse):
    def write_and_read(n: int) -> float:
        clickhouse_v2.insert_eaos_metric(f"p{n}", AT, n, 0, 0, 0, 0)
        return clickhouse_v2.get_latest_eaos(f"p{n}")["score"]

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(write_and_read, range(48))) == list(range(48))
    assert raw_clickhouse.query("SELECT count() FROM tv_analytics.eaos_metrics").result_rows == [(48,)]


def test_a_missing_table_is_said_with_what_to_do(clickhouse_v2, raw_clickhouse, app_urls):
    raw_clickhouse.command(f"DROP DATABASE {new.DATABASE} SYNC")
    with pytest.raises(StoreRefused) as raised:
        clickhouse_v2.get_latest_eaos("p")
    assert raised.value.store == "clickhouse"
    assert str(raised.value).startswith(f"clickhouse at {app_urls.clickhouse} refused: ")
    assert str(raised.value).endswith(
        "To do: run `python scripts/init_databases.py`, which creates the new layout, or names what is in its way."
    )
    with pytest.raises(StoreRefused, match="init_databases"):
        clickhouse_v2.insert_eaos_metric("p", AT, 0, 0, 0, 0, 0)


def test_the_old_table_is_said_with_what_to_do(clickhouse_v2, raw_clickhouse):
    raw_clickhouse.command(f"DROP TABLE {new.DATABASE}.eaos_metrics SYNC")
    raw_clickhouse.command(f"CREATE TABLE {new.DATABASE}.eaos_metrics (entity String) ORDER BY entity")
    with pytest.raises(StoreRefused, match="init_databases"):
        clickhouse_v2.get_latest_eaos("p")
    with pytest.raises(StoreRefused, match="init_databases"):
        clickhouse_v2.insert_eaos_metric("p", AT, 0, 0, 0, 0, 0)


def test_a_wrong_url_is_no_url_of_clickhouse():
    with pytest.raises(
        InvalidValue, match=r"^CLICKHOUSE_URL is 'clickhouse://x:\*\*\*@h': expected is http:// or https"
    ):
        ClickHouseClientV2("clickhouse://x:secret@h").connect()

"""Why a check could not look to the end, in a sentence that names the store."""

from __future__ import annotations

import elastic_transport
import pytest
import redis
import urllib3
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, StreamFailureError
from elasticsearch.helpers import BulkIndexError

from tvmigrate.errors import TvmigrateError
from tvmigrate.verify.stopped import why

STOPPED = "The check stopped: "


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (TvmigrateError("A sentence of ours."), "A sentence of ours."),
        (OSError("gone\n  away"), f"{STOPPED}OSError: gone away"),
        (ValueError(), f"{STOPPED}ValueError: ValueError"),
        (ValueError("x" * 600), f"{STOPPED}ValueError: {'x' * 500}"),
        (redis.TimeoutError("slow"), f"{STOPPED}redis did not answer in the time that --timeout gives it (slow)."),
        (
            elastic_transport.ConnectionTimeout("slow"),
            f"{STOPPED}elasticsearch did not answer in the time that --timeout gives it (Connection timed out).",
        ),
        (
            OperationalError("read timed out"),
            f"{STOPPED}clickhouse did not answer in the time that --timeout gives it (read timed out).",
        ),
        (StreamFailureError("end"), f"{STOPPED}an answer of clickhouse was cut short (end)."),
        (
            urllib3.exceptions.ProtocolError("IncompleteRead(5)"),
            f"{STOPPED}an answer of clickhouse was cut short (IncompleteRead(5)).",
        ),
        (
            urllib3.exceptions.HTTPError("cut within its headers"),
            f"{STOPPED}an answer of clickhouse was cut short (cut within its headers).",
        ),
        (redis.ConnectionError("reset"), f"{STOPPED}the connection to redis broke (reset)."),
        (
            elastic_transport.ConnectionError("reset"),
            f"{STOPPED}the connection to elasticsearch broke (Connection error).",
        ),
        (urllib3.exceptions.HTTPError("reset"), f"{STOPPED}the connection to clickhouse broke (reset)."),
        (redis.ResponseError("no"), f"{STOPPED}redis could not do what was asked (ResponseError: no)."),
        (DatabaseError("no"), f"{STOPPED}clickhouse could not do what was asked (DatabaseError: no)."),
        (
            BulkIndexError("no", []),
            f"{STOPPED}elasticsearch could not do what was asked (BulkIndexError: no).",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_check_that_stopped_says_why(problem: Exception, sentence: str) -> None:
    assert why(problem) == sentence

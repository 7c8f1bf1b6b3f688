"""Why a check could not look to the end: which store was silent, went away, or cut its answer short."""

from __future__ import annotations

import elastic_transport
import redis
import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError, StreamFailureError

from tvmigrate.engines.quoting import unquoted
from tvmigrate.errors import TvmigrateError

_LONGEST = 500  # characters of a driver's own words


def why(problem: Exception) -> str:
    """Return the sentence about what a check raised; a driver's words stand in brackets."""
    if isinstance(problem, TvmigrateError):
        return str(problem)
    words = unquoted(" ".join(str(problem).split()))[:_LONGEST] or type(problem).__name__
    store = _store(problem)
    if store is None:
        return f"The check stopped: {type(problem).__name__}: {words}"
    if _is_silence(problem, words):
        return f"The check stopped: {store} did not answer in the time that --timeout gives it ({words})."
    if isinstance(problem, StreamFailureError) or "cut within its headers" in words or "IncompleteRead" in words:
        return f"The check stopped: an answer of {store} was cut short ({words})."
    if isinstance(problem, redis.ConnectionError | elastic_transport.ConnectionError | urllib3.exceptions.HTTPError):
        return f"The check stopped: the connection to {store} broke ({words})."
    return f"The check stopped: {store} could not do what was asked ({type(problem).__name__}: {words})."


def _store(problem: Exception) -> str | None:
    if isinstance(problem, redis.RedisError):
        return "redis"
    if isinstance(problem, ClickHouseError | urllib3.exceptions.HTTPError):
        return "clickhouse"
    if isinstance(problem, elastic_transport.TransportError) or type(problem).__module__.startswith("elasticsearch"):
        return "elasticsearch"
    return None


def _is_silence(problem: Exception, words: str) -> bool:
    silent = isinstance(problem, redis.TimeoutError | elastic_transport.ConnectionTimeout)
    return silent or (isinstance(problem, ClickHouseError) and "timed out" in words)

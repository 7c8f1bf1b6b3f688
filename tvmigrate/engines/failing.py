"""What a store's failure is: whose, whether it passes by itself, and how to say it.

A failure passes if the same request may well be answered a little later: the store is away or starting, or refuses
everything for now. Whoever asks again has to ask for what has the same effect when it is done twice.
"""

from __future__ import annotations

from enum import StrEnum

import elastic_transport
import elasticsearch
import redis
import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)

from tvmigrate.engines.quoting import unquoted

# https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors: the first word of an error is its kind.
_REDIS_FOR_NOW = (
    "LOADING",
    "MISCONF",
    "OOM",
    "BUSY",
    "MASTERDOWN",
    "READONLY",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "NOREPLICAS",
)
# https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
_CLICKHOUSE_FOR_NOW = {
    202,  # TOO_MANY_SIMULTANEOUS_QUERIES
    203,  # NO_FREE_CONNECTION
    209,  # SOCKET_TIMEOUT
    210,  # NETWORK_ERROR
    225,  # NO_ZOOKEEPER
    236,  # ABORTED: the server is going down
    241,  # MEMORY_LIMIT_EXCEEDED
    242,  # TABLE_IS_READ_ONLY: without Keeper
    252,  # TOO_MANY_PARTS
    285,  # TOO_FEW_LIVE_REPLICAS
    319,  # UNKNOWN_STATUS_OF_INSERT
    439,  # CANNOT_SCHEDULE_TASK
    745,  # SERVER_OVERLOADED
    999,  # KEEPER_EXCEPTION
}
_TOO_MANY_PARTITIONS = "Too many partitions"  # the same code as TOO_MANY_PARTS, of a single insert
_HTTP_FOR_NOW = {429, 502, 503, 504}
# An index that may not be written to is told with 429 too (the disk is nearly full); it takes somebody to see to that.
BLOCKED = "cluster_block_exception"


class Store(StrEnum):
    """The stores as they are named to people."""

    REDIS = "Redis"
    CLICKHOUSE = "ClickHouse"
    ELASTICSEARCH = "Elasticsearch"


def store_of(error: BaseException) -> Store | None:
    """Return which store's failure an error is; None if it is none, or nobody can tell."""
    match error:
        case redis.RedisError():
            return Store.REDIS
        case ClickHouseError() | urllib3.exceptions.HTTPError():  # the drivers of the others have errors of their own
            return Store.CLICKHOUSE
        case elasticsearch.ApiError() | elastic_transport.TransportError():
            return Store.ELASTICSEARCH
    return None


def passes(error: BaseException) -> bool:
    """Tell whether the failure may well be over a little later."""
    match error:
        case AuthenticationError() | AuthorizationError():
            return False
        case redis.ConnectionError() | redis.TimeoutError():
            return True
        # Errors that the driver knows, of which it leaves out the first word.
        case OutOfMemoryError() | ReadOnlyError() | MasterDownError() | ClusterDownError() | TryAgainError():
            return True
        case redis.RedisError():
            return str(error).startswith(_REDIS_FOR_NOW)
        case ClickHouseError():
            code = getattr(error, "code", None)
            if code is None:
                return is_away(error) or any(f"HTTP status {status}" in str(error) for status in _HTTP_FOR_NOW)
            return code in _CLICKHOUSE_FOR_NOW and _TOO_MANY_PARTITIONS not in str(error)
        case elasticsearch.ApiError():
            return error.status_code in _HTTP_FOR_NOW and error.error != BLOCKED
    return is_away(error)


def is_away(error: BaseException) -> bool:
    """Tell whether the store did not answer at all, or not to the end."""
    match error:
        case redis.ConnectionError() | redis.TimeoutError():
            return not isinstance(error, AuthenticationError)
        case OperationalError():
            return error.code is None and "HTTP status" not in str(error)
        case elastic_transport.TlsError():
            return False
        case elastic_transport.ConnectionError() | elastic_transport.ConnectionTimeout():
            return True
        case elastic_transport.SerializationError():  # half an answer is no JSON
            return True
        case urllib3.exceptions.SSLError():
            return False
    return isinstance(error, urllib3.exceptions.HTTPError | ConnectionError | TimeoutError)


def told(error: BaseException) -> str:
    """Return what happened in a few words, the store first, without the data that it quotes and a full stop."""
    reason = (unquoted(" ".join(str(error).split())) or type(error).__name__).rstrip(".")[:500]
    store = store_of(error)
    if store is None:
        return reason
    return f"{store} {'does not answer' if is_away(error) else 'refuses'}: {reason}"

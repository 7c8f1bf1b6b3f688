"""ClickHouse answers that are whole or an error: none may be cut short without anybody knowing."""

from __future__ import annotations

from typing import Any

import urllib3
from clickhouse_connect.driver.client import Client as ClickHouse
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from tvmigrate.contract.layout import literal
from tvmigrate.engines.errors import EngineError

# Settings that let the server leave out rows, and what they are where it leaves out none.
# https://clickhouse.com/docs/operations/settings/query-complexity, https://clickhouse.com/docs/operations/settings/settings
_WHOLE = {
    "limit": "0",
    "offset": "0",
    "result_overflow_mode": "throw",
    "read_overflow_mode": "throw",
    "read_overflow_mode_leaf": "throw",
    "timeout_overflow_mode": "throw",
    "timeout_overflow_mode_leaf": "throw",
    "group_by_overflow_mode": "throw",
    "sort_overflow_mode": "throw",
    "distinct_overflow_mode": "throw",
    "set_overflow_mode": "throw",
    "join_overflow_mode": "throw",
    "transfer_overflow_mode": "throw",
    "skip_unavailable_shards": "0",
    "additional_result_filter": "",
    "use_query_cache": "0",
}


# Those that do not show in system.settings; a user who may change nothing may say what already is.
_UNTOLD = ("limit", "offset")
# Those of them that every server has, and that may cut the very answer which says what they are.
_OF_ANY_QUERY = ("timeout_overflow_mode", "read_overflow_mode", "result_overflow_mode")


class ResultsCut(EngineError):  # noqa: N818 - it says what happened, as in `errors`
    """A server is set to leave out rows, and cannot be asked not to."""


class Unanswered(OperationalError):  # noqa: N818 - as above
    """Nobody knows whether an insert was done."""


class FramedPool:
    """A urllib3 pool that refuses answers which do not say where they end, and lets no insert be sent twice.

    Python's http.client takes a connection that ends within the headers for the headers' end; what is left then is a
    good answer without a body, which the driver takes for one without rows. And clickhouse-connect (1.12) sends an
    insert again when the server closes before it has answered, though the first may have been done. It does so on
    urllib3's errors, and lets others pass:
    https://github.com/ClickHouse/clickhouse-connect/blob/main/clickhouse_connect/driver/_backend/http_sync.py
    """

    def __init__(self, pool: urllib3.PoolManager) -> None:
        self._pool = pool

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Send a request.

        Raises:
            Unanswered: rows were sent, and what became of them was not told.
            HTTPError: urllib3's, of any other request; ProtocolError if the answer was cut within its headers.
        """
        rows_sent = not isinstance(options.get("body") or b"", bytes | str)
        try:
            return self._framed(method, url, **options)
        except urllib3.exceptions.HTTPError as error:
            if not rows_sent:
                raise
            raise Unanswered(f"rows were sent, and whether they were taken was not answered: {error}") from error

    def _framed(self, method: str, url: str, **options: Any) -> Any:
        response = self._pool.request(method, url, **options)
        chunked = response.headers.get("transfer-encoding", "").lower().endswith("chunked")
        if not chunked and not response.headers.get("content-length", "").isdigit():
            response.close()
            raise urllib3.exceptions.ProtocolError("the answer was cut within its headers: it does not say its length")
        return response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def require_whole_answers(client: ClickHouse) -> None:
    """See that `client` gets whole answers: with their length, and from queries that leave out no rows.

    Raises:
        ResultsCut: the user's settings let the server leave out rows, and may not be changed.
        ClickHouseError, OSError: the server does not answer.
    """
    client.http = FramedPool(client.http)  # type: ignore[attr-defined]
    names = ", ".join(map(literal, _WHOLE))
    asked = f"SELECT name, value FROM system.settings WHERE name IN ({names})"
    try:
        for name in _UNTOLD:
            _say_whole(client, name)
        told = _said(client, asked)
    except ClickHouseError:
        for name in _UNTOLD:
            client.params.pop(name, None)  # type: ignore[attr-defined]
        for name in _UNTOLD:  # one of them is refused, or something else is wrong
            _set_whole(client, name, "not 0")
        told = _said(client, asked)
    if unsaid := [name for name in _OF_ANY_QUERY if name not in told]:
        for name in unsaid:
            _set_whole(client, name, "not known, since the answer to that was cut short too")
        told = _said(client, asked)
    for name, value in told.items():
        if value != _WHOLE[name]:
            _set_whole(client, name, repr(value))


def _said(client: ClickHouse, asked: str) -> dict[str, str]:
    return {name: str(value) for name, value in client.query(asked).result_rows}


def _say_whole(client: ClickHouse, name: str) -> None:
    client.set_client_setting(name, _WHOLE[name])
    # The driver leaves off what the server said it had when the client was opened; put it there as it stands.
    client.params[name] = _WHOLE[name]  # type: ignore[attr-defined]


def _set_whole(client: ClickHouse, name: str, value: str) -> None:
    try:
        _say_whole(client, name)
        client.query("SELECT 1")
    except ClickHouseError as refused:
        why = " ".join(str(refused).split())[:300].rstrip(".")
        raise ResultsCut(
            f"ClickHouse's user has the setting {name} = {value}, which lets it cut results short without an error, "
            f"and may not set it to {_WHOLE[name]!r}: {why}. Nothing can be told of such results; name a user without "
            "that setting in CLICKHOUSE_URL."
        ) from refused

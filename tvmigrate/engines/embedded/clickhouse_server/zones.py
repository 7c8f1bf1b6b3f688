"""A Native answer's DateTime columns keep their time zone.

chdb writes Native as for the oldest clients: it calls a column of type DateTime('Asia/Tokyo') plain DateTime. A server
does not when the client names its protocol version. The types are asked for with DESCRIBE; if one has a zone, the
statement is run with a random name for each column, and names and types are put right where those names stand.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from tvmigrate.engines.embedded.clickhouse_server.engine import Handle
from tvmigrate.engines.embedded.clickhouse_server.errors import QueryError
from tvmigrate.engines.embedded.clickhouse_server.statement import Readable, last_settings

_ZONED = "DateTime('"
_PLAIN = b"\x08DateTime"  # with its length in front, as Native has it
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Zones:
    """The columns of an answer with zones: a random token that their stand-in names share, and what each is called."""

    token: bytes
    columns: tuple[tuple[str, str], ...]  # name, type

    def rename(self, select: Readable) -> Readable:
        """Return the statement with stand-in names for its columns."""
        names = ", ".join(f"{self.token.decode()}{i:0{_DIGITS}}" for i in range(len(self.columns)))
        before = (
            b"SELECT * FROM (" + select.before + b"\n) AS t(" + names.encode() + b") " + last_settings(select.before)
        )
        return Readable(before, select.behind, select.format, into_outfile=False)

    def restorer(self) -> Restorer:
        """Return what puts the names back in one answer."""
        return Restorer(self)


class Restorer:
    """Puts names and types right in a Native answer that comes in pieces."""

    def __init__(self, zones: Zones) -> None:
        self._token = zones.token
        self._size = len(zones.token) + _DIGITS
        self._zoned = [kind.startswith(_ZONED) for _, kind in zones.columns]
        self._heads = [
            _sized(name) + (_sized(kind) if kind.startswith(_ZONED) else b"") for name, kind in zones.columns
        ]
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """Return what of the answer is settled; an empty piece settles the rest."""
        data, out, at = self._held + piece, [], 0
        while (found := data.find(self._token, at)) >= 0:
            end = found + self._size + len(_PLAIN)
            if end > len(data) and piece:
                break
            index = int(data[found + len(self._token) : found + self._size])
            out += [data[at : found - 1], self._heads[index]]  # one byte before it is its length
            at = end if self._zoned[index] else found + self._size
        keep = 0
        if piece:
            keep = len(data) - (found - 1) if found >= 0 else min(len(self._token), len(data) - at)
        cut = len(data) - keep
        self._held = data[cut:]
        return b"".join(out) + data[at:cut]


def _sized(text: str) -> bytes:
    raw = text.encode()
    size, out = len(raw), b""
    while size > 0x7F:
        out += bytes((size & 0x7F | 0x80,))
        size >>= 7
    return out + bytes((size,)) + raw


def find_zones(handle: Handle, select: Readable, params: Mapping[str, str]) -> Zones | None:
    """Return the columns of a SELECT if the type of one is a DateTime with a time zone."""
    try:
        rows = handle.run(b"DESCRIBE TABLE (" + select.before + b"\n)", "JSONCompactEachRow", params).answer
    except QueryError:
        return None  # running the statement says what is wrong, and to whom
    columns = tuple((row[0], row[1]) for row in map(json.loads, rows.splitlines()))
    if not any(kind.startswith(_ZONED) for _, kind in columns):
        return None
    return Zones(f"c{secrets.token_hex(16)}".encode(), columns)

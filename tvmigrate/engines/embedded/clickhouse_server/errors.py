"""What goes wrong in a request, as ClickHouse says it: a code, a text and the HTTP status that belongs to the code."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

VERSION_SUFFIX = re.compile(r" \(version [^()]*(?:\([^()]*\))?\)\s*$")
ENGINE_TEXT = re.compile(r"Code: (\d+)\. DB::(?:Net)?Exception: (.*)", re.DOTALL)
ENDS_WITH_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)\s*$")


class Code(IntEnum):
    """The codes this server raises itself; their names are ClickHouse's (src/Common/ErrorCodes.cpp)."""

    BAD_ARGUMENTS = 36
    NOT_IMPLEMENTED = 48
    SYNTAX_ERROR = 62
    CANNOT_DECOMPRESS = 271
    READONLY = 164
    UNKNOWN_COMPRESSION_METHOD = 89
    SESSION_NOT_FOUND = 372
    SESSION_IS_LOCKED = 373
    INVALID_SESSION_TIMEOUT = 374
    QUERY_WAS_CANCELLED = 394
    AUTHENTICATION_FAILED = 516
    UNKNOWN_EXCEPTION = 1002


# https://github.com/ClickHouse/ClickHouse/blob/master/src/Server/HTTP/exceptionCodeToHTTPStatus.cpp
_STATUS: Final[dict[int, frozenset[int]]] = {
    400: frozenset(
        {
            6, 8, 10, 25, 26, 27, 36, 38, 41, 44, 53, 72, 117, 167, 168, 223, 15, 427, 441, 675, 676, 376, 62, 321, 69,
            118,
        }
    ),
}  # fmt: skip

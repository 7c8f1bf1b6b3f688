"""What goes wrong in a request, as ClickHouse says it: a code, a text, and the code's HTTP status."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from tvmigrate.errors import TvmigrateError


class Code(IntEnum):
    """The codes this server raises itself, under ClickHouse's names (its src/Common/ErrorCodes.cpp)."""

    BAD_ARGUMENTS = 36
    NOT_IMPLEMENTED = 48
    SYNTAX_ERROR = 62
    UNKNOWN_COMPRESSION_METHOD = 89
    READONLY = 164
    CANNOT_DECOMPRESS = 271
    INTO_OUTFILE_NOT_ALLOWED = 358
    SESSION_NOT_FOUND = 372
    SESSION_IS_LOCKED = 373
    INVALID_SESSION_TIMEOUT = 374
    QUERY_WAS_CANCELLED = 394
    AUTHENTICATION_FAILED = 516
    UNKNOWN_EXCEPTION = 1002


# https://github.com/ClickHouse/ClickHouse/blob/master/src/Server/HTTP/exceptionCodeToHTTPStatus.cpp
_CODES_OF_STATUS: Final = {
    400: "6 8 15 25 26 27 36 37 38 41 44 53 62 72 117 123 167 168 223 321 376 427 441 675 676",
    401: "194",
    403: "192 193 497 512 516",
    404: "46 47 50 56 60 63 73 78 81 115 152 336 511",
    408: "159",
    411: "381",
    413: "229",
    415: "779",
    501: "48",
    503: "76 209 439",
}
_STATUS_OF_CODE: Final = {int(code): status for status, codes in _CODES_OF_STATUS.items() for code in codes.split()}

_ENGINE_TEXT = re.compile(r"Code: (\d+)\. DB::(?:\w+)?Exception: (.*)", re.DOTALL)
_VERSION = re.compile(r"\s*\(version [^()]*(?:\([^()]*\))?\)\.?")
_NAMED_AGAIN = re.compile(r"(\([A-Z][A-Z0-9_]{2,}\))(?:[. ]*\1)+$")


class QueryError(TvmigrateError):
    """A request that failed; `code` and `text` are what a ClickHouse server would answer."""

    def __init__(self, code: int, text: str) -> None:
        """Take ClickHouse's numeric code and the message without `Code: N. DB::Exception: `."""
        super().__init__(text)
        self.code = code
        self.text = text

    @classmethod
    def own(cls, code: Code, text: str) -> QueryError:
        """Return an error that this server, not the engine, found; the code's name is put behind the text."""
        return cls(code, f"{text} ({code.name})")

    @classmethod
    def from_engine(cls, error: Exception) -> QueryError:
        """Read code and message out of an exception of chdb, which may repeat and wrap them."""
        said = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
        found = _ENGINE_TEXT.search(said)
        if found is None:
            return cls.own(Code.UNKNOWN_EXCEPTION, said)
        code, text = int(found[1]), found[2]
        while again := _ENGINE_TEXT.match(text):
            code, text = int(again[1]), again[2]
        text = _VERSION.sub("", text).rstrip()
        return cls(code, _NAMED_AGAIN.sub(r"\1", text))

    @property
    def status(self) -> int:
        """The HTTP status ClickHouse gives this code; 500 for all that have none of their own."""
        return _STATUS_OF_CODE.get(self.code, 500)

    def line(self, version: str) -> str:
        """Return the answer's body: `Code: 60. DB::Exception: … (UNKNOWN_TABLE) (version 26.9.2.1)`."""
        return f"Code: {self.code}. DB::Exception: {self.text} (version {version})\n"


def exception_block(message: str, tag: str) -> bytes:
    """Return what a ClickHouse server appends to an answer that fails after it has begun.

    Readers that know `tag` (the header X-ClickHouse-Exception-Tag) find it whatever the format before it is.
    https://clickhouse.com/docs/interfaces/http#http_response_codes_caveats
    """
    body = message.encode(errors="backslashreplace")
    mark = tag.encode()
    return b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (mark, body, len(body), mark)

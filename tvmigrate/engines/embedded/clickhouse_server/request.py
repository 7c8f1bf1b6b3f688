"""What one HTTP request asks for, read from its URL, headers and form, before anything is run."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tvmigrate.engines.embedded.clickhouse_server.errors import Code, QueryError

# Parameters of the HTTP interface itself; every other one is a setting.
# https://clickhouse.com/docs/interfaces/http
_INTERFACE: Final = frozenset(
    {
        *("query", "query_id", "database", "default_format", "user", "password", "quota_key", "role"),
        *("session_id", "session_timeout", "session_check", "close_session"),
        *("wait_end_of_query", "buffer_size", "compress", "decompress", "stacktrace"),
        *("client_protocol_version", "http_response_headers"),
    }
)
_EXTERNAL_SUFFIXES: Final = ("_format", "_types", "_structure")
DEFAULT_BUFFER: Final = 1 << 20  # bytes held back, so that an early error still has a status; ClickHouse's default
MAX_SESSION_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks: a user and password, or a bearer token."""

    user: str
    password: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class External:
    """One table sent along with a query: its name, columns and format, and where its rows are read."""

    name: str
    structure: str
    format: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's parameters, sorted by what they mean."""

    method: str
    query: bytes
    credentials: Credentials
    database: str | None
    format: str
    query_id: str
    settings: Mapping[str, str]
    params: Mapping[str, str]
    session_id: str | None
    session_timeout: int  # seconds
    session_check: bool
    close_session: bool
    wait: bool
    buffer_size: int
    role: str | None
    accept_encoding: str
    content_encoding: str
    extra: Mapping[str, str] = field(default_factory=dict)  # `<table>_format` and its like, when tables come along

    @property
    def readonly(self) -> int:
        """0, or the level of `readonly` that holds for this request: GET and HEAD imply 2."""
        given = self.settings.get("readonly", "0")
        level = int(given) if given.isdigit() else 0
        return level or (2 if self.method in ("GET", "HEAD") else 0)

    @property
    def packs(self) -> bool:
        """Whether the client asked for a packed answer."""
        return self.settings.get("enable_http_compression", "0").lower() in ("1", "true")

    def with_form(self, fields: Mapping[str, str]) -> Asked:
        """Add the fields of a form: `query` is put behind the URL's, `param_…` and settings beside them."""
        params = {
            **self.params,
            **{name[6:]: text for name, text in fields.items() if name.startswith("param_")},
        }
        query = self.query
        if "query" in fields:
            query = (query + b"\n" if query else b"") + fields["query"].encode()
        others = {name: text for name, text in fields.items() if name != "query" and not name.startswith("param_")}
        return replace(self, query=query, params=params, settings={**self.settings, **_settings(others)})

    def without_external(self, names: frozenset[str]) -> Asked:
        """Take the description of the tables that come along out of the settings."""
        keys = {name + suffix for name in names for suffix in _EXTERNAL_SUFFIXES}
        return replace(
            self,
            settings={name: text for name, text in self.settings.items() if name not in keys},
            extra={name: text for name, text in self.settings.items() if name in keys},
        )

    def external(self, name: str) -> External:
        """Return the table `name` that came along.

        Raises:
            QueryError: neither `{name}_structure` nor `{name}_types` says what its columns are.
        """
        structure = self.extra.get(f"{name}_structure")
        types = self.extra.get(f"{name}_types")
        if structure is None and types is not None:
            structure = ", ".join(f"_{i} {kind}" for i, kind in enumerate(_split_types(types), 1))
        if not structure:
            raise QueryError.own(
                Code.BAD_ARGUMENTS,
                f"External table {name!r} came without its columns: send {name}_structure or {name}_types in the URL.",
            )
        return External(name, structure, self.extra.get(f"{name}_format", "TabSeparated"))


def ask(method: str, url: Mapping[str, str], headers: Mapping[str, str]) -> Asked:
    """Sort a request's URL parameters and headers (names in small letters).

    Raises:
        QueryError: a parameter has a value that it cannot have.
    """
    for unsupported in ("compress", "decompress"):
        if _flag(url, unsupported):
            raise QueryError.own(
                Code.NOT_IMPLEMENTED,
                f"{unsupported}=1 (ClickHouse's own block format) is not served: "
                "use Content-Encoding or Accept-Encoding.",
            )
    timeout = _whole(url, "session_timeout", 60)
    if timeout > MAX_SESSION_SECONDS:
        raise QueryError.own(
            Code.INVALID_SESSION_TIMEOUT,
            f"Session timeout '{timeout}' is larger than max_session_timeout: {MAX_SESSION_SECONDS}.",
        )
    return Asked(
        method=method,
        query=url.get("query", "").encode(errors="surrogateescape"),
        credentials=_credentials(url, headers),
        database=url.get("database") or headers.get("x-clickhouse-database") or None,
        format=url.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
        query_id=url.get("query_id") or headers.get("x-clickhouse-query-id") or str(uuid.uuid4()),
        settings=_settings(url),
        params={name[6:]: text for name, text in url.items() if name.startswith("param_")},
        session_id=url.get("session_id") or None,
        session_timeout=timeout,
        session_check=_flag(url, "session_check"),
        close_session=_flag(url, "close_session"),
        wait=_flag(url, "wait_end_of_query"),
        buffer_size=_whole(url, "buffer_size", DEFAULT_BUFFER),
        role=url.get("role") or None,
        accept_encoding=headers.get("accept-encoding", ""),
        content_encoding=headers.get("content-encoding", ""),
    )


def _settings(named: Mapping[str, str]) -> dict[str, str]:
    return {n: text for n, text in named.items() if n not in _INTERFACE and not n.startswith("param_")}


def _flag(url: Mapping[str, str], name: str) -> bool:
    return url.get(name, "0").lower() in ("1", "true")


def _whole(url: Mapping[str, str], name: str, default: int) -> int:
    text = url.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise QueryError.own(Code.BAD_ARGUMENTS, f"{name} is {text!r}, a whole number was expected.")
    return int(text)


def _credentials(url: Mapping[str, str], headers: Mapping[str, str]) -> Credentials:
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return Credentials(headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", ""))
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise QueryError.own(
                Code.AUTHENTICATION_FAILED, "The Authorization header is not Basic authentication in base64."
            ) from None
        return Credentials(user or "default", password)
    if scheme.lower() == "bearer":
        return Credentials("default", "", rest.strip())
    return Credentials(url.get("user") or "default", url.get("password", ""))


def _split_types(types: str) -> list[str]:
    parts, depth = [""], 0
    for letter in types:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]

"""Where the parts of one SQL statement lie: an INSERT's inline data, and the place of an output clause.

Only tokens are read; the engine's own parser judges the statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_TOKEN = re.compile(
    rb"""
      (?P<blank>   \s++ | --[^\n]*+ | \#[!\ ][^\n]*+ | /\*.*?\*/ )
    | (?P<string>  '(?:[^'\\]++|\\.|'')*+' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<quoted>  `(?:[^`\\]++|\\.|``)*+` | "(?:[^"\\]++|\\.|"")*+" )
    | (?P<word>    [A-Za-z_][A-Za-z0-9_]*+ )
    | (?P<number>  [0-9][A-Za-z0-9_.]*+ )
    | (?P<cut>     /\*.* | '.* | `.* | ".* )
    | (?P<symbol>  . )
    """,
    re.VERBOSE | re.DOTALL,
)
_SELECTS = frozenset({b"SELECT", b"WITH", b"FROM", b"WATCH", b"EXPLAIN"})


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: bytes  # words in capitals, everything else as written
    start: int
    end: int
    depth: int  # of brackets around it; a bracket has the depth outside of it


@dataclass(frozen=True, slots=True)
class InlineInsert:
    """An INSERT with rows behind its text: `head` ends before FORMAT or VALUES, rows begin at `data_at`."""

    head: bytes
    format: str
    data_at: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The bytes at hand end before it is clear what the statement is."""


def _tokens(text: bytes) -> Iterator[_Token]:
    depth = 0
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or ""
        if kind == "tag":
            kind = "string"
        if kind == "blank":
            continue
        raw = found[0]
        if raw in (b")", b"]", b"}"):
            depth -= 1
        yield _Token(kind, raw.upper() if kind == "word" else raw, found.start(), found.end(), depth)
        if raw in (b"(", b"[", b"{"):
            depth += 1


def _skip_target(tokens: list[_Token], at: int) -> int:
    """Return the index behind `INSERT INTO [TABLE] [FUNCTION] name[.name…]`; a name is any token or `{…}`."""
    at += 1
    for word in (b"INTO", b"TABLE", b"FUNCTION"):
        if at + 1 < len(tokens) and tokens[at].text == word and tokens[at + 1].text not in (b".", b"("):
            at += 1
    while at < len(tokens):
        if tokens[at].text == b"{":
            at = next((i for i in range(at, len(tokens)) if tokens[i].text == b"}"), len(tokens))
        at += 1
        if at >= len(tokens) or tokens[at].text != b".":
            return at
        at += 1
    return at


def _settings_end(tokens: list[_Token], at: int) -> int:
    """Return the index behind the `name = value, …` that starts at `at`."""
    while at + 2 < len(tokens) and tokens[at].kind == "word" and tokens[at + 1].text == b"=":
        at += 3
        if at < len(tokens) and tokens[at].text == b",":
            at += 1
            continue
        break
    return at


def _data_start(text: bytes, at: int) -> int:
    """Rows begin behind blanks and one line end after FORMAT, as in ClickHouse's ParserInsertQuery."""
    while text[at : at + 1] in (b" ", b"\t", b"\f"):
        at += 1
    if text[at : at + 1] == b"\r":
        at += 1
    return at + 1 if text[at : at + 1] == b"\n" else at


def find_inline_insert(text: bytes, *, complete: bool) -> InlineInsert | Cut | None:
    """Say whether `text`, the beginning of a statement, is an INSERT with rows behind it.

    Returns None for any other statement, `Cut` when more than `text` is needed to tell (never if `complete`).
    """
    size = 2048  # rows must not be read as tokens, so only as much is looked at as is needed
    while True:
        found = _inline(text[:size], complete=complete and size >= len(text))
        if not isinstance(found, Cut) or size >= len(text):
            return found
        size *= 8


def _inline(text: bytes, *, complete: bool) -> InlineInsert | Cut | None:
    unclear = None if complete else Cut()
    tokens = list(_tokens(text))
    if not tokens or tokens[0].kind == "cut":
        return unclear
    if tokens[0].text != b"INSERT":
        return unclear if tokens[0].end == len(text) else None
    at = _skip_target(tokens, 0)
    while at < len(tokens):
        token = tokens[at]
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        if token.depth == 0 and token.kind == "word":
            if token.text in _SELECTS:
                return None
            if token.text == b"VALUES":
                return unclear if following is None and not complete else _with_values(text, token)
            if token.text == b"FORMAT":
                found = _with_format(text, tokens, at) if following is not None else None
                return unclear if found is None or (found.data_at >= len(text) and not complete) else found
        elif token.depth == 0 and token.text == b"(" and following is not None and following.text in _SELECTS:
            return None
        at += 1
    return unclear


def _with_values(text: bytes, values: _Token) -> InlineInsert:
    return InlineInsert(text[: values.start].rstrip(), "Values", values.end)


def _with_format(text: bytes, tokens: list[_Token], at: int) -> InlineInsert:
    name = tokens[at + 1]
    head, end = text[: tokens[at].start], name.end
    if at + 3 < len(tokens) and tokens[at + 2].text == b"SETTINGS":
        behind = _settings_end(tokens, at + 3)
        end = tokens[behind - 1].end
        head += text[tokens[at + 2].start : end]
    return InlineInsert(head.rstrip(), text[name.start : name.end].strip(b'`"').decode(), _data_start(text, end))


@dataclass(frozen=True, slots=True)
class Readable:
    """What stands before and behind an output clause in a statement, and the format it asks for."""

    before: bytes
    behind: bytes
    format: str | None
    into_outfile: bool

    def into(self, path: str, format_name: str) -> bytes:
        """Return the statement that writes its answer to `path`, in its own format or else `format_name`."""
        given = b"" if self.format else f" FORMAT {format_name}".encode()
        return self.before + f" INTO OUTFILE '{path}' TRUNCATE".encode() + given + b" " + self.behind


def find_output(text: bytes) -> Readable:
    """Split a SELECT where ClickHouse's grammar has INTO OUTFILE: before FORMAT, or else at its end."""
    tokens = [token for token in _tokens(text) if token.kind != "cut"]
    while tokens and tokens[-1].text == b";":
        tokens.pop()
    end = tokens[-1].end if tokens else 0
    outfile = any(one.text == b"INTO" and two.text == b"OUTFILE" and one.depth == 0 for one, two in pairwise(tokens))
    for i in range(len(tokens) - 2, -1, -1):
        token, name = tokens[i], tokens[i + 1]
        last = i + 2 == len(tokens) or tokens[i + 2].text == b"SETTINGS"
        if token.text == b"FORMAT" and token.depth == 0 and name.kind in ("word", "quoted") and last:
            written = text[name.start : name.end].strip(b'`"').decode()
            return Readable(text[: token.start], text[token.start : end], written, outfile)
    return Readable(text[:end], b"", None, outfile)


def last_settings(text: bytes) -> bytes:
    """Return the SETTINGS clause that a SELECT ends with, or nothing."""
    tokens = list(_tokens(text))
    for i in range(len(tokens) - 3, 0, -1):
        clause = tokens[i].text == b"SETTINGS" and tokens[i].depth == 0
        if clause and tokens[i + 1].kind == "word" and tokens[i + 2].text == b"=":
            return text[tokens[i].start : tokens[-1].end]
    return b""


def is_blank(text: bytes) -> bool:
    """Whether a text has nothing but blanks, comments and semicolons."""
    return all(token.text == b";" for token in _tokens(text))


def first_words(text: bytes, count: int) -> tuple[str, ...]:
    """Return up to `count` leading words in capitals, brackets before them left out."""
    words: list[str] = []
    for token in _tokens(text):
        if token.kind == "word":
            words.append(token.text.decode())
        elif token.text != b"(":
            break
        if len(words) == count:
            break
    return tuple(words)

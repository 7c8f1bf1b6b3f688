"""ClickHouse statements, by sqlglot's tokens; what its parser does not know is told."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from tvmigrate.lint.read.text import Text
from tvmigrate.lint.statement import Place, Sql, Statement, Unread, Via, Word, word_set

VERBS = word_set(
    "SELECT WITH INSERT CREATE DROP ALTER RENAME EXCHANGE TRUNCATE OPTIMIZE DELETE UPDATE ATTACH DETACH BACKUP RESTORE "
    "SYSTEM SET USE SHOW DESCRIBE DESC EXPLAIN EXISTS KILL CHECK GRANT REVOKE UNDROP SOURCE REPLACE WATCH MOVE"
)
# Those sqlglot has no grammar for: the tokens are all there is.
_BY_TOKENS = word_set(
    "RENAME EXCHANGE OPTIMIZE ATTACH DETACH BACKUP RESTORE SYSTEM SOURCE KILL CHECK UNDROP GRANT REVOKE WATCH MOVE "
    "EXISTS SHOW USE SET EXPLAIN REPLACE TRUNCATE DESCRIBE DESC"
)
MADE_UP = "Ω"  # marks a name, or the part of one, that is known only at run time
_NOWHERE = Place("", 0, 0)
_PLACEHOLDER = re.compile(r"\$\{?(\w+)[^}\s'\"`,;().]*\}?|\{(\w+):\s*Identifier\}|\{(\w*)\}")


class _Words(ClickHouse.Tokenizer):
    """ClickHouse's words; sqlglot's own tokenizer takes what follows RENAME or OPTIMIZE as one opaque text."""

    COMMANDS: ClassVar[set[TokenType]] = set()


def looks_like_sql(text: str) -> bool:
    """Say whether a text of unknown language starts as a statement does, with enough after the verb."""
    found = re.match(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*\(?\s*([A-Za-z]+)\s+[\w`*({$'\"/]", text, re.DOTALL)
    return bool(found) and found is not None and found[1].upper() in VERBS


def read_sql(text: Text, via: Via, settings: frozenset[str] = frozenset(), saved: bool = False) -> Iterator[Statement]:
    """Yield the statements of a text; names that are made at run time become identifiers that start with `MADE_UP`."""
    filled = Text(_fill(text.value), text.line, text.column, text.around)
    try:
        tokens = _Words(dialect=ClickHouse).tokenize(filled.value)
    except TokenError as error:
        yield Unread(text.place(), f"SQL that is no sequence of words: {_first_line(error)}")
        return
    locate = filled.locate()
    statement: list[Token] = []
    for token in [*tokens, None]:
        if token is not None and token.token_type is not TokenType.SEMICOLON:
            statement.append(token)
        elif statement:
            text_of_it = filled.value[statement[0].start : statement[-1].end + 1]
            words = tuple(_word(token, locate(token.start)) for token in _without_data(statement))
            yield from _one(text_of_it, words, locate(statement[0].start), Sql(_NOWHERE, "", (), via, settings, saved))
            statement = []


def _one(text: str, words: tuple[Word, ...], place: Place, given: Sql) -> Iterator[Statement]:
    """Yield one statement; `given` has what is said of it from outside."""
    verb = words[0].text.upper()
    if verb not in VERBS and verb != "(":
        yield Unread(place, f"SQL that starts with {words[0].text!r}, which is no ClickHouse statement")
        return
    unread = None if verb in _BY_TOKENS else _why_not(text)
    saved = given.saved or "OUTFILE" in {word.text.upper() for word in words}
    yield replace(given, place=place, text=text, tokens=words, saved=saved)
    if unread:
        yield Unread(place, f"the whole of this {verb}, only its words: {unread}")


def _without_data(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return the tokens of a statement without the rows after its VALUES."""
    if tokens[0].text.upper() == "INSERT":
        for index, token in enumerate(tokens):
            if token.text.upper() == "SELECT":
                break
            if token.text.upper() == "VALUES":
                return tokens[: index + 1]
    return tokens


def _word(token: Token, place: Place) -> Word:
    is_text, is_quoted = token.token_type is TokenType.STRING, token.token_type is TokenType.IDENTIFIER
    return Word(token.text, place.line, place.column, is_text, is_quoted)


# Clauses of ClickHouse that sqlglot's grammar lacks and no hazard is hidden in.
_LACKING = (
    (re.compile(r"\bINTO\s+OUTFILE\s+'[^']*'(\s+(TRUNCATE|APPEND))?(\s+COMPRESSION\s+'[^']*')?", re.IGNORECASE), ""),
    (re.compile(r"\bCLONE\s+AS\b", re.IGNORECASE), "AS"),
    (re.compile(r"(\bINSERT\s+INTO\b.*?)\bFORMAT\s+\w+.*\Z", re.IGNORECASE | re.DOTALL), r"\1 VALUES (1)"),
    (re.compile(r"\A(INSERT\s+INTO\s[^;']{0,500}?\bVALUES)\b.*\Z", re.IGNORECASE | re.DOTALL), r"\1 (1)"),
    (re.compile(r"\bFORMAT\s+\w+\s*\Z", re.IGNORECASE), ""),
    (re.compile(r"\bFROM\s+INFILE\s+'[^']*'", re.IGNORECASE), "VALUES (1)"),
    (re.compile(r"\A(ALTER\s+TABLE\s+\S+).*\Z", re.IGNORECASE | re.DOTALL), r"\1 ADD COLUMN x Int8"),
    (re.compile(r"\A(DELETE\s+FROM\s+\S+)\s+ON\s+CLUSTER\s+\S+", re.IGNORECASE), r"\1"),
)


def _why_not(statement: str) -> str | None:
    """Return what sqlglot cannot parse of a statement; None if it can."""
    for pattern, plain in _LACKING:
        statement = pattern.sub(plain, statement)
    try:
        with _no_word_of_commands():
            ClickHouse().parse(statement)
    except (ParseError, TokenError) as error:
        return _first_line(error)
    return None


@contextmanager
def _no_word_of_commands() -> Iterator[None]:
    """Keep sqlglot from logging that it takes what is ClickHouse's alone as an opaque command: the words are judged."""

    def other(record: logging.LogRecord) -> bool:
        return "Falling back to parsing as a 'Command'" not in record.getMessage()

    logger = logging.getLogger("sqlglot")
    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


def _first_line(error: Exception) -> str:
    return re.sub(r"\x1b\[\d+m", "", str(error).splitlines()[0]).rstrip(".")


def _fill(text: str) -> str:
    """Put an identifier where a name is made at run time."""
    return _PLACEHOLDER.sub(lambda found: MADE_UP + (found[1] or found[2] or found[3] or ""), text)

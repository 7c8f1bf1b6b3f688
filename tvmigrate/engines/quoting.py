"""What an engine says when it refuses something, without the data that it quotes: a log is no place for them."""

from __future__ import annotations

import re

QUOTED = "…"
# Each has the words that stay before and after what an engine puts in from a record. A value may hold a quote itself:
# what goes reaches to the last one that can be its end.
_QUOTES = (
    # Within the text of a driver's error the sign before a quote is a backslash.
    # https://github.com/elastic/elasticsearch/blob/main/server/src/main/java/org/elasticsearch/index/mapper/FieldMapper.java
    re.compile(r"(failed to parse date field \[).*(\] with format)", re.DOTALL),
    re.compile(r"([Ff]or input string: \").*(\")", re.DOTALL),
    re.compile(r"(Preview of field\\?'s value: \\?').*(')", re.DOTALL),
    re.compile(r"(first immense term is: '\[)[^\]]*(\])"),
    # https://github.com/ClickHouse/ClickHouse/blob/master/src/IO/ReadHelpers.cpp and the formats' diagnostics
    re.compile(r"(parsed text: \")[^\n]*?(\"(?:\s|,|$))"),
    re.compile(r"(before: ').*(')", re.DOTALL),
    re.compile(r"(Cannot read floating point value here: ).*(: Cannot parse)", re.DOTALL),
    re.compile(r"(Unknown element ').*(' for enum)", re.DOTALL),
    re.compile(r"(In scope ).*( \([A-Z_]+\))", re.DOTALL),  # a statement, which may name values
    re.compile(r"(Cannot parse (?:string|\w+) ').*?(' as )", re.DOTALL),
    # https://github.com/redis/redis/blob/unstable/src/server.c, commandCheckExistence; redis-py, annotate_exception
    re.compile(r"(with args beginning with: )'.*()", re.DOTALL),
    re.compile(r"(Command # \d+ \(\w+ ).*(\) of pipeline caused error)", re.DOTALL),
)


def unquoted(text: str) -> str:
    """Return an engine's or a driver's words with `…` in the place of what they quote of the data."""
    for quote in _QUOTES:
        text = quote.sub(rf"\g<1>{QUOTED}\g<2>", text)
    return text

"""A Markdown guide, by markdown-it-py: its fenced blocks by language, and what its advice tells the reader to run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tvmigrate.lint.read.http import read_console
from tvmigrate.lint.read.python import read_python
from tvmigrate.lint.read.redis import COMMANDS, read_redis
from tvmigrate.lint.read.shell import read_shell
from tvmigrate.lint.read.sql import VERBS, looks_like_sql, read_sql
from tvmigrate.lint.read.text import Text
from tvmigrate.lint.statement import Statement, Unread, speaks_of_rollback, word_set

_SHELL = frozenset({"bash", "sh", "shell", "zsh", "console", "shell-session", "terminal"})
_PYTHON = frozenset({"python", "py", "python3"})
_SQL = frozenset({"sql", "clickhouse"})
_REQUESTS = frozenset({"http", "es", "elasticsearch", "kibana", "rest"})
# Blocks in these hold data, settings or output, and nothing that runs against a store.
_NO_COMMANDS = word_set(
    "json json5 jsonc yaml yml toml ini conf text txt plain plaintext output log diff mermaid markdown md xml html css "
    "csv properties dockerfile gherkin makefile"
)
_CLIENT_LINE = re.compile(r"(?m)^\s*(?:\$ )?(?:sudo )?(?:docker|redis-cli|clickhouse-client|curl)\b")
_ADVICE = re.compile(r"^\W*(?:solution|fix|workaround|cách khắc phục|giải pháp)\b\W*", re.IGNORECASE)
_CODE = re.compile(r"`([^`\n]+)`")


def read_markdown(text: Text) -> Iterator[Statement]:
    """Yield the statements of a guide in order; below a heading that speaks of the way back they belong to that."""
    lines = text.value.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    headings: list[tuple[int, str]] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(text.value)
    for token, following in zip(tokens, [*tokens, None][1:], strict=True):
        if token.type == "heading_open" and following is not None:
            level = int(token.tag[1])
            headings = [one for one in headings if one[0] < level] + [(level, following.content)]
        if token.map is None:
            continue
        back = any(speaks_of_rollback(heading) for _, heading in headings)
        group = f"{text.around.path}:{token.map[0]}"
        around = replace(text.around, rollback=back, script=False, group=group)
        first, last = token.map
        whole = replace(text.part(starts[first], starts[min(last, len(lines))]), around=around)
        if token.type == "fence":
            yield from _block(token, whole, lines[first])
        elif token.type == "inline" and token.level <= 3:
            yield from _advice(whole)


def lines_of_data(text: str) -> set[int]:
    """Return the lines (from 1) of the blocks that hold no commands: a comment in them speaks of nothing."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    fences = [token for token in tokens if token.type == "fence" and token.map and _language(token) in _NO_COMMANDS]
    return {line for token in fences for line in range((token.map or [0])[0] + 1, (token.map or [0, 0])[1] + 1)}


def _language(token: Token) -> str:
    return (token.info.split() or [""])[0].lower().strip("{}.")


def _block(token: Token, whole: Text, opening: str) -> Iterator[Statement]:
    """Yield the statements of a fenced block."""
    inner = replace(whole, value=token.content, line=whole.line + 1, column=len(opening) - len(opening.lstrip()) + 1)
    language = _language(token)
    if language in _SHELL:
        yield from read_shell(inner)
    elif language in _SQL:
        yield from read_sql(inner, "client")
    elif language in _PYTHON:
        yield from read_python(inner, read_shell)
    elif language == "redis":
        yield from read_redis(inner)
    elif language in _REQUESTS:
        yield from read_console(inner)
    elif not language:
        yield from _unnamed(inner)
    elif language not in _NO_COMMANDS:
        yield Unread(inner.place(), f"a block of {language}")


def _unnamed(text: Text) -> Iterator[Statement]:
    """Yield the statements of a block without a language, if it starts as one that is known; else it is output."""
    words = text.value.split(maxsplit=2)
    if _CLIENT_LINE.search(text.value):
        yield from read_shell(text)
    elif (words and words[0] in COMMANDS and len(words) > 1) or (words and words[0] in {"FLUSHDB", "FLUSHALL"}):
        yield from read_redis(text)
    elif words and words[0] in VERBS and looks_like_sql(text.value):
        yield from read_sql(text, "client")


def _advice(paragraph: Text) -> Iterator[Statement]:
    """Yield the code of a line that tells what to do (`Solution: … use …`): a reader will run it.

    A code span in any other prose is talk about a command, not a command.
    """
    start = 0
    for line in paragraph.value.splitlines(keepends=True):
        if _ADVICE.match(line):
            for found in _CODE.finditer(line):
                yield from _advised(paragraph.part(start + found.start(1), start + found.end(1)))
        start += len(line)


def _advised(code: Text) -> Iterator[Statement]:
    words = code.value.split() or [""]
    if words[0] in VERBS and len(words) > 1:
        yield from (one for one in read_sql(code, "client") if not isinstance(one, Unread))
    elif words[0] in COMMANDS:
        yield from read_redis(code)
    elif _CLIENT_LINE.match(code.value):
        yield from read_shell(code)

"""What a guide's reader types at a store's prompt, after a line that opens one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tvmigrate.lint.read.redis import read_redis
from tvmigrate.lint.read.sql import read_sql
from tvmigrate.lint.read.text import Text
from tvmigrate.lint.statement import Statement, Store

_LEAVES_PROMPT = re.compile(r"(?m)^(?:exit|quit|\\q)\b.*$|^(?=\s*(?:docker|redis-cli|clickhouse-client|curl|sudo)\b)")


def at_prompt(text: Text, store: Store, start: int) -> tuple[Iterator[Statement], Text | None]:
    """Return what is typed from `start` on, and the text after leaving the prompt, which is the shell's again."""
    left = _LEAVES_PROMPT.search(text.value, start + 1)
    typed = text.part(start, len(text.value) if left is None else left.start())
    after = None if left is None else text.part(left.end(), len(text.value))
    if store == "redis":
        return read_redis(typed), after
    # A guide comments as in a shell.
    commented = re.sub(r"(?m)^(\s*)#(?!\s*tvmigrate)", r"\1--", typed.value)
    return _statements(replace(typed, value=commented)), after


def _statements(text: Text) -> Iterator[Statement]:
    """Yield SQL as typed at a prompt, where a line without a semicolon may be a statement of its own."""
    if ";" in text.value:
        yield from read_sql(text, "client")
        return
    for found in re.finditer(r"(?m)^(?!\s*(?:--|#))\s*(\S.*(?:\n[ \t]+\S.*)*)", text.value):
        yield from read_sql(text.part(found.start(1), found.end(1)), "client")

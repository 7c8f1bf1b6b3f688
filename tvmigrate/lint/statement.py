"""What a migration says to the stores and to the shell: one value a statement, each with its place in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Store = Literal["redis", "clickhouse", "elasticsearch"]
Via = Literal["shell", "client", "python"]  # a command line, the store's own prompt or file, a driver


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement starts: file, line and column (both from 1), and whether it belongs to a way back."""

    path: str
    line: int
    column: int
    rollback: bool = False


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text as a set: how a long list of commands is written here."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Word:
    """A word of SQL; `is_text`: a literal in quotes, `is_quoted`: a name in backticks or double quotes."""

    text: str
    line: int
    column: int
    is_text: bool = False
    is_quoted: bool = False

    @property
    def is_name(self) -> bool:
        """Whether it can be a name."""
        return self.is_quoted or (not self.is_text and bool(re.fullmatch(r"\w+", self.text)))


@dataclass(frozen=True, slots=True)
class Redis:
    """A Redis command; `name` in capitals, `--RDB` for the dump of `redis-cli --rdb FILE`.

    `many`: its keys come from a loop or from `xargs`. `group`: statements of one function or one file, in which the
    same text of a key means the same key. Of a key made at run time the fixed parts are there, `$name` for the rest.
    """

    place: Place
    name: str
    args: tuple[str, ...]
    via: Via
    many: bool = False
    group: str = ""
    store: Store = "redis"


@dataclass(frozen=True, slots=True)
class Sql:
    """One ClickHouse statement as its words; `settings` are those given beside it (options, a dict)."""

    place: Place
    text: str
    tokens: tuple[Word, ...]
    via: Via
    settings: frozenset[str] = frozenset()
    saved: bool = False  # its output goes to a file
    store: Store = "clickhouse"


@dataclass(frozen=True, slots=True)
class Http:
    """One request to Elasticsearch: `path` without its leading slash and query; `body` as JSON, None if it is none."""

    place: Place
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    via: Via
    host: str = ""
    text: str = ""  # the body as it was written
    store: Store = "elasticsearch"

    @property
    def parts(self) -> tuple[str, ...]:
        """The segments of the path."""
        return tuple(part for part in self.path.split("/") if part)


@dataclass(frozen=True, slots=True)
class Shell:
    """A simple command of a shell. `store`: whom it speaks to, if to one."""

    place: Place
    name: str
    args: tuple[str, ...]
    script: bool  # a file that runs by itself, not lines that a person pastes one by one
    store: Store | None = None
    failure_dropped: bool = False  # by `|| true`
    piped_on: bool = False  # its exit code is that of the pipe's last command
    looped: bool = False
    interactive: bool = False  # a store's prompt that waits for a person


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that stands there and could not be read, and why."""

    place: Place
    what: str


@dataclass(frozen=True, slots=True)
class PythonSwallow:
    """An `except …: pass` around a call to a store."""

    place: Place


Statement = Redis | Sql | Http | Shell | Unread | PythonSwallow


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its text, and its statements in order. `fed`: the text, by path, of what it names and was read."""

    path: str
    kind: str
    text: str
    rollback: bool
    statements: tuple[Statement, ...]
    errexit: bool = True  # False only for a shell script without `set -e`
    pipefail: bool = True
    first_line: int = 1
    fed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Program:
    """Files that are judged together; those of the way back come last."""

    sources: Sequence[Source]
    statements: tuple[Statement, ...] = field(init=False)

    def __post_init__(self) -> None:
        ordered = sorted(self.sources, key=lambda source: source.rollback)
        object.__setattr__(self, "statements", tuple(one for source in ordered for one in source.statements))

    @property
    def redis(self) -> Iterator[Redis]:
        """The Redis commands in order."""
        return (one for one in self.statements if isinstance(one, Redis))

    @property
    def sql(self) -> Iterator[Sql]:
        """The ClickHouse statements in order."""
        return (one for one in self.statements if isinstance(one, Sql))

    @property
    def http(self) -> Iterator[Http]:
        """The Elasticsearch requests in order."""
        return (one for one in self.statements if isinstance(one, Http))

    @property
    def shell(self) -> Iterator[Shell]:
        """The shell commands in order."""
        return (one for one in self.statements if isinstance(one, Shell))

    @property
    def recognised(self) -> int:
        """How many statements could be read."""
        return sum(not isinstance(one, Unread) for one in self.statements)


ROLLBACK_WORDS = ("rollback", "roll_back", "roll-back", "roll back", "restore", "revert", "undo", "way back")


def speaks_of_rollback(text: str) -> bool:
    """Say whether a file's name or a heading is about the way back."""
    lowered = text.lower()
    return any(word in lowered for word in ROLLBACK_WORDS) or Path(lowered).stem in {"back", "down"}

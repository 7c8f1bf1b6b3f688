"""Where a source tree still speaks to the old layout, and where a page speaks of nothing else: file and line.

Python is read by its own grammar, so that a comment or a docstring is no use of a name; of other languages the text in
quotes is read. A page may speak of the old layout where it speaks of the new one too.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tvmigrate.contract import new
from tvmigrate.contract.old_layout import CONTRACT, OldLayout

_SOURCES = frozenset({
    ".py", ".pyi", ".js", ".jsx", ".mjs", ".ts", ".tsx", ".java", ".kt", ".go", ".rb", ".php", ".rs", ".cs", ".scala",
    ".sh", ".bash", ".sql", ".lua", ".yml", ".yaml", ".toml", ".json", ".ini", ".env", ".conf",
})  # fmt: skip
_PAGES = frozenset({".md", ".rst", ".txt", ".adoc", ".html"})
_NOT_OURS = frozenset({"node_modules", "__pycache__", "venv", "site-packages", "dist", "build"})
_LARGEST = 4 << 20  # bytes; a larger file is data

CLIENTS = ("redis_client", "clickhouse_client", "elasticsearch_client")
_CLIENT = re.compile(rf"\b(?:{'|'.join(CLIENTS)})\b")
_NEXT = "_v2"
_GOES_ON = re.compile(r"[\w{$*%<]")  # what follows a prefix in a file where `metrics:` alone is a word of its own
_QUOTED = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\\n]|\\.)*`")
_IMPORTS = re.compile(r"\b(?:import|require|from|use)\b")


@dataclass(frozen=True, slots=True)
class Place:
    """`where` is `file:line`, `what` a sentence about what stands there."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class _Words:
    """What the names of one old layout look like in a text."""

    key: re.Pattern[str]
    table: re.Pattern[str]
    any: re.Pattern[str]
    tables: Mapping[str, str]

    @classmethod
    def of(cls, layout: OldLayout) -> _Words:
        eaos, trend, metrics = (prefix.decode() for prefix in layout.prefixes.values())
        # `eaos:current:` is the new layout's, and `trends:top:` begins with neither.
        current = new.EAOS_PREFIX.removeprefix(eaos)
        is_new = rf"(?!{re.escape(current)})" if current != new.EAOS_PREFIX else ""
        key = rf"(?<![\w:]){re.escape(eaos)}{is_new}|(?<![\w:]){re.escape(trend)}|(?<![\w:]){re.escape(metrics)}(?!\s)"
        targets = (new.RAW_COMMENTS.name, new.EAOS_METRICS.name)
        # A name that is a new table's too says nothing.
        tables = {
            table.name: target
            for table, target in zip(layout.tables, targets, strict=True)
            if table.name not in {one.name for one in new.TABLES}
        }
        one_of = "|".join(map(re.escape, tables))
        table = (
            rf"\b(?:FROM|INTO|JOIN|TABLE|UPDATE)\s+(?:`?{layout.database}`?\.)?[`\"]?({one_of})\b"
            rf"|\b{layout.database}\.({one_of})\b"
        )
        every = (
            rf"\b(?:{'|'.join(CLIENTS)})\b|(?<![\w:]){re.escape(eaos)}{is_new and '(?!current)'}"
            rf"|(?<![\w:]){re.escape(trend)}(?=\S)|(?<![\w:]){re.escape(metrics)}(?=\S)|{table}"
        )
        compiled = (re.compile(key), re.compile(table, re.IGNORECASE), re.compile(every, re.IGNORECASE))
        return cls(*compiled, tables)


@dataclass(frozen=True, slots=True)
class Found:
    """What a tree holds: how many files were read, and the places."""

    files: int
    places: tuple[Place, ...]


def in_source(tree: Path, layout: OldLayout = CONTRACT) -> Found:
    """Return where a tree imports the old clients or names old keys or tables; raises OSError."""
    files, places, words = 0, list[Place](), _Words.of(layout)
    for path in _files(tree, _SOURCES):
        text = path.read_text("utf-8", "replace")
        files += 1
        places += _python(path, text, words) if path.suffix in {".py", ".pyi"} else _other(path, text, words)
    return Found(files, tuple(dict.fromkeys(places)))


def in_pages(tree: Path, layout: OldLayout = CONTRACT) -> Found:
    """Return the pages of a tree that speak of the old layout and of nothing that takes its place; raises OSError."""
    files, places, words = 0, list[Place](), _Words.of(layout)
    for path in _files(tree, _PAGES):
        text = path.read_text("utf-8", "replace")
        files += 1
        found = words.any.search(text)
        if found is not None and not any(name in text for name in _NEW_NAMES):
            line = text.count("\n", 0, found.start()) + 1
            what = f"{found[0]!r} is of the old layout, and the page names nothing of the new one."
            places.append(Place(f"{path}:{line}", what))
    return Found(files, tuple(places))


def unnamed(trees: tuple[Path, ...]) -> list[str]:
    """Return the names of the new layout that no page of `trees` speaks of; raises OSError."""
    text = "\n".join(path.read_text("utf-8", "replace") for tree in trees for path in _files(tree, _PAGES))
    names = (*_NEW_KEYS, *(table.name for table in new.TABLES), new.ALIAS)
    return [name for name in names if name not in text]


_NEW_KEYS = (new.EAOS_PREFIX, new.TRENDS_PREFIX, new.EVENTS_PREFIX)
_NEW_NAMES = (
    *_NEW_KEYS,
    *(table.name for table in new.TABLES if table is not new.EAOS_METRICS),
    *(client + _NEXT for client in CLIENTS),
)


def _files(tree: Path, kinds: frozenset[str]) -> Iterator[Path]:
    if tree.is_file():
        yield tree
        return
    for folder, below, names in os.walk(tree):
        below[:] = sorted(name for name in below if not name.startswith(".") and name not in _NOT_OURS)
        for name in sorted(names):
            path = Path(folder) / name
            if path.suffix in kinds and path.is_file() and path.stat().st_size <= _LARGEST:
                yield path


def _python(path: Path, text: str, words: _Words) -> Iterator[Place]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        yield from _other(path, text, words)
        return
    silent = {id(node) for node in _docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in (*modules, *(alias.name for alias in node.names)):
                if found := _CLIENT.search(name):
                    yield _place(path, node.lineno, _import(found[0]))
                    break
        elif isinstance(node, ast.Constant) and id(node) not in silent:
            value = node.value.decode("utf-8", "replace") if isinstance(node.value, bytes) else node.value
            if isinstance(value, str):
                yield from _told(path, node.lineno, value, words)


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        # A text that stands alone as a statement is nowhere used.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _other(path: Path, text: str, words: _Words) -> Iterator[Place]:
    whole = path.suffix in {".sql", ".sh", ".bash", ".lua", ".yml", ".yaml", ".toml", ".ini", ".env", ".conf"}
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith(("#", "//", "--", "*", "/*")):
            continue
        if (found := _CLIENT.search(line)) and _IMPORTS.search(line):
            yield _place(path, number, _import(found[0]))
            continue
        pieces = [line] if whole else [piece[1:-1] for piece in _QUOTED.findall(line)]
        for piece in pieces:
            yield from _told(path, number, piece, words, whole)


def _told(path: Path, line: int, text: str, words: _Words, whole: bool = False) -> Iterator[Place]:
    found = words.key.search(text)
    if found is not None and (not whole or _GOES_ON.match(text, found.end())):
        yield _place(path, line, f"names an old Redis key, {found[0]}…: nobody writes it any more.")
    if (found := words.table.search(text)) is not None:
        spelled = (found[1] or found[2]).lower()
        name = next(name for name in words.tables if name.lower() == spelled)
        yield _place(path, line, f"names the old ClickHouse table {name}: its rows are in {words.tables[name]}.")


def _import(client: str) -> str:
    return f"imports the old client {client}; the new one is {client}{_NEXT}."


def _place(path: Path, line: int, what: str) -> Place:
    return Place(f"{path}:{line}", what)

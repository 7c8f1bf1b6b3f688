"""What a ClickHouse statement does to which tables, by its words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tvmigrate.contract import new, old
from tvmigrate.lint.read.sql import MADE_UP
from tvmigrate.lint.statement import Place, Program, Sql, Word, word_set

OLD = frozenset(table.name for table in old.TABLES)
ONLY_NEW = frozenset(table.name for table in (*new.TABLES, *new.OWN_TABLES)) - OLD
PARTITIONED = frozenset(table.name for table in new.TABLES if table.partition_by)
NULLABLE = frozenset(one.name for table in old.TABLES for one in table.columns if one.type.startswith("Nullable"))

_MUTATIONS = word_set("UPDATE DELETE MATERIALIZE")
_REWRITES = word_set("UPDATE DELETE MODIFY RENAME DROP CLEAR")
_BACKUP_NAME = re.compile(r"backup|bak|_old|old_|copy|kept|saved|orig", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What one statement does; names are bare, with their database where that is neither ours nor said."""

    verb: str
    creates: str = ""
    if_not_exists: bool = False
    columns_of: str = ""  # CREATE TABLE x AS y: y
    drops: tuple[str, ...] = ()
    creates_database: str = ""
    drops_database: str = ""
    truncates: str = ""
    renames: tuple[tuple[str, str], ...] = ()
    exchanges: tuple[tuple[str, str], ...] = ()
    inserts: str = ""
    insert_columns: bool = False
    selects: bool = False  # rows come from a SELECT
    alters: str = ""
    action: str = ""  # of an ALTER: UPDATE, MODIFY, …
    deletes_from: str = ""
    reads: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()  # tables whose rows exist a second time after it

    @property
    def is_mutation(self) -> bool:
        """Whether the server goes on with it in the background."""
        return bool(self.alters) and self.action in _MUTATIONS

    @property
    def rewrites(self) -> str:
        """The table whose rows or columns it changes in place; empty if none."""
        return (self.alters if self.action in _REWRITES else "") or self.deletes_from

    @property
    def named(self) -> tuple[str, ...]:
        """Every table it names."""
        pairs = [name for pair in (*self.renames, *self.exchanges) for name in pair]
        single = (self.creates, self.columns_of, self.truncates, self.inserts, self.alters, self.deletes_from)
        return tuple(name for name in (*single, *self.drops, *self.reads, *pairs) if name)


def upper(sql: Sql) -> list[str]:
    """Return the words in capitals; a text literal is `'…'`, a quoted name stays as it is."""
    return [_upper(token) for token in sql.tokens]


def _upper(token: Word) -> str:
    if token.is_text:
        return f"'{token.text}'"
    return token.text if token.is_quoted else token.text.upper()


def is_made_up(name: str) -> bool:
    """Say whether a name, or a part of it, is known only at run time."""
    return MADE_UP in name


def looks_like_a_backup(name: str) -> bool:
    """Say whether a table's name says that it is kept for the way back."""
    return bool(_BACKUP_NAME.search(name))


def place_of(token: Word, sql: Sql) -> Place:
    """Return where a word of the statement stands."""
    return Place(sql.place.path, token.line, token.column, sql.place.rollback)


def settings(sql: Sql) -> frozenset[str]:
    """Return the names of all settings that hold for the statement, beside it or in its SETTINGS."""
    words = [token.text for token in sql.tokens]
    return sql.settings | {word for word, after in pairwise(words) if after == "="}


def facts(sql: Sql) -> Facts:
    """Return what the statement does."""
    words, tokens = upper(sql), sql.tokens
    verb = next((word for word in words if word != "("), "")
    reads = tuple(_reads(words, tokens))
    copied = reads if sql.saved and verb in {"SELECT", "WITH"} else ()
    match verb:
        case "CREATE" | "REPLACE":
            return _create(words, tokens, reads)
        case "DROP":
            return _drop(words, tokens)
        case "TRUNCATE":
            return Facts(verb, truncates=_after(words, tokens, "TABLE", "TRUNCATE"))
        case "RENAME":
            pairs = tuple(_pairs(words, tokens, "TO"))
            return Facts(verb, renames=pairs, copies=tuple(source for source, _ in pairs))
        case "EXCHANGE":
            pairs = tuple(_pairs(words, tokens, "AND"))
            return Facts(verb, exchanges=pairs)
        case "INSERT":
            return _insert(words, tokens, reads)
        case "ALTER":
            return _alter(words, tokens)
        case "DELETE":
            return Facts(verb, deletes_from=_after(words, tokens, "FROM"))
        case "BACKUP":
            return Facts(verb, copies=(_after(words, tokens, "TABLE", "DATABASE"),) if "TABLE" in words else tuple(OLD))
        case _:
            return Facts(verb, reads=reads, copies=copied)


def all_facts(program: Program) -> Iterator[tuple[Sql, Facts]]:
    """Yield each ClickHouse statement of a program with what it does."""
    return ((sql, facts(sql)) for sql in program.sql)


def _create(words: list[str], tokens: Sequence[Word], reads: tuple[str, ...]) -> Facts:
    if words[1:2] == ["DATABASE"]:
        exists = words[2:5] == ["IF", "NOT", "EXISTS"]
        return Facts("CREATE", creates_database=name_at(tokens, 5 if exists else 2)[0])
    if "TABLE" not in words[:4]:
        return Facts("CREATE", reads=reads)
    index = words.index("TABLE") + 1
    exists = words[index : index + 3] == ["IF", "NOT", "EXISTS"]
    name, index = name_at(tokens, index + 3 if exists else index)
    as_at = next((at for at in range(index, len(words)) if words[at] == "AS" and _depth(words, at) == 0), None)
    selects = as_at is not None and words[as_at + 1 : as_at + 2] in (["SELECT"], ["WITH"], ["("])
    source = "" if as_at is None or selects else name_at(tokens, as_at + 1)[0]
    cloned = as_at is not None and words[as_at - 1] == "CLONE"
    copies = reads if selects else (source,) if cloned else ()
    replaced = (name,) if "REPLACE" in words[: words.index("TABLE")] else ()
    return Facts(
        "CREATE",
        creates=name,
        drops=replaced,
        if_not_exists=exists,
        columns_of="" if cloned else source,
        selects=selects,
        reads=reads,
        copies=copies,
    )


def _depth(words: Sequence[str], end: int) -> int:
    return sum({"(": 1, ")": -1}.get(word, 0) for word in words[:end])


def _drop(words: list[str], tokens: Sequence[Word]) -> Facts:
    if "DATABASE" in words[:2]:
        return Facts("DROP", drops_database=_after(words, tokens, "DATABASE"))
    if "TABLE" not in words[:3]:
        return Facts("DROP")
    names: list[str] = []
    index = _skip_if_exists(words, words.index("TABLE") + 1)
    while index < len(words):
        name, index = name_at(tokens, index)
        names.append(name)
        if words[index : index + 1] != [","]:
            break
        index += 1
    return Facts("DROP", drops=tuple(name for name in names if name))


def _insert(words: list[str], tokens: Sequence[Word], reads: tuple[str, ...]) -> Facts:
    if "INTO" not in words:
        return Facts("INSERT", reads=reads)
    index = words.index("INTO") + 1
    index += words[index : index + 1] == ["TABLE"]
    if words[index : index + 1] == ["FUNCTION"]:  # to a file or another server
        return Facts("INSERT", reads=reads, copies=reads, selects="SELECT" in words)
    name, index = name_at(tokens, index)
    columns = words[index : index + 1] == ["("] and words[index + 1 : index + 2] not in (["SELECT"], ["WITH"], ["*"])
    selects = "SELECT" in words[index:]
    return Facts(
        "INSERT", inserts=name, insert_columns=columns, selects=selects, reads=reads, copies=reads if selects else ()
    )


def _alter(words: list[str], tokens: Sequence[Word]) -> Facts:
    if words[1:2] != ["TABLE"]:
        return Facts("ALTER")
    name, index = name_at(tokens, _skip_if_exists(words, 2))
    if words[index : index + 2] == ["ON", "CLUSTER"]:
        index += 3
    action = words[index] if index < len(words) else ""
    copies: tuple[str, ...] = ()
    if action in {"ATTACH", "REPLACE"} and "FROM" in words:
        copies = (_after(words, tokens, "FROM"),)
    elif action == "FREEZE":
        copies = (name,)
    return Facts("ALTER", alters=name, action=action, copies=copies)


def _reads(words: Sequence[str], tokens: Sequence[Word]) -> Iterator[str]:
    for index, word in enumerate(words[:-1]):
        if word in {"FROM", "JOIN"} and words[index + 1] != "(":
            name, after = name_at(tokens, index + 1)
            if name and words[after : after + 1] != ["("]:  # else a table function
                yield name


def _pairs(words: Sequence[str], tokens: Sequence[Word], between: str) -> Iterator[tuple[str, str]]:
    index = 2 if words[1:2] in (["TABLE"], ["TABLES"]) else len(words)
    while index < len(words):
        left, index = name_at(tokens, _skip_if_exists(words, index))
        if words[index : index + 1] != [between]:
            return
        right, index = name_at(tokens, index + 1)
        yield left, right
        if words[index : index + 1] != [","]:
            return
        index += 1


def _skip_if_exists(words: Sequence[str], index: int) -> int:
    return index + 2 if list(words[index : index + 2]) == ["IF", "EXISTS"] else index


def _after(words: Sequence[str], tokens: Sequence[Word], *keywords: str) -> str:
    for keyword in keywords:
        if keyword in words:
            return name_at(tokens, _skip_if_exists(words, words.index(keyword) + 1))[0]
    return ""


def name_at(tokens: Sequence[Word], index: int) -> tuple[str, int]:
    """Return the table named at `index` and the index after it; an empty name if none stands there."""
    parts: list[str] = []
    while index < len(tokens) and tokens[index].is_name:
        parts.append(tokens[index].text)
        index += 1
        if index >= len(tokens) or tokens[index].text != ".":
            break
        index += 1
    if len(parts) == 2 and (parts[0] in {old.DATABASE, "default"} or is_made_up(parts[0])):
        parts = parts[1:]
    return ".".join(parts), index

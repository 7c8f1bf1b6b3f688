"""An old layout as a document of nested tables, such as TOML has: read with every mistake said, and written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from tvmigrate.contract import new, old
from tvmigrate.contract.layout import Table
from tvmigrate.contract.old_layout import (
    ABSENT,
    ABSENT_COLUMNS,
    CONTRACT,
    EaosFields,
    ItemFields,
    OldLayout,
    OldTable,
    fields_of,
)
from tvmigrate.contract.outcome import Rule
from tvmigrate.errors import UsageError

COMMENT_ID = old.DOCUMENT_ID_FIELD
_EAOS_ABSENT = ("metadata", "total", "updated_at", "timestamp")
_DOCUMENT_ABSENT = (COMMENT_ID, "engagement_score", "topics", "username")
# Elasticsearch's rules for a name, and ClickHouse's without quotes: a kept copy adds to both.
_INDEX = re.compile(r"[a-z0-9][a-z0-9_.-]{0,199}")
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,149}")
_MATCH = frozenset("*?[]\\")  # what SCAN takes for a pattern
_NEW_PREFIXES = {
    Rule.REDIS_EAOS: new.EAOS_PREFIX,
    Rule.REDIS_TREND: new.TRENDS_PREFIX,
    Rule.REDIS_METRIC: new.EVENTS_PREFIX,
}


def parse(document: Mapping[str, Any], where: str) -> OldLayout:
    """Return the layout that a document says; `where` is what messages call it. What it leaves out is the contract's.

    Raises:
        UsageError: it has an unknown key, a value of another kind, two names for one meaning or two meanings for one
            name, leaves out what is needed, or names what would be in the way of the new layout.
    """
    top = _Part(where, "", document, ("undecided", "redis", "clickhouse", "elasticsearch"))
    if undecided := top.texts("undecided"):
        raise UsageError(
            f"{where} leaves {len(undecided)} things undecided, the first of them {undecided[0]!r}. Say what each "
            "means, or name it under ignore, and take it out of undecided."
        )
    redis = top.part("redis", "eaos", "trend", "metrics")
    eaos = redis.part("eaos", "prefix", "fields", "absent", "ignore")
    trend = redis.part("trend", "prefix", "suffix")
    metrics = redis.part("metrics", "prefix", "fields")
    clickhouse = top.part("clickhouse", "database", "comments", "eaos_metrics")
    documents = top.part("elasticsearch", "index", "fields", "absent", "ignore")
    database = clickhouse.text("database", old.DATABASE, _TABLE)
    spelled = documents.meanings("fields", (*old.SPELLINGS, COMMENT_ID), _DOCUMENT_ABSENT, several=True)
    layout = OldLayout(
        comments=_table(clickhouse, old.COMMENTS, database),
        eaos_metrics=_table(clickhouse, old.EAOS_METRICS, database),
        eaos_prefix=eaos.text("prefix", old.EAOS_PREFIX.decode()).encode(),
        trend_prefix=trend.text("prefix", old.TREND_PREFIX.decode()).encode(),
        trend_suffix=trend.text("suffix", old.TREND_SUFFIX.decode()).encode(),
        metrics_prefix=metrics.text("prefix", old.METRICS_PREFIX.decode()).encode(),
        eaos=_fields(eaos, EaosFields(), _EAOS_ABSENT),
        item=_fields(metrics, ItemFields(), ()),
        eaos_ignored=eaos.texts("ignore"),
        index=documents.text("index", old.INDEX.name, _INDEX),
        document_ignored=documents.texts("ignore"),
        from_file=True,
    )
    if spelled is not None:
        if len(ids := spelled.get(COMMENT_ID, [])) > 1:
            raise UsageError(
                f"{where}: elasticsearch.fields.{ids[0]} and elasticsearch.fields.{ids[1]} both mean {COMMENT_ID!r}; "
                "only one can."
            )
        layout = replace(
            layout,
            spellings={field: tuple(spelled.get(field, ())) for field in old.SPELLINGS},
            document_id=next(iter(spelled.get(COMMENT_ID, ())), ABSENT),
        )
    eaos.no_two_meanings(fields_of(layout.eaos).values(), layout.eaos_ignored)
    documents.no_two_meanings(layout.document_fields, layout.document_ignored)
    _refuse_prefixes(layout, where)
    _refuse_tables(layout, where)
    if layout.index == new.INDEX.name:
        raise UsageError(
            f"{where}: elasticsearch.index is {layout.index!r}, which is the name of the new index. Clone the old "
            "index to another name first."
        )
    return layout


def _table(clickhouse: _Part, role: Table, database: str) -> OldTable:
    part = clickhouse.part(role.name, "table", "columns", "absent", "ignore")
    may_be_absent = tuple(name for name in role.column_names if name in ABSENT_COLUMNS and role is old.COMMENTS)
    given = part.meanings("columns", role.column_names, may_be_absent)
    names = {name: name for name in role.column_names}
    if given is not None:
        names = {meaning: given[meaning][0] for meaning in role.column_names if meaning in given}
    ignored = part.texts("ignore")
    part.no_two_meanings(names.values(), ignored)
    return OldTable(role, database, part.text("table", role.name, _TABLE), names, ignored)


def _fields(part: _Part, default: Any, may_be_absent: tuple[str, ...]) -> Any:
    given = part.meanings("fields", [one.name for one in fields(default)], may_be_absent)
    if given is None:
        return default
    return type(default)(**{one.name: given.get(one.name, [ABSENT])[0] for one in fields(default)})


def _refuse_prefixes(layout: OldLayout, where: str) -> None:
    called = {Rule.REDIS_EAOS: "redis.eaos", Rule.REDIS_TREND: "redis.trend", Rule.REDIS_METRIC: "redis.metrics"}
    olds = {f"{called[rule]}.prefix": (rule, prefix.decode()) for rule, prefix in layout.prefixes.items()}
    for name, (rule, prefix) in olds.items():
        if found := sorted(_MATCH & set(prefix)):
            raise UsageError(
                f"{where}: {name} is {prefix!r}; a prefix with {', '.join(found)} cannot be searched for in Redis."
            )
        for other, (_, its) in olds.items():
            if name < other and (prefix.startswith(its) or its.startswith(prefix)):
                raise UsageError(
                    f"{where}: {name} {prefix!r} and {other} {its!r} begin alike, so that a key may be of both. Give "
                    "each the part that tells them apart."
                )
        for new_rule, its in _NEW_PREFIXES.items():
            overlap = prefix.startswith(its) or its.startswith(prefix)
            # A string under the new hashes' prefix is old: of this rule alone name and type together decide.
            if overlap and not (rule is new_rule is Rule.REDIS_EAOS):
                raise UsageError(
                    f"{where}: {name} {prefix!r} and the new layout's {its!r} begin alike, so that nobody could tell "
                    "old keys from new ones. Rename the old keys first."
                )


def _refuse_tables(layout: OldLayout, where: str) -> None:
    if layout.comments.name == layout.eaos_metrics.name:
        raise UsageError(
            f"{where}: clickhouse.comments.table and clickhouse.eaos_metrics.table are both {layout.comments.name!r}; "
            "they are two tables."
        )
    ours = {table.name for table in (*new.TABLES, *new.OWN_TABLES)}
    for table in layout.tables:
        shared = table.name == new.EAOS_METRICS.name and not table.is_comments
        if table.database == new.DATABASE and table.name in ours and not shared:
            raise UsageError(
                f"{where}: clickhouse.{table.role.name}.table is {table.name!r}, which is the name of a new table in "
                f"{new.DATABASE}. Rename the old table first."
            )


class _Part:
    """A table of the document: its place in it, and what it holds; an unknown key is refused at once."""

    def __init__(self, where: str, path: str, body: Any, known: tuple[str, ...]) -> None:
        self._where, self._path = where, path
        if not isinstance(body, Mapping):
            raise UsageError(f"{where}: {path} is {_shown(body)}; expected is a table with {', '.join(known)}.")
        for key in body:
            if key not in known:
                names = ", ".join(map(self._at, known))
                raise UsageError(f"{where}: {self._at(key)} is unknown; expected are {names}.")
        self._body = body

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def part(self, key: str, *known: str) -> _Part:
        """Return a table within this one; of one that is left out, an empty one."""
        return _Part(self._where, self._at(key), self._body.get(key, {}), known)

    def text(self, key: str, default: str, form: re.Pattern[str] | None = None) -> str:
        """Return a text that is not blank, of the `form` if there is one."""
        value = self._body.get(key, default)
        if not _is_name(value):
            raise UsageError(f"{self._where}: {self._at(key)} is {_shown(value)}; expected is a text, not empty.")
        if form is not None and form.fullmatch(value) is None:
            raise UsageError(
                f"{self._where}: {self._at(key)} is {_shown(value)}; expected is a name of letters, digits and _ "
                f"that ClickHouse or Elasticsearch takes, and that leaves room for the ending of a kept copy."
            )
        return str(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of names."""
        value = self._body.get(key, [])
        if not isinstance(value, list | tuple) or not all(map(_is_name, value)):
            raise UsageError(f"{self._where}: {self._at(key)} is {_shown(value)}; expected is a list of names.")
        if twice := [name for name in value if value.count(name) > 1]:
            raise UsageError(f"{self._where}: {self._at(key)} names {twice[0]!r} twice; once is enough.")
        return tuple(value)

    def meanings(
        self, key: str, known: Iterable[str], may_be_absent: tuple[str, ...], *, several: bool = False
    ) -> dict[str, list[str]] | None:
        """Return meaning → their names, None where nothing is said and all are the contract's.

        Each meaning has one name (with `several` at least one), but for those that are declared absent.
        """
        known, absent = tuple(known), self._absent(tuple(known), may_be_absent)
        if key not in self._body and not absent:
            return None
        at, found = self._at(key), dict[str, list[str]]()
        table = self._body.get(key, {})
        if not isinstance(table, Mapping):
            raise UsageError(f"{self._where}: {at} is {_shown(table)}; expected is a table, their name = meaning.")
        for theirs, meaning in table.items():
            if meaning not in known:
                raise UsageError(f"{self._where}: {at}.{theirs} is {_shown(meaning)}, {_no_meaning(known)}")
            if not _is_name(theirs):
                raise UsageError(f"{self._where}: {at} has the name {theirs!r}, which no field can have here.")
            if meaning in absent:
                raise UsageError(
                    f"{self._where}: {at}.{theirs} is {meaning!r}, and {self._at('absent')} says that there is none."
                )
            if meaning in found and not several:
                raise UsageError(
                    f"{self._where}: {at}.{found[meaning][0]} and {at}.{theirs} both mean {meaning!r}; only one can."
                )
            found.setdefault(meaning, []).append(theirs)
        for meaning in known:
            if meaning not in found and meaning not in absent:
                advice = f", or name it under {self._at('absent')}" if meaning in may_be_absent else ""
                raise UsageError(
                    f"{self._where}: nothing under {at} means {meaning!r}, which is needed. Say which of theirs does"
                    f"{advice}."
                )
        return found

    def _absent(self, known: tuple[str, ...], may_be_absent: tuple[str, ...]) -> tuple[str, ...]:
        absent = self.texts("absent") if "absent" in self._body else ()
        for name in absent:
            if name not in known:
                raise UsageError(f"{self._where}: {self._at('absent')} names {name!r}, {_no_meaning(known)}")
            if name not in may_be_absent:
                raise UsageError(
                    f"{self._where}: {self._at('absent')} names {name!r}, without which no record can be mapped; "
                    f"{', '.join(may_be_absent) or 'none here'} may be absent."
                )
        return absent

    def no_two_meanings(self, named: Iterable[str], ignored: Iterable[str] | None) -> None:
        """Refuse a name that has a meaning and is ignored too."""
        for name in sorted(set(named) & set(ignored or ())):
            raise UsageError(
                f"{self._where}: {name!r} has a meaning in {self._path}, and {self._at('ignore')} says it has none."
            )


def _no_meaning(known: Iterable[str]) -> str:
    return f"which is no meaning; expected is one of {', '.join(known)}."


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable() and not {'"', "\\"} & set(value)


def _shown(value: Any) -> str:
    return f"{value!r:.80}"


# -------------------------------------------------------------------------------------------------------------- written


def document_of(layout: OldLayout) -> dict[str, Any] | None:
    """Return the document that says `layout` in full, None for the contract's own."""
    if layout == CONTRACT:
        return None
    names = {field: list(theirs) for field, theirs in layout.spellings.items()}
    names[COMMENT_ID] = [] if layout.document_id == ABSENT else [layout.document_id]
    eaos = fields_of(layout.eaos)
    return {
        "redis": {
            "eaos": {
                "prefix": layout.eaos_prefix.decode(),
                "fields": {theirs: meaning for meaning, theirs in eaos.items()},
                "absent": [one.name for one in fields(layout.eaos) if one.name not in eaos],
                "ignore": list(layout.eaos_ignored or ()),
            },
            "trend": {"prefix": layout.trend_prefix.decode(), "suffix": layout.trend_suffix.decode()},
            "metrics": {
                "prefix": layout.metrics_prefix.decode(),
                "fields": {theirs: meaning for meaning, theirs in fields_of(layout.item).items()},
            },
        },
        "clickhouse": {"database": layout.database} | {table.role.name: _of_table(table) for table in layout.tables},
        "elasticsearch": {
            "index": layout.index,
            "fields": {name: field for field, theirs in names.items() for name in theirs},
            "absent": [field for field, theirs in names.items() if not theirs],
            "ignore": list(layout.document_ignored or ()),
        },
    }


def _of_table(table: OldTable) -> dict[str, Any]:
    told = {
        "table": table.name,
        "columns": {theirs: meaning for meaning, theirs in table.theirs.items()},
        "ignore": list(table.ignored),
    }
    return told | {"absent": [name for name in table.column_names if name not in table.theirs]}

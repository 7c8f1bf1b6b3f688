"""What is told of values: what the contract names, but no comment's text and no user's name; to people no host.

A value is told where it is of a field that the contract knows and that holds no text and no user name, or of a
definition (a type, a mapping). Of any other its kind, its length and a mark are told: the same for equal values.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from tvmigrate.contract import exact_json, new, old
from tvmigrate.contract.outcome import Reason, Rule, Unmappable
from tvmigrate.printable import printable
from tvmigrate.report.plain import as_json_text
from tvmigrate.verify.findings import CheckResult, Direction, Finding, Group, Verdict

VALUE_LIMIT = 300  # characters of a value, and of a sentence; verdict.json holds all of it
HOST = "[host]"

_PRIVATE = frozenset({*old.SPELLINGS["text"], *old.SPELLINGS["username"]})
_STRUCTURE = frozenset({
    "key", "ttl", "type", "member", "order", "copies", "rows", "reason", "_id", "comment_id", "index", "table",
    "database", "alias", "engine", "columns", "exit_code", "accounted", "source",
})  # fmt: skip
_CONTAINERS = frozenset({"record", "fields", "_source", "metadata"})
_KNOWN = (
    _STRUCTURE
    | {name for table in (*new.TABLES, *old.TABLES) for name in table.column_names}
    | {*new.EAOS_FIELDS, *new.EVENT_FIELDS, *new.DOCUMENT_FIELDS}
    | {name for spellings in old.SPELLINGS.values() for name in spellings}
) - (_PRIVATE | {new.EVENT_DATA})
_NUMBERS_ONLY = frozenset({new.EVENT_VALUE})  # elsewhere a whole Redis value has this name
# Fields that hold a number or an instant: a text that is neither got there by mistake, and may be any.
_MEASURED = (
    {*new.EAOS_FIELDS, new.EVENT_TIMESTAMP, old.ITEM_TIMESTAMP, "ttl", "copies", "rows"}
    | {name for field in ("timestamp", "sentiment_score", "engagement_score") for name in old.SPELLINGS[field]}
    | {
        column.name
        for table in (*new.TABLES, *old.TABLES)
        for column in table.columns
        if re.match(r"(Nullable\()?(Float|U?Int|Date)", column.type)
    }
)
_MEASURE = re.compile(r"[-+0-9.,eETZ: /]{0,64}|[-+]?(inf|infinity|nan)", re.IGNORECASE)
_REASONS = frozenset(map(str, Reason))

# Checks that look at definitions, counts and exit codes alone; and those that look at data unknown to the contract.
_DEFINITIONS = (
    "clickhouse.schema.", "clickhouse.old-tables", "clickhouse.anomalies", "elasticsearch.alias",
    "elasticsearch.mapping", "elasticsearch.settings", "elasticsearch.old-index", "rollback.clickhouse-schema",
    "rollback.clickhouse-extra", "rollback.elasticsearch-schema", "rollback.elasticsearch-extra",
    "rollback.redis-extra", "rollback.exit", "migration.exit",
)  # fmt: skip
_STRANGERS = ("redis.unrelated", "clickhouse.unrelated", "elasticsearch.unrelated", "rollback.redis")

_POSITION = re.compile(r"\[(\d+|\*)\]")
_QUOTING = re.compile(r"(?<!\w)'|[\"{\[]")  # what a sentence that quotes a value holds; not the ' of a genitive
_AUTHORITY = re.compile(r"(?<=://)[^\s/'\"<>]+")
_HOME = re.compile(r"/(?:home|Users)/[^/\s'\"]+")
_ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}:\d+\b|\blocalhost(?::\d+)?\b")
_WORDS: Mapping[Direction, str] = {
    Direction.MISSING: "is missing",
    Direction.EXTRA: "is one too many",
    Direction.CHANGED: "is not what the old data makes of it",
    Direction.SCHEMA: "is not of the form that the contract gives it",
}


def is_definition(check_id: str) -> bool:
    """Whether a check compares definitions, whose expected and actual can stand side by side."""
    return check_id.startswith(_DEFINITIONS)


def hosts_of(urls: Iterable[str]) -> tuple[str, ...]:
    """Return the host names in `urls`, and that of this machine."""
    found = {socket.gethostname()}
    for url in urls:
        # A URL that cannot be read was not connected to, and may be of no store of ours.
        with suppress(ValueError):
            found.add(urlsplit(url).hostname or "")
    return tuple(sorted(host for host in found if host))


@dataclass(frozen=True, slots=True)
class Told:
    """A finding as a report tells it; `expected` and `actual` are None where there is no such side.

    `age` says for how long it has been so, empty where it was looked at once.
    """

    note: str
    where: str
    field: str
    direction: str
    expected: str | None
    actual: str | None
    age: str = ""


class Hidden(str):
    """Text that stands for a value which is not shown."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Redactor:
    """Decides what is shown. With `show_values` all values are; `hosts` are names that never are.

    `private` are fields of the site's own whose values are not, though the contract has another use for such a name.

    `key` makes the marks of values: without it nobody can try which user name has a mark, so that marks of one redactor
    say nothing about those of another.
    """

    show_values: bool = False
    hosts: tuple[str, ...] = ()
    private: frozenset[str] = frozenset()
    key: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False, compare=False)

    def text(self, text: str) -> str:
        """Return `text` without host names (those of URLs, addresses with a port, `hosts`) and whose home it names."""
        text = _HOME.sub("~", _AUTHORITY.sub(HOST, printable(text)))
        text = _ADDRESS.sub(HOST, text)
        for host in self.hosts:
            # A name that is one word, such as `redis`, may be any word: only with a port is it surely a host's.
            port = r"(?::\d+)?" if re.search(r"[.-]", host) else r":\d+"
            text = re.sub(rf"(?<![\w.-]){re.escape(host)}{port}(?![\w-])", HOST, text, flags=re.IGNORECASE)
        return text

    def short(self, text: str) -> str:
        """Return `text` without host names, cut where it is long."""
        return _cut(self.text(text))

    def finding(self, check_id: str, finding: Finding) -> Told:
        """Return what is told of a finding of the check `check_id`, in what people read."""
        safe = self.values(check_id, finding)
        names = [side for side in (safe.old, safe.new) if side is not None]
        expected, actual = (
            None if whole is None else _cut(self.text(_text_of(side)))
            for whole, side in ((finding.expected, safe.expected), (finding.actual, safe.actual))
        )
        return Told(
            _cut(self.text(safe.note)), _cut(self.text(" → ".join(dict.fromkeys(names)))),
            printable(safe.field or ""), str(safe.direction), expected, actual,
        )  # fmt: skip

    def values(self, check_id: str, finding: Finding) -> Finding:
        """Return a finding of the check `check_id` without the values that are not shown; hosts stay."""
        shown = self._shown(check_id, finding.rule)
        if shown is None:
            return finding
        names = [side for side in (finding.old, finding.new) if side is not None]
        expected, actual = (
            None if value is None else self._side(value, finding.field, shown, names)
            for value in (finding.expected, finding.actual)
        )
        note = finding.note
        if _is_hidden(expected) or _is_hidden(actual) or self._quotes(finding):
            what = " ".join(filter(None, [finding.field or "The record", "of" if names else "", *names[-1:]]))
            note = f"{what} {_WORDS[finding.direction]}."
        return replace(finding, expected=expected, actual=actual, note=note)

    def result(self, result: CheckResult) -> CheckResult:
        """Return what a check saw without the values that are not shown."""
        if self.show_values:
            return result
        return replace(
            result,
            findings=tuple(self.values(result.id, finding) for finding in result.findings),
            groups=tuple(replace(group, kind=self._kind(result.id, group)) for group in result.groups),
        )

    def verdict(self, verdict: Verdict) -> Verdict:
        """Return the whole answer without the values that are not shown; its form stays."""
        return replace(verdict, checks=[self.result(result) for result in verdict.checks])

    def kind(self, check_id: str, group: Group) -> str:
        """Return the kind of a cause, without the values that follow its colon where those are not shown."""
        return self.text(self._kind(check_id, group))

    def _kind(self, check_id: str, group: Group) -> str:
        shown, place = self._shown(check_id, group.rule), group.field
        known = place is not None and _is_known(place, shown or _KNOWN) and _leaf(place) not in _NUMBERS_ONLY
        known = known and not (_leaf(place or "") in _MEASURED and '"' in group.kind)
        return group.kind if known or shown is None else group.kind.partition(": ")[0]

    def _shown(self, check_id: str, rule: Rule) -> frozenset[str] | None:
        """Return the fields whose values a check's findings about `rule` may show; None: of all."""
        if self.show_values or is_definition(check_id):
            return None
        is_strange = rule is Rule.REDIS_UNRELATED or check_id.startswith(_STRANGERS)
        return (_STRUCTURE if is_strange else _KNOWN) - self.private

    def _side(self, value: Any, place: str | None, shown: frozenset[str], names: Iterable[str]) -> Any:
        if isinstance(value, str) and (value in _REASONS or value in names):
            return value
        return self._walk(value, place if place is None or _is_known(place, shown) else "", shown)

    def _walk(self, value: Any, name: str | None, shown: frozenset[str]) -> Any:
        """Return `value` of the field `name` (None: it has none) with stand-ins for what is not shown."""
        leaf = None if name is None else _leaf(name)
        if isinstance(value, Mapping):
            return {key: self._walk(item, key if _is_known(key, shown) else "", shown) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._walk(item, name, shown) for item in value]
        if value is None or isinstance(value, bool) or (not isinstance(value, str | bytes) and leaf != ""):
            return value
        if isinstance(value, str) and leaf in shown and leaf not in _NUMBERS_ONLY:
            return value if leaf not in _MEASURED or _MEASURE.fullmatch(value) else self._hidden(value)
        return self._inside(value, shown) if isinstance(value, str) else self._hidden(value)

    def _inside(self, text: str, shown: frozenset[str]) -> Any:
        """Return what is shown of a text that may be a JSON object or array."""
        if text.startswith(("{", "[")):
            try:
                parsed = exact_json.parse(text)
            except Unmappable:
                return self._hidden(text)
            if isinstance(parsed, Mapping):
                return self._walk(parsed, None, shown)
        return self._hidden(text)

    def _hidden(self, value: Any) -> Hidden:
        match value:
            case str():
                told, raw = f"text, {len(value):,} characters", value.encode("utf-8", "surrogatepass")
                told += "" if unicodedata.is_normalized("NFC", value) else " and not NFC"
            case bytes():
                told, raw = f"bytes, {len(value):,} bytes", value
            case _:
                told, raw = "number", repr(value).encode()
        mark = hashlib.blake2b(raw, digest_size=4, key=self.key).hexdigest()
        return Hidden(f"[{told}, #{mark}: not shown]")

    @staticmethod
    def _quotes(finding: Finding) -> bool:
        """Whether the note quotes more than the names of the record and the values that are shown."""
        note = finding.note
        shown = [finding.old, finding.new, finding.expected, finding.actual]
        # Longer ones first: one may be part of another.
        for text in sorted({str(one) for one in shown if one not in (None, "")}, key=len, reverse=True):
            note = note.replace(repr(text), "").replace(text, "")
        return _QUOTING.search(note) is not None


def _is_known(field: str, shown: frozenset[str]) -> bool:
    *path, leaf = _POSITION.sub("", field).split(".")
    return leaf in shown and all(part in _CONTAINERS or part in shown for part in path)


def _leaf(field: str) -> str:
    return _POSITION.sub("", field).rpartition(".")[2]


def _is_hidden(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_hidden, value.values()))
    return isinstance(value, Hidden) or (isinstance(value, list) and any(map(_is_hidden, value)))


def _text_of(value: Any) -> str:
    return str(value) if isinstance(value, Hidden) else printable(as_json_text(value))


def _cut(text: str) -> str:
    if len(text) <= VALUE_LIMIT:
        return text
    return f"{text[:VALUE_LIMIT]}… ({len(text):,} characters)"

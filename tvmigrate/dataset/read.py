"""A dataset on disk, opened: what stands in it, and its records one at a time (contract §6)."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tvmigrate.contract import new, old
from tvmigrate.dataset import redis_form
from tvmigrate.dataset.errors import DatasetError, bad_line
from tvmigrate.dataset.lines import NotJson, members, numbered, text_of
from tvmigrate.dataset.model import STRING, IndexFiles, RedisKey, RowFormat, StoredDocument, TableFiles

TOML = "dataset.toml"
REDIS = "redis.ndjson"
LAYOUT = "layout.toml"  # what a site with names of its own calls its old data; who asks for it names it
CLICKHOUSE = "clickhouse"
ELASTICSEARCH = "elasticsearch"

_ROW_FORMATS: Mapping[str, RowFormat] = {".ndjson": "JSONEachRow", ".parquet": "Parquet"}
_CREATE = re.compile(
    r"\s*CREATE\s+TABLE\s+(?:(?P<db>`[^`]+`|\w+)\s*\.\s*)?(?P<table>`[^`]+`|\w+)(?=[\s(])", re.IGNORECASE
)
_SAID = {"name", "show", "note", "captured_at", "system"}
_OTHERS = "show, note, captured_at and system"
_FORM = "dataset.toml, redis.ndjson, clickhouse/, elasticsearch/"


@dataclass(frozen=True, slots=True)
class Dataset:
    """An old system as files. Opening reads the small files; records are read, a line at a time, when asked for.

    `captured_at` is the instant that a captured one's times to live count from, RFC 3339 with milliseconds.
    `system` tells the stores that it was captured from.
    """

    path: Path
    name: str
    show: str | None
    note: str
    redis: Path | None
    tables: Mapping[str, TableFiles]
    indices: Mapping[str, IndexFiles]
    captured_at: str | None = None
    system: str | None = None

    @classmethod
    def open(cls, path: Path | str) -> Dataset:
        """Open the dataset in the folder `path`.

        Raises:
            DatasetError: no such folder, a file that is missing, malformed or has no place there, or no data at all.
        """
        path = Path(path)
        if not path.is_dir():
            raise DatasetError(f"{path} is not a folder; expected a dataset: a folder with {TOML}.")
        toml = _toml(path / TOML)
        redis = path / REDIS
        for name, wanted in ((REDIS, Path.is_file), (CLICKHOUSE, Path.is_dir), (ELASTICSEARCH, Path.is_dir)):
            if (path / name).exists() and not wanted(path / name):
                raise DatasetError(
                    f"{path / name} is no {'file' if name == REDIS else 'folder'}; a dataset is {_FORM}."
                )
        tables = {table.name: table for table in _tables(path / CLICKHOUSE)}
        indices = {index.name: index for index in _indices(path / ELASTICSEARCH)}
        _refuse_strangers(path, tables, indices)
        if not redis.is_file() and not tables and not indices:
            raise DatasetError(
                f"{path} has {TOML} and no data: expected at least one of {REDIS}, {CLICKHOUSE}/ and {ELASTICSEARCH}/."
            )
        return cls(
            path, toml["name"], toml.get("show"), toml.get("note", ""),
            redis if redis.is_file() else None, tables, indices, toml.get("captured_at"), toml.get("system"),
        )  # fmt: skip

    def redis_keys(self) -> Iterator[RedisKey]:
        """Yield the keys in the file's order; one whose `ttl_ms` is ≤ 0 is checked, but is no record and not yielded.

        Raises:
            DatasetError: a line that is not of the form.
        """
        if self.redis is None:
            return
        for number, line in numbered(self.redis):
            key = redis_key(self.redis, number, line)
            if key is not None:
                yield key

    def documents(self, index: str = old.INDEX.name) -> Iterator[StoredDocument]:
        """Yield the documents of `index` in the file's order; parse `source` with `contract.exact_json`.

        Yields nothing for an index that the dataset does not have.

        Raises:
            DatasetError: a line that is not of the form.
        """
        files = self.indices.get(index)
        if files is None:
            return
        for number, line in numbered(files.documents):
            yield document_of(files.documents, number, line)


_DOCUMENT = re.compile(rb'\{"_id": ?("[^"\\\x00-\x1f]+"), ?"_source": ?')


def cut_document(line: bytes) -> tuple[bytes, bytes] | None:
    """Cut a line of an index's file into the JSON of its `_id` and what should be that of its `_source`.

    None for a line that is written in another way. Where the second is one JSON object, the line is of the form.
    """
    match = _DOCUMENT.match(line)
    return None if match is None or not line.endswith(b"}") else (match[1], line[match.end() : -1])


def document_of(path: Path, number: int, line: bytes) -> StoredDocument:
    """Return the document in line `number` of the file `path`; raises DatasetError where it is not of the form."""
    parts = cut_document(line)
    if parts is not None and len(parts[0]) <= new.MAX_ID_BYTES and _is_an_object(parts[1]):
        try:
            return StoredDocument(parts[0][1:-1].decode(), parts[1].decode(), number)
        except UnicodeDecodeError:
            pass  # said below, with its place
    return _document(path, number, text_of(path, number, line))


def _is_an_object(source: bytes) -> bool:
    try:
        return type(orjson.loads(source)) is dict
    except orjson.JSONDecodeError:
        return False


def redis_key(path: Path, number: int, line: bytes) -> RedisKey | None:
    """Return the key in a line of `redis.ndjson`, without its line feed; None for one whose time was up.

    Raises:
        DatasetError: the line is not of the form.
    """
    if (plain := redis_form.string_of(line)) is not None:
        db, name, ttl, value = plain
        key = RedisKey(db, name, STRING, ttl, value, number)
    else:
        try:
            key = redis_form.parse(text_of(path, number, line), number)
        except redis_form.BadForm as why:
            raise bad_line(path, number, why.found, why.expected) from None
    return key if key.ttl_ms is None or key.ttl_ms > 0 else None


def _document(path: Path, number: int, text: str) -> StoredDocument:
    try:
        parts = {name: (value, raw) for name, value, raw in members(text)}
    except NotJson as why:
        raise bad_line(path, number, str(why), "one JSON object") from None
    if set(parts) != {"_id", "_source"}:
        raise bad_line(
            path, number, f"the line holds {', '.join(map(repr, parts))}", "an object with exactly _id, _source"
        )
    doc_id = parts["_id"][0]
    if not isinstance(doc_id, str) or not doc_id or not _encodable(doc_id):
        raise bad_line(path, number, f"_id is {parts['_id'][1][:80]}", "text that is not empty and is Unicode")
    if (size := len(doc_id.encode())) > new.MAX_ID_BYTES:
        found = f"_id has {size} bytes"
        raise bad_line(path, number, found, f"at most {new.MAX_ID_BYTES} bytes, which is all that Elasticsearch takes")
    if not isinstance(parts["_source"][0], dict):
        raise bad_line(path, number, f"_source is {parts['_source'][1][:80]}", "an object")
    return StoredDocument(doc_id, parts["_source"][1], number)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing; a dataset is {_FORM}.") from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: byte {error.start + 1} is not UTF-8; expected UTF-8 text.") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}.") from error


def _toml(path: Path) -> dict[str, Any]:
    try:
        body = tomllib.loads(_read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise DatasetError(f"{path} is not TOML: {error}; expected name, and optionally {_OTHERS}.") from None
    wrong = [key for key, value in body.items() if key not in _SAID or not isinstance(value, str)]
    if wrong or not body.get("name"):
        found = f"{', '.join(wrong)}, which is unknown or no text" if wrong else "no name"
        raise DatasetError(f"{path} holds {found}; expected name, and optionally {_OTHERS}, each text.")
    return body


def _tables(folder: Path) -> Iterator[TableFiles]:
    for path in sorted(folder.glob("*.sql")):
        statement = _read_text(path).strip().removesuffix(";").rstrip()
        match = _CREATE.match(statement)
        if match is None or match["table"].strip("`") != path.stem or ";" in _without_text(statement):
            raise DatasetError(f"{path} holds {statement[:60]!r}; expected one CREATE TABLE statement of {path.stem}.")
        found = [path.with_suffix(suffix) for suffix in _ROW_FORMATS if path.with_suffix(suffix).is_file()]
        if len(found) != 1:
            both = " and ".join(f"{path.stem}{suffix}" for suffix in _ROW_FORMATS)
            raise DatasetError(
                f"{folder} has {len(found)} row files for {path.name}; expected just one of {both}; it may be empty."
            )
        if found[0].suffix == ".parquet" and not found[0].stat().st_size:
            raise DatasetError(
                f"{found[0]} is empty, which no Parquet file is; for no rows leave {path.stem}.ndjson empty."
            )
        database = (match["db"] or old.DATABASE).strip("`")
        yield TableFiles(database, path.stem, statement, found[0], _ROW_FORMATS[found[0].suffix])


def _without_text(statement: str) -> str:
    return re.sub(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|--[^\n]*", "", statement)


def _indices(folder: Path) -> Iterator[IndexFiles]:
    for path in sorted(folder.glob("*.json")):
        try:
            body = json.loads(_read_text(path))
        except json.JSONDecodeError as error:
            raise DatasetError(f"{path}, line {error.lineno}: not JSON ({error.msg}).") from None
        except RecursionError:
            raise DatasetError(f"{path} is nested too deeply to be read.") from None
        parts = {"settings", "mappings", "aliases"}
        if not isinstance(body, dict) or not {"settings", "mappings"} <= set(body) <= parts:
            raise DatasetError(f"{path} should be an object of settings and mappings, and aliases if there are any.")
        wrong = sorted(name for name, value in body.items() if not isinstance(value, dict))
        if wrong:
            raise DatasetError(f"{path}: {', '.join(wrong)} should be an object.")
        documents = path.with_suffix(".ndjson")
        if not documents.is_file():
            raise DatasetError(f"{documents} is missing beside {path.name}; for no documents it is empty.")
        yield IndexFiles(path.stem, body["settings"], body["mappings"], body.get("aliases", {}), documents)


def _refuse_strangers(path: Path, tables: Mapping[str, TableFiles], indices: Mapping[str, IndexFiles]) -> None:
    known = {path / TOML, path / REDIS, path / LAYOUT}
    for table in tables.values():
        known |= {path / CLICKHOUSE / f"{table.name}.sql", table.rows}
    for index in indices.values():
        known |= {index.documents, index.documents.with_suffix(".json")}
    strangers = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file() and file not in known)
    if strangers:
        raise DatasetError(
            f"{path} holds files that have no place in a dataset: {', '.join(strangers[:5])}"
            f"{f' and {len(strangers) - 5} more' if len(strangers) > 5 else ''}. Move them away, or give rows their "
            ".sql and documents their .json."
        )

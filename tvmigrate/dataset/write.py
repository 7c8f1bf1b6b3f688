"""Write the parts of a dataset, or of a backup in the same form: streamed, synced to disk, each with its digest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from tvmigrate.contract import exact_json
from tvmigrate.dataset import redis_form
from tvmigrate.dataset.model import RedisKey


@dataclass(frozen=True, slots=True)
class Part:
    """A file that was written and synced: `records` lines (0 for a format without lines), `size` bytes, its digest."""

    path: Path
    records: int
    size: int
    sha256: str


class PartWriter:
    """Bytes into a file that appears under its name only when it is whole and on disk.

    Leaving the `with` block well closes it; leaving by an exception removes what was written.
    """

    def __init__(self, path: Path) -> None:
        """Create `path`'s folder and open a file beside it; raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._file: BinaryIO = self._partial.open("wb")
        self._digest = hashlib.sha256()
        self._size = 0
        self._records = 0
        self.part: Part | None = None

    def _append(self, chunk: bytes | memoryview, records: int) -> None:
        self._file.write(chunk)
        self._digest.update(chunk)
        self._size += len(chunk)
        self._records += records

    @property
    def records(self) -> int:
        """Records written so far."""
        return self._records

    def close(self) -> Part:
        """Sync the file, give it its name, sync the folder, and return what was written; raises OSError."""
        if self.part is not None:
            return self.part
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.part = Part(self._path, self._records, self._size, self._digest.hexdigest())
        return self.part

    def discard(self) -> None:
        """Remove what was written, unless it was closed."""
        if self.part is None:
            self._file.close()
            self._partial.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


class RedisWriter(PartWriter):
    """Keys into `redis.ndjson`."""

    def write(self, key: RedisKey) -> None:
        """Append one key; raises ValueError for a value that is not of its type."""
        self.write_line(redis_form.dump(key))

    def write_line(self, line: bytes) -> None:
        """Append a key as `redis_form.dump` wrote it."""
        self._append(line, 1)

    def write_lines(self, lines: bytes, count: int) -> None:
        """Append the lines of `count` keys."""
        self._append(lines, count)


class DocumentsWriter(PartWriter):
    """Documents into `{index}.ndjson`."""

    def write(self, doc_id: str, source: str | bytes | Mapping[str, Any]) -> None:
        """Append one document; JSON text is kept as it is, but on one line."""
        text = source if isinstance(source, str | bytes) else _json(source)
        raw = text.encode() if isinstance(text, str) else text
        if b"\n" in raw or b"\r" in raw:
            # Between tokens only: inside a string JSON has them escaped.
            raw = raw.replace(b"\r", b" ").replace(b"\n", b" ")
        self._append(b'{"_id":' + json.dumps(doc_id, ensure_ascii=False).encode() + b',"_source":' + raw + b"}\n", 1)

    def write_pairs(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Append documents, each as the JSON of its `_id` and that of its `_source`, which is kept as it is."""
        lines = b"".join([b'{"_id":' + doc_id + b',"_source":' + source + b"}\n" for doc_id, source in pairs])
        if lines.count(b"\n") == len(pairs) and b"\r" not in lines:
            self._append(lines, len(pairs))
            return
        for doc_id, source in pairs:
            self.write(json.loads(doc_id), source)


class RowsWriter(PartWriter):
    """A table's rows into `{table}.ndjson`, as ClickHouse streams them in FORMAT JSONEachRow."""

    def write(self, chunk: bytes) -> None:
        """Append bytes as they come; a row may span two chunks."""
        self._append(chunk, chunk.count(b"\n"))


def write_table(folder: Path, name: str, create: str) -> Part:
    """Write `clickhouse/{name}.sql` below `folder`; `create` is the table's CREATE TABLE."""
    with PartWriter(folder / "clickhouse" / f"{name}.sql") as part:
        part._append(create.strip().removesuffix(";").encode() + b"\n", 0)
    return part.close()


def write_index(
    folder: Path,
    name: str,
    settings: Mapping[str, Any],
    mappings: Mapping[str, Any],
    aliases: Mapping[str, Any] | None = None,
) -> Part:
    """Write `elasticsearch/{name}.json` below `folder`."""
    body = {"settings": settings, "mappings": mappings, **({"aliases": aliases} if aliases else {})}
    with PartWriter(folder / "elasticsearch" / f"{name}.json") as part:
        part._append(json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n", 0)
    return part.close()


def write_toml(  # noqa: PLR0913, PLR0917 - one a key
    folder: Path, name: str, show: str | None, note: str, captured_at: str | None = None, system: str | None = None
) -> Part:
    """Write `dataset.toml` in `folder`."""
    given = {"name": name, "note": note, "show": show, "captured_at": captured_at, "system": system}
    pairs = {key: value for key, value in given.items() if value is not None}
    with PartWriter(folder / "dataset.toml") as part:
        # A JSON string is a TOML basic string, but for U+007F, which TOML wants escaped.
        lines = (
            f"{key} = {json.dumps(value, ensure_ascii=False)}\n".replace("\x7f", "\\u007f")
            for key, value in pairs.items()
        )
        part._append("".join(lines).encode(), 0)
    return part.close()


def _json(source: Mapping[str, Any]) -> bytes:
    try:
        return exact_json.dump(source).encode()
    except TypeError:
        # Half a surrogate pair, which Elasticsearch keeps: it goes out as the escape that it came in as.
        text = json.dumps(source, ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8", "backslashreplace")

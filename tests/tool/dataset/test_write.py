"""Laws of what is written: synced and whole or not there, with the digest of its very bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvmigrate.dataset import Dataset, DocumentsWriter, RedisKey, RedisWriter, RowsWriter
from tvmigrate.dataset.write import write_index, write_table, write_toml

from .building import dataset

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
SOURCES = st.dictionaries(st.text(max_size=6), JSON_VALUES, max_size=4)


def test_a_part_tells_records_bytes_and_digest_of_the_file(tmp_path: Path) -> None:
    with RedisWriter(tmp_path / "redis.ndjson") as writer:
        writer.write(RedisKey(0, b"a", "string", None, b"1"))
        writer.write(RedisKey(0, b"b", "string", None, b"2"))
    content = (tmp_path / "redis.ndjson").read_bytes()
    part = writer.close()
    assert (part.path, part.records, part.size) == (tmp_path / "redis.ndjson", 2, len(content))
    assert part.sha256 == hashlib.sha256(content).hexdigest()


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    with RowsWriter(tmp_path / "rows.ndjson") as writer:
        writer.write(b'{"a":')
        assert not (tmp_path / "rows.ndjson").exists()
        writer.write(b"1}\n")
    assert (tmp_path / "rows.ndjson").read_bytes() == b'{"a":1}\n'
    assert writer.close().records == 1


def test_what_an_error_interrupts_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "rows.ndjson").write_bytes(b"before\n")

    def cut() -> None:
        with RowsWriter(tmp_path / "rows.ndjson") as writer:
            writer.write(b"half")
            raise RuntimeError("power")

    with pytest.raises(RuntimeError, match="power"):
        cut()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("rows.ndjson", b"before\n")]


@given(doc_id=st.text(min_size=1, max_size=8), source=SOURCES)
def test_a_document_is_read_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, doc_id: str, source: dict[str, Any]
) -> None:
    path = dataset(tmp_path_factory.mktemp("d"), documents=[])
    raw = json.dumps(source)
    with DocumentsWriter(path / "elasticsearch" / "i.ndjson") as writer:
        writer.write(doc_id, raw)
        writer.write(doc_id, source)
    text, mapping = Dataset.open(path).documents("i")
    assert (text.id, text.source, mapping.id) == (doc_id, raw, doc_id)
    assert json.dumps(json.loads(mapping.source)) == raw


def test_a_pretty_printed_source_goes_on_one_line(tmp_path: Path) -> None:
    path = dataset(tmp_path, documents=[])
    with DocumentsWriter(path / "elasticsearch" / "i.ndjson") as writer:
        writer.write("a", b'{\r\n  "text": "one\\ntwo"\n}')
    (read,) = Dataset.open(path).documents("i")
    assert json.loads(read.source) == {"text": "one\ntwo"}
    assert writer.close().records == 1


def test_half_a_surrogate_pair_is_written_as_its_escape(tmp_path: Path) -> None:
    path = dataset(tmp_path, documents=[])
    with DocumentsWriter(path / "elasticsearch" / "i.ndjson") as writer:
        writer.write("a", {"text": "\ud83d"})
    (read,) = Dataset.open(path).documents("i")
    assert read.source == '{"text": "\\ud83d"}'


def test_a_dataset_written_whole_is_opened_with_the_same_parts(tmp_path: Path) -> None:
    note = 'quotes " \\ and\nlines, tiếng Việt \x7f'
    write_toml(tmp_path, "n", "s", note)
    write_table(tmp_path, "t", "CREATE TABLE d.t (id UInt8) ENGINE = Memory;")
    write_index(tmp_path, "i", {"index": {"number_of_replicas": "0"}}, {"dynamic": "strict"}, {"a": {}})
    with RowsWriter(tmp_path / "clickhouse" / "t.ndjson"), DocumentsWriter(tmp_path / "elasticsearch" / "i.ndjson"):
        pass
    opened = Dataset.open(tmp_path)
    assert (opened.name, opened.show, opened.note) == ("n", "s", note)
    assert (opened.tables["t"].database, opened.tables["t"].create) == (
        "d",
        "CREATE TABLE d.t (id UInt8) ENGINE = Memory",
    )
    index = opened.indices["i"]
    assert (index.settings, index.mappings, index.aliases) == (
        {"index": {"number_of_replicas": "0"}}, {"dynamic": "strict"}, {"a": {}},
    )  # fmt: skip

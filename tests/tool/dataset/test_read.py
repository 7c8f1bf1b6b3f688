"""Laws of an opened dataset: what it names, and the whole sentence for each way in which it can be malformed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tvmigrate.contract import exact_json
from tvmigrate.dataset import Dataset, DatasetError
from tvmigrate.errors import ExitCode

from .building import INDEX, TABLE, dataset, document, key, write_lines


def sentence_of(run: Callable[[], object]) -> str:
    with pytest.raises(DatasetError) as caught:
        run()
    assert caught.value.exit_code is ExitCode.USAGE
    return str(caught.value)


def test_opening_names_tables_and_indices_with_their_files(tmp_path: Path) -> None:
    path = dataset(tmp_path, redis=[], rows=[], documents=[])
    (path / "dataset.toml").write_text('name = "n"\nshow = "s"\nnote = "why"\n')
    opened = Dataset.open(path)
    assert (opened.name, opened.show, opened.note) == ("n", "s", "why")
    table = opened.tables["t"]
    assert (table.database, table.name, table.create) == ("tv_analytics", "t", TABLE.strip())
    assert (table.rows, table.format) == (path / "clickhouse" / "t.ndjson", "JSONEachRow")
    index = opened.indices["i"]
    assert {"settings": index.settings, "mappings": index.mappings} == json.loads(INDEX)
    assert index.documents == path / "elasticsearch" / "i.ndjson"
    assert list(opened.redis_keys()) == list(opened.documents("i")) == []


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    opened = Dataset.open(dataset(tmp_path, redis=[key("a", "string", "b")]))
    assert (dict(opened.tables), dict(opened.indices), list(opened.documents())) == ({}, {}, [])


def test_a_key_without_time_to_live_is_no_record_but_is_checked(tmp_path: Path) -> None:
    lines = [key("a", "string", "1", 0), key("b", "string", "2", -5), key("c", "string", "3", 1)]
    opened = Dataset.open(dataset(tmp_path, redis=lines))
    assert [(k.key, k.line) for k in opened.redis_keys()] == [(b"c", 3)]
    opened = Dataset.open(dataset(tmp_path, redis=[key("a", "string", 1, 0)]))
    assert "line 1: value is 1" in sentence_of(lambda: list(opened.redis_keys()))


def test_a_document_keeps_its_source_character_for_character(tmp_path: Path) -> None:
    source = '{ "n" : 0.10000000000000000001, "e": 1E5, "big": 123456789012345678901234567890, "s": "\\ud83d\\u0041" }'
    write = dataset(tmp_path, documents=[f'{{"_source" : {source} , "_id": "\\u0061"}}'])
    (read,) = Dataset.open(write).documents("i")
    assert (read.id, read.source, read.line) == ("a", source, 1)


def test_the_numbers_of_a_source_lose_no_digit(tmp_path: Path) -> None:
    (read,) = Dataset.open(
        dataset(tmp_path, documents=['{"_id":"a","_source":{"n":0.10000000000000000001}}'])
    ).documents("i")
    assert str(exact_json.parse(read.source)["n"]) == "0.10000000000000000001"


def test_the_committed_datasets_are_read_whole() -> None:
    fixtures = Path(__file__).parents[3] / "fixtures"
    for name in ("clean", "standard"):
        opened = Dataset.open(fixtures / name)
        assert opened.name == name
        lines = (fixtures / name / "elasticsearch" / "tv_comments.ndjson").read_bytes().count(b"\n")
        assert sum(1 for _ in opened.documents()) == lines
        assert sum(1 for _ in opened.redis_keys()) > 0
        assert set(opened.tables) - {"viewers"} == {"comments", "eaos_metrics"}


DOCUMENT_FORM = "an object with exactly _id, _source"
BAD_DOCUMENTS = {
    "not json": (
        '{"_id": "a", "_source": {]',
        "not JSON at character 26 (Expecting property name enclosed in double quotes); expected one JSON object",
    ),
    "cut": (
        '{"_id": "a"',
        "not JSON at character 12 (it should be the end of the object); expected one JSON object",
    ),
    "more": (
        '{"_id": "a", "_source": {}} {}',
        "character 29 follows the end of the object; expected one JSON object",
    ),
    "twice": (
        '{"_id": "a", "_id": "b"}',
        "'_id' stands where a name not used before should; expected one JSON object",
    ),
    "NaN": (
        '{"_id": "a", "_source": {"n": NaN}}',
        "it holds a literal NaN, which is not JSON; expected one JSON object",
    ),
    "no source": ('{"_id": "a"}', f"the line holds '_id'; expected {DOCUMENT_FORM}"),
    "a member more": (
        '{"_id": "a", "_source": {}, "_routing": "r"}',
        f"the line holds '_id', '_source', '_routing'; expected {DOCUMENT_FORM}",
    ),
    "number as id": ('{"_id": 1, "_source": {}}', "_id is 1; expected text that is not empty and is Unicode"),
    "empty id": ('{"_id": "", "_source": {}}', '_id is ""; expected text that is not empty and is Unicode'),
    "surrogate id": (
        '{"_id": "\\ud800", "_source": {}}',
        '_id is "\\ud800"; expected text that is not empty and is Unicode',
    ),
    "list": ('{"_id": "a", "_source": []}', "_source is []; expected an object"),
}


@pytest.mark.parametrize(("line", "says"), BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS.keys())
def test_a_malformed_document_is_named_by_file_and_line(tmp_path: Path, line: str, says: str) -> None:
    opened = Dataset.open(dataset(tmp_path, documents=[document("ok", {}), line]))
    assert sentence_of(lambda: list(opened.documents("i"))) == f"{tmp_path}/elasticsearch/i.ndjson, line 2: {says}."


BAD_LINES = {
    "not utf-8": (b'{"\xff', 'byte 3 is not UTF-8; expected UTF-8, other bytes as {"b64": "…"}'),
    "blank": (b" ", "the line is blank; expected one JSON object a line"),
    "form": (
        b'{"db":0}', "the line holds the members 'db'; expected an object with exactly db, key, type, ttl_ms, value",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("line", "says"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_malformed_key_is_named_by_file_and_line(tmp_path: Path, line: bytes, says: str) -> None:
    path = dataset(tmp_path, redis=[])
    (path / "redis.ndjson").write_bytes(key("a", "string", "b").encode() + b"\n" + line + b"\n")
    assert sentence_of(lambda: list(Dataset.open(path).redis_keys())) == f"{tmp_path}/redis.ndjson, line 2: {says}."


def test_a_file_cut_short_is_no_dataset(tmp_path: Path) -> None:
    path = dataset(tmp_path, redis=[])
    (path / "redis.ndjson").write_text(key("a", "string", "b"))
    assert sentence_of(lambda: list(Dataset.open(path).redis_keys())) == (
        f"{tmp_path}/redis.ndjson, line 1: the last line does not end with a line feed; expected a file that is whole."
    )


def test_no_folder_is_no_dataset(tmp_path: Path) -> None:
    assert sentence_of(lambda: Dataset.open(tmp_path / "x")) == (
        f"{tmp_path}/x is not a folder; expected a dataset: a folder with dataset.toml."
    )


def test_no_dataset_toml_is_no_dataset(tmp_path: Path) -> None:
    write_lines(tmp_path / "redis.ndjson", [])
    assert sentence_of(lambda: Dataset.open(tmp_path)) == (
        f"{tmp_path}/dataset.toml is missing; a dataset is dataset.toml, redis.ndjson, clickhouse/, elasticsearch/."
    )


def test_no_data_at_all_is_no_dataset(tmp_path: Path) -> None:
    assert sentence_of(lambda: Dataset.open(dataset(tmp_path))) == (
        f"{tmp_path} has dataset.toml and no data: expected at least one of redis.ndjson, clickhouse/ and "
        "elasticsearch/."
    )


TOML_FORM = "expected name, and optionally show, note, captured_at and system"
TOMLS = {
    "not toml": ("name = ", f"is not TOML: Invalid value (at end of document); {TOML_FORM}"),
    "no name": ("", f"holds no name; {TOML_FORM}, each text"),
    "unknown": ('name = "n"\nshows = "s"\n', f"holds shows, which is unknown or no text; {TOML_FORM}, each text"),
    "number": ("name = 1\n", f"holds name, which is unknown or no text; {TOML_FORM}, each text"),
}


@pytest.mark.parametrize(("toml", "says"), TOMLS.values(), ids=TOMLS.keys())
def test_a_malformed_dataset_toml_says_what_is_wrong(tmp_path: Path, toml: str, says: str) -> None:
    path = dataset(tmp_path, redis=[])
    (path / "dataset.toml").write_text(toml)
    assert sentence_of(lambda: Dataset.open(path)) == f"{tmp_path}/dataset.toml {says}."


STATEMENTS = ("", "DROP TABLE t", "CREATE TABLE other (id UInt32) ENGINE = Memory", TABLE + "; DROP TABLE t")


@pytest.mark.parametrize("statement", STATEMENTS, ids=["empty", "drop", "another table", "two statements"])
def test_a_sql_file_is_one_create_table_of_its_own_name(tmp_path: Path, statement: str) -> None:
    path = dataset(tmp_path, rows=[], table=statement)
    assert sentence_of(lambda: Dataset.open(path)) == (
        f"{tmp_path}/clickhouse/t.sql holds {statement.strip()[:60]!r}; expected one CREATE TABLE statement of t."
    )


def test_a_semicolon_in_a_comment_or_text_is_no_second_statement(tmp_path: Path) -> None:
    table = "CREATE TABLE `t` (id String DEFAULT 'a;b') -- one; two\nENGINE = Memory;\n"
    assert Dataset.open(dataset(tmp_path, rows=[], table=table)).tables["t"].create == table.strip().removesuffix(";")


def test_a_table_without_rows_file_is_named(tmp_path: Path) -> None:
    path = dataset(tmp_path, rows=[])
    (path / "clickhouse" / "t.ndjson").unlink()
    assert sentence_of(lambda: Dataset.open(path)) == (
        f"{tmp_path}/clickhouse has 0 row files for t.sql; expected just one of t.ndjson and t.parquet; it may be "
        "empty."
    )


INDEXES = {
    "not json": ("{", "i.json, line 1: not JSON (Expecting property name enclosed in double quotes)."),
    "no mappings": (
        '{"settings": {}}',
        "i.json should be an object of settings and mappings, and aliases if there are any.",
    ),
    "list": ('{"settings": [], "mappings": {}}', "i.json: settings should be an object."),
}


@pytest.mark.parametrize(("index", "says"), INDEXES.values(), ids=INDEXES.keys())
def test_a_malformed_index_says_what_is_wrong(tmp_path: Path, index: str, says: str) -> None:
    path = dataset(tmp_path, documents=[], index=index)
    assert sentence_of(lambda: Dataset.open(path)) == f"{tmp_path}/elasticsearch/{says}"


def test_an_index_without_documents_file_is_named(tmp_path: Path) -> None:
    path = dataset(tmp_path, documents=[])
    (path / "elasticsearch" / "i.ndjson").unlink()
    assert sentence_of(lambda: Dataset.open(path)) == (
        f"{tmp_path}/elasticsearch/i.ndjson is missing beside i.json; for no documents it is empty."
    )


def test_unknown_files_are_named(tmp_path: Path) -> None:
    path = dataset(tmp_path, redis=[], rows=[], documents=[])
    write_lines(path / "clickhouse" / "u.ndjson", [])
    write_lines(path / "notes.txt", [])
    assert sentence_of(lambda: Dataset.open(path)) == (
        f"{tmp_path} holds files that have no place in a dataset: clickhouse/u.ndjson, notes.txt. Move them away, or "
        "give rows their .sql and documents their .json."
    )

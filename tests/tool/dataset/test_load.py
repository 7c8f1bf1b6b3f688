"""Laws of a load into real engines: all of it and bit for bit, or nothing and the line that is at fault."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tvmigrate.cli import cli as root_command
from tvmigrate.dataset import Dataset, DatasetError, LoadError, RedisKey, RedisWriter, RowsWriter
from tvmigrate.dataset.cli import load as load_command
from tvmigrate.dataset.load import load
from tvmigrate.dataset.model import ROWS_OUTPUT_SETTINGS
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Advanced, Event, Finished, Said, Started

from .building import dataset, document, key
from .test_redis_form import keys

STANDARD = Path(__file__).parents[3] / "fixtures" / "standard"


def read_back(client: redis.Redis, found: RedisKey) -> Any:
    """Read a key's value in the form that a dataset has it, by plain commands."""
    readers: dict[str, Callable[[], Any]] = {
        "string": lambda: client.get(found.key),
        "list": lambda: client.lrange(found.key, 0, -1),
        "set": lambda: sorted(client.smembers(found.key)),
        "zset": lambda: scores(client.zrange(found.key, 0, -1, withscores=True)),
        "hash": lambda: client.hgetall(found.key),
        "stream": lambda: client.xrange(found.key),
        "dump": lambda: client.dump(found.key),
    }
    return readers[found.type]()


def scores(pairs: list[tuple[bytes, float]]) -> list[tuple[bytes, float]]:
    """Sort members; the sign of zero goes, as in Redis: small sorted sets keep a whole score as an integer."""
    return sorted((member, score + 0.0) for member, score in pairs)


def as_read(found: RedisKey) -> Any:
    if found.type == "zset":
        return scores(found.value)
    return sorted(found.value) if found.type == "set" else found.value


def sentence_of(run: Callable[[], object], kind: type[Exception] = DatasetError) -> str:
    with pytest.raises(kind) as caught:
        run()
    return str(caught.value)


def is_empty(clients: Clients) -> bool:
    tables = clients.clickhouse.query("SELECT count() FROM system.tables WHERE database = 'tv_analytics'").result_rows
    indices = clients.elasticsearch.indices.get(index="*")
    return clients.redis.info("keyspace") == {} and tables[0][0] == 0 and not indices.body


def test_every_key_of_standard_is_there_with_its_type_value_and_time_to_live(
    empty_engines: Endpoints, clients: Clients
) -> None:
    opened = Dataset.open(STANDARD)
    report = load(opened, empty_engines)
    examined = 0
    for found in opened.redis_keys():
        client = clients.redis_db(found.db)
        if found.ttl_ms is not None and found.ttl_ms < 60_000:
            continue  # may have run out meanwhile
        examined += 1
        assert repr(read_back(client, found)) == repr(as_read(found)), found.key
        expires = report.redis_epoch_ms + found.ttl_ms if found.ttl_ms is not None else -1
        assert client.pexpiretime(found.key) == expires, found.key
    assert examined > 190
    assert report.redis_keys == sum(1 for _ in opened.redis_keys())


def test_every_row_and_document_of_standard_is_there_as_its_line_has_it(
    empty_engines: Endpoints, clients: Clients
) -> None:
    opened = Dataset.open(STANDARD)
    report = load(opened, empty_engines)
    for name, table in opened.tables.items():
        lines = table.rows.read_bytes().splitlines()
        assert report.rows[name] == len(lines)
        stored = clients.clickhouse.raw_query(
            f"SELECT * FROM tv_analytics.{name}",
            settings={"session_timezone": "UTC", "output_format_json_quote_denormals": 1},
            fmt="JSONEachRow",
        ).splitlines()
        assert sorted(map(row_key, stored)) == sorted(map(row_key, lines))
    answers = clients.elasticsearch.search(index="tv_comments", size=10_000)["hits"]["hits"]
    assert {hit["_id"]: hit["_source"] for hit in answers} == {
        found.id: json.loads(found.source) for found in opened.documents()
    }
    assert report.documents == {"tv_comments": len(answers), "tv_schedule": 2}


def test_documents_that_elasticsearch_is_too_busy_for_are_sent_again_and_it_is_said(
    empty_engines: Endpoints, clients: Clients
) -> None:
    # What is being sent counts against the limit only where a bulk request is read whole.
    narrow = {"network.breaker.inflight_requests.limit": "10kb", "rest.incremental_bulk": False}
    wide = dict.fromkeys(narrow)
    warnings: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Said):
            warnings.append(event.text)
            clients.elasticsearch.cluster.put_settings(persistent=wide)

    # No batch is as small; what puts the limit back is.
    clients.elasticsearch.cluster.put_settings(persistent=narrow)
    try:
        report = load(Dataset.open(STANDARD), empty_engines, listen)
    finally:
        clients.elasticsearch.cluster.put_settings(persistent=wide)
    assert warnings[0].startswith("Elasticsearch was too busy for ")
    assert warnings[0].endswith(" documents: they are sent again.")
    clients.elasticsearch.indices.refresh(index="tv_comments")
    assert clients.elasticsearch.count(index="tv_comments")["count"] == report.documents["tv_comments"] > 3000


def row_key(line: bytes) -> str:
    """Return a row so that two equal ones are the same text: floats as Float32, half a surrogate as its three bytes."""
    row = json.loads(line.decode("utf-8", "surrogatepass"), parse_int=float)  # float("-0") has its sign, int has none
    floats = {name: as_float32(value) for name, value in row.items() if name in FLOATS}
    return repr({**row, **floats})


FLOATS = {"sentiment_score", "engagement", "eaos_score"}


def as_float32(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return str(value)
    return pa.array([value], pa.float32())[0].as_py()


def test_index_settings_and_mappings_are_those_of_the_file(
    empty_engines: Endpoints, clients: Clients, tmp_path: Path
) -> None:
    index = {
        "settings": {
            "index": {
                "number_of_replicas": "0", "refresh_interval": "7s", "blocks": {"write": "true"},
                "uuid": "x", "creation_date": "1", "provided_name": "i", "version": {"created": "1"},
            },
        },
        "mappings": {"dynamic": "false", "properties": {"n": {"type": "long"}}},
        "aliases": {"other": {}},
    }  # fmt: skip
    load(Dataset.open(dataset(tmp_path, documents=[document("a", {"n": 1})], index=json.dumps(index))), empty_engines)
    found = clients.elasticsearch.indices.get(index="i")["i"]
    assert found["mappings"] == index["mappings"]
    assert found["aliases"] == index["aliases"]
    given = found["settings"]["index"]
    assert (given["refresh_interval"], given["blocks"], given["number_of_replicas"]) == ("7s", {"write": "true"}, "0")
    assert clients.elasticsearch.get(index="i", id="a")["_source"] == {"n": 1}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(keys.filter(lambda k: k.type != "dump"), min_size=1, max_size=12, unique_by=lambda k: (k.db, k.key)))
def test_any_keys_are_in_redis_as_they_were_written(
    engines: Endpoints, clients: Clients, tmp_path_factory: pytest.TempPathFactory, written: list[RedisKey]
) -> None:
    clients.redis.flushall()
    path = dataset(tmp_path_factory.mktemp("d"), redis=[])
    with RedisWriter(path / "redis.ndjson") as writer:
        for one in written:
            writer.write(one)
    load(Dataset.open(path), engines)
    for one in written:
        if one.ttl_ms is None or one.ttl_ms > 60_000:
            assert repr(read_back(clients.redis_db(one.db), one)) == repr(as_read(one))


def test_rows_written_from_a_table_make_an_equal_table(
    empty_engines: Endpoints, clients: Clients, tmp_path: Path
) -> None:
    create = (
        "CREATE TABLE tv_analytics.t (id UInt64, d DateTime('Asia/Ho_Chi_Minh'), m DateTime64(3), f Float32, g Float64,"
        " s String, n Nullable(Float32), a Array(LowCardinality(String))) ENGINE = MergeTree ORDER BY id"
    )
    clients.clickhouse.command("CREATE DATABASE tv_analytics")
    clients.clickhouse.command(create)
    clients.clickhouse.command(
        "INSERT INTO tv_analytics.t SELECT number + 18446744073709551000, number * 100000000, number * 1000.5,"
        " [0.1, -0., nan, inf, -inf, 5e-324][number % 6 + 1], [0.1, -0., nan, inf, -inf, 5e-324][number % 6 + 1],"
        " char(number, 255, 10, 34, 92, 0), if(number % 2, NULL, 0.1), ['a', 'ế'] FROM numbers(36)"
    )
    digest = "SELECT count(), sum(cityHash64(tuple(*))) FROM tv_analytics.t"
    before = clients.clickhouse.query(digest).result_rows
    path = dataset(tmp_path, rows=[], table=create)
    with (
        RowsWriter(path / "clickhouse" / "t.ndjson") as writer,
        clients.clickhouse.raw_stream(
            "SELECT * FROM tv_analytics.t", fmt="JSONEachRow", settings=dict(ROWS_OUTPUT_SETTINGS)
        ) as stream,
    ):
        while chunk := stream.read(1000):
            writer.write(chunk)
    load(Dataset.open(path), empty_engines, replace=True)
    assert clients.clickhouse.query(digest).result_rows == before
    assert writer.close().records == 36


def test_instants_without_an_offset_are_utc(empty_engines: Endpoints, clients: Clients, tmp_path: Path) -> None:
    rows = ['{"id": 1, "at": "2025-11-20 06:05:00"}', '{"id": 2, "at": "2025-11-20T13:05:00+07:00"}']
    load(Dataset.open(dataset(tmp_path, rows=rows)), empty_engines)
    found = clients.clickhouse.query("SELECT toUnixTimestamp(at) FROM tv_analytics.t ORDER BY id").result_rows
    assert found == [(1763618700,), (1763618700,)]


def test_rows_may_be_parquet(empty_engines: Endpoints, clients: Clients, tmp_path: Path) -> None:
    path = dataset(tmp_path, rows=[])
    (path / "clickhouse" / "t.ndjson").unlink()
    columns = {"id": pa.array([1, 2], pa.uint32()), "at": pa.array([5, 6], pa.uint32())}
    pq.write_table(pa.table(columns), path / "clickhouse" / "t.parquet")
    report = load(Dataset.open(path), empty_engines)
    found = clients.clickhouse.query("SELECT id, toUnixTimestamp(at) FROM tv_analytics.t ORDER BY id").result_rows
    assert (found, report.rows) == ([(1, 5), (2, 6)], {"t": 2})


def small(folder: Path) -> Path:
    return dataset(
        folder,
        redis=[key("a", "string", "1"), key("b", "list", ["x"], db=2)],
        rows=['{"id": 1, "at": 5}'],
        documents=[document("d", {"n": 1})],
    )


def test_engines_that_hold_what_would_be_created_are_refused(
    empty_engines: Endpoints, clients: Clients, tmp_path: Path
) -> None:
    opened = Dataset.open(small(tmp_path))
    load(opened, empty_engines)
    clients.redis.set("a", "changed")
    assert sentence_of(lambda: load(opened, empty_engines)) == (
        "The engines already hold what the dataset would create (redis: 0:'a', 2:'b'; clickhouse: tv_analytics.t; "
        "elasticsearch: i). Nothing was written. Load into empty engines, or give --replace to remove just these first."
    )
    assert clients.redis.get("a") == b"changed"


def test_replace_removes_what_it_would_create_and_nothing_else(
    empty_engines: Endpoints, clients: Clients, tmp_path: Path
) -> None:
    opened = Dataset.open(small(tmp_path))
    load(opened, empty_engines)
    clients.redis.hset("a2", "f", "stays")
    clients.redis.delete("a")
    clients.redis.set("b", "of database 0, stays")
    clients.redis_db(2).rpush("b", "goes")
    clients.clickhouse.command("CREATE TABLE tv_analytics.stays (id UInt8) ENGINE = MergeTree ORDER BY id")
    clients.clickhouse.command("INSERT INTO tv_analytics.t VALUES (9, 9)")
    clients.elasticsearch.index(index="stays", id="1", document={})
    clients.elasticsearch.index(index="i", id="goes", document={})
    load(opened, empty_engines, replace=True)
    assert clients.redis.hget("a2", "f") == b"stays"
    assert clients.redis.get("b") == b"of database 0, stays"
    assert clients.redis_db(2).lrange("b", 0, -1) == [b"x"]
    assert clients.clickhouse.query("SELECT id FROM tv_analytics.t").result_rows == [(1,)]
    assert clients.clickhouse.command("EXISTS tv_analytics.stays") == 1
    assert clients.elasticsearch.count(index="i")["count"] == 1
    assert clients.elasticsearch.exists(index="stays", id="1")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "malformed key": (
        {"redis": [key("a", "string", "1"), "{"], "rows": ['{"id": 1, "at": 5}'], "documents": [document("d", {})]},
        (
            "redis.ndjson, line 2: not JSON at character 2 (Expecting property name enclosed in double "
            "quotes); expected "
            "one JSON object."
        ),
    ),
    "malformed row": (
        {"redis": [key("a", "string", "1")], "rows": ['{"id": 1, "at": 5}', '{"id": 1'], "documents": []},
        "clickhouse/t.ndjson, line 2: not JSON at character 9 (Expecting ',' delimiter); expected one JSON object.",
    ),
    "another column": (
        {"rows": ['{"id": 1, "at": 5}', '{"id": 1}']},
        "clickhouse/t.ndjson, line 2: the columns are id; expected those of line 1: at, id.",
    ),
    "a column the table has not": (
        {"rows": ['{"id": 1, "at": 5, "by": "x"}']},
        "clickhouse/t.ndjson, line 1: the columns are at, by, id; expected the table's: at, id.",
    ),
    "a column missing": (
        {"rows": ['{"id": 1}']},
        "clickhouse/t.ndjson, line 1: the columns are id; expected the table's: at, id.",
    ),
    "a null where none may be": (
        {"rows": ['{"id": 1, "at": 5}', '{"id": null, "at": 5}'], "redis": [key("a", "string", "1")]},
        "clickhouse/t.ndjson, line 2: id is null; expected a UInt32, which is never null.",
    ),
    "a key twice": (
        {"redis": [key("a", "string", "1"), key("b", "string", "2"), key("a", "list", ["3"])], "documents": []},
        "redis.ndjson, line 3: the key 'a' of database 0 is there already; expected each key once.",
    ),
    "a payload that is none": (
        {"redis": [key("a", "string", "1"), key("b", "dump", {"b64": "AAAA"})]},
        (
            "redis.ndjson, line 2: Redis refuses the key 'b' (DUMP payload version or checksum are wrong); expected a "
            "value that Redis takes."
        ),
    ),
    "a database that is not there": (
        {"redis": [key("a", "string", "1", db=900)]},
        (
            "redis.ndjson, line 1: database 900 does not exist (DB index is out of range); expected one that "
            "the server "
            "has."
        ),
    ),
    "an _id twice": (
        {"redis": [key("a", "string", "1")], "documents": [document("d", {}), document("e", {}), document("d", {})]},
        "elasticsearch/i.ndjson, line 3: the _id 'd' is there already; expected each _id once.",
    ),
}


@pytest.mark.parametrize(("parts", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_line_is_named_and_nothing_is_left(
    empty_engines: Endpoints, clients: Clients, tmp_path: Path, parts: dict[str, Any], says: str
) -> None:
    opened = Dataset.open(dataset(tmp_path, **parts))
    assert sentence_of(lambda: load(opened, empty_engines)) == f"{tmp_path}/{says}"
    assert is_empty(clients)


ENGINE_REFUSES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a value of another type": (
        {"rows": ['{"id": 1, "at": 5}', '{"id": 2, "at": "soon"}', '{"id": 3, "at": 5}'], "redis": []},
        "clickhouse/t.ndjson, line 2: ClickHouse refuses the row (",
        "); expected a row of the table.",
    ),
    "a statement": (
        {"rows": [], "table": "CREATE TABLE t (id Nonsense) ENGINE = Memory", "documents": [document("d", {})]},
        "ClickHouse refuses the statement of t.sql: ",
        "",
    ),
    "a document against the mapping": (
        {"documents": [document("d", {"n": 1}), document("e", {"n": "many"})], "redis": [key("a", "string", "1")]},
        "elasticsearch/i.ndjson, line 2: Elasticsearch refuses the document 'e' (",
        "); expected a document that the index's mapping takes.",
    ),
    "a mapping": (
        {"documents": [], "index": '{"settings": {}, "mappings": {"properties": {"n": {"type": "nonsense"}}}}'},
        "Elasticsearch refuses the index of ",
        "",
    ),
}


@pytest.mark.parametrize("case", ENGINE_REFUSES.values(), ids=ENGINE_REFUSES.keys())
def test_what_an_engine_refuses_is_named_and_nothing_is_left(
    empty_engines: Endpoints, clients: Clients, tmp_path: Path, case: tuple[dict[str, Any], str, str]
) -> None:
    parts, begins, ends = case
    opened = Dataset.open(dataset(tmp_path, **parts))
    says = sentence_of(lambda: load(opened, empty_engines)).removeprefix(f"{tmp_path}/")
    assert says.startswith(begins)
    assert says.endswith(ends)
    assert is_empty(clients)


def test_an_engine_that_does_not_answer_is_named_and_nothing_is_left(
    empty_engines: Endpoints, clients: Clients, tmp_path: Path
) -> None:
    away = Endpoints("redis://127.0.0.1:1", empty_engines.clickhouse, empty_engines.elasticsearch)
    says = sentence_of(lambda: load(Dataset.open(small(tmp_path)), away), LoadError)
    assert says.startswith("redis failed while a dataset was loaded into it: ")
    assert is_empty(clients)


def test_a_key_whose_time_runs_out_during_the_load_is_not_there_for_ever(
    empty_engines: Endpoints, clients: Clients, tmp_path: Path
) -> None:
    report = load(Dataset.open(dataset(tmp_path, redis=[key("a", "list", ["1"], 1)])), empty_engines)
    assert clients.redis.pexpiretime("a") in {-2, report.redis_epoch_ms + 1}


def test_progress_is_told_from_start_to_end_of_each_store(empty_engines: Endpoints, tmp_path: Path) -> None:
    events: list[Event] = []
    load(Dataset.open(small(tmp_path)), empty_engines, events.append)
    for task, total, unit in [("redis", 2, "keys"), ("clickhouse", 1, "rows"), ("elasticsearch", 1, "documents")]:
        mine = [event for event in events if getattr(event, "task", "") == f"load {task}"]
        assert mine[0] == Started(f"load {task}", total, unit)
        assert [event.done for event in mine if isinstance(event, Advanced)][-1] == total
        assert isinstance(mine[-1], Finished)
        assert math.isfinite(mine[-1].seconds)


def test_the_command_loads_and_says_what(empty_engines: Endpoints, tmp_path: Path) -> None:
    done = CliRunner().invoke(load_command, [str(small(tmp_path))], env=empty_engines.environ())
    assert done.exit_code == 0
    assert done.stdout.startswith("small: 2 keys, 1 rows, 1 documents in ")


def test_the_command_tells_its_steps_as_lines_of_json_on_demand(empty_engines: Endpoints, tmp_path: Path) -> None:
    words = ["--log-format", "json", "load", str(small(tmp_path))]
    done = CliRunner().invoke(root_command, words, env=empty_engines.environ())
    assert done.exit_code == 0, done.output
    told = [json.loads(line) for line in done.stderr.splitlines()]
    ended = {line["task"] for line in told if line["event"] == "finished"}
    assert {"load redis", "load clickhouse", "load elasticsearch"} <= ended, told


def test_the_command_ends_with_2_and_one_sentence_for_a_wrong_line(empty_engines: Endpoints, tmp_path: Path) -> None:
    path = dataset(tmp_path, redis=["[]"])
    done = CliRunner().invoke(load_command, [str(path)], env=empty_engines.environ())
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"Error: {tmp_path}/redis.ndjson, line 1: the line holds no object; expected an object with exactly db, key, "
        "type, ttl_ms, value.\n"
    )

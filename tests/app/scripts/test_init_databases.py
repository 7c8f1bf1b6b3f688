"""`python scripts/init_databases.py`: it creates the new layout, or names what is in the way and changes nothing."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from src.setup.initialise import init_databases
from tests.app.scripts.running import ROOT, Ended, Run, command, everything
from tvmigrate.cli import cli as tvmigrate
from tvmigrate.contract import new, old
from tvmigrate.contract.unicode import show_bytes
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.verify.clickhouse_schema import live_tables

PARTS = [
    "database tv_analytics",
    "table tv_analytics.eaos_metrics",
    "table tv_analytics.comment_aggregates",
    "table tv_analytics.anomalies",
    "table tv_analytics.raw_comments",
    "index tv_comments_v2",
    "alias tv_comments",
]
DONE = "The new layout is there; Redis needs nothing made.\n"
MADE = "".join(f"made: {part}\n" for part in PARTS) + DONE
RIGHT = "".join(f"already right: {part}\n" for part in PARTS) + DONE
MIGRATE = "Migrate what is old: tvmigrate apply\n"
RENAME = "Rename or drop what has another shape, if nobody needs it, and run this again.\n"


@pytest.fixture
def here(environ: dict[str, str]) -> Callable[..., Ended]:
    """Run the command in this process, which takes a tenth of the time."""

    def run(*arguments: str, **variables: str) -> Ended:
        result = CliRunner().invoke(init_databases, arguments, env=environ | variables, prog_name="init_databases.py")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return run


def test_on_empty_stores_it_creates_the_new_layout(bare: Clients, init: Run) -> None:
    assert init() == Ended(0, MADE, "")
    assert list(everything(bare)["redis"]) == []
    live = live_tables(bare.clickhouse)
    assert live.keys() == {table.name for table in new.TABLES}
    for table in new.TABLES:
        found = live[table.name]
        assert [(column.name, column.type, column.default_kind) for column in found.columns] == [
            (column.name, column.type, "") for column in table.columns
        ]
        assert (found.engine, found.order_by, found.partition_by) == (
            table.engine, ", ".join(table.order_by), table.partition_by,
        )  # fmt: skip
    indices = bare.elasticsearch.indices.get(index="*").body
    assert {name: (body["aliases"], body["mappings"]) for name, body in indices.items()} == {
        "tv_comments_v2": ({"tv_comments": {}}, new.INDEX.mappings)
    }


def test_a_second_run_changes_nothing_and_says_so(bare: Clients, init: Run) -> None:
    init()
    bare.clickhouse.command("INSERT INTO tv_analytics.anomalies (program_id, metric) VALUES ('p', 'm')")
    bare.redis.hset("eaos:current:p", mapping={"score": "1"})
    before = everything(bare)
    assert init() == Ended(0, RIGHT, "")
    assert everything(bare) == before


def test_only_what_is_missing_is_made(bare: Clients, here: Run) -> None:
    here()
    bare.clickhouse.command("DROP TABLE tv_analytics.anomalies SYNC")
    bare.elasticsearch.indices.delete_alias(index="tv_comments_v2", name="tv_comments")
    missing = {"table tv_analytics.anomalies", "alias tv_comments"}
    ended = here()
    assert ended == Ended(
        0,
        "".join(f"made: {part}\n" for part in PARTS if part in missing)
        + "".join(f"already right: {part}\n" for part in PARTS if part not in missing)
        + DONE,
        "",
    )


def test_several_runs_at_once_create_each_thing_once(bare: Clients, environ: dict[str, str]) -> None:
    runs = [
        subprocess.Popen(
            command("init_databases"), cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    said = [run.communicate() for run in runs]
    assert [(run.returncode, err) for run, (_, err) in zip(runs, said, strict=True)] == [(0, "")] * 3
    for part in PARTS[1:]:
        assert sorted(line for out, _ in said for line in out.splitlines() if line.endswith(f": {part}")) == [
            f"already right: {part}"] * 2 + [f"made: {part}"]  # fmt: skip
    assert all(out.endswith(DONE) for out, _ in said)


def table_as(name: str, clauses: str) -> str:
    return f"CREATE OR REPLACE TABLE tv_analytics.{name} AS tv_analytics.{name} {clauses}"


AGGREGATES = "program_id, timestamp, topic, "
KEYED = "ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp)"
TABLES = {
    "a column more": (
        "ALTER TABLE tv_analytics.anomalies ADD COLUMN more String DEFAULT 'x'",
        "anomalies", ["column more: expected nothing; found String DEFAULT 'x'"],
    ),
    "a column less": (
        "ALTER TABLE tv_analytics.anomalies DROP COLUMN severity",
        "anomalies", ["column severity: expected LowCardinality(String); found nothing"],
    ),
    "another type": (
        "ALTER TABLE tv_analytics.eaos_metrics MODIFY COLUMN score Float32",
        "eaos_metrics", ["column score: expected Float64; found Float32"],
    ),
    "another order": (
        "ALTER TABLE tv_analytics.comment_aggregates MODIFY COLUMN count UInt64 AFTER avg_sentiment",
        "comment_aggregates",
        [f"order of the columns: expected {AGGREGATES}count, avg_sentiment; found {AGGREGATES}avg_sentiment, count"],
    ),
    "a codec": (
        "ALTER TABLE tv_analytics.raw_comments MODIFY COLUMN text CODEC(ZSTD(3))",
        "raw_comments", ["column text: expected String; found String CODEC(ZSTD(3))"],
    ),
    "keys and engine": (
        table_as("raw_comments", "ENGINE = ReplacingMergeTree PARTITION BY program_id ORDER BY (timestamp, text)"),
        "raw_comments",
        ["engine: expected MergeTree; found ReplacingMergeTree",
         "order key: expected program_id, timestamp, comment_id; found timestamp, text",
         "partition key: expected toYYYYMM(timestamp); found program_id"],
    ),
    "a primary key": (
        table_as("anomalies", f"{KEYED} PRIMARY KEY program_id ORDER BY (program_id, metric, timestamp)"),
        "anomalies", ["primary key: expected program_id, metric, timestamp; found program_id"],
    ),
    "a time to live": (
        "ALTER TABLE tv_analytics.eaos_metrics MODIFY TTL toDateTime(timestamp) + INTERVAL 1 YEAR",
        "eaos_metrics", ["clause TTL: expected nothing; found one"],
    ),
    "a view": (
        "CREATE OR REPLACE VIEW tv_analytics.anomalies AS SELECT 1 AS program_id",
        "anomalies",
        ["column program_id: expected LowCardinality(String); found UInt8",
         "column timestamp: expected DateTime64(3, 'UTC'); found nothing",
         "column metric: expected LowCardinality(String); found nothing",
         "column value: expected Float64; found nothing", "column expected: expected Float64; found nothing",
         "column deviation: expected Float64; found nothing",
         "column severity: expected LowCardinality(String); found nothing",
         "engine: expected MergeTree; found View", "order key: expected program_id, metric, timestamp; found nothing",
         "partition key: expected toYYYYMM(timestamp); found nothing"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "table", "lines"), TABLES.values(), ids=TABLES.keys())
def test_a_table_of_another_shape_is_named_with_the_difference(
    bare: Clients, here: Run, change: str, table: str, lines: list[str]
) -> None:
    here()
    if "VIEW" in change:
        bare.clickhouse.command(f"DROP TABLE tv_analytics.{table} SYNC")
    bare.clickhouse.command(change)
    missing = next(one.name for one in new.TABLES if one.name != table)
    bare.clickhouse.command(f"DROP TABLE tv_analytics.{missing} SYNC")
    before = everything(bare)
    said = [
        f"clickhouse: table tv_analytics.{table} is not as the new layout has it:",
        *(f"  {line}" for line in lines),
    ]
    assert here() == Ended(1, "", "\n".join([*said, "Nothing was changed.\n"]) + RENAME)
    assert everything(bare) == before


PROPERTIES = new.INDEX.mappings["properties"]


def strict(**fields: dict[str, object]) -> dict[str, object]:
    """Return the new mapping with other `fields`."""
    return {"dynamic": "strict", "properties": {**PROPERTIES, **fields}}


INDICES = {
    "other fields": (
        {"tv_comments_v2": {
            "mappings": strict(text={"type": "keyword"}, a={"type": "long"}),
            "aliases": {"tv_comments": {}},
        }},
        "index tv_comments_v2", ["field text: expected text; found keyword", "field a: expected nothing; found long"],
    ),
    "a field's parameter": (
        {"tv_comments_v2": {
            "mappings": strict(topics={"type": "keyword", "ignore_above": 9}),
            "aliases": {"tv_comments": {}},
        }},
        "index tv_comments_v2", ["field topics: expected keyword; found {'type': 'keyword', 'ignore_above': 9}"],
    ),
    "a dynamic mapping": (
        {"tv_comments_v2": {"mappings": {"properties": PROPERTIES}, "aliases": {"tv_comments": {}}}},
        "index tv_comments_v2", ["mapping dynamic: expected strict; found nothing"],
    ),
    "a write block": (
        {"tv_comments_v2": {
            "mappings": new.INDEX.mappings, "aliases": {"tv_comments": {}}, "settings": {"index.blocks.write": True},
        }},
        "index tv_comments_v2", ["setting index.blocks.write: expected nothing; found true"],
    ),
    "an alias elsewhere": (
        {"tv_comments_v2": {"mappings": new.INDEX.mappings}, "elsewhere": {"aliases": {"tv_comments": {}}}},
        "alias tv_comments", ["on: expected the index tv_comments_v2; found the index elsewhere"],
    ),
    "an alias on two": (
        {"tv_comments_v2": {"mappings": new.INDEX.mappings, "aliases": {"tv_comments": {}}},
         "elsewhere": {"aliases": {"tv_comments": {}}}},
        "alias tv_comments", ["on: expected the index tv_comments_v2; found the index elsewhere, tv_comments_v2"],
    ),
    "an alias with a filter": (
        {"tv_comments_v2": {
            "mappings": new.INDEX.mappings, "aliases": {"tv_comments": {"filter": {"term": {"program_id": "p"}}}},
        }},
        "alias tv_comments", ["filter on tv_comments_v2: expected nothing; found {'term': {'program_id': 'p'}}"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("indices", "what", "lines"), INDICES.values(), ids=INDICES.keys())
def test_an_index_or_alias_of_another_shape_is_named_with_the_difference(
    bare: Clients, here: Run, indices: dict[str, dict[str, object]], what: str, lines: list[str]
) -> None:
    for name, body in indices.items():
        bare.elasticsearch.indices.create(index=name, body={"settings": {"number_of_replicas": 0}} | body)
    before = everything(bare)
    said = [f"elasticsearch: {what} is not as the new layout has it:", *(f"  {line}" for line in lines)]
    assert here() == Ended(1, "", "\n".join([*said, "Nothing was changed.\n"]) + RENAME)
    assert everything(bare) == before


def test_a_new_key_of_a_wrong_type_is_named(bare: Clients, here: Run) -> None:
    bare.redis.set("trends:top:5min", "x")
    bare.redis.hset("events:p:2025-11-20", mapping={"a": "1"})
    assert here() == Ended(
        1,
        "",
        "redis: key events:p:2025-11-20 is not as the new layout has it:\n  type: expected list; found hash\n"
        "redis: key trends:top:5min is not as the new layout has it:\n  type: expected zset; found string\n"
        f"Nothing was changed.\n{RENAME}",
    )


def old_layout(bare: Clients) -> None:
    bare.clickhouse.command("CREATE DATABASE tv_analytics")
    for table in old.TABLES:
        bare.clickhouse.command(table.create(old.DATABASE))
    bare.clickhouse.command("INSERT INTO tv_analytics.comments (comment_id) VALUES ('1')")
    bare.elasticsearch.index(index="tv_comments", id="1", document={"content": "x"}, refresh=True)
    for number in range(7):
        bare.redis.set(f"eaos:contestant_{number}", "{}")
    bare.redis.zadd("trend:5m", {"a": 1})
    bare.redis.lpush("metrics:m", "1")
    bare.redis.set("session:1", "unrelated")


def test_the_old_layout_is_named_with_the_command_that_migrates_it(bare: Clients, here: Run) -> None:
    old_layout(bare)
    before = everything(bare)
    assert here() == Ended(
        1,
        "",
        "The old layout is still there:\n"
        "  redis: key eaos:contestant_0, key eaos:contestant_1, key eaos:contestant_2, key eaos:contestant_3, key "
        "eaos:contestant_4, and 4 more\n"
        "  clickhouse: table tv_analytics.comments, table tv_analytics.eaos_metrics\n"
        "  elasticsearch: index tv_comments\n"
        f"Nothing was changed.\n{MIGRATE}",
    )
    assert everything(bare) == before


LEFT = {
    "redis": ("eaos:current:x", "redis: key eaos:current:x"),
    "comments": ("comments", "clickhouse: table tv_analytics.comments"),
    "eaos_metrics": ("eaos_metrics", "clickhouse: table tv_analytics.eaos_metrics"),
    "elasticsearch": ("tv_comments", "elasticsearch: index tv_comments"),
}


@pytest.mark.parametrize("left", LEFT)
def test_one_piece_of_the_old_layout_is_enough(bare: Clients, here: Run, left: str) -> None:
    name, said = LEFT[left]
    if left == "redis":
        bare.redis.set(name, "{}")
    elif left == "elasticsearch":
        bare.elasticsearch.indices.create(index=name)
    else:
        bare.clickhouse.command("CREATE DATABASE tv_analytics")
        bare.clickhouse.command(next(table for table in old.TABLES if table.name == name).create(old.DATABASE))
    assert here() == Ended(1, "", f"The old layout is still there:\n  {said}\nNothing was changed.\n{MIGRATE}")


def test_after_a_migration_all_is_right_also_beside_what_it_set_aside(
    bare: Clients, endpoints: Endpoints, here: Run, tmp_path: Path
) -> None:
    for arguments in (["load", str(ROOT / "fixtures" / "standard")],
                      ["apply", "--show", "the_voice", "--yes", "--state", str(tmp_path)]):  # fmt: skip
        ended = CliRunner().invoke(tvmigrate, arguments, env=endpoints.environ())
        assert ended.exit_code == 0, ended.output
    rows = bare.clickhouse.query("SELECT record_key FROM tv_analytics.migration_quarantine WHERE store = 'redis'")
    named = {key for (key,) in rows.result_rows} | {key.rpartition("#")[0] for (key,) in rows.result_rows}
    kept = sum(show_bytes(key) in named for key in bare.redis.scan_iter())
    assert kept > 20
    assert here() == Ended(0, f"left as they are, set aside by the migration: {kept} old keys of redis\n{RIGHT}", "")


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_stores_that_are_away_are_named_without_their_passwords(bare: Clients, init: Run) -> None:
    port = closed_port()
    ended = init(
        "--wait", "0.2", REDIS_URL=f"redis://u:s3cret@127.0.0.1:{port}", ELASTICSEARCH_URL=f"http://127.0.0.1:{port}"
    )
    assert ended == Ended(
        3,
        "",
        f"redis at redis://u:***@127.0.0.1:{port} does not answer: Error 111 connecting to 127.0.0.1:{port}. "
        "Connection refused.\n"
        f"elasticsearch at http://127.0.0.1:{port} does not answer: Connection error.\n"
        "Waited 0.2 s, and nothing was changed. Start what is away (docker compose up -d), wait longer with --wait "
        "SECONDS, or correct REDIS_URL, ELASTICSEARCH_URL.\n",
    )
    assert everything(bare) == {"redis": {}, "clickhouse": {}, "elasticsearch": {}}


def test_clickhouse_away_is_named(bare: Clients, here: Run) -> None:
    port = closed_port()
    ended = here("--wait", "0", CLICKHOUSE_URL=f"http://127.0.0.1:{port}")
    assert (ended.code, ended.out) == (3, "")
    first, second = ended.err.splitlines()
    assert first.startswith(f"clickhouse at http://127.0.0.1:{port} does not answer: ")
    assert second == (
        "Waited 0 s, and nothing was changed. Start what is away (docker compose up -d), wait longer with --wait "
        "SECONDS, or correct CLICKHOUSE_URL."
    )
    assert bare.elasticsearch.indices.get(index="*").body == {}


@pytest.fixture
def late_redis(endpoints: Endpoints) -> Iterator[tuple[str, Callable[[], None]]]:
    """A port at which Redis answers as soon as the function is called."""
    target = urlsplit(endpoints.redis)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((str(target.hostname), int(target.port or 0)))
            for pair in ((near, far), (far, near)):
                thread = threading.Thread(target=_quietly, args=(pump, *pair), daemon=True)
                thread.start()

    def start() -> None:
        listener.listen()
        threads.append(threading.Thread(target=serve, daemon=True))
        threads[0].start()

    yield f"redis://127.0.0.1:{listener.getsockname()[1]}", start
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _quietly(pump: Callable[..., None], *pair: socket.socket) -> None:
    try:
        pump(*pair)
    except OSError:
        pass
    finally:
        for one in pair:
            one.close()


def test_it_waits_for_a_store_that_comes_later(
    bare: Clients, here: Run, late_redis: tuple[str, Callable[[], None]]
) -> None:
    url, start = late_redis
    assert here("--wait", "0", REDIS_URL=url).code == 3
    threading.Timer(0.6, start).start()
    assert here("--wait", "60", REDIS_URL=url) == Ended(0, MADE, "")


def test_a_url_that_is_none_is_wrong_usage(bare: Clients, here: Run) -> None:
    assert here(REDIS_URL="http://127.0.0.1:1") == Ended(
        2,
        "",
        "REDIS_URL is 'http://127.0.0.1:1': expected is redis:// or rediss:// or unix:// with a host and a port.\n",
    )


def test_a_wait_that_is_none_is_wrong_usage(here: Run) -> None:
    assert here("--wait", "-1") == Ended(
        2,
        "",
        "Usage: init_databases.py [OPTIONS]\nTry 'init_databases.py --help' for help.\n\n"
        "Error: Invalid value for '--wait': -1.0 is not in the range x>=0.\n",
    )

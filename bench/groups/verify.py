"""Verification: looks at migrated stores, against bare reads of the same data by drivers and engines at their best."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from bench import tools
from bench.groups import Sides
from bench.groups.applying import BAD, SEED
from bench.model import BenchError, Turn, Unavailable, Usage
from bench.probe import Probe
from bench.stand import ROOT, SHOW, Stand, turn_of
from tvmigrate.contract import new, old
from tvmigrate.contract.layout import literal
from tvmigrate.dataset.generate import Recipe, Size, generate_files
from tvmigrate.engines.clients import Clients

REDIS = tuple(
    f"redis.{what}" for what in ("eaos", "trend", "metric", "schema", "ttl", "old-keys", "unrelated", "quarantine",
                                 "archive", "extra")
)  # fmt: skip
DOCUMENTS = ("elasticsearch.comments", "elasticsearch.indexed")
ROWS = ("clickhouse.comments", "clickhouse.eaos_metrics", "clickhouse.aggregates")
WRONG = 3
_RELADIFF_ROWS = 500_000


def recipe(scale: float) -> Recipe:
    """Return the standard size, all three stores."""
    return Recipe(Size.standard(scale), SEED, BAD)


class Looker:
    """The process that looks (`bench.look`)."""

    def __init__(self, stand: Stand, dataset: Path) -> None:
        self._stand = stand
        self._log = stand.folder_of("look") / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.look", str(dataset), SHOW],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=stand.environ, cwd=stand.folder,
            )  # fmt: skip
        if wrong := self._answer()["migrated"]:
            raise BenchError(f"The migration that was to be verified failed: {wrong}")

    def look(self, only: Sequence[str] | None, records: int, wrong: int = 0) -> Turn:
        """Look once; raises BenchError where it finds another number of findings than `wrong`."""
        if self._process.stdin is None:
            raise AssertionError("it was asked for as a pipe")
        with Probe(self._stand.processes, self._process.pid) as probe:
            began = time.monotonic()
            self._process.stdin.write(orjson.dumps({"only": only}) + b"\n")
            self._process.stdin.flush()
            answer = self._answer()
            wall = time.monotonic() - began
        found = sum(answer["findings"].values())
        if answer["errors"] or (found < wrong if wrong else found) or (wrong and not answer["fields"]):
            raise BenchError(f"The look found {answer['findings']}, {answer['errors']}; {wrong} records are wrong.")
        return turn_of(probe, probe.usage(), answer["seconds"], wall, records)

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout is not None else b""
        if not line:
            tail = self._log.read_text(errors="replace")[-1500:]
            raise BenchError(f"The process that looks ended with {self._process.wait()}: {tail}")
        return orjson.loads(line)


@contextmanager
def verify(stand: Stand, scale: float) -> Iterator[Sides]:
    """Open the sides of all looks, and of what they are compared with."""
    size = recipe(scale).size
    stand.empty()
    dataset = stand.folder_of("dataset") / "x"
    generate_files(dataset, recipe(scale), rows="Parquet")
    looker = Looker(stand, dataset)
    try:
        with Clients(stand.endpoints) as clients:
            tables = [name for (name,) in clients.clickhouse.query(
                f"SELECT name FROM system.tables WHERE database = {literal(new.DATABASE)}").result_rows]  # fmt: skip
            kept_table = next(name for name in tables if name.startswith("comments_old_"))
            kept_index = next(iter(clients.elasticsearch.indices.get(index=f"{old.INDEX.name}_old_*")))
            keys = clients.redis.dbsize()
        digest = [_digest(kept_table), _digest(new.RAW_COMMENTS.name)]

        def read_redis() -> Turn:
            return stand.peer("redis_read", records=keys)

        def read_all() -> Turn:
            return together(
                read_redis(),
                stand.peer("file_read", str(dataset / "redis.ndjson"), records=0),
                stand.peer("elasticsearch_read", new.INDEX.name, kept_index, records=0),
                stand.peer("clickhouse_run", *digest, records=0),
            )

        def look_at_wrong() -> Turn:
            with Clients(stand.endpoints) as clients, wrong_rows(clients):
                return looker.look(ROWS, size.rows, WRONG)

        yield {
            "look redis": lambda: looker.look(REDIS, keys),
            "read redis": read_redis,
            "look elasticsearch": lambda: looker.look(DOCUMENTS, size.documents),
            "read elasticsearch": lambda: stand.peer("elasticsearch_read", new.INDEX.name, records=size.documents),
            "look clickhouse": lambda: looker.look(ROWS, size.rows),
            "digest": lambda: stand.peer("clickhouse_run", *digest, records=size.rows),
            "look clickhouse, 3 wrong": look_at_wrong,
            "reladiff": _reladiff(stand),
            "look": lambda: looker.look(None, keys + size.rows + size.documents),
            "read all": read_all,
        }
    finally:
        looker.close()


@contextmanager
def wrong_rows(clients: Clients) -> Iterator[None]:
    """Make one field each of three rows wrong, and right again."""
    name = f"{new.DATABASE}.{new.RAW_COMMENTS.name}"
    ids = [row[0] for row in clients.clickhouse.query(
        f"SELECT comment_id FROM {name} ORDER BY cityHash64(comment_id) LIMIT {WRONG}").result_rows]  # fmt: skip
    listed = ", ".join(map(literal, ids))

    def change(sign: str) -> None:
        clients.clickhouse.command(
            f"ALTER TABLE {name} UPDATE engagement_score = engagement_score {sign} 1024 WHERE comment_id IN ({listed})",
            settings={"mutations_sync": 2},
        )

    change("+")
    try:
        yield
    finally:
        change("-")


def together(*turns: Turn) -> Turn:
    """Return several turns, one after the other, as one."""
    engines: dict[str, Usage] = {}
    for turn in turns:
        for name, usage in turn.engines.items():
            engines[name] = _added(engines.get(name, Usage()), usage)
    tool = Usage()
    for turn in turns:
        tool = _added(tool, turn.tool)
    return Turn(
        sum(turn.seconds for turn in turns),
        sum(turn.wall for turn in turns),
        sum(turn.records for turn in turns),
        tool,
        engines,
        max(turn.peak for turn in turns),
    )


def _added(one: Usage, other: Usage) -> Usage:
    return Usage(one.user + other.user, one.system + other.system, max(one.peak, other.peak))


def _digest(table: str) -> str:
    hashed = f"SELECT cityHash64(tuple(*)) AS h FROM {new.DATABASE}.{table}"
    return f"SELECT count(), sum(h), groupBitXor(h) FROM ({hashed})"


def _reladiff(stand: Stand) -> Callable[[], Turn] | str:
    try:
        python = tools.reladiff()
    except Unavailable as why:
        return str(why)
    columns = {column.name: column.name for column in new.RAW_COMMENTS.columns}
    columns |= {"sentiment": "toString(sentiment)", "topics": "arrayStringConcat(topics, ', ')"}
    selected = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    folder = stand.folder_of("reladiff")
    with Clients(stand.endpoints) as clients:
        rows = clients.clickhouse.raw_query(
            f"SELECT {selected} FROM {new.DATABASE}.{new.RAW_COMMENTS.name} ORDER BY comment_id LIMIT {_RELADIFF_ROWS}",
            fmt="Parquet",
        )
        there = int(clients.clickhouse.command(f"SELECT count() FROM {new.DATABASE}.{new.RAW_COMMENTS.name}"))  # type: ignore[arg-type]
    (folder / "rows.parquet").write_bytes(rows)
    made = (
        "import duckdb, sys; db = duckdb.connect(sys.argv[1]);"
        "[db.execute(f\"CREATE TABLE {name} AS SELECT * FROM read_parquet('{sys.argv[2]}')\") for name in 'ab']"
    )
    subprocess.run(
        [python, "-c", made, str(folder / "db"), str(folder / "rows.parquet")], check=True, capture_output=True
    )
    script = str(ROOT / "bench" / "peers" / "reladiff_run.py")
    others = [name for name in columns if name != "comment_id"]

    def diff() -> Turn:
        run = stand.run([python, script, str(folder / "db"), "comment_id", *others], min(there, _RELADIFF_ROWS))
        at, line = run.out[-1]
        return run.turn(orjson.loads(line)["seconds"], at)

    return diff

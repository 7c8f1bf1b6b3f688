"""Generated records straight into the engines: ClickHouse works its rows out itself, the others get them in bulk."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Flag
from typing import Any

import orjson
import stamina

from tvmigrate.contract import old
from tvmigrate.contract.layout import literal, quoted
from tvmigrate.dataset.errors import DatasetError, LoadError
from tvmigrate.dataset.generate import comments, keys
from tvmigrate.dataset.generate.files import batches, tables
from tvmigrate.dataset.generate.index import MAPPINGS, SETTINGS
from tvmigrate.dataset.generate.size import Recipe
from tvmigrate.dataset.generate.source import Source, source
from tvmigrate.dataset.load import side_by_side
from tvmigrate.dataset.load_elasticsearch import ASKED, Busy, reason
from tvmigrate.dataset.load_redis import queue
from tvmigrate.dataset.model import STRING, RedisKey
from tvmigrate.dataset.progress import Progress
from tvmigrate.dataset.redis_form import parse_value
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Listener, ignore
from tvmigrate.side_by_side import one_at_a_time

ROWS_A_STATEMENT = 500_000
DOCUMENTS_A_REQUEST = 5_000  # some 2 MB
REQUESTS_AT_ONCE = 2
KEYS_A_PIPELINE = 1_000


def generate_into_engines(endpoints: Endpoints, recipe: Recipe, listener: Listener = ignore) -> None:
    """Fill the engines with the records of `recipe`, side by side; what is there on a failure stays there.

    Raises:
        DatasetError: Redis's database 0 is not empty, or a table or index of the old layout is there already.
        LoadError: an engine failed or refused a record.
        EngineUnreachable: ClickHouse does not answer.
    """
    stop = Flag()
    tell = one_at_a_time(listener)
    with Clients(endpoints) as clients, source() as made, ThreadPoolExecutor(3, thread_name_prefix="generate") as pool:
        _refuse_existing(clients)

        def progress(store: str, unit: str) -> Progress:
            return Progress(f"generate {store}", unit, tell, stop)

        side_by_side(
            pool,
            stop,
            {
                "redis": lambda: _redis(clients, made, recipe, progress("redis", "keys")),
                "clickhouse": lambda: _clickhouse(clients, recipe, progress("clickhouse", "rows")),
                "elasticsearch": lambda: _elasticsearch(clients, made, recipe, progress("elasticsearch", "documents")),
            },
        )


def _refuse_existing(clients: Clients) -> None:
    found = [f"redis has {count} keys in database {old.REDIS_DB}"] if (count := clients.redis.dbsize()) else []
    for table in old.TABLES:
        asked = f"database = {literal(old.DATABASE)} AND name = {literal(table.name)}"
        if clients.clickhouse.query(f"SELECT count() FROM system.tables WHERE {asked}").result_rows[0][0]:
            found.append(f"clickhouse has {old.DATABASE}.{table.name}")
    if clients.elasticsearch.indices.exists(index=old.INDEX.name):
        found.append(f"elasticsearch has {old.INDEX.name}")
    if found:
        raise DatasetError(
            f"Data is generated into empty engines only, and {'; '.join(found)}. Nothing was written. Name empty "
            "engines, or remove what is there."
        )


def _redis(clients: Clients, made: Source, recipe: Recipe, progress: Progress) -> None:
    progress.start(None)
    seconds, microseconds = clients.redis.time()
    now_ms = seconds * 1000 + microseconds // 1000
    for query in keys.queries(recipe):
        lines = made.rows(query).splitlines()
        for start in range(0, len(lines), KEYS_A_PIPELINE):
            part = lines[start : start + KEYS_A_PIPELINE]
            _create(clients, orjson.loads(b"[" + b",".join(part) + b"]"), now_ms)
            progress.step(len(part))
    progress.finish()


def _create(clients: Clients, found: list[Mapping[str, Any]], now_ms: int) -> None:
    """Create keys: plain strings by one command, since a pipeline's answers cost more than the keys."""
    plain = {key["key"]: key["value"] for key in found if key["type"] == STRING and key["ttl_ms"] is None}
    with clients.redis.pipeline(transaction=False) as pipe:
        if plain:
            pipe.mset(plain)
        for key in found:
            name, ttl_ms = key["key"], key["ttl_ms"]
            if key["type"] == STRING:
                if ttl_ms is not None:
                    pipe.set(name, key["value"], pxat=now_ms + ttl_ms)
                continue
            queue(pipe, RedisKey(0, name.encode(), key["type"], ttl_ms, parse_value(key["type"], key["value"])))
            if ttl_ms is not None:
                pipe.pexpireat(name, now_ms + ttl_ms)
        pipe.execute()


def _clickhouse(clients: Clients, recipe: Recipe, progress: Progress) -> None:
    progress.start(recipe.size.rows)
    client = clients.clickhouse
    client.command(f"CREATE DATABASE IF NOT EXISTS {quoted(old.DATABASE)}")
    for table, count, select in tables(recipe):
        client.command(table.create(old.DATABASE))
        into = f"{quoted(old.DATABASE)}.{quoted(table.name)} ({', '.join(map(quoted, table.column_names))})"
        for start, part in batches(count, ROWS_A_STATEMENT):
            client.command(f"INSERT INTO {into} {select(recipe, start, part)}", settings={"session_timezone": "UTC"})
            progress.step(part)
    progress.finish()


def _elasticsearch(clients: Clients, made: Source, recipe: Recipe, progress: Progress) -> None:
    progress.start(recipe.size.documents)
    name = old.INDEX.name
    clients.elasticsearch.indices.create(index=name, settings=SETTINGS, mappings=MAPPINGS)

    def send(part: tuple[int, int]) -> int:
        start, count = part
        body = made.lines(comments.documents(recipe, start, count, comments.AS_BULK))
        _bulk(clients, body, progress)
        return count

    # A batch waits for its worker as one number, not as text: memory does not grow with the documents.
    with ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="bulk") as pool:
        for count in pool.map(send, batches(recipe.size.documents, DOCUMENTS_A_REQUEST)):
            progress.step(count)
    clients.elasticsearch.indices.refresh(index=name)
    progress.finish()


def _bulk(clients: Clients, body: bytes, progress: Progress) -> None:
    """Send one bulk request; what Elasticsearch was too busy for is sent again."""
    lines = body.splitlines(keepends=True)
    for attempt in stamina.retry_context(on=Busy, attempts=8, timeout=120):
        with attempt:
            progress.check()
            lines = _bulk_once(clients, lines)
            if lines:
                raise Busy(f"{len(lines) // 2} documents were turned away")


def _bulk_once(clients: Clients, lines: list[bytes]) -> list[bytes]:
    answer = clients.elasticsearch.bulk(index=old.INDEX.name, operations=_whole(lines), filter_path=ASKED)
    if not answer["errors"]:
        return []
    busy = []
    for n, item in enumerate(answer["items"]):
        status = item["create"]["status"]
        if status == 429:
            busy += lines[2 * n : 2 * n + 2]
        elif status >= 300:
            action = lines[2 * n].decode().strip()
            raise LoadError(f"Elasticsearch refuses a generated document ({action}): {reason(item['create'])}.")
    return busy


def _whole(lines: list[bytes]) -> Any:
    """Return the body as the driver passes it on as it is; its types know lists of lines alone."""
    return [b"".join(lines)]

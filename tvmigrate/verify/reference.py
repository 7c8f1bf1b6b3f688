"""The old data as it was before the migration began, where the migration cannot reach it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from tvmigrate.closing import Closing
from tvmigrate.contract.layout import literal, quoted
from tvmigrate.dataset.model import ROWS_INPUT_SETTINGS, ROWS_OUTPUT_SETTINGS
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import ANSWER_SECONDS, Clients
from tvmigrate.engines.embedded.process import python_environ, python_module
from tvmigrate.verify import redis_state
from tvmigrate.verify.context import Baseline
from tvmigrate.verify.errors import ReferenceFailed
from tvmigrate.verify.reference_engine import read_frame, write_frame

_SYSTEM_DATABASES = ("system", "INFORMATION_SCHEMA", "information_schema")
_LONGEST_ANSWER_ERROR = 1000


class _Answers:
    """The engine's stdout, read with a limit on how long it may be silent."""

    def __init__(self, source: IO[bytes], timeout: float) -> None:
        self._source = source
        self._poll = select.poll()
        self._poll.register(source.fileno(), select.POLLIN)
        self.timeout = timeout

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end; raises TimeoutError where none comes for `timeout` seconds."""
        read = bytearray()
        while len(read) < size:
            if not self._poll.poll(self.timeout * 1000):
                raise TimeoutError
            piece = os.read(self._source.fileno(), size - len(read))
            if not piece:
                break
            read += piece
        return bytes(read)

    def close(self) -> None:
        """Close the pipe."""
        self._source.close()


class ReferenceEngine(Closing):
    """A ClickHouse of the verifier's own (`reference_engine`), with databases of its own, gone when it is closed."""

    def __init__(self) -> None:
        """Start it; about half a second passes before the first answer."""
        self._loaded: dict[tuple[str, str], int] = {}
        self._exact: frozenset[tuple[str, str]] = frozenset()
        self._asking = threading.RLock()  # one question at a time; each thread reads its own answer to the end
        with ExitStack() as opened:
            directory = opened.enter_context(tempfile.TemporaryDirectory(prefix="tvmigrate-reference-"))
            self._log = Path(directory) / "log"
            log = opened.enter_context(self._log.open("wb"))
            self._process = subprocess.Popen(
                python_module("tvmigrate.verify.reference_engine", str(Path(directory) / "data")),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **python_environ()},
                start_new_session=True,
            )
            if self._process.stdin is None or self._process.stdout is None:
                raise AssertionError("both were asked for as pipes")
            self._orders = self._process.stdin
            self._answers = _Answers(self._process.stdout, ANSWER_SECONDS)
            opened.callback(self._end)
            self._opened = opened.pop_all()
        for name, value in {**ROWS_INPUT_SETTINGS, **ROWS_OUTPUT_SETTINGS}.items():
            self.command(f"SET {name} = {literal(value) if isinstance(value, str) else value}")

    @property
    def pid(self) -> int:
        """The engine's process id."""
        return self._process.pid

    def require_rows(self, rows: Mapping[tuple[str, str], int]) -> None:
        """See that it holds what was loaded; `rows` gives by (database, table) how many rows that were.

        Raises:
            ReferenceFailed: a table holds none, or more or fewer; compared with it a wrong migration could pass.
        """
        self._loaded = dict(rows)
        plain = self.query("SELECT database, name FROM system.tables WHERE engine = 'MergeTree'")
        # Other engines may merge rows of one key into one, each server when it likes.
        self._exact = frozenset((row["database"], row["name"]) for row in plain)
        for database, table in self._loaded:
            self.count(database, table)

    def count(self, database: str, table: str) -> int:
        """Return how many rows an old table holds.

        Raises:
            ReferenceFailed: they are not as many as were loaded.
        """
        (row,) = self.query(f"SELECT toString(count()) AS n FROM {quoted(database)}.{quoted(table)}")
        held, loaded = int(row["n"]), self._loaded.get((database, table))
        if loaded is not None and held != loaded and (not held or (database, table) in self._exact):
            raise ReferenceFailed(
                f"The verifier's own copy of {database}.{table} holds {held} rows, and {loaded} were loaded from the "
                "dataset: nothing can be compared with it. Run the rehearsal again."
            )
        return held

    def answers_within(self, seconds: float) -> None:
        """Wait no longer than `seconds` for each answer from now on; it is 300 s unless said."""
        self._answers.timeout = seconds

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Run `sql`; return its rows as dicts, as `rows` yields them."""
        return list(self.rows(sql))

    def rows(self, sql: str) -> Iterator[dict[str, Any]]:
        """Run `sql`; yield its rows as dicts, one JSONEachRow object each, in memory that does not grow with them.

        Instants are UTC text, 64-bit integers are ints, infinities and NaN are text. Bytes that are not UTF-8 stand as
        lone surrogates: `text.encode("utf-8", "surrogateescape")` gives them back. Exhaust it before the next question.

        Raises:
            ReferenceFailed: the statement is wrong, or the engine has ended.
        """
        rest = b""
        for piece in self._ask({"sql": sql, "rows": "1"}):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield json.loads(line.decode("utf-8", "surrogateescape"))
        if rest.strip():
            yield json.loads(rest.decode("utf-8", "surrogateescape"))

    def command(self, sql: str) -> None:
        """Run a statement that has no rows; raises ReferenceFailed."""
        for _ in self._ask({"sql": sql}):
            pass

    def insert_file(self, table: str, file: Path, form: str) -> None:
        """Insert the rows of `file`, in ClickHouse's input format `form`, into `table`, a quoted name.

        Raises:
            ReferenceFailed: the file cannot be read, or a row cannot be inserted.
        """
        for _ in self._ask({"insert": f"INSERT INTO {table}", "format": form, "file": str(file.absolute())}):
            pass

    def close(self) -> None:
        """End the engine and remove its files; a second call does nothing."""
        self._opened.close()

    def _ask(self, request: Mapping[str, str]) -> Iterator[bytes]:
        with self._asking:
            yield from self._answer(request)

    def _answer(self, request: Mapping[str, str]) -> Iterator[bytes]:
        sql = request.get("sql") or f"{request['insert']} of {request['file']}"
        try:
            write_frame(self._orders, b"Q", json.dumps(request).encode())
            self._orders.flush()
        except (OSError, ValueError) as error:
            raise self._gone(sql) from error
        finished = False
        try:
            while not finished:
                frame = self._next_frame(sql)
                if frame is None:
                    finished = True
                    raise self._gone(sql)
                letter, content = frame
                if letter == b"D":
                    yield content
                    continue
                if letter == b"H":
                    continue
                finished = True
                if letter == b"X":
                    reason = " ".join(content.decode("utf-8", "replace").split())[:_LONGEST_ANSWER_ERROR]
                    raise ReferenceFailed(
                        f"The verifier's own ClickHouse refuses a statement: {reason} The statement: {sql[:500]}"
                    )
        finally:
            # A reader that stopped half way must not leave its rows to the next question.
            while not finished:
                frame = self._next_frame(sql)
                finished = frame is None or frame[0] in b"EX"

    def _next_frame(self, sql: str) -> tuple[bytes, bytes] | None:
        try:
            return read_frame(self._answers)
        except TimeoutError as silent:
            # What it says later would be taken for the answer to another question.
            self._process.kill()
            raise ReferenceFailed(
                f"The verifier's own ClickHouse did not answer within {self._answers.timeout:g} s and was ended; "
                "without it nothing can be compared. Give it more time with --timeout, or run the rehearsal again. "
                f"The question was {sql[:200]!r}."
            ) from silent

    def _gone(self, sql: str) -> ReferenceFailed:
        status = self._process.poll()
        tail = self._log.read_text(errors="replace")[-2000:].strip() if self._log.exists() else ""
        return ReferenceFailed(
            f"The verifier's own ClickHouse has ended (status {status}) before it answered {sql[:200]!r}; without it "
            f"nothing can be compared. Run the rehearsal again. Its last output: {tail or 'none'}"
        )

    def _end(self) -> None:
        with suppress(OSError):
            self._orders.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()


def load_reference(dataset: Dataset) -> ReferenceEngine:
    """Return a running engine with the dataset's ClickHouse tables in it; whoever asked for it closes it.

    Raises:
        ReferenceFailed: a statement or a row of the dataset is refused.
    """
    tables = ReferenceEngine()
    try:
        for table in dataset.tables.values():
            tables.command(f"CREATE DATABASE IF NOT EXISTS {quoted(table.database)}")
            tables.command(f"USE {quoted(table.database)}")
            tables.command(table.create)
            if table.rows.stat().st_size:
                tables.insert_file(f"{quoted(table.database)}.{quoted(table.name)}", table.rows, table.format)
    except BaseException:
        tables.close()
        raise
    return tables


def read_baseline(dataset: Dataset, clients: Clients, opened: ExitStack) -> Baseline:
    """Read from the live engines what no dataset holds; see `Baseline`."""
    dumps = opened.enter_context(redis_state.DumpedStates())
    for key in dataset.redis_keys():
        if redis_state.file_does_not_tell(key):
            state = redis_state.live_state(clients.redis_db(key.db), key.key)
            # One that has expired by now is looked for by nobody.
            dumps.remember(key.db, key.key, state)
    return Baseline(
        indices=live_indices(clients),
        all_tables=live_tables(clients),
        databases=live_databases(clients),
        redis_dumps=dumps,
    )


def live_databases(clients: Clients) -> frozenset[str]:
    """Return the names of ClickHouse's databases, without its own."""
    return frozenset(
        name for (name,) in clients.clickhouse.query("SELECT name FROM system.databases").result_rows
        if name not in _SYSTEM_DATABASES
    )  # fmt: skip


def live_tables(clients: Clients) -> dict[str, dict[str, Any]]:
    """Return every table by `database.name`, ClickHouse's own left out, with the facts a rollback must bring back.

    The facts are the columns `database name engine engine_full create_table_query sorting_key primary_key
    partition_key sampling_key comment` of `system.tables`, and `columns`: in order, each with `name type default_kind
    default_expression compression_codec comment`.
    """
    outside = ", ".join(map(literal, _SYSTEM_DATABASES))
    facts = (
        "database", "name", "engine", "engine_full", "create_table_query", "sorting_key", "primary_key",
        "partition_key", "sampling_key", "comment",
    )  # fmt: skip
    query = f"SELECT {', '.join(facts)} FROM system.tables WHERE database NOT IN ({outside}) AND NOT is_temporary"
    tables: dict[str, dict[str, Any]] = {}
    for row in clients.clickhouse.query(query).result_rows:
        table = dict(zip(facts, row, strict=True))
        tables[f"{table['database']}.{table['name']}"] = {**table, "columns": []}
    names = ("name", "type", "default_kind", "default_expression", "compression_codec", "comment")
    query = (
        f"SELECT database, table, {', '.join(names)} FROM system.columns WHERE database NOT IN ({outside})"
        " ORDER BY database, table, position"
    )
    for database, table_name, *row in clients.clickhouse.query(query).result_rows:
        if (name := f"{database}.{table_name}") in tables:
            tables[name]["columns"].append(dict(zip(names, row, strict=True)))
    return tables


def live_indices(clients: Clients) -> dict[str, dict[str, Any]]:
    """Return every index, hidden and closed ones too, with its `settings` (flat names), `mappings` and `aliases`.

    Elasticsearch's own indices, whose names begin with a dot, are left out.
    """
    answer = clients.elasticsearch.indices.get(index="*", expand_wildcards="all", flat_settings=True)
    return {
        name: {"settings": body["settings"], "mappings": body.get("mappings", {}), "aliases": body.get("aliases", {})}
        for name, body in answer.body.items()
        if not name.startswith(".")
    }

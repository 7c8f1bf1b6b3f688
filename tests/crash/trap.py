"""Every write of a process gets a number, and at one of them the process is sent a signal.

What is counted are the places that all writes pass: commands on a Redis connection, HTTP requests to ClickHouse and
Elasticsearch, statements of SQLite outside of a transaction and its COMMIT, and the system's calls that make, fill,
sync, rename and remove files. Whatever is not known to read only is a write, but for the signs of life that the lock is
given every ten seconds: how many there are nobody knows before.
"""

from __future__ import annotations

import builtins
import fcntl
import io
import json
import os
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hiredis
import redis
import redis.connection
import urllib3

from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.migrate.store_lock import SIGNS

SPEC, POINTS, STEP, STATE, STRUCK = "spec.json", "points.jsonl", "step", "state", "struck"
_READING_SQL = ("SELECT", "WITH", "SHOW", "DESCRIBE", "EXISTS", "EXPLAIN")
_READING_PATHS = ("_search", "_count", "_pit", "_mget")
_NAMED = {"note", "step"}  # tables of the journal whose second column says what a row is
_QUIET = {"BEGIN", "SELECT", "PRAGMA", "ROLLBACK"}  # statements of SQLite that leave the file as it is
_UNFINISHED = object()
RUN = re.compile(r"\d{8}_\d{6}_[a-z0-9]{4}")
_TABLE = re.compile(r"(?:INTO|UPDATE|FROM) (\w+)")


class Moment(StrEnum):
    """When a process is struck: see `Point`."""

    BEFORE = "before"
    HALFWAY = "halfway"  # an engine has been sent it and has not answered, or half of a file's bytes are written
    AFTER = "after"


class Whom(StrEnum):
    """Who is struck."""

    WRITER = "writer"  # the process that does the n-th write
    WORKER = "worker"  # the worker that does the workers' n-th write: whose turn is when, nobody knows before
    PARENT = "parent"  # the command's own process, at that write of a worker


@dataclass(frozen=True, slots=True)
class Strike:
    """Send `number` at a moment of the n-th write, counted from 1."""

    n: int
    moment: Moment
    number: int = signal.SIGKILL
    whom: Whom = Whom.WRITER


@dataclass(frozen=True, slots=True)
class Point:
    """One write: of which step, to what, in words; `halves`: whether it has a moment halfway."""

    n: int
    step: str
    kind: str
    what: str
    halves: bool
    worker: bool = False


def prepare(folder: Path, strike: Strike | None) -> None:
    """Say in `folder` what is to happen, before the process that will ask there is started."""
    folder.mkdir(parents=True, exist_ok=True)
    told = None if strike is None else [strike.n, strike.moment, strike.number, strike.whom]
    (folder / SPEC).write_text(json.dumps(told), encoding="utf-8")


def points(folder: Path) -> list[Point]:
    """Return the writes that were begun, in order."""
    path = folder / POINTS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Point(*json.loads(line)) for line in lines]


def struck(folder: Path) -> bool:
    """Return whether the strike came."""
    return (folder / STRUCK).exists()


def journalled(folder: Path, before: tuple[str, str]) -> tuple[str, str]:
    """Return the state and the step of the run that the journal holds after the command, and `before` it held."""
    state, step = ((folder / name).read_text("utf-8") if (folder / name).exists() else None for name in (STATE, STEP))
    return before[0] if state is None else state, before[1] if step is None else step


class Trap:
    """The numbers of a command and its workers, in files that they share."""

    def __init__(self, folder: Path, endpoints: Endpoints, *, worker: bool) -> None:
        self._folder = folder
        told = json.loads((folder / SPEC).read_text(encoding="utf-8"))
        self._strike = None if told is None else Strike(told[0], Moment(told[1]), told[2], Whom(told[3]))
        self._log = os.open(folder / POINTS, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._worker = worker
        self._lock = threading.Lock()
        self._here = threading.local()
        self._turns: dict[int, int] = {}  # by thread: which of the workers' writes it is at
        self._ports = {urlsplit(endpoints.clickhouse).port: "clickhouse"}
        self._ports[urlsplit(endpoints.elasticsearch).port] = "elasticsearch"
        self._writing = _writing_commands(endpoints.redis)

    def begin(self, kind: str, what: str, *, halves: bool = False) -> int:
        """Number a write that is about to be done, and strike if it is its turn; return the number."""
        with self._lock:
            fcntl.flock(self._log, fcntl.LOCK_EX)  # the workers number with us
            try:
                n, self._turns[threading.get_ident()] = self._numbers()
                step = self._step()
                named = RUN.sub("RUN", what)
                line = json.dumps([n, step, kind, named, halves, self._worker], ensure_ascii=False)
                os.write(self._log, line.encode() + b"\n")
            finally:
                fcntl.flock(self._log, fcntl.LOCK_UN)
        self.moment(n, Moment.BEFORE)
        return n

    def moment(self, n: int, moment: Moment) -> None:
        """Strike if this is the moment."""
        strike = self._strike
        turn = n if strike is None or strike.whom is Whom.WRITER else self._turns[threading.get_ident()]
        if strike is None or (strike.n, strike.moment) != (turn, moment):
            return
        os.close(os.open(self._folder / STRUCK, os.O_CREAT))
        parent = strike.whom is Whom.PARENT
        os.kill(os.getppid() if parent else os.getpid(), strike.number)
        if parent:
            time.sleep(60)  # whoever loses the parent is to end by itself, here too

    @contextmanager
    def around(self, kind: str, what: str) -> Iterator[int]:
        """Number a write that happens within."""
        n = self.begin(kind, what)
        try:
            yield n
        finally:
            self.moment(n, Moment.AFTER)

    def _note(self, file: str, text: str) -> None:
        opened = os.open(self._folder / file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(opened, text.encode())
        os.close(opened)

    def _hear(self, sql: str, given: Sequence[Any]) -> None:
        """Keep what the journal holds from now on of the run's state and step: what `status` is to say."""
        if sql.startswith("INSERT INTO run"):
            self._note(STATE, given[2])
        elif sql.startswith("UPDATE run SET state"):
            self._note(STATE, given[0])
            self._note(STEP, "")
        elif "INTO note" in sql and given[1] == "step":
            self._note(STEP, json.loads(given[2]))

    def _step(self) -> str:
        try:
            file = os.open(self._folder / STEP, os.O_RDONLY)
        except FileNotFoundError:
            return ""
        try:
            return os.read(file, 100).decode()
        finally:
            os.close(file)

    def _numbers(self) -> tuple[int, int]:
        """Return the number of the next write, and which of the workers' it is; 0 if it is none of theirs."""
        os.lseek(self._log, 0, os.SEEK_SET)
        known = b""
        while chunk := os.read(self._log, 1 << 20):
            known += chunk
        return known.count(b"\n") + 1, known.count(b"true]\n") + 1 if self._worker else 0

    # ------------------------------------------------------------------------------------------------ where writes pass

    def install(self) -> None:
        """Count from now on, in this process."""
        self._install_redis()
        self._install_http()
        self._install_files()
        self._install_sqlite()

    def _install_redis(self) -> None:
        send = redis.connection.AbstractConnection.send_packed_command
        release = redis.ConnectionPool.release

        def counted_send(connection: Any, command: Any, check_health: bool = True) -> None:
            written = self._redis_writes(command)
            n = self.begin("redis", written, halves=True) if written else None
            send(connection, command, check_health)
            if n is not None:
                connection._begun = n
                self.moment(n, Moment.HALFWAY)

        def counted_release(pool: Any, connection: Any) -> None:
            # A connection goes back when everything it was asked has been answered.
            if n := connection.__dict__.pop("_begun", None):
                self.moment(n, Moment.AFTER)
            release(pool, connection)

        redis.connection.AbstractConnection.send_packed_command = counted_send  # type: ignore[method-assign]
        redis.ConnectionPool.release = counted_release  # type: ignore[method-assign]

    def _redis_writes(self, command: Any) -> str:
        """Return which writing commands are packed in `command`, and how many of each; nothing if none is."""
        reader = hiredis.Reader(notEnoughData=_UNFINISHED)
        for chunk in [command] if isinstance(command, str | bytes) else command:
            reader.feed(chunk.encode() if isinstance(chunk, str) else chunk)
        counts: dict[str, int] = {}
        while (words := reader.gets()) is not _UNFINISHED:
            name = words[0].decode().upper()
            if name in self._writing:
                counts[name] = counts.get(name, 0) + 1
        return ", ".join(f"{name} x {count}" for name, count in counts.items())

    def _install_http(self) -> None:
        urlopen = urllib3.HTTPConnectionPool.urlopen
        request = urllib3.connection.HTTPConnection.request

        def counted_urlopen(pool: Any, method: str, url: str, body: Any = None, *rest: Any, **named: Any) -> Any:
            written = self._http_writes(pool, method, url, body)
            if written is None or getattr(self._here, "n", None) is not None:
                return urlopen(pool, method, url, body, *rest, **named)
            n = self._here.n = self.begin(*written, halves=True)
            try:
                return urlopen(pool, method, url, body, *rest, **named)
            finally:
                self._here.n = None
                self.moment(n, Moment.AFTER)

        def counted_request(connection: Any, *given: Any, **named: Any) -> None:
            request(connection, *given, **named)
            if n := getattr(self._here, "n", None):
                self.moment(n, Moment.HALFWAY)

        urllib3.HTTPConnectionPool.urlopen = counted_urlopen  # type: ignore[method-assign]
        urllib3.connection.HTTPConnection.request = counted_request  # type: ignore[method-assign]

    def _http_writes(self, pool: Any, method: str, url: str, body: Any) -> tuple[str, str] | None:
        kind = self._ports.get(pool.port, "http")
        parts = urlsplit(url)
        if method in {"GET", "HEAD"} or threading.current_thread().name == SIGNS:
            return None
        if kind == "clickhouse":
            if not isinstance(body, str | bytes):
                return kind, "INSERT of rows"  # which a generator makes
            given = parse_qs(parts.query).get("query") or [body.decode() if isinstance(body, bytes) else body]
            words = given[0].split()
            return None if words[0].upper() in _READING_SQL else (kind, " ".join(words)[:100])
        reads = any(word in _READING_PATHS for word in parts.path.split("/"))
        return None if reads else (kind, f"{method} {parts.path}")

    def _install_files(self) -> None:
        trap, really = self, io.open

        class Counted(io.FileIO):
            def write(self, given: Any) -> int:
                data = bytes(given)
                n = trap.begin("file", f"write to {Path(str(self.name)).name}", halves=True)
                done = super().write(data[: len(data) // 2])
                trap.moment(n, Moment.HALFWAY)
                done += super().write(data[done:])
                trap.moment(n, Moment.AFTER)
                return done

        def counted_open(file: Any, mode: str = "r", buffering: int = -1, *given: Any, **named: Any) -> Any:
            if isinstance(file, int) or not set(mode) & set("wax+"):
                return really(file, mode, buffering, *given, **named)
            with trap.around("file", f"open {Path(file).name}"):
                raw = Counted(file, mode.replace("b", "").replace("t", ""))
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, *given, **named)

        io.open = counted_open  # type: ignore[assignment]
        builtins.open = counted_open  # type: ignore[assignment]
        for name in ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "link", "symlink", "chmod", "truncate"):
            setattr(os, name, self._counted_call(name, getattr(os, name)))
        os.fsync = self._counted_call("fsync", os.fsync)

    def _counted_call(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(what: Any, *given: Any, **named: Any) -> Any:
            known = Path(f"/proc/self/fd/{what}").readlink() if isinstance(what, int) else what
            with self.around("file", f"{name} {Path(os.fsdecode(known)).name}"):
                return call(what, *given, **named)

        return counted

    def _install_sqlite(self) -> None:
        trap, connect = self, sqlite3.connect

        class Counted(sqlite3.Connection):
            def execute(self, sql: str, *given: Any) -> Any:
                return self._counted(super().execute, sql, *given)

            def executemany(self, sql: str, *given: Any) -> Any:
                return self._counted(super().executemany, sql, *given)

            def executescript(self, sql: str) -> Any:
                return self._counted(super().executescript, sql)

            def _counted(self, call: Callable[..., Any], sql: str, *given: Any) -> Any:
                word = sql.split(maxsplit=1)[0].upper()
                if not self.named or word in _QUIET or (self.in_transaction and word not in {"COMMIT", "END"}):
                    return call(sql, *given)
                table = _TABLE.search(sql)
                of = [word, *([table[1]] if table else []), *(given[0][1:2] if table and table[1] in _NAMED else [])]
                with trap.around("journal", f"{self.named}: {' '.join(of)}"):
                    done = call(sql, *given)
                    if self.named == "journal.sqlite" and given:
                        trap._hear(sql, given[0])
                return done

            named = ""

        def counted_connect(path: Any, *given: Any, **named: Any) -> sqlite3.Connection:
            made = connect(path, *given, **{**named, "factory": Counted})
            made.named = Path(path).name if path and path != ":memory:" else ""
            return made

        sqlite3.connect = counted_connect  # type: ignore[assignment]


def _writing_commands(url: str) -> frozenset[str]:
    """Return the commands that this server says write, and EVAL, which may."""
    with redis.Redis.from_url(url) as client:
        told: Any = client.execute_command("ACL", "CAT", "write")  # type: ignore[no-untyped-call]
    return frozenset(name.decode().upper() for name in told) | {"EVAL", "EVALSHA"}

"""One run at a time works with the same stores, from whatever machine: a lock in Elasticsearch, with a lease.

The lock is a document, made by `op_type=create` and changed only by whoever has read its newest version
(https://www.elastic.co/docs/reference/elasticsearch/rest-apis/optimistic-concurrency-control), in a hidden index of
its own that goes with it. Elasticsearch keeps a document that it has confirmed also when it is killed, which a Redis
without `appendfsync always` does not, and ClickHouse has no compare-and-set. Ages are told by Elasticsearch's clock,
so that those of two machines may differ.
"""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import elastic_transport
import elasticsearch
from elasticsearch import Elasticsearch

from tvmigrate.engines.clients import open_elasticsearch
from tvmigrate.engines.process_record import ProcessRecord
from tvmigrate.events import Listener, Said
from tvmigrate.migrate.again import patiently
from tvmigrate.migrate.errors import LockLost, MigrationError, StoresBusy

INDEX = "tvmigrate_lock"
LEASE_SECONDS = 60  # without a sign of life for so long, a run on another machine is taken for dead
RENEW_SECONDS = 10.0
_MARGIN_SECONDS = 15  # before the end of its lease a run makes sure of it, or stops
_ID = "holder"
SIGNS = "signs of life"  # the name of the thread that gives them
_ANSWER_SECONDS = 10
_TRIES = 5
_GOING_SECONDS = 10.0  # of pauses while the lock is being removed
_FAILURES = (elasticsearch.ApiError, elastic_transport.TransportError)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: `place` tells whether process numbers there mean ours, `renewed` is seconds since the epoch.

    `since` is when it was taken, in UTC.
    """

    token: str
    command: str
    run: str
    host: str
    user: str
    pid: int
    began: str
    place: str
    since: str
    renewed: int

    @classmethod
    def ours(cls, command: str, clock: int) -> Holder:
        """Return this process as the holder from now on."""
        process = ProcessRecord.of(os.getpid())
        since = datetime.fromtimestamp(clock, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        token = secrets.token_hex(16)
        return cls(
            token, command, "", socket.gethostname(), _user(), process.pid, process.began, _place(), since, clock
        )

    def is_dead(self) -> bool:
        """Tell whether it is a process of this very place that has ended; False where that cannot be known."""
        return self.place == _place() and not ProcessRecord(self.pid, self.began).alive()

    def __str__(self) -> str:
        run = f", run {self.run}" if self.run else ""
        return f"`tvmigrate {self.command}`{run}, process {self.pid} of {self.user} on {self.host}"


class _Version(NamedTuple):
    number: int
    term: int


class StoreLock:
    """Holds the lock while a command changes the stores, for `with`; a thread of its own gives signs of life."""

    def __init__(self, url: str, command: str, listener: Listener, *, take_over: bool = False) -> None:
        """Say where Elasticsearch is and what is to be done; `take_over` takes a lock whatever its age."""
        self._client = open_elasticsearch(url, _ANSWER_SECONDS).options(max_retries=0)
        self._command = command
        self._listener = listener
        self._take_over = take_over
        self._using = threading.Lock()  # of what follows, and of the document
        self._sure_until = 0.0
        self._lost = ""
        self._ended = threading.Event()
        self._stays = False
        self._thread = threading.Thread(target=self._give_signs, name=SIGNS, daemon=True)
        self.holder: Holder | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            StoresBusy: another run has it.
            ApiError, TransportError: Elasticsearch does not answer, or refuses.
        """
        try:
            self._take()
        except BaseException:
            self._client.close()
            raise
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._stays:
            self._client.close()
            return
        try:
            patiently(self._let_go, "Its removal from Elasticsearch", _GOING_SECONDS, self._warn)
        except LockLost:
            return
        except _FAILURES as failure:
            self._warn(
                f"The lock {INDEX} could not be taken out of Elasticsearch ({_words(failure)}). The next command on "
                f"this machine takes it over at once, one elsewhere {LEASE_SECONDS} s from now."
            )
        finally:
            self._client.close()

    def tell(self, run: str) -> None:
        """Say which run the lock is held for: at once, or with the next sign of life."""
        with self._using, suppress(*_FAILURES):
            if self.holder is not None and self.holder.run != run:
                self.holder = replace(self.holder, run=run)
                self._renew()

    def stays(self, stays: bool) -> None:
        """Say whether the lock stays when its `with` ends: something of this process may still write until it ends."""
        self._stays = stays

    def require(self) -> None:
        """Return if the lock is ours for long enough to write something; asks Elasticsearch only where it may not be.

        Raises:
            LockLost: another run has taken it, or somebody removed it.
            ApiError, TransportError: nobody can tell.
        """
        if self._lost or _clock() >= self._sure_until:
            with self._using:
                while not self._renew():
                    pass

    def _warn(self, sentence: str) -> None:
        self._listener(Said(sentence, "warning"))

    def _take(self) -> None:
        found: Holder | None = None
        for _ in range(_TRIES):
            asked = _clock()
            now = server_clock(self._client)
            ours = Holder.ours(self._command, now)
            _make_index(self._client)
            try:
                _write(self._client, ours, None)
            except elasticsearch.ConflictError:
                found, version = _read(self._client)
                if found is None:
                    continue  # it was let go of in between
                why = self._free(found, now)
                if not why:
                    raise _busy(found, now) from None
                try:
                    _write(self._client, ours, version)
                except elasticsearch.ConflictError:
                    continue  # somebody else was quicker
                self._listener(Said(f"Took over the lock of {found}, held since {found.since}: {why}.", "warning"))
            except elasticsearch.NotFoundError:
                continue  # its index went in between
            self._held(ours, asked)
            return
        raise MigrationError(
            f"The lock {INDEX} in Elasticsearch changed hands {_TRIES} times while this command asked for it"
            f"{f', last to {found}' if found else ''}. Nothing was changed; run the command again."
        )

    def _free(self, found: Holder, now: int) -> str:
        """Return why a lock may be taken over, or nothing."""
        if found.is_dead():
            return "that process has ended"
        if (age := now - found.renewed) > LEASE_SECONDS:
            return f"it has given no sign of life for {age} s"
        return "--take-over was given" if self._take_over else ""

    def _held(self, holder: Holder, asked: float) -> None:
        """Take in that the document is ours; the lease counts from when it was asked for."""
        self.holder = holder
        self._sure_until = asked + LEASE_SECONDS - _MARGIN_SECONDS

    def _give_signs(self) -> None:
        while not self._ended.wait(RENEW_SECONDS) and not self._lost:
            # Until the lease is over, a sign that fails is no matter; then `require` says what the matter is.
            with self._using, suppress(*_FAILURES, LockLost):
                self._renew()

    def _renew(self) -> bool:
        """Give a sign of life, if the document is still ours; return False where another look at it is needed."""
        if self.holder is None:
            return True
        asked = _clock()
        found, version = (None, None) if self._lost else _read(self._client)
        if found is None or found.token != self.holder.token:
            self._lost = self._lost or _lost(found)
            raise LockLost(self._lost)
        renewed = replace(self.holder, renewed=server_clock(self._client))
        try:
            _write(self._client, renewed, version)
        except elasticsearch.ConflictError:  # it was taken over in between, or a sign that was thought lost arrived
            self._sure_until = 0.0
            return False
        self._held(renewed, asked)
        return True

    def _let_go(self) -> None:
        """Remove the lock if it is ours. That goes by its index, which nobody else can make before it is gone."""
        found, _ = _read(self._client)  # also when it is tried again: whether it is gone nobody may have told
        if self._lost or found is None or self.holder is None or found.token != self.holder.token:
            return
        if _clock() >= self._sure_until:
            self._renew()  # so that nobody takes it over between the look and the removal
        self._client.options(ignore_status=404).indices.delete(index=INDEX)


def held(client: Elasticsearch) -> str:
    """Return who holds the lock and since when, as a sentence; nothing if nobody does."""
    found, _ = _read(client)
    if found is None:
        return ""
    if found.is_dead():
        return (
            f"The lock of {found} is left since {found.since}: that process has ended, and the next command takes it."
        )
    age = server_clock(client) - found.renewed
    return f"At work since {found.since}, with a sign of life {age} s ago: {found}."


def server_clock(client: Elasticsearch) -> int:
    """Return Elasticsearch's clock, in seconds since the epoch."""
    answer = client.cat.health(format="json", h="epoch")
    return int(answer[0]["epoch"])  # type: ignore[index]


def _make_index(client: Elasticsearch) -> None:
    try:
        client.indices.create(
            index=INDEX,
            settings={"index.hidden": True, "index.number_of_shards": 1, "index.auto_expand_replicas": "0-1"},
            mappings={"enabled": False},
        )
    except elasticsearch.BadRequestError as error:
        if error.error != "resource_already_exists_exception":
            raise


def _read(client: Elasticsearch) -> tuple[Holder | None, _Version | None]:
    try:
        answer = client.get(index=INDEX, id=_ID)
    except elasticsearch.NotFoundError:
        return None, None
    # Another version of the tool may say less, or more.
    told = {field.name: answer["_source"].get(field.name, "" if field.type == "str" else 0) for field in fields(Holder)}
    return Holder(**told), _Version(answer["_seq_no"], answer["_primary_term"])


def _write(client: Elasticsearch, holder: Holder, version: _Version | None) -> None:
    """Write the document in place of its `version`, or as the first; raises ConflictError if there is another."""
    if version is None:
        client.create(index=INDEX, id=_ID, document=asdict(holder))
    else:
        document = asdict(holder)
        client.index(index=INDEX, id=_ID, document=document, if_seq_no=version.number, if_primary_term=version.term)


def _busy(found: Holder, now: int) -> StoresBusy:
    return StoresBusy(
        f"These stores are in the hands of {found}, since {found.since}; its last sign of life is "
        f"{now - found.renewed} s old. Nothing was changed. Wait until it has ended. If it cannot end any more, its "
        f"lock is free {LEASE_SECONDS} s after its last sign of life, at once on its own machine, and with --take-over "
        "if you know that it is dead."
    )


def _lost(found: Holder | None) -> str:
    whose = "somebody removed it" if found is None else f"{found} has it since {found.since}"
    return (
        f"This run lost its lock {INDEX} in Elasticsearch: {whose}. It stopped before its next write. See that nobody "
        "else works with these stores, then run the command again: it goes on where it stopped."
    )


def _words(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:200]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user has no name
        return str(os.getuid())


def _place() -> str:
    """Return where a process number means what it means here: this user, this start of the machine, this namespace."""
    told = [str(os.getuid()), socket.gethostname()]
    for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        with suppress(OSError):
            told.append(Path(path).read_text("ascii").strip())
    with suppress(OSError):
        told.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(told)


def _clock() -> float:
    """Return seconds that go on while the machine sleeps, where it can tell."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()

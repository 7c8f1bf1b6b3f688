"""Runs examinations: those of the three stores, then those across stores, which read what these found.

Where there is little data they mostly wait for answers, and the three stores are looked at side by side. Where there is
much they mostly work things out, one thread at a time, and would hold three stores' pages at once for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TypeVar

from clickhouse_connect.driver.exceptions import ClickHouseError

from tvmigrate.contract.outcome import Store
from tvmigrate.engines.clients import Clients, unreachable
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import TvmigrateError
from tvmigrate.events import Finished, Listener, Started
from tvmigrate.side_by_side import at_once, one_at_a_time
from tvmigrate.verify.check import Examination, Sheet, examine
from tvmigrate.verify.context import Context, Reference
from tvmigrate.verify.findings import CheckResult, State
from tvmigrate.verify.job import Job
from tvmigrate.verify.ledger import Book
from tvmigrate.workers import Workers

T = TypeVar("T")
# When a command began and ended, in nanoseconds since the epoch.
Window = tuple[int, int]
SIDE_BY_SIDE = (Store.REDIS, Store.CLICKHOUSE, Store.ELASTICSEARCH)


class Examiner:
    """One look at the stores as they are now."""

    def __init__(  # noqa: PLR0913, PLR0917 - it is what a Context is made of
        self,
        endpoints: Endpoints,
        job: Job,
        reference: Reference,
        window: Window,
        listener: Listener,
        book: Book,
        workers: Workers,
        dead_engine: Callable[[], str | None],
        suffix: str = "",
        *,
        side_by_side: bool,
    ) -> None:
        """Say what is looked at; `book` takes what is found, `dead_engine` returns a sentence where one has ended.

        Names of tasks end in `suffix`.
        """
        self._endpoints = endpoints
        self._job = job
        self._reference = reference
        self._window = window
        self._listener = one_at_a_time(listener)
        self._book = book
        self._workers = workers
        self._dead_engine = dead_engine
        self._run_all = at_once if side_by_side else in_turn
        self._away: dict[Store, str] = {}
        self._suffix = suffix

    def run(self, wanted: Sequence[Examination]) -> list[CheckResult]:
        """Run examinations that are in the stores' order; return the results in theirs."""
        by_store = {store: [one for one in wanted if one.checks[0].store is store] for store in SIDE_BY_SIDE}
        across = [one for one in wanted if one.checks[0].store not in SIDE_BY_SIDE]
        with ExitStack() as opened:
            try:
                # Those of another thread are not for two.
                clients = {store: opened.enter_context(self._clients()) for store in SIDE_BY_SIDE if by_store[store]}
                own = next(iter(clients.values()), None) or opened.enter_context(self._clients())
            except (TvmigrateError, ClickHouseError, OSError) as problem:
                error = self._dead_engine() or str(problem)
                return [Sheet(check, 0).result(error) for one in wanted for check in one.checks]
            books = {store: Book(self._job.max_findings) for store in clients}
            found = self._run_all(
                {store: partial(self._each, by_store[store], clients[store], books[store]) for store in clients}
            )
            for book in books.values():
                self._book.add(book)
            results = [result for store in found.values() for result in store]
            return results + self._each(across, own, self._book)

    def _clients(self) -> Clients:
        return Clients(self._endpoints, self._job.timeout)

    def _each(self, wanted: Sequence[Examination], clients: Clients, book: Book) -> list[CheckResult]:
        context = Context(
            clients, self._reference, self._job.policy, *self._window, self._listener,
            self._job.old_end_state, self._job.quarantine, book, self._workers,
        )  # fmt: skip
        return [result for one in wanted for result in self._look(one, context)]

    def _look(self, examination: Examination, context: Context) -> list[CheckResult]:
        """Run an examination, unless it needs a store that is away; where it could not look, see which one is."""
        task = self._task(examination)
        began = time.monotonic()
        context.listener(Started(task))
        needed = {check.store for check in examination.checks}
        away = dict(self._away)
        gone = [told for store, told in away.items() if store in needed or Store.CROSS in needed]
        if gone:  # to ask a store that does not answer costs the whole timeout, each time
            results = [Sheet(check, 0).result(f"Nothing was looked at. {gone[0]}") for check in examination.checks]
        else:
            results = examine(examination, context, limit=self._job.max_findings)
            if any(result.error for result in results):
                results = self._told(results)
        found = sum(result.findings_total for result in results)
        note = f"{len(results)} checks, {found} findings"
        if any(result.state is State.ERROR for result in results):
            note += ", could not look to the end"
        context.listener(Finished(task, time.monotonic() - began, note))
        return results

    def _task(self, examination: Examination) -> str:
        """Return the task's name: no two have one that run at once."""
        first = examination.checks[0]
        name = first.id.rpartition(".")[0]
        store = f" {first.store}" if first.store in SIDE_BY_SIDE and not name.startswith(first.store) else ""
        return f"check {name}{store}{self._suffix}"

    def _told(self, results: list[CheckResult]) -> list[CheckResult]:
        """Add to errors which store does not answer."""
        self._away.update(self._stores_away())
        dead = self._dead_engine() or ""
        told = [sentence for store, sentence in dict(self._away).items() if not dead.startswith(store)]
        why = " ".join([dead, *told]).strip()
        return [replace(one, error=f"{one.error} {why}") if one.error and why else one for one in results]

    def _stores_away(self) -> dict[Store, str]:
        return {
            Store(name): f"{name} does not answer: {' '.join(str(problem).split())[:300]}."
            for name, problem in unreachable(self._endpoints).items()
        }


def in_turn(work: Mapping[Store, Callable[[], T]]) -> dict[Store, T]:
    """Do all of `work`, one after the other; return what came of it, in its order."""
    return {store: do() for store, do in work.items()}

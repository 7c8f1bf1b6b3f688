"""The engines with a right new state on them, once for these tests; each test breaks one thing and puts it back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest

from tests.integrity.one_set import clear
from tests.tool.verify.sound import require_sound
from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.load import load
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Event
from tvmigrate.verify import balance, redis_checks, rollback_clickhouse, rollback_elasticsearch, rollback_redis
from tvmigrate.verify.check import REGISTRY, examine
from tvmigrate.verify.checks import MODULES
from tvmigrate.verify.context import Context, Reference
from tvmigrate.verify.findings import CheckResult
from tvmigrate.verify.kept import Kept
from tvmigrate.verify.ledger import Book
from tvmigrate.verify.reference import load_reference, read_baseline

from .migrated import FIXTURES, Migrated

# Those of Redis, of the ledger and of the way back are judged in tests/tool/verify.
OTHERS = (redis_checks, balance, rollback_redis, rollback_clickhouse, rollback_elasticsearch)
OURS = tuple(module.__name__ for module in MODULES if module not in OTHERS)


@dataclass
class World:
    """The new state, what checks are given, and what they said."""

    state: Migrated
    context: Context
    events: list[Event] = field(default_factory=list)

    def judge(self, *prefixes: str, as_due: Iterable[Rule] = (), **changes: object) -> dict[str, CheckResult]:
        """Run our checks whose ids start with one of `prefixes` (all without); return results by id.

        What stands where the records of `as_due` go has been found right by others.
        """
        book = Book()
        for rule in as_due:
            book.as_due(rule)
        context = replace(self.context, book=book, listener=self.events.append, **changes)  # type: ignore[arg-type]
        results: dict[str, CheckResult] = {}
        # Across stores last, as in a rehearsal.
        stores = list(Store)
        for examination in sorted(REGISTRY.examinations, key=lambda one: stores.index(one.checks[0].store)):
            ids = {check.id for check in examination.checks}
            named = not prefixes or any(name.startswith(prefixes) for name in ids)
            if named and examination.run.__module__ in OURS:
                results |= {result.id: result for result in examine(examination, context, limit=50)}
        self.book = book
        require_sound(results.values())
        return results


@pytest.fixture(scope="session")
def world(engines: Endpoints) -> Iterator[World]:
    dataset = Dataset.open(FIXTURES / "standard")
    policy = Policy(show="the_voice")
    with ExitStack() as opened:
        clients = opened.enter_context(Clients(engines))
        clear(clients)
        report = load(dataset, engines)
        tables = opened.enter_context(load_reference(dataset))
        baseline = read_baseline(dataset, clients, opened)
        began = time.time_ns()
        state = Migrated(clients, dataset, policy, began)
        state.begin()
        reference = Reference(dataset, report.redis_epoch_ms, tables, baseline, opened.enter_context(Kept()))
        events: list[Event] = []
        yield World(state, Context(clients, reference, policy, began, time.time_ns(), events.append), events)
        clear(clients)


Judge = Callable[..., dict[str, CheckResult]]

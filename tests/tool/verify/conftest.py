"""The small Redis migrated by hand, and the checks run on it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tvmigrate.contract.outcome import Store
from tvmigrate.dataset.load import load
from tvmigrate.dataset.read import Dataset
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import ignore
from tvmigrate.verify.check import Examination, examine
from tvmigrate.verify.checks import REGISTRY
from tvmigrate.verify.context import Context, Reference
from tvmigrate.verify.findings import CheckResult
from tvmigrate.verify.kept import Kept
from tvmigrate.verify.ledger import Book
from tvmigrate.verify.reference import ReferenceEngine, load_reference, read_baseline

from . import small_redis
from .sound import require_sound

FIXTURES = Path(__file__).parents[3] / "fixtures"


@dataclass
class World:
    """Live engines in some state, and what the checks are given to judge them."""

    clients: Clients
    context: Context
    book: Book = field(default_factory=Book)

    def judge(self, prefix: str, **changes: Any) -> dict[str, CheckResult]:
        """Run the examinations with a check whose id begins with `prefix`; return results by check id."""
        self.book = Book()
        context = replace(self.context, book=self.book, **changes)
        results = [
            result
            for examination in REGISTRY.examinations
            if any(check.id.startswith(prefix) for check in examination.checks)
            for result in examine(examination, context, limit=50)
        ]
        require_sound(results)
        return {result.id: result for result in results}

    def sql(self, statement: str) -> None:
        self.clients.clickhouse.command(statement, settings={"mutations_sync": 2})


def examination_of(check_id: str) -> Examination:
    return next(one for one in REGISTRY.examinations if any(check.id == check_id for check in one.checks))


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.open(small_redis.write_dataset(tmp_path_factory.mktemp("small"), FIXTURES / "standard"))


@pytest.fixture(scope="session")
def small_tables(small_dataset: Dataset) -> Iterator[ReferenceEngine]:
    with load_reference(small_dataset) as tables:
        yield tables


@pytest.fixture
def migrated(
    engines: Endpoints, clients: Clients, small_dataset: Dataset, small_tables: ReferenceEngine
) -> Iterator[World]:
    """The small Redis in its right new state. Only what these checks look at is emptied before."""
    clients.redis.flushall()
    small_redis.drop_aside(clients)
    with ExitStack() as opened:
        report = load(small_dataset, engines)
        baseline, kept = read_baseline(small_dataset, clients, opened), opened.enter_context(Kept())
        reference = Reference(small_dataset, report.redis_epoch_ms, small_tables, baseline, kept)
        began = time.time_ns()
        small_redis.migrate(small_dataset, clients, began)
        yield World(clients, Context(clients, reference, small_redis.POLICY, began, time.time_ns(), ignore))


@pytest.fixture(scope="session")
def clean_dataset() -> Dataset:
    return Dataset.open(FIXTURES / "clean")


@pytest.fixture(scope="session")
def clean_tables(clean_dataset: Dataset) -> Iterator[ReferenceEngine]:
    with load_reference(clean_dataset) as tables:
        yield tables


@pytest.fixture
def loaded(
    request: pytest.FixtureRequest,
    engines: Endpoints,
    clients: Clients,
    clean_dataset: Dataset,
    clean_tables: ReferenceEngine,
) -> Iterator[World]:
    """One store of `fixtures/clean` as it is loaded (the fixture's parameter): what a perfect rollback brings back."""
    parts: dict[str, Any] = {"redis": None, "tables": {}, "indices": {}}
    parts.pop({Store.REDIS: "redis", Store.CLICKHOUSE: "tables", Store.ELASTICSEARCH: "indices"}[request.param])
    dataset = replace(clean_dataset, **parts)
    clear(clients, request.param)
    with ExitStack() as opened:
        report = load(dataset, engines)
        baseline = read_baseline(dataset, clients, opened)
        kept = opened.enter_context(Kept())
        reference = Reference(dataset, report.redis_epoch_ms, clean_tables, baseline, kept)
        now = time.time_ns()
        yield World(clients, Context(clients, reference, small_redis.POLICY, now, now, ignore))


def clear(clients: Clients, store: Store) -> None:
    """Empty one store."""
    if store is Store.REDIS:
        clients.redis.flushall()
    elif store is Store.CLICKHOUSE:
        clients.clickhouse.command("DROP DATABASE IF EXISTS tv_analytics SYNC")
        clients.clickhouse.command("DROP DATABASE IF EXISTS staging_r1 SYNC")
    elif names := list(clients.elasticsearch.indices.get(index="*")):
        clients.elasticsearch.indices.put_settings(index=names, settings={"index.blocks.write": None})
        clients.elasticsearch.indices.delete(index=names)

"""A look at the live stores before a migration: what would become of their records, and what stands in the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tvmigrate.contract.outcome import LedgerLine
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.events import Finished, Listener, Started
from tvmigrate.migrate import clickhouse, elasticsearch, ledger, redis, unnamed
from tvmigrate.migrate.redis_keys import now_ms
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import Found
from tvmigrate.workers import Workers


@dataclass(frozen=True, slots=True)
class Plan:
    """What `apply` would do: blockers and remarks as sentences, records by name, fates by rule.

    `reasons` are (store, source, reason, records), `extras` (store, source, field, records) of what goes to the
    archive, `shared` the program ids that several entities become, `statements` those for a ClickHouse cluster.
    """

    blockers: list[str]
    remarks: list[str]
    counts: dict[str, int]
    ledger: list[LedgerLine]
    reasons: list[tuple[str, str, str, int]]
    extras: list[tuple[str, str, str, int]]
    shared: list[tuple[str, list[str]]]
    statements: list[str] = field(default_factory=list)


def look(  # noqa: PLR0913, PLR0917 - what a look is given
    endpoints: Endpoints, clients: Clients, policy: Policy, existing: str | None, listener: Listener, workers: Workers
) -> Plan:
    """Read all three stores and say what would become of every record; nothing is written to them."""
    spool = Spool(None)
    try:
        found = _look(endpoints, clients, policy, existing, listener, workers, spool, spool)
        lines = ledger.of(spool.ledger(now_ms(clients.redis)))
        return Plan(
            found.blockers,
            found.remarks,
            found.counts,
            lines,
            spool.reasons(),
            spool.extras(),
            list(spool.shared_programs()),
        )
    finally:
        spool.close()


def blockers(  # noqa: PLR0913, PLR0917 - as above
    endpoints: Endpoints, clients: Clients, policy: Policy, existing: str | None, listener: Listener, workers: Workers
) -> list[str]:
    """Return what stands in the way; rows and documents are not counted for that, Redis keys have to be read."""
    spool = Spool(None)
    try:
        return _look(endpoints, clients, policy, existing, listener, workers, spool, None).blockers
    finally:
        spool.close()


def _look(  # noqa: PLR0913, PLR0917 - the two above share it
    endpoints: Endpoints,
    clients: Clients,
    policy: Policy,
    existing: str | None,
    listener: Listener,
    workers: Workers,
    spool: Spool,
    counting: Spool | None,
) -> Found:
    looks: tuple[tuple[str, Callable[[], Found]], ...] = (
        (
            "redis",
            lambda: redis.inspect(
                clients, policy, spool, existing, time.time_ns(), workers, programs=counting is not None
            ),
        ),
        ("clickhouse", lambda: clickhouse.inspect(clients.clickhouse, policy, counting)),
        (
            "elasticsearch",
            lambda: elasticsearch.inspect(clients.elasticsearch, endpoints.elasticsearch, policy, counting),
        ),
    )
    together = Found()
    for store, inspect in looks:
        begun = time.monotonic()
        listener(Started(f"plan.{store}"))
        found = inspect()
        together.blockers += found.blockers
        together.remarks += found.remarks
        together.counts.update(found.counts)
        listener(Finished(f"plan.{store}", time.monotonic() - begun))
    told = unnamed.told(policy.layout, spool.extras())
    together.blockers += [sentence for sentence in told if sentence not in together.blockers]
    return together

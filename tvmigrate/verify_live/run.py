"""A migration on live stores judged: the stores opened, the old data found, all parts looked at."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tvmigrate.engines.clients import Clients, check_reachable
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.errors import UsageError
from tvmigrate.events import Listener, ignore
from tvmigrate.migrate.system import identify
from tvmigrate.verify.context import Baseline, Context, Reference
from tvmigrate.verify.kept import Kept
from tvmigrate.verify.provenance import dataset_digest, instant, provenance
from tvmigrate.verify.redis_expected import Expected
from tvmigrate.verify.redis_state import DumpedStates
from tvmigrate.verify.reference import load_reference
from tvmigrate.verify_live import clickhouse_part, elasticsearch_part, redis_part
from tvmigrate.verify_live.asked import Asked
from tvmigrate.verify_live.checkpoint import Checkpoint
from tvmigrate.verify_live.looking import Looking
from tvmigrate.verify_live.model import Times
from tvmigrate.verify_live.outcome import How, Outcome
from tvmigrate.verify_live.source import Source


def verify(
    endpoints: Endpoints,
    find: Callable[[Clients], Source],
    asked: Asked,
    checkpoint: Path,
    listener: Listener = ignore,
) -> Outcome:
    """Judge the stores by the old data that `find` gives of them.

    Nothing is written to the stores; what is known so far is kept in the file `checkpoint`.

    Raises:
        UsageError: the reference is none, or the checkpoint is of another looking that is not over.
        EngineUnreachable, UnsupportedVersion: a store does not answer, or cannot be worked with.
        ReferenceFailed: the old rows cannot be loaded into the verifier's own ClickHouse.
    """
    deadline = None if asked.max_time is None else time.monotonic() + asked.max_time
    began = datetime.now(UTC)
    endpoints = endpoints.read_only()
    versions = check_reachable(endpoints)
    with ExitStack() as opened:
        clients = opened.enter_context(Clients(endpoints))
        source = find(clients)
        known = opened.enter_context(Checkpoint(checkpoint))
        about = {
            "stores": identify(clients),
            **source.as_json(),
            "sample": asked.sample.share,
            "no_writers": asked.no_writers,
            "old": str(asked.old_end_state),
            "only": sorted(asked.only),
        }
        if differs := known.begin(about, instant(began)):
            raise UsageError(
                f"{checkpoint} is of a verification that is not over and was begun with another "
                f"{', '.join(differs)}. Go on as it was begun, or name another file with --checkpoint."
            )
        context = _context(opened, clients, source, asked, listener)
        redis_part.remember_states(context)
        times = Times(source.began_ns, source.ended_ns, asked.no_writers)
        look = redis_part.Look(
            context,
            opened.enter_context(Expected(context)),
            times,
            asked.sample,
            opened.enter_context(DumpedStates()),
            source.is_complete,
        )
        parts = [
            *(redis_part.parts(look) if source.dataset.redis is not None else []),
            *clickhouse_part.parts(context, times, asked.sample),
            *elasticsearch_part.parts(context, times, asked.sample),
        ]
        ids = [part.about.id for part in parts]
        if unknown := sorted(asked.only.difference(ids)):
            known.note("over", True)
            raise UsageError(f"There is no part {', '.join(unknown)} here; the parts are {', '.join(ids)}.")
        wanted = [part for part in parts if not asked.only or part.about.id in asked.only]
        found = Looking(wanted, asked, known, listener, deadline).run()
        ended = instant(datetime.now(UTC))
        made = provenance(dataset_digest(source.dataset.path), began, source.dataset)
        how = How(source, asked, versions, made, known.noted("began"), ended)
        return Outcome(found.parts, found.stopped, found.rechecks, how)


def _context(opened: ExitStack, clients: Clients, source: Source, asked: Asked, listener: Listener) -> Context:
    dumps = opened.enter_context(DumpedStates())
    # The old rows are needed for ClickHouse alone.
    rows = source.dataset if _of_clickhouse(asked) else replace(source.dataset, tables={})
    tables = opened.enter_context(load_reference(rows))
    reference = Reference(
        source.dataset, source.epoch_ms, tables, Baseline({}, {}, frozenset(), dumps), opened.enter_context(Kept())
    )
    # Rows are counted by the loaded tables themselves: nobody else says how many there should be.
    counted = {
        (table.database, table.name): int(
            next(iter(tables.query(f"SELECT count() AS n FROM `{table.database}`.`{table.name}`")))["n"]
        )
        for table in rows.tables.values()
    }
    tables.require_rows(counted)
    return Context(clients, reference, source.policy, source.began_ns, source.ended_ns, listener, asked.old_end_state)


def _of_clickhouse(asked: Asked) -> bool:
    return not asked.only or any(name.startswith("live.clickhouse") for name in asked.only)


__all__ = ["Asked", "Outcome", "verify"]

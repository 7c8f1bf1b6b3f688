"""`python -m bench.rates [SMALL LARGE] [--apply-only]`: what a record costs the tool and its store.

The same old system is migrated and verified in two sizes, each a part of the standard size, and the difference counts,
so that what every run costs, however small, does not. Redis has eaos keys alone, whose cost is a key's. CPU time is
measured, not time on the clock, which says more about what else the machine does. Writes bench/rates.json.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import shlex
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from tvmigrate import cli
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.generate import Recipe, Size, generate_files
from tvmigrate.engines.clients import Clients
from tvmigrate.errors import TvmigrateError
from tvmigrate.events import Event, Finished, Printed, Started
from tvmigrate.migrate import redis_parts
from tvmigrate.verify.checks import REGISTRY
from tvmigrate.verify.findings import CheckResult, Phase, State
from tvmigrate.verify.rehearsal import Job, Rehearsal
from tvmigrate.workers import Workers

RATES = Path(__file__).with_name("rates.json")
SMALL, LARGE = 0.1, 0.4  # of the standard size, unless told
SEED = 7
PART_BYTES = 1 << 16  # so that a small size too is shared out among workers
APPLY_ONLY = "--apply-only"
STORES = ("redis", "clickhouse", "elasticsearch")
_GROUPS = {
    "redis-server": "redis",
    "clickhouse_server": "clickhouse",
    "elasticsearch_node": "elasticsearch",
    "spawn_main": "worker",
    "reference_engine": "worker",  # the verifier's own ClickHouse works on every core there is
}


def _cpu() -> dict[str, float]:
    """Return CPU seconds so far of each engine, of `worker` processes, of this one, the `verifier`, and of the rest."""
    used: dict[str, float] = defaultdict(float)
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        try:
            words, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue  # it has just ended
        found = (group for word, group in _GROUPS.items() if word in words and "guard.py" not in words)
        used["verifier" if process is me else next(found, "coordinator")] += times.user + times.system
    return used


class Meter:
    """Hears a rehearsal's events, and adds up what was used in each step to the step's store."""

    def __init__(self) -> None:
        self.used: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._last = _cpu()

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        match event:
            case Printed(line=line) if ": done after" in line:
                self._add("apply", line.partition(":")[0])
            case Finished(task=task) if task.startswith("check "):
                self._add("verify", task)
            case Started(task=task) if task in {"migration", "rollback"} or task.startswith("check "):
                self._last = _cpu()

    def _add(self, phase: str, task: str) -> None:
        now = _cpu()
        store = next((name for name in STORES if name in task), None)
        for group, seconds in now.items():
            if store is not None and group in {"verifier" if phase == "verify" else "coordinator", "worker", store}:
                key = {store: "engine", "verifier": "coordinator"}.get(group, group)
                self.used[store][f"{phase}_{key}"] += max(0.0, seconds - self._last.get(group, 0.0))
        self._last = now


def _sizes(rehearsal: Rehearsal) -> dict[str, float]:
    with Clients(rehearsal.endpoints) as clients:
        clients.elasticsearch.indices.refresh(index="*")
        parts = clients.clickhouse.query(
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'tv_analytics'"
        )
        stats = clients.elasticsearch.indices.stats(index="*", metric="store")
        return {
            "redis": float(clients.redis.info("memory")["used_memory"]),
            "clickhouse": float(parts.result_rows[0][0]),
            "elasticsearch": float(stats["_all"]["total"]["store"]["size_in_bytes"]),
        }


def size_of(scale: float) -> Size:
    """Return what there is at a part of the standard size."""
    return replace(Size.standard(scale), members=0, sorted_sets=0, lists=0, list_items=0)


def records_of(size: Size) -> dict[str, int]:
    """Return by store how many records that is."""
    return {"redis": size.entities, "clickhouse": size.rows, "elasticsearch": size.documents}


def measure(asked: tuple[float, Path, bool]) -> dict[str, dict[str, float]]:
    """Return by store what so many records cost: CPU seconds, bytes held before, bytes backed up."""
    scale, folder, only_apply = asked
    data = folder / f"data{scale:g}"
    generate_files(data, Recipe(size_of(scale), SEED), rows="Parquet")
    meter = Meter()
    ours = f"{shlex.quote(sys.executable)} -m bench.rates apply --yes"
    where = os.pathsep.join(filter(None, [str(RATES.parents[1]), os.environ.get("PYTHONPATH")]))
    job = Job(
        data,
        Policy(show="the_voice"),
        migration=f"PYTHONPATH={shlex.quote(where)} {ours}",
        second_round=False,
        directory=folder / f"run{scale:g}",
    )
    with Rehearsal(job, meter) as rehearsal:
        held = _sizes(rehearsal)
        run = rehearsal._run(Phase.MIGRATION, "")
        results: list[CheckResult] = []
        for store in () if only_apply else STORES:  # else they are looked at at once, and nobody knows for whom CPU was
            mine = {check.id for check in REGISTRY.checks() if check.store == store and check.phase is Phase.MIGRATION}
            rehearsal.job = replace(job, only=frozenset(mine))
            results += rehearsal._verify(Phase.MIGRATION, "", rehearsal._book())
        wrong = [result.id for result in results if result.state in {State.FAIL, State.ERROR}]
        if run.exit_code or wrong:
            raise TvmigrateError(f"The migration {run.how} {wrong}, so its rates say nothing.")
    backup = folder / f"run{scale:g}"
    files = [path for path in backup.rglob("backup/**/*") if path.is_file()]
    saved = {
        store: float(sum(path.stat().st_size for path in files if store in str(path.relative_to(backup))))
        for store in STORES
    }
    return {store: {**meter.used[store], "held_bytes": held[store], "backup_bytes": saved[store]} for store in STORES}


def slope(small: Mapping[str, float], large: Mapping[str, float], records: int) -> dict[str, float]:
    """Return what one record more costs."""
    names: Iterable[str] = sorted({*small, *large})
    return {name: float(f"{max(0.0, large.get(name, 0) - small.get(name, 0)) / records:.3g}") for name in names}


def main() -> None:
    """Measure both sizes, those of the command line if there are any, and write the file."""
    if sys.argv[1:2] == ["apply"]:
        redis_parts._PART_BYTES = PART_BYTES
        cli.main()
    words = [word for word in sys.argv[1:] if word != APPLY_ONLY]
    small, large = map(float, words) if words else (SMALL, LARGE)
    # At once: CPU time is the process's own. In processes of their own, since a step's is told by who used it.
    with tempfile.TemporaryDirectory() as place, Workers(2) as workers:
        asked = [(scale, Path(place), APPLY_ONLY in sys.argv) for scale in (small, large)]
        few, many = workers.each(measure, asked)
    there = {scale: records_of(size_of(scale)) for scale in (small, large)}
    rates: dict[str, Any] = {
        "command": shlex.join(["python", "-m", "bench.rates", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{psutil.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "records": [there[small], there[large]],
        "per_record": {
            store: slope(few[store], many[store], there[large][store] - there[small][store]) for store in STORES
        },
    }
    RATES.write_text(json.dumps(rates, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

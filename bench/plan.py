"""`python -m bench.plan`: what 10 billion keys and documents and 100 billion rows take; writes docs/capacity.md.

All arithmetic is here: measured rates (bench/rates.json) times records, over what the inputs below say there is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.rates import RATES, STORES

PAGE = Path(__file__).parents[1] / "docs" / "capacity.md"
HOUR = 3600.0
GB = 1e9
_TITLES = {"redis": "Redis", "clickhouse": "ClickHouse", "elasticsearch": "Elasticsearch"}


_ENOUGH_ROWS = 1_000_000
_FEW = """So few rows tell nothing of ClickHouse, which takes millions a second, and so few keys and documents are done
before a worker is started: the hours here are no more than a guess, and the coordinator seems to do what workers do.
Measure with more (`python -m bench.rates 0.1 0.4`, some minutes) before you rely on them."""


@dataclass(frozen=True, slots=True)
class Input:
    """What is assumed of a store's part of the work: how much there is, and on what it runs.

    `engine_cores` can work on one migration at once (Redis: one for each master), `worker_cores` are processes of the
    tool, `network_gbit` is what store and workers have between them. `part_bytes` is a partition; `crossings` is how
    often a record crosses the network in `apply`: backup, build, and both sides of the comparison.
    """

    records: int
    engine_cores: int
    worker_cores: int
    network_gbit: float
    part_bytes: float
    crossings: int


INPUTS: Mapping[str, Input] = {
    "redis": Input(10_000_000_000, 64, 64, 50, 2**20, 4),
    "clickhouse": Input(
        100_000_000_000, 384, 16, 50, 2**30, 1
    ),  # it reads and writes its own tables; the backup leaves
    "elasticsearch": Input(10_000_000_000, 480, 64, 50, 4 * 2**20, 4),
}
BACKUP_DISK_GB_S = 2.0  # the coordinator writes the backup, and reads it again to build from it
WORKER_BYTES = 200e6  # a process of the tool with what it has ahead
AHEAD = 2  # partitions a worker has waiting: tvmigrate/workers.py
PRICES: Mapping[str, tuple[float, str]] = {
    "core": (0.045, "a core of a worker or of the coordinator, an hour"),
    "memory": (0.006, "a GB of memory of Redis for old and new data side by side, an hour"),
    "disk": (0.08, "a GB of disk for a month: the backup, and the copies that are kept until `finish`"),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What one store takes: hours by what they would be if it were the only limit, bytes, dollars."""

    store: str
    partitions: float
    hours: Mapping[str, float]
    verify_hours: float
    memory: float
    network: float
    disk: float
    cost: float

    @property
    def limits(self) -> Sequence[str]:
        """What limits it, the tightest first."""
        return sorted(self.hours, key=lambda name: -self.hours[name])

    @property
    def apply_hours(self) -> float:
        """How long `apply` is at this store: as long as its tightest limit."""
        return self.hours[self.limits[0]]


def plan(store: str, rate: Mapping[str, float], given: Input) -> Plan:
    """Return the plan of a store from what a record costs."""

    def hours(phase: str) -> dict[str, float]:
        return {
            "the coordinator": given.records * rate.get(f"{phase}_coordinator", 0.0) / HOUR,
            "the workers": given.records * rate.get(f"{phase}_worker", 0.0) / given.worker_cores / HOUR,
            "the store": given.records * rate.get(f"{phase}_engine", 0.0) / given.engine_cores / HOUR,
        }

    held, saved = given.records * rate["held_bytes"], given.records * rate["backup_bytes"]
    network = saved * given.crossings
    limits = {
        **hours("apply"),
        "the network": network / (given.network_gbit * GB / 8) / HOUR,
        "the backup's disk": 2 * saved / (BACKUP_DISK_GB_S * GB) / HOUR,
    }
    longest = max(limits.values())
    disk = saved + (
        0 if store == "redis" else 2 * held
    )  # beside the old data: the new, and until `finish` the old kept
    memory = (2 * held if store == "redis" else 0.0) + given.worker_cores * (WORKER_BYTES + AHEAD * given.part_bytes)
    cost = (given.worker_cores + 1) * longest * PRICES["core"][0] + disk / GB * PRICES["disk"][0]
    if store == "redis":
        cost += held / GB * longest * PRICES["memory"][0]
    return Plan(
        store, saved / given.part_bytes, limits, max(hours("verify").values()), memory, network, disk, cost
    )  # fmt: skip


def _size(number: float) -> str:
    for unit, factor in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if number >= factor:
            return f"{number / factor:.3g} {unit}"
    return f"{number:.3g} B"


def _hours(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _counted(records: Mapping[str, int]) -> str:
    return f"{records['redis']:,} keys, {records['clickhouse']:,} rows, {records['elasticsearch']:,} documents"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page(rates: Mapping[str, Any]) -> str:
    """Return the page as text."""
    costs: Mapping[str, Mapping[str, float]] = rates["per_record"]
    plans = [plan(store, costs[store], INPUTS[store]) for store in STORES]
    outcome = _table(
        ["store", "partitions", "hours, `apply`", "hours, verification", "memory", "network", "disk", "dollars"],
        [
            [_TITLES[one.store], f"{one.partitions:,.0f}", _hours(one.apply_hours),
             _hours(one.verify_hours) if one.verify_hours else "not measured",
             _size(one.memory), _size(one.network), _size(one.disk), f"{one.cost:,.0f}"]
            for one in plans
        ],
    )  # fmt: skip
    limits = _table(
        ["store", *plans[0].hours, "so the limit is"],
        [
            [_TITLES[one.store], *map(_hours, one.hours.values()), f"{one.limits[0]}, then {one.limits[1]}"]
            for one in plans
        ],
    )
    cpu = [f"{phase}_{part}" for phase in ("apply", "verify") for part in ("coordinator", "worker", "engine")]
    measured = _table(
        ["store", "`apply`: coordinator", "workers", "store", "verification: coordinator", "workers", "store",
         "bytes held", "bytes in the backup"],
        [
            [_TITLES[store], *(f"{1e6 * costs[store][name]:,.1f}" if name in costs[store] else "–" for name in cpu),
             f"{costs[store]['held_bytes']:,.0f}", f"{costs[store]['backup_bytes']:,.0f}"]
            for store in STORES
        ],
    )  # fmt: skip
    assumed = _table(
        ["store", "records", "cores of the store", "workers", "Gbit/s", "bytes of a partition", "crossings"],
        [
            [_TITLES[store], f"{one.records:,}", f"{one.engine_cores}", f"{one.worker_cores}",
             f"{one.network_gbit:g}", f"{one.part_bytes:,.0f}", f"{one.crossings}"]
            for store, one in INPUTS.items()
        ],
    )  # fmt: skip
    prices = _table(["dollars", "for"], [[f"{price:g}", what] for price, what in PRICES.values()])
    small, large = rates["records"]
    return f"""# Planning for billions

What `tvmigrate apply` takes for 10 billion Redis keys, 100 billion ClickHouse rows and 10 billion Elasticsearch
documents. This is arithmetic, not a measurement: rates measured on little data, times records, over the machines that
are assumed below. `python -m bench.plan` writes this page, and `bench/plan.py` holds the arithmetic; `python -m
bench.rates` measures the rates of your machine.

## What comes out

{outcome}

Hours are those of the tightest limit. Memory is that of the workers, and of Redis for old and new data side by side;
disk is the backup, the new data and the old that are kept until `finish`.

## What becomes the limit first

Hours that `apply` would take if nothing else were a limit:

{limits}

The coordinator is one process: it numbers the records, keeps the spool (SQLite) and the journal, and writes the backup.
What it does for each record no worker can take from it.

## Rates

CPU seconds for a million records, bytes for one; `{rates["command"]}` on {rates["date"]}, {rates["machine"]}: the
difference between {_counted(small)}
and {_counted(large)}, so without what every run costs. What comes out
below zero cannot be told from nothing, and stands as 0; a dash: not measured.

{measured}

{_FEW if large["clickhouse"] < _ENOUGH_ROWS else ""}

## Assumptions

{assumed}

A store's work is spread evenly over its cores (Redis: one core a master). A worker is a process with one core,
{_size(WORKER_BYTES)} and {AHEAD} partitions ahead. The backup's disk takes {BACKUP_DISK_GB_S:g} GB/s, and is written
once and read once. Crossings are how often a record goes over the network between workers and store: backup, build, and
both sides of the comparison; ClickHouse builds within itself, so only its backup does.

{prices}

Prices are assumptions, nobody's offer. Bytes are those of generated data (`tvmigrate generate`): look at yours first.
"""


def main() -> int:
    """Write the page, or with `--check` say whether it is in step."""
    text = page(json.loads(RATES.read_text("utf-8")))
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text("utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

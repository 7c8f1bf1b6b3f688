"""The server processes of one cluster, taken together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tvmigrate.engines.embedded.process import EngineProcess
from tvmigrate.engines.errors import EngineDied


def end_all(end: Callable[[EngineProcess], None], nodes: Sequence[EngineProcess]) -> None:
    """End every node at the same time, as `end` ends one."""
    if nodes:
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(end, nodes))


def died(nodes: Sequence[EngineProcess], when: str) -> EngineDied:
    """Return the error that says how the first node that has ended did."""
    return next((node for node in nodes if not node.running), nodes[0]).died(when)

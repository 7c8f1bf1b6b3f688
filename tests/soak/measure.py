"""What processes hold at one moment: memory, open files, and connections that a store counts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import psutil

from tvmigrate.engines.clients import Clients

MB = 1 << 20


def held(process: psutil.Process) -> dict[str, int]:
    """Return the memory (MB) and open files of a process and of those it has started."""
    memory = files = 0
    for one in (process, *process.children(recursive=True)):
        try:
            memory += one.memory_info().rss
            files += one.num_fds()
        except psutil.NoSuchProcess:
            continue
    return {"mb": memory // MB, "files": files}


def sample(clients: Clients, engines: Mapping[str, int]) -> dict[str, int]:
    """Return one point of the series: of this process, of each engine by its pid, and the connections to each."""
    own = psutil.Process(os.getpid())
    found = {"tool mb": own.memory_info().rss // MB, "tool files": own.num_fds(), "tool threads": own.num_threads()}
    for name, pid in engines.items():
        for what, number in held(psutil.Process(pid)).items():
            found[f"{name} {what}"] = number
    found["redis connections"] = int(clients.redis.info("clients")["connected_clients"])
    told = clients.elasticsearch.nodes.stats(metric="http")["nodes"].values()
    found["elasticsearch connections"] = sum(node["http"]["current_open"] for node in told)
    found["clickhouse connections"] = connections_to(clients.endpoints.clickhouse)
    return found


def connections_to(url: str) -> int:
    """Return how many connections this machine has open to the port of `url`, seen from its server."""
    port = int(url.rpartition(":")[2].strip("/"))
    return sum(
        one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port for one in psutil.net_connections("tcp")
    )


def grown(series: Iterable[Mapping[str, int]], warm: float = 0.25) -> list[str]:
    """Return a sentence for each figure that grew: its median in the last quarter against the quarter after the start.

    Memory may grow by a tenth and 20 MB, open files and connections by three: a garbage collector decides the rest.
    """
    points = list(series)
    quarter = max(int(len(points) * warm), 1)
    early, late = points[quarter : 2 * quarter] or points[:1], points[-quarter:]
    found = []
    for name in points[0]:
        before, after = (sorted(point[name] for point in some)[len(some) // 2] for some in (early, late))
        allowed = before * 1.1 + 20 if name.endswith(" mb") else before + 3
        if after > allowed:
            found.append(f"{name} grew from {before} to {after}")
    return found

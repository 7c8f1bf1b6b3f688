"""Whether stores are known to be for practice: started by this tool, or those of a rehearsal. Any others are live.

Nobody can say that a store is for practice; it is found out. Embedded engines are processes under this tool's guard,
on loopback; containers carry its labels; a rehearsal writes down which stores are its own, and counts while it runs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from tvmigrate.engines.embedded import guard
from tvmigrate.engines.endpoints import READ_ONLY, Endpoints
from tvmigrate.engines.errors import DockerUnavailable
from tvmigrate.engines.process_record import ProcessRecord

REHEARSAL = "TVMIGRATE_REHEARSAL"  # the variable of the file in which a rehearsal says which stores are its own
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_GUARD = Path(guard.__file__).name


def practice(endpoints: Endpoints, environ: Mapping[str, str] = os.environ) -> str:
    """Return what shows that all three stores are for practice, empty if they are live.

    No store is asked anything. `environ` is where a rehearsal's file is named.
    """
    if _of_rehearsal(endpoints, environ.get(REHEARSAL)):
        return "the stores of a rehearsal that is running"
    ports = [_ports(url) for url in (endpoints.redis, endpoints.clickhouse, endpoints.elasticsearch)]
    wanted = {port for found in ports for port in found}
    if not all(ports):
        return ""
    if wanted <= _guarded(wanted):
        return "embedded engines of this machine"
    if wanted <= _contained():
        return "containers that this tool started"
    return ""


@contextmanager
def rehearsing(endpoints: Endpoints, place: Path) -> Iterator[dict[str, str]]:
    """Say for `with` that these stores are a rehearsal's, and give the variable for the commands under test."""
    path = place / "rehearsal.json"
    path.write_text(json.dumps({"process": asdict(ProcessRecord.of(os.getpid())), "endpoints": _digest(endpoints)}))
    try:
        yield {REHEARSAL: str(path)}
    finally:
        path.unlink(missing_ok=True)


def _digest(endpoints: Endpoints) -> str:
    """Return what tells stores from others and shows no password."""
    return hashlib.sha256("\0".join(astuple(endpoints)).encode()).hexdigest()


def _of_rehearsal(endpoints: Endpoints, path: str | None) -> bool:
    if not path:
        return False
    try:
        said = json.loads(Path(path).read_text("utf-8"))
        return bool(said["endpoints"] == _digest(endpoints)) and ProcessRecord(**said["process"]).alive()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _ports(url: str) -> set[int]:
    """Return the ports of a URL, one or several servers'; none where one of them is not on loopback."""
    found = set()
    with suppress(ValueError):
        authority = urlsplit(url.removesuffix(READ_ONLY)).netloc.rpartition("@")[2]
        for place in authority.split(","):
            parts = urlsplit(f"//{place}")
            if parts.hostname not in _LOOPBACK or parts.port is None:
                return set()
            found.add(parts.port)
    return found


def _guarded(ports: set[int]) -> set[int]:
    """Return those of `ports` that only processes under a guard of this tool listen on."""
    under, other = set[int](), set[int]()
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN and one.laddr.port in ports:
            (under if one.pid and _has_guard(one.pid) else other).add(one.laddr.port)
    return under - other


def _has_guard(pid: int) -> bool:
    try:
        return any(_is_guard(parent.cmdline()) for parent in psutil.Process(pid).parents())
    except psutil.Error:
        return False


def _is_guard(words: list[str]) -> bool:
    """Tell whether a command line is a guard's: Python's, of the file `guard.py` beside the embedded engines."""
    return any(word.endswith(f"/embedded/{_GUARD}") for word in words[:4]) and "--owner" in words


def _contained() -> set[int]:
    """Return the ports that lead to containers which carry this tool's labels; none where Docker is away."""
    # Imported here: who has no containers need not wait for what talks to Docker.
    from tvmigrate.engines.containers.standing import ports_of_ours  # noqa: PLC0415

    try:
        return ports_of_ours()
    except DockerUnavailable:
        return set()

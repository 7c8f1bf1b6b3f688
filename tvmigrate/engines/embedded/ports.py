"""Ports of 127.0.0.1: free ones to take, and who has the one that was asked for."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import psutil  # type: ignore[import-untyped]

from tvmigrate.engines.errors import PortTaken

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nobody listens on at this moment."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in sockets]


def is_free(port: int) -> bool:
    """Tell whether a server could bind `port` of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As every server does: connections of an earlier server that linger in TIME_WAIT are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def listens(pid: int, port: int) -> bool:
    """Tell whether it is the process `pid` that listens on `port`."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections)


def require_free(engine: str, port: int) -> None:
    """Return if `port` can be bound.

    Raises:
        PortTaken: it cannot; the sentence names the engine, the port, and, if visible, who listens there.
    """
    if is_free(port):
        return
    holder = _holder(port)
    raise PortTaken(
        f"{engine} cannot listen on {HOST}:{port}: {holder or 'another process'} has that port. "
        "Stop it, or choose another port; without one, a free port is taken."
    )


def _holder(port: int) -> str | None:
    """Return `name (pid)` of the process that listens on `port`, or None where the system does not tell."""
    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.Error:
                return f"process {connection.pid}"
    return None

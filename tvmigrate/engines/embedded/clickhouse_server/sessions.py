"""Sessions: a handle that outlives its request, found again by `session_id`, for one request at a time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from tvmigrate.engines.embedded.clickhouse_server.engine import Engine, Handle
from tvmigrate.engines.embedded.clickhouse_server.errors import Code, QueryError


@dataclass(slots=True)
class Session:
    """One session's handle; `until` is when it ends unless asked for again (monotonic seconds)."""

    key: tuple[str, str]
    handle: Handle
    until: float
    busy: bool = True


class Sessions:
    """All sessions of a server. What is past its time is closed when any session is next asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], Session] = {}

    def acquire(self, user: str, session_id: str, *, must_exist: bool) -> Session:
        """Return the session for this request's sole use, new if there is none; `release` gives it back.

        Raises:
            QueryError: it is in use (373), or `must_exist` and it does not (372).
        """
        key = (user, session_id)
        with self._lock:
            self._close_expired()
            session = self._open.get(key)
            if session is not None:
                if session.busy:
                    raise QueryError.own(
                        Code.SESSION_IS_LOCKED, f"Session {session_id} is locked by a concurrent client."
                    )
                session.busy = True
                return session
            if must_exist:
                raise QueryError.own(Code.SESSION_NOT_FOUND, f"Session {session_id} not found.")
            session = Session(key, self._engine.open(), float("inf"))
            self._open[key] = session
            return session

    def release(self, session: Session, timeout: float, *, drop: bool) -> None:
        """Give a session back; it lives `timeout` seconds from now, or ends at once with `drop`."""
        with self._lock:
            session.until = time.monotonic() + timeout
            session.busy = False
            if drop:
                self._open.pop(session.key, None)
                session.handle.close()

    def _close_expired(self) -> None:
        now = time.monotonic()
        for session in [one for one in self._open.values() if not one.busy and one.until <= now]:
            del self._open[session.key]
            session.handle.close()

    def close(self) -> None:
        """Close every session that no request holds."""
        with self._lock:
            for session in [one for one in self._open.values() if not one.busy]:
                del self._open[session.key]
                session.handle.close()

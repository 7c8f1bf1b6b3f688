"""The handle a request runs on, with its database, settings and tables, and nothing left of them after.

Without a session that is a new handle, so nothing can leak by construction. A session's handle stays, so what
the request brought is taken back; a session in which that fails is ended rather than kept changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from tvmigrate.engines.embedded.clickhouse_server.engine import Engine, Handle, Kind, identifier, literal
from tvmigrate.engines.embedded.clickhouse_server.errors import Code, QueryError
from tvmigrate.engines.embedded.clickhouse_server.request import Asked, External
from tvmigrate.engines.embedded.clickhouse_server.sessions import Session, Sessions
from tvmigrate.engines.embedded.clickhouse_server.statement import first_words


class Scope:
    """Everything around one statement. `enter`, run it on `handle`, `leave`."""

    def __init__(self, engine: Engine, sessions: Sessions, asked: Asked) -> None:
        """Take a handle: the session's, or a new one.

        Raises:
            QueryError: the session is in use or missing.
        """
        self._engine = engine
        self._sessions = sessions
        self._asked = asked
        self._session: Session | None = None
        self._undo: list[str] = []
        if asked.session_id is None:
            self.handle: Handle = engine.open()
        else:
            user = asked.credentials.user
            self._session = sessions.acquire(user, asked.session_id, must_exist=asked.session_check)
            self.handle = self._session.handle

    @property
    def timezone(self) -> str:
        """The time zone that the answer's times are meant in."""
        if self._session is not None:
            return self.handle.scalar("SELECT timezone()")
        return self._asked.settings.get("session_timezone") or self._engine.timezone

    def enter(self, text: bytes, kind: Kind, externals: Iterable[tuple[External, Iterable[bytes]]]) -> None:
        """Bring the request's database, role, settings and tables to the handle; `text` is what it will run.

        Raises:
            QueryError: one of them is unknown or wrong, or it writes though the request may only read.
        """
        asked = self._asked
        settings = {name: value for name, value in asked.settings.items() if name != "readonly"}
        if self._session is not None:
            self._refuse_writing(text, kind)
            if first_words(text, 1) in (("SET",), ("USE",)):
                self._check_elsewhere(settings)
                return
            self._remember(settings, bool(asked.database))
        if asked.database:
            self.handle.run(f"USE {identifier(asked.database)}")
        if asked.role:
            self.handle.run(f"SET ROLE {identifier(asked.role)}")
        self.handle.set(settings)
        for table, pieces in externals:
            name = identifier(table.name)
            if self._session is not None:
                self._undo.append(f"DROP TEMPORARY TABLE IF EXISTS {name}")
            self.handle.run(f"CREATE TEMPORARY TABLE {name} ({table.structure})")
            self.handle.insert(f"INSERT INTO {name}".encode(), table.format, pieces)
        if self._session is None and (asked.readonly or "readonly" in asked.settings):
            if asked.method in ("GET", "HEAD") and asked.settings.get("readonly") == "0":
                raise QueryError.own(Code.READONLY, "Cannot modify 'readonly' setting in readonly mode.")
            self.handle.set({"readonly": str(asked.readonly or asked.settings["readonly"])})

    def bind(self) -> None:
        """Set the bound parameters on the handle, for statements to which chdb's call cannot hand them."""
        params = self._asked.params
        if params:
            self.handle.run(
                ", ".join(f"param_{name} = {literal(text)}" for name, text in params.items()).join(("SET ", ""))
            )
            if self._session is not None:
                self._undo.append("")  # any later call with parameters of its own forgets these

    def _remember(self, settings: Mapping[str, str], database: bool) -> None:
        if settings:
            names = ", ".join(literal(name) for name in settings)
            rows = self.handle.run(
                f"SELECT name, value, changed FROM system.settings WHERE name IN ({names})",
                "JSONCompactEachRow",
            )
            for line in rows.answer.splitlines():
                name, value, changed = json.loads(line)
                self._undo.append(f"SET {identifier(name)} = {literal(value) if changed else 'DEFAULT'}")
        if database:
            self._undo.append(f"USE {identifier(self.handle.scalar('SELECT currentDatabase()'))}")

    def _check_elsewhere(self, settings: Mapping[str, str]) -> None:
        """Check the request's own settings, which else do not matter to a SET or USE of the session."""
        handle = self._engine.open()
        try:
            handle.set(settings)
        finally:
            handle.close()

    def _refuse_writing(self, text: bytes, kind: Kind) -> None:
        """Hold `readonly` for a session's handle, on which the setting itself could never be taken back."""
        level = self._asked.readonly
        if not level or kind in (Kind.READ_ONLY, Kind.UNKNOWN):
            return
        words = first_words(text, 2)
        if words[:1] == ("USE",) or (level == 2 and (words[:1] == ("SET",) or words == ("CREATE", "TEMPORARY"))):
            return
        hint = ""
        if self._asked.method in ("GET", "HEAD"):
            hint = " For queries over HTTP, method GET implies readonly. Use method POST for modifying queries."
        raise QueryError.own(
            Code.READONLY, f"{self._asked.credentials.user}: Cannot execute query in readonly mode.{hint}"
        )

    def leave(self) -> None:
        """Give the handle back as it was."""
        if self._session is None:
            self.handle.close()
            return
        drop = self._asked.close_session
        try:
            for statement in self._undo:
                # A statement with parameters makes the engine forget those of the one before.
                self.handle.run(statement or "SELECT 1", params=None if statement else {"_": "0"})
        except QueryError:
            drop = True
        self._sessions.release(self._session, self._asked.session_timeout, drop=drop)

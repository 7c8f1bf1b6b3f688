"""Every error that the application raises; all are whole sentences, and none holds a password."""

from __future__ import annotations


class AppError(Exception):
    """What went wrong, where, what was expected, what to do."""


class InvalidValue(AppError, ValueError):
    """A value that was given cannot be stored or asked for; the record it belongs to was not written.

    Attributes:
        field: the argument or the field that holds the value, as the method names it.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class UnknownProgram(AppError):
    """No store holds anything of the program that was asked for."""


class NotConnected(AppError):
    """A client was used before `connect()` or after `disconnect()`."""


class StoreError(AppError):
    """A store did not do what it was asked.

    Attributes:
        store: `redis`, `clickhouse` or `elasticsearch`.
    """

    def __init__(self, store: str, message: str) -> None:
        super().__init__(message)
        self.store = store


class StoreUnavailable(StoreError):
    """The store is away: it refused the connection, closed it, or did not answer in time.

    Attributes:
        maybe_done: True where the store may have done what it was asked, and only the answer is missing.
    """

    def __init__(self, store: str, message: str, *, maybe_done: bool = False) -> None:
        super().__init__(store, message)
        self.maybe_done = maybe_done


class StoreRefused(StoreError):
    """The store answered with an error: a missing table or index, a wrong type, a wrong password, a full disk."""


class UnreadableRecord(StoreError):
    """The store holds something under a name of the new layout that has not the layout's form."""

"""The ClickHouse of this process that works generated records out: chdb, in memory, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from tvmigrate.contract.layout import literal
from tvmigrate.dataset.errors import DatasetError
from tvmigrate.dataset.model import ROWS_OUTPUT_SETTINGS

# One thread: numbers come in order then, and files are the same to the byte.
_SETTINGS: Mapping[str, str | int] = {
    **ROWS_OUTPUT_SETTINGS,
    "max_threads": 1,
    "output_format_json_named_tuples_as_objects": 0,
    "output_format_parquet_parallel_encoding": 0,
}


class Source:
    """Answers a SELECT with bytes; for any number of threads, one at a time."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._lock = Lock()

    def rows(self, select: str) -> bytes:
        """Return the rows as lines of JSON, in the form of a dataset."""
        return self._ask(select, "JSONEachRow")

    def lines(self, select: str) -> bytes:
        """Return the one column, text, as it is: a line feed after each."""
        return self._ask(select, "TSVRaw")

    def parquet(self, select: str, path: Path) -> None:
        """Write the rows into the file `path`, which must not be there."""
        self._ask(f"{select} INTO OUTFILE {literal(str(path))} FORMAT Parquet", "Null")

    def _ask(self, select: str, form: str) -> bytes:
        with self._lock:
            answer: bytes = self._connection.query(select, form).bytes()
        return answer


@contextmanager
def source() -> Iterator[Source]:
    """Open it, and close it at the end.

    Raises:
        DatasetError: this process has another chdb open: there can be one.
    """
    import chdb  # noqa: PLC0415 - half a second, and whoever only asks for help needs none of it

    try:
        connection = chdb.connect(":memory:")  # type: ignore[no-untyped-call]
    except (chdb.ChdbError, RuntimeError) as error:
        raise DatasetError(
            f"chdb, which works the data out, cannot be opened in this process: {error}. A process holds one; run "
            "`tvmigrate generate` as a command of its own."
        ) from error
    try:
        for name, value in _SETTINGS.items():
            connection.query(f"SET {name} = {literal(value) if isinstance(value, str) else value}")
        yield Source(connection)
    finally:
        connection.close()

"""What a call gives back: data that is JSON as it stands, and the same as a table of text."""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from src.agent.errors import InvalidArguments, UnknownTool
from src.errors import AppError, InvalidValue, StoreError


@dataclass(frozen=True, slots=True)
class Table:
    """A result as text: column names, cells by row, and which columns hold numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The outcome of one call.

    Args:
        tool: the tool's name as it was asked for.
        arguments: what the tool was called with, defaults filled in; as given, where they were refused.
        rows: JSON-able objects: instants as RFC 3339 in UTC, numbers that are not finite as "inf", "-inf", "nan".
        notes: what a reader has to know about the rows (cut short, nothing found, a store was away).
        missing: the stores that did not answer, although the others' rows are here.
        error: why there are no rows; None where the call succeeded.
    """

    tool: str
    arguments: Mapping[str, Any]
    rows: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    error: AppError | None = field(default=None)

    @property
    def ok(self) -> bool:
        """Whether the call succeeded; it may have found nothing."""
        return self.error is None

    def as_json(self) -> dict[str, Any]:
        """Return the whole result as a JSON object: `tool`, `arguments`, `ok`, then `rows`, `notes` or `error`."""
        told: dict[str, Any] = {"tool": self.tool, "arguments": dict(self.arguments), "ok": self.ok}
        if self.error is not None:
            return told | {"error": error_as_json(self.error)}
        told |= {"rows": list(self.rows), "notes": list(self.notes)}
        return told | ({"missing": list(self.missing)} if self.missing else {})

    def table(self) -> Table:
        """Return the rows as text, safe to print: no character of a comment can steer the terminal."""
        columns = tuple(dict.fromkeys(name for row in self.rows for name in row))
        numeric = tuple(all(_is_number(row.get(name)) for row in self.rows) for name in columns)
        rows = tuple(tuple(cell(row.get(name)) for name in columns) for row in self.rows)
        return Table(columns, rows, numeric)


def error_as_json(error: AppError) -> dict[str, Any]:
    """Return an error as a JSON object: `type`, `message`, and what else it has: `store`, `field`, …."""
    told: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, StoreError):
        told["store"] = error.store
    if isinstance(error, InvalidValue):
        told["field"] = error.field
    if isinstance(error, InvalidArguments):
        told["problems"] = [problem.as_json() for problem in error.problems]
    if isinstance(error, UnknownTool):
        told["nearest"] = list(error.nearest)
    return told


def jsonable(value: Any) -> Any:
    """Return `value` as JSON can hold it; see `ToolResult.rows` for instants and numbers."""
    if isinstance(value, dt.datetime):
        return instant(value)
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def instant(moment: dt.datetime) -> str:
    """Return an aware datetime as UTC RFC 3339 with `Z`, no digit of it lost."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def cell(value: Any) -> str:
    """Return a JSON value as the text of a table's cell: six digits of a number, a list with commas."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(cell(one) for one in value)
    return printable(str(value))


_JOINERS = "\u200c\u200d"  # inside emoji and some scripts' words


def printable(text: str) -> str:
    r"""Return `text` on one line, with control and invisible characters written as `\x1b`, `\u202e`."""
    return "".join(_printable(char) for char in text)


def _printable(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    if char in "\n\r\t" or unicodedata.category(char) == "Zs":
        return " "
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

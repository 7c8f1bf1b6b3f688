"""Lines of NDJSON files: read one at a time, each with its number, each strict JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from tvmigrate.dataset.errors import DatasetError, bad_line
from tvmigrate.deep import deeply


class NotJson(ValueError):  # noqa: N818 - it becomes a DatasetError where its place is known
    """Why a text is not the JSON that a dataset holds."""


def numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield each line of `path` without its line feed, with its number from 1.

    Raises:
        DatasetError: a blank line, a last line without a line feed (a file cut short), or an unreadable file.
    """
    number = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    raise bad_line(path, number, "the last line does not end with a line feed", "a file that is whole")
                if not line.strip():
                    raise bad_line(path, number, "the line is blank", "one JSON object a line")
                yield number, line[:-1]
    except OSError as error:
        raise DatasetError(f"{path} cannot be read after line {number}: {error.strerror or error}.") from error


def blocks(path: Path, size: int) -> Iterator[bytes]:
    """Yield the bytes of `path` in blocks of whole lines, each of `size` bytes or a line more.

    Raises:
        DatasetError: a last line without a line feed (a file cut short), or an unreadable file.
    """
    try:
        with path.open("rb") as file:
            while block := file.read(size):
                block += file.readline()
                if not block.endswith(b"\n"):
                    raise DatasetError(
                        f"{path}: the last line does not end with a line feed; expected a file that is whole."
                    )
                yield block
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}.") from error


def text_of(path: Path, number: int, line: bytes) -> str:
    """Return `line` as text; raises DatasetError where it is not UTF-8."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_line(
            path, number, f"byte {error.start + 1} is not UTF-8", 'UTF-8, other bytes as {"b64": "…"}'
        ) from None


def strict(text: str) -> Any:
    """Parse JSON whose numbers are ints and doubles; -0 keeps its sign.

    Raises:
        NotJson: not JSON, a literal NaN or Infinity, or an object that has one key twice.
    """
    try:
        return deeply(_STRICT.decode, text)
    except json.JSONDecodeError as error:
        raise NotJson(f"not JSON at character {error.pos + 1} ({error.msg})") from None
    except RecursionError:
        raise NotJson("nested too deeply to be read") from None


def members(text: str) -> Iterator[tuple[str, Any, str]]:
    """Yield name, parsed value and the very text of the value, for each member of the JSON object in `text`.

    Numbers are not read: they stand as None in the parsed value.

    Raises:
        NotJson: `text` is not one JSON object, or has one name twice.
    """
    position = _skip(text, 0, "{", "an object")
    seen: set[str] = set()
    while True:
        name, position = _value(text, position)
        if not isinstance(name, str) or name in seen:
            raise NotJson(f"{name!r} stands where a name not used before should")
        seen.add(name)
        start = _skip(text, position, ":", "a colon")
        value, position = _value(text, start)
        yield name, value, text[start:position]
        position = _blank(text, position)
        if text[position : position + 1] != ",":
            break
        position = _blank(text, position + 1)
    position = _skip(text, position, "}", "the end of the object")
    if position != len(text):
        raise NotJson(f"character {position + 1} follows the end of the object")


def _value(text: str, position: int) -> tuple[Any, int]:
    try:
        return deeply(_LENIENT.raw_decode, text, position)
    except json.JSONDecodeError as error:
        raise NotJson(f"not JSON at character {error.pos + 1} ({error.msg})") from None
    except RecursionError:
        raise NotJson("nested too deeply to be read") from None


def _skip(text: str, position: int, mark: str, what: str) -> int:
    position = _blank(text, position)
    if text[position : position + 1] != mark:
        raise NotJson(f"not JSON at character {position + 1} (it should be {what})")
    return _blank(text, position + 1)


def _blank(text: str, position: int) -> int:
    while text[position : position + 1] in {" ", "\t", "\r", "\n"}:
        position += 1
    return position


def _constant(name: str) -> NoReturn:
    raise NotJson(f"it holds a literal {name}, which is not JSON")


def _integer(digits: str) -> int | float:
    if digits == "-0":
        return -0.0
    if len(digits) > 4000:
        raise NotJson(f"it holds a number of {len(digits)} digits")
    return int(digits)


def _unread(digits: str) -> None:
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise NotJson(f"an object has {min(n for n in names if names.count(n) > 1)!r} more than once")
    return result


_STRICT = json.JSONDecoder(parse_constant=_constant, parse_int=_integer, object_pairs_hook=_object)
# For a document's _source: its numbers are of any length, and what is odd in it is for the rules to judge.
_LENIENT = json.JSONDecoder(parse_constant=_constant, parse_int=_unread, parse_float=_unread)

"""The file that says what becomes of an entity: read in one way, whoever asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tvmigrate.errors import UsageError


def read_entity_map(path: Path) -> dict[str, str]:
    """Read the JSON object old entity → program id.

    Raises:
        UsageError: the file cannot be read, is not such an object, or names an entity twice.
    """
    expected = 'Expected is one JSON object of texts, such as {"contestant_1": "the_voice/contestant_1"}.'
    try:
        read = json.loads(path.read_bytes(), object_pairs_hook=_each_once)
    except OSError as error:
        raise UsageError(f"The entity map {path} cannot be read: {error.strerror}. {expected}") from error
    except _Twice as error:
        raise UsageError(f"The entity map {path} names {error} twice: say once what becomes of it.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The entity map {path} is not JSON: {error}. {expected}") from error
    if not isinstance(read, dict):
        raise UsageError(f"The entity map {path} holds no JSON object. {expected}")
    for entity, program_id in read.items():
        if not isinstance(program_id, str):
            raise UsageError(
                f"The entity map {path} maps {entity!r} to {json.dumps(program_id)}, not a text. {expected}"
            )
    return read


class _Twice(Exception):  # noqa: N818 - a fact about a file, told by `read_entity_map`
    """A JSON object has this key twice."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(repr(key))
        found[key] = value
    return found

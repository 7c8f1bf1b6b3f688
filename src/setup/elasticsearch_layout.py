"""Elasticsearch: the index of the new layout and its alias, compared field by field, and created together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch

from src.setup.look import Difference, Look, unequal
from src.storage.failures import ELASTICSEARCH
from tvmigrate.contract import new, old

INDEX = f"index {new.INDEX.name}"
ALIAS = f"alias {new.ALIAS}"
_PROPERTIES = "properties"


def look(client: Elasticsearch) -> Look:
    """Compare what is there with the contract; raises elasticsearch's ApiError and TransportError."""
    found = Look(ELASTICSEARCH)
    index = _get(client, new.INDEX.name).get(new.INDEX.name)
    if index is None:
        found.missing.append(INDEX)
    elif lines := tuple(line for line in _compared(index) if line):
        found.differences.append(Difference(INDEX, lines))
    else:
        found.right.append(INDEX)
    behind = _get(client, new.ALIAS)
    if old.INDEX.name in behind:
        found.old.append(f"index {old.INDEX.name}")
    elif not behind:
        found.missing.append(ALIAS)
    elif lines := tuple(line for line in _alias_compared(behind) if line):
        found.differences.append(Difference(ALIAS, lines))
    else:
        found.right.append(ALIAS)
    return found


def make(client: Elasticsearch, found: Look) -> list[str]:
    """Create what is missing and return it; an index that another has created meanwhile is left to the next look.

    Raises elasticsearch's ApiError and TransportError.
    """
    if INDEX in found.missing:
        aliases: dict[str, dict[str, Any]] = {new.ALIAS: {}}
        try:
            client.indices.create(
                index=new.INDEX.name,
                aliases=aliases if ALIAS in found.missing else {},
                mappings=dict(new.INDEX.mappings),
                settings=dict(new.INDEX.settings),
            )
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
            return []
        return [name for name in (INDEX, ALIAS) if name in found.missing]
    if ALIAS in found.missing:
        client.indices.put_alias(index=new.INDEX.name, name=new.ALIAS)
        return [ALIAS]
    return []


def _get(client: Elasticsearch, name: str) -> Mapping[str, Any]:
    # ignore_unavailable: an empty answer for a name that nothing has.
    answer = client.indices.get(index=name, ignore_unavailable=True, flat_settings=True, expand_wildcards="all")
    body: Mapping[str, Any] = answer.body
    return body


def _compared(index: Mapping[str, Any]) -> Iterator[str | None]:
    mappings = index.get("mappings", {})
    wanted, fields = new.INDEX.mappings[_PROPERTIES], mappings.get(_PROPERTIES, {})
    for name in {**wanted, **fields}:
        yield unequal(f"field {name}", _short(wanted.get(name)), _short(fields.get(name)))
    for name in {**new.INDEX.mappings, **mappings}.keys() - {_PROPERTIES}:
        yield unequal(f"mapping {name}", new.INDEX.mappings.get(name), mappings.get(name))
    for name, value in sorted(index.get("settings", {}).items()):
        if name.startswith("index.blocks.") and str(value).lower() == "true":
            yield unequal(f"setting {name}", "", value)


def _alias_compared(behind: Mapping[str, Any]) -> Iterator[str | None]:
    yield unequal("on", f"the index {new.INDEX.name}", f"the index {', '.join(sorted(behind))}")
    for index, body in sorted(behind.items()):
        for name, value in sorted(body.get("aliases", {}).get(new.ALIAS, {}).items()):
            if (name, value) != ("is_write_index", True):
                yield unequal(f"{name} on {index}", "", value)


def _short(field: Mapping[str, Any] | None) -> str:
    if field is None:
        return ""
    return str(field["type"]) if field.keys() == {"type"} else str(dict(field))

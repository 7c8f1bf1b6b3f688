"""What a request does to which Elasticsearch indices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tvmigrate.contract import new, old
from tvmigrate.lint.statement import Http, Program

OLD = old.INDEX.name
READERS_NAME = new.ALIAS  # what readers ask for, before and after
_COUNTS = frozenset({"_count", "_search", "_stats", "_pit", "_mget", "_msearch"})


def flat(body: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a JSON object with their dotted paths."""
    if isinstance(body, Mapping):
        for key, value in body.items():
            yield from flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(body, list):
        for value in body:
            yield from flat(value, prefix)
    else:
        yield prefix, body


def setting(one: Http, name: str) -> Any:
    """Return the setting whose path ends in `name`; `...` if the request has none."""
    return next((value for path, value in flat(one.body) if path == name or path.endswith(f".{name}")), ...)


def deleted(one: Http) -> tuple[str, ...]:
    """Return the indices that the request deletes."""
    if one.method != "DELETE" or len(one.parts) != 1:
        return ()
    return tuple(one.parts[0].split(",")) if one.parts[0] == "_all" or not one.parts[0].startswith("_") else ()


def copied(one: Http) -> tuple[str, str] | None:
    """Return source and target of a `_clone` or `_reindex`; an empty source for a snapshot of everything."""
    if len(one.parts) == 3 and one.parts[1] in {"_clone", "_split", "_shrink"}:
        return one.parts[0], one.parts[2]
    if one.parts[:1] == ("_reindex",):
        leaves = dict(flat(one.body))
        return str(leaves.get("source.index", "")), str(leaves.get("dest.index", ""))
    if one.parts[:1] == ("_snapshot",) and one.method in {"PUT", "POST"} and len(one.parts) == 3:
        return "", ""
    return None


def is_clone(one: Http) -> bool:
    """Say whether the request is a `_clone`."""
    return len(one.parts) == 3 and one.parts[1] == "_clone"


def blocked(one: Http) -> tuple[str, bool] | None:
    """Return the index whose writes the request blocks (True) or lets through again (False)."""
    if len(one.parts) == 3 and one.parts[1] == "_block" and one.parts[2] in {"write", "read_only"}:
        return one.parts[0], one.method == "PUT"
    if one.method == "PUT" and one.parts[1:] == ("_settings",):
        for name in ("blocks.write", "blocks.read_only"):
            value = setting(one, name)
            if value is not ...:
                return one.parts[0], value in {True, "true"}
    return None


def counts(one: Http) -> bool:
    """Say whether the request looks at documents or their number."""
    return bool(_COUNTS & set(one.parts)) or one.parts[:2] in {("_cat", "count"), ("_cat", "indices")}


def creates(one: Http) -> str:
    """Return the index that the request creates; empty if none."""
    return one.parts[0] if one.method == "PUT" and len(one.parts) == 1 and not one.parts[0].startswith("_") else ""


def writes_many(one: Http) -> bool:
    """Say whether the request adds or removes documents in bulk."""
    return bool({"_bulk", "_reindex", "_update_by_query", "_delete_by_query"} & set(one.parts))


def alias_changes(one: Http) -> list[tuple[str, str]]:
    """Return (add or remove, alias) of what the request does to aliases."""
    if "_alias" in one.parts and len(one.parts) == 3 and one.method in {"PUT", "POST", "DELETE"}:
        return [("remove" if one.method == "DELETE" else "add", one.parts[2])]
    if one.parts != ("_aliases",) or not isinstance(one.body, Mapping):
        return []
    actions = [action for action in one.body.get("actions") or [] if isinstance(action, Mapping)]
    return [
        (verb, str(what.get("alias", "")))
        for action in actions
        for verb, what in action.items()
        if isinstance(what, Mapping)
    ]


def requests(program: Program) -> list[Http]:
    """Return the requests in order."""
    return list(program.http)

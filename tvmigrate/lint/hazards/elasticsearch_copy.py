"""Elasticsearch: clones, blocks, reindexing, deletion, aliases."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.lint.hazard import Hit, Severity, at, hazard
from tvmigrate.lint.indices import (
    READERS_NAME,
    alias_changes,
    blocked,
    copied,
    counts,
    creates,
    deleted,
    is_clone,
    requests,
    setting,
)
from tvmigrate.lint.statement import Http, Program


@hazard(
    "TVM301",
    "clone-without-write-block",
    Severity.ERROR,
    "_clone of {index} is refused unless {index} is closed to writes, and nothing here closes it before.",
    """
curl -fsS -X PUT "$ELASTICSEARCH_URL/{index}/_block/write"
""",
)
def clone_without_write_block(program: Program) -> Iterator[Hit]:
    """_clone of an index that no earlier request blocked."""
    closed: set[str] = set()
    for one in program.http:
        change = blocked(one)
        if change is not None:
            (closed.add if change[1] else closed.discard)(change[0])
        if is_clone(one):
            source, target = one.parts[0], one.parts[2]
            if source not in closed:
                yield at(one.place, index=source)
            elif setting(one, "blocks.write") is ...:
                closed.add(target)


@hazard(
    "TVM302",
    "write-block-left",
    Severity.ERROR,
    "{index} stays closed to writes: {why}, and nothing here opens it again.",
    """
curl -fsS -X PUT "$ELASTICSEARCH_URL/{index}/_settings" -H 'Content-Type: application/json' -d '{"index.blocks.write": null}'
""",
)
def write_block_left(program: Program) -> Iterator[Hit]:
    """A block that is never lifted, or a clone under the readers' name, which keeps its source's block."""
    waiting: dict[str, tuple[Http, str]] = {}
    for one in program.http:
        change = blocked(one)
        if change is not None and change[1] and not one.place.rollback:
            waiting[change[0]] = (one, "its writes are blocked here")
        if change is not None and not change[1]:
            waiting.pop(change[0], None)
        for index in deleted(one):
            waiting.pop(index, None)
        if one.parts == ("_aliases",) and "remove_index" in str(one.body):
            waiting = {index: since for index, since in waiting.items() if f"'{index}'" not in str(one.body)}
        if is_clone(one) and one.parts[2] == READERS_NAME and setting(one, "blocks.write") in {..., True, "true"}:
            waiting[one.parts[2]] = (one, "a clone keeps the block of the index it is made of")
    for index, (one, why) in waiting.items():
        yield at(one.place, index=index, why=why)


@hazard(
    "TVM303",
    "clone-replicas",
    Severity.WARNING,
    "The clone {index} gets one replica unless told otherwise, whatever the index it is made of has.",
    """
curl -fsS -X POST "$ELASTICSEARCH_URL/{source}/_clone/{index}" -H 'Content-Type: application/json' \\
  -d '{"settings": {"index.number_of_replicas": 0}}'    # the number that {source} has
""",
)
def clone_replicas(program: Program) -> Iterator[Hit]:
    """_clone without number_of_replicas."""
    for one in program.http:
        if is_clone(one) and setting(one, "number_of_replicas") is ...:
            yield at(one.place, source=one.parts[0], index=one.parts[2])


@hazard(
    "TVM304",
    "reindex-conflicts-proceed",
    Severity.ERROR,
    '{what} with "conflicts": "proceed" skips documents that changed meanwhile, and answers with success.',
    """
curl -fsS -X POST "$ELASTICSEARCH_URL/_reindex?refresh=true" -H 'Content-Type: application/json' \\
  -d '{"conflicts": "abort", "source": {"index": "tv_comments"}, "dest": {"index": "tv_comments_v2", "op_type": "create"}}'
""",
)
def reindex_conflicts_proceed(program: Program) -> Iterator[Hit]:
    """conflicts=proceed."""
    for one in program.http:
        if one.query.get("conflicts") == "proceed" or setting(one, "conflicts") == "proceed":
            yield at(one.place, what=next((part for part in one.parts if part.startswith("_")), "The request"))


@hazard(
    "TVM305",
    "reindex-not-waited-for",
    Severity.ERROR,
    "With wait_for_completion=false the request answers at once, and what comes next works on half a copy.",
    """
curl -fsS "$ELASTICSEARCH_URL/_tasks/TASK?wait_for_completion=true&timeout=10m"    # then look at its failures
""",
)
def reindex_not_waited_for(program: Program) -> Iterator[Hit]:
    """wait_for_completion=false with no later look at the task."""
    ordered = requests(program)
    for index, one in enumerate(ordered):
        looked = any("_tasks" in later.parts for later in ordered[index + 1 :])
        if one.query.get("wait_for_completion") == "false" and not looked:
            yield at(one.place)


@hazard(
    "TVM307",
    "reindex-with-script",
    Severity.WARNING,
    "A script within {what} has no place for a document that it cannot map: the request stops half way, or the document is "
    "changed wrongly.",
    """
python3 transform.py    # stream (point in time, sorted), map by rule, set aside what does not map, bulk
""",
)
def reindex_with_script(program: Program) -> Iterator[Hit]:
    """_reindex or _update_by_query with a script."""
    for one in program.http:
        if {"_reindex", "_update_by_query"} & set(one.parts) and isinstance(one.body, dict) and "script" in one.body:
            yield at(one.place, what=next(part for part in one.parts if part.startswith("_")))


@hazard(
    "TVM308",
    "delete-index-before-count",
    Severity.ERROR,
    "{index} is deleted, and nothing since it was copied has counted the copy's documents.",
    """
curl -fsS -X POST "$ELASTICSEARCH_URL/COPY/_refresh"
[ "$(curl -fsS "$ELASTICSEARCH_URL/COPY/_count" | jq .count)" = "$(curl -fsS "$ELASTICSEARCH_URL/{index}/_count" | jq .count)" ]
""",
)
def delete_index_before_count(program: Program) -> Iterator[Hit]:
    """DELETE of an index of before, with no count or search since the last copy, or no copy at all."""
    made: set[str] = set()
    checked = False
    seen_copy = False
    for one in program.http:
        if copied(one) is not None or "_bulk" in one.parts:
            seen_copy, checked = True, False
        made |= {creates(one), *(copied(one) or ())[1:]}
        checked = checked or counts(one)
        for index in deleted(one):
            own = (index in made or index.endswith("_v2")) and index != READERS_NAME
            if "*" not in index and index != "_all" and not own and not (checked and seen_copy):
                yield at(one.place, index=index)


@hazard(
    "TVM309",
    "alias-in-two-calls",
    Severity.ERROR,
    "The alias {alias} is removed in one call and added in another: in between readers find nothing.",
    """
curl -fsS -X POST "$ELASTICSEARCH_URL/_aliases" -H 'Content-Type: application/json' -d '{"actions": [
  {"remove": {"index": "OLD", "alias": "{alias}"}}, {"add": {"index": "NEW", "alias": "{alias}"}}]}'
""",
)
def alias_in_two_calls(program: Program) -> Iterator[Hit]:
    """An alias, or an index of its name, that goes in one request and comes in a later one."""
    gone: set[str] = set()
    for one in program.http:
        if one.place.rollback:
            continue
        changes = alias_changes(one)
        for verb, alias in changes:
            if verb == "add" and alias in gone and ("remove", alias) not in changes:
                yield at(one.place, alias=alias)
        gone |= {alias for verb, alias in changes if verb == "remove" and ("add", alias) not in changes}
        gone |= set(deleted(one))


@hazard(
    "TVM313",
    "wildcard-delete",
    Severity.ERROR,
    "DELETE {index} takes every index that the pattern matches, the copies for the way back too.",
    """
curl -fsS -X DELETE "$ELASTICSEARCH_URL/tv_comments_v2"    # by its whole name
""",
)
def wildcard_delete(program: Program) -> Iterator[Hit]:
    """DELETE with a wildcard or _all."""
    for one in program.http:
        for index in deleted(one):
            if "*" in index or index == "_all":
                yield at(one.place, index=index)


HAZARDS = (
    clone_without_write_block,
    write_block_left,
    clone_replicas,
    reindex_conflicts_proceed,
    reindex_not_waited_for,
    reindex_with_script,
    delete_index_before_count,
    alias_in_two_calls,
    wildcard_delete,
)

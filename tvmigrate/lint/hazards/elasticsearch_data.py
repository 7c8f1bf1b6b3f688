"""Elasticsearch: documents, mappings, settings."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.lint.hazard import Hit, Severity, at, hazard
from tvmigrate.lint.indices import counts, creates, flat, requests, setting, writes_many
from tvmigrate.lint.statement import Http, Program

_PAGE = 1000  # hits: a search for more than that is meant to be "all"
_GOES_ON = ("search_after", "scroll", "pit", "slice", "from")


@hazard(
    "TVM306",
    "count-without-refresh",
    Severity.WARNING,
    "{what} here sees only what was refreshed: documents written by the {written} above may be missing from it.",
    """
curl -fsS -X POST "$ELASTICSEARCH_URL/INDEX/_refresh"
""",
)
def count_without_refresh(program: Program) -> Iterator[Hit]:
    """A count or search after a bulk write with no refresh between."""
    written = ""
    for one in program.http:
        if "_refresh" in one.parts:
            written = ""
        elif writes_many(one):
            refreshed = one.query.get("refresh") in {"", "true", "wait_for"}
            written = "" if refreshed else next(part for part in one.parts if part.startswith("_"))
        elif written and counts(one) and "_stats" not in one.parts:
            what = next(part for part in one.parts if part.startswith("_"))
            yield at(one.place, what="/".join(one.parts) if what == "_cat" else what, written=written)
            written = ""


@hazard(
    "TVM310",
    "mapping-dynamic",
    Severity.WARNING,
    '"dynamic": {value} lets a writer with a misspelled field make a new one: the mapping drifts as the old one did.',
    """
"mappings": {"dynamic": "strict", "properties": {…}}
""",
)
def mapping_dynamic(program: Program) -> Iterator[Hit]:
    """dynamic: true or runtime in a mapping."""
    for one in program.http:
        for path, value in flat(one.body):
            if path.rpartition(".")[2] == "dynamic" and value in {True, "true", "runtime"}:
                yield at(one.place, value=str(value).lower())


@hazard(
    "TVM311",
    "replicas-on-one-node",
    Severity.WARNING,
    "number_of_replicas {count} on one node: the replica is never assigned, the index stays yellow, and who waits for green "
    "waits for ever.",
    """
{"settings": {"index.number_of_replicas": 0}}    # the number that the old index has
""",
)
def replicas_on_one_node(program: Program) -> Iterator[Hit]:
    """number_of_replicas above 0, sent to localhost."""
    for one in program.http:
        count = setting(one, "number_of_replicas")
        if count is not ... and str(count).isdigit() and int(count) > 0 and _one_node(one):
            yield at(one.place, count=str(count))


def _one_node(one: Http) -> bool:
    host = one.host.rpartition("@")[2].partition(":")[0]
    return host in {"localhost", "127.0.0.1", "elasticsearch"}


@hazard(
    "TVM312",
    "delete-by-query",
    Severity.ERROR,
    "_delete_by_query removes documents one by one from the live index: there is no way back, and a conflict leaves some.",
    """
curl -fsS -X PUT "$ELASTICSEARCH_URL/tv_comments_v2" -H 'Content-Type: application/json' -d @mapping.json    # a new index beside it
""",
)
def delete_by_query(program: Program) -> Iterator[Hit]:
    """_delete_by_query."""
    return (at(one.place) for one in program.http if "_delete_by_query" in one.parts)


@hazard(
    "TVM314",
    "update-by-query",
    Severity.ERROR,
    "_update_by_query rewrites the documents in place: the old ones are gone, and half way through the index is of both kinds.",
    """
curl -fsS -X PUT "$ELASTICSEARCH_URL/tv_comments_v2" -H 'Content-Type: application/json' -d @mapping.json    # a new index beside it
""",
)
def update_by_query(program: Program) -> Iterator[Hit]:
    """_update_by_query."""
    return (at(one.place) for one in program.http if "_update_by_query" in one.parts)


@hazard(
    "TVM315",
    "bulk-errors-ignored",
    Severity.ERROR,
    "A bulk request answers 200 when documents in it were refused, and here nobody looks.",
    """
curl -fsS … "$ELASTICSEARCH_URL/_bulk" --data-binary @part.ndjson | jq -e '.errors == false'
""",
)
def bulk_errors_ignored(program: Program) -> Iterator[Hit]:
    """A bulk by curl whose answer goes nowhere, or helpers.bulk with raise_on_error=False."""
    piped = {(one.place.path, one.place.line) for one in program.shell if one.name == "curl" and one.piped_on}
    for one in program.http:
        if "_bulk" not in one.parts:
            continue
        dropped = one.query.get("raise_on_error") == "false" or one.query.get("stats_only") == "true"
        unseen = one.via == "shell" and (one.place.path, one.place.line) not in piped
        if dropped or unseen:
            yield at(one.place)


@hazard(
    "TVM317",
    "refresh-switched-off",
    Severity.WARNING,
    "refresh_interval -1 is set and never set back: what is written from then on is not found.",
    """
curl -fsS -X PUT "$ELASTICSEARCH_URL/INDEX/_settings" -H 'Content-Type: application/json' -d '{"index.refresh_interval": null}'
""",
)
def refresh_switched_off(program: Program) -> Iterator[Hit]:
    """refresh_interval -1 without a later other value."""
    ordered = requests(program)
    for index, one in enumerate(ordered):
        if str(setting(one, "refresh_interval")) == "-1":
            later = [setting(after, "refresh_interval") for after in ordered[index + 1 :]]
            if all(value is ... or str(value) == "-1" for value in later):
                yield at(one.place)


@hazard(
    "TVM318",
    "ignore-malformed",
    Severity.WARNING,
    "ignore_malformed keeps a document whose value it cannot read and leaves the value out of every search, without an error.",
    """
{"settings": {"index.mapping.ignore_malformed": false}}    # and set such documents aside before
""",
)
def ignore_malformed(program: Program) -> Iterator[Hit]:
    """ignore_malformed: true."""
    return (at(one.place) for one in program.http if setting(one, "ignore_malformed") in {True, "true"})


@hazard(
    "TVM319",
    "search-page-taken-for-all",
    Severity.WARNING,
    "A search of size {size} ends at {size} hits (at most 10,000): what is beyond is never seen.",
    """
curl -fsS -X POST "$ELASTICSEARCH_URL/tv_comments/_pit?keep_alive=5m"    # then search_after, page by page, until one is empty
""",
)
def search_page_taken_for_all(program: Program) -> Iterator[Hit]:
    """_search with a large size and nothing to go on by."""
    for one in program.http:
        if "_search" not in one.parts:
            continue
        size = str(one.query.get("size", setting(one, "size")))
        goes_on = any(word in one.query or (isinstance(one.body, dict) and word in one.body) for word in _GOES_ON)
        if size.isdigit() and int(size) >= _PAGE and not goes_on:
            yield at(one.place, size=size)


@hazard(
    "TVM320",
    "index-made-by-first-write",
    Severity.WARNING,
    "Nothing here creates {index} before documents are written to it: the first of them decides the mapping.",
    """
curl -fsS -X PUT "$ELASTICSEARCH_URL/{index}" -H 'Content-Type: application/json' -d @mapping.json
""",
)
def index_made_by_first_write(program: Program) -> Iterator[Hit]:
    """_reindex into an index that no earlier request created."""
    made: set[str] = set()
    for one in program.http:
        made.add(creates(one))
        if "_reindex" in one.parts:
            target = dict(flat(one.body)).get("dest.index")
            if isinstance(target, str) and target not in made and not target.startswith("$"):
                yield at(one.place, index=target)


HAZARDS = (
    count_without_refresh,
    mapping_dynamic,
    replicas_on_one_node,
    delete_by_query,
    update_by_query,
    bulk_errors_ignored,
    refresh_switched_off,
    ignore_malformed,
    search_page_taken_for_all,
    index_made_by_first_write,
)

"""What each store says of each comment, as it is and as it should be: sums by bucket, and rows of chosen buckets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b

from tvmigrate.contract import new, sql
from tvmigrate.contract.layout import quoted
from tvmigrate.verify.clickhouse_canonical import Kind, as_double, expression, hashed, kind_of, mixed, show
from tvmigrate.verify.clickhouse_rows import live_types, reference_has
from tvmigrate.verify.comment_facts import FIELDS, Facts, as_float32, facts_of_document
from tvmigrate.verify.context import Context
from tvmigrate.verify.elasticsearch_live import scan, target
from tvmigrate.verify.elasticsearch_sums import BUCKETS, Sums, bucket_of
from tvmigrate.verify.made_rows import made_rows, made_type

# Where a comment's facts come from.
CLICKHOUSE, ELASTICSEARCH = 0, 1
# Side, bucket, comment id, and the facts in the order of FIELDS.
Said = tuple[int, int, str, str, str, bytes | None, int | None]
# By bucket of the id how many rows there are, and sum and xor of the hashes of what they say.
RowSums = Mapping[int, tuple[int, int, int]]

ID = "comment_id"
_WANTED = (ID, *FIELDS)
_KINDS: Mapping[str, Kind] = {c.name: kind_of(c.type) for c in new.RAW_COMMENTS.columns if c.name in _WANTED}
_MADE = {c.name: made_type(c) for c in new.RAW_COMMENTS.columns}
# The same as `bucket_of`.
_BUCKET = f"CRC32(toString({ID})) % {BUCKETS}"


def comments_as_they_should_be(context: Context) -> str | None:
    """Return the table in the reference with the facts of the rows that the old comments map to; None without any."""
    rule = sql.comments(context.policy)
    return made_rows(context, rule, _WANTED) if reference_has(context, rule.source) else None


def _sums_query(source: str, types: Mapping[str, str]) -> str | None:
    hashes = [hashed(_KINDS[name], quoted(name), types[name]) if name in types else None for name in _WANTED]
    known = [each for each in hashes if each is not None]
    if len(known) < len(hashes):
        return None
    return (
        "SELECT toString(bucket) AS bucket, toString(count()) AS n, toString(sumWithOverflow(h)) AS s,"
        f" toString(groupBitXor(h)) AS x FROM (SELECT {_BUCKET} AS bucket, {mixed(known)} AS h FROM {source})"
        " GROUP BY bucket"
    )


def row_sums_expected(context: Context) -> RowSums:
    """Return the sums of what ClickHouse should say."""
    source = comments_as_they_should_be(context)
    query = None if source is None else _sums_query(source, _MADE)
    rows = [] if query is None else context.reference.tables.rows(query)
    return {int(row["bucket"]): (int(row["n"]), int(row["s"]), int(row["x"])) for row in rows}


def row_sums_live(context: Context) -> RowSums | None:
    """Return the sums of what ClickHouse says; None where a column is not as it should be."""
    types = _live_types(context)
    if types is None:
        return {}
    query = _sums_query(f"{quoted(new.DATABASE)}.{quoted(new.RAW_COMMENTS.name)}", types)
    if query is None:
        return None
    with context.clients.clickhouse.query_rows_stream(query) as rows:
        return {int(bucket): (int(n), int(s), int(x)) for bucket, n, s, x in rows}


def _live_types(context: Context) -> dict[str, str] | None:
    types = live_types(context.clients.clickhouse, new.RAW_COMMENTS.name)
    return None if types is None or ID not in types else types


def rows_expected(context: Context, buckets: frozenset[int]) -> Iterator[Said]:
    """Yield what ClickHouse should say of the comments in `buckets`."""
    source = comments_as_they_should_be(context)
    if source is None or not buckets:
        return
    query = f"SELECT {_columns(_MADE)} FROM {source} WHERE {_within(buckets)}"
    for row in context.reference.tables.rows(query):
        yield _row_said(row[f"h_{name}"] for name in _WANTED)


def rows_live(context: Context, buckets: frozenset[int]) -> Iterator[Said]:
    """Yield what ClickHouse says of the comments in `buckets`."""
    types = _live_types(context)
    if types is None or not buckets:
        return
    table = f"{quoted(new.DATABASE)}.{quoted(new.RAW_COMMENTS.name)}"
    with context.clients.clickhouse.query_rows_stream(
        f"SELECT {_columns(types)} FROM {table} WHERE {_within(buckets)}"
    ) as rows:
        for row in rows:
            yield _row_said(row)


def _within(buckets: frozenset[int]) -> str:
    return "1" if len(buckets) == BUCKETS else f"{_BUCKET} IN ({', '.join(map(str, sorted(buckets)))})"


def _columns(types: Mapping[str, str]) -> str:
    """Return the SELECT list of the canonical strings of what is wanted; NULL where a column is not as it should be."""
    parts = []
    for name in _WANTED:
        found = expression(_KINDS[name], quoted(name), types[name]) if name in types else None
        parts.append(f"hex({found or repr('-')}) AS h_{name}")
    return ", ".join(parts)


def _row_said(texts: Iterable[str]) -> Said:
    name, program, sentiment, score, milliseconds = map(bytes.fromhex, texts)
    number = None if score == b"-" else as_float32(as_double(score))
    second = None if milliseconds == b"-" else int(milliseconds[1:]) // 1000
    shown = show(name[1:])
    return CLICKHOUSE, bucket_of(shown), shown, show(program[1:]), show(sentiment[1:]), number, second


def documents_live(context: Context) -> Iterator[Said]:
    """Yield what Elasticsearch says of each comment."""
    client = context.clients.elasticsearch
    if target(client).indices:
        for hit in scan(client, new.ALIAS, FIELDS):
            name = hit["_id"]
            yield ELASTICSEARCH, bucket_of(name), name, *facts_of_document(hit.get("_source", {}))


def summed(sums: Sums, said: Iterable[Said]) -> Iterator[Said]:
    """Yield `said` as it comes, and take each into `sums`."""
    for each in said:
        take(sums, each[2], each[3:])
        yield each


def take(sums: Sums, name: str, facts: Facts) -> None:
    """Take what is said of a comment into `sums`."""
    sums.add(name, blake2b(repr((name, facts)).encode(), digest_size=16).digest())

"""Migrate tv_analytics the plain way: read everything, write it anew, then remove the old. Needs an idle system."""

import json
import math
import os
import pickle
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
import redis
import rules
from elastic_transport import JsonSerializer
from elasticsearch import Elasticsearch, helpers
from rules import SHOW, Bad

SCRIPTS = Path(__file__).parents[2] / "scripts"
KEPT = Path("plain_python_backup.pickle")
store = redis.Redis.from_url(os.environ["REDIS_URL"])
where = urlsplit(os.environ["CLICKHOUSE_URL"])
house = clickhouse_connect.get_client(
    host=where.hostname, port=where.port, username=where.username or "default", password=where.password or ""
)
search = Elasticsearch(os.environ["ELASTICSEARCH_URL"], request_timeout=120)
backup = {"redis": {}, "replicas": None}


def redis_part():
    events, hashes, trends, gone = defaultdict(list), {}, {}, {}
    now = int(time.time() * 10**9)
    for key in list(store.scan_iter(count=1000)):
        kind, expires = store.type(key).decode(), store.pexpiretime(key)
        prefix, _, name = key.partition(b":")
        if prefix not in {b"eaos", b"trend", b"metrics", b"trends", b"events"}:
            continue
        dump = store.dump(key)
        if dump is None or expires == -2:
            continue  # it ran out while we looked
        backup["redis"][key] = (dump, expires)
        if (prefix, kind) not in {(b"eaos", "string"), (b"trend", "zset"), (b"metrics", "list")}:
            continue
        try:
            name = name.decode()
        except UnicodeError:
            continue
        if kind == "string":
            try:
                new, fields = eaos(name, store.get(key), now)
            except Bad:
                continue
            if new in hashes:
                raise SystemExit(f"{key} and another key both become {new}")
            hashes[new], gone[key] = (fields, expires), None
        elif kind == "zset" and name in rules.RANGES:
            trends[f"trends:top:{rules.RANGES[name]}"], gone[key] = (key, expires), None
        elif kind == "list" and name:
            left = []
            for position, item in enumerate(store.lrange(key, 0, -1)):
                try:
                    moment, new, event = metric(name, item)
                    events[new].append((moment, name, position, event, expires))
                except Bad:
                    left.append(item)
            gone[key] = (left, expires)
    KEPT.write_bytes(pickle.dumps(backup))
    with store.pipeline() as pipe:
        for new, (fields, expires) in hashes.items():
            put(pipe, new, expires, lambda new=new, fields=fields: pipe.hset(new, mapping=fields))
        for new, (old, expires) in trends.items():
            put(pipe, new, expires, lambda new=new, old=old: pipe.copy(old, new))
        for new, items in events.items():
            items.sort(key=lambda item: item[:3])
            expires = -1 if any(item[4] < 0 for item in items) else max(item[4] for item in items)
            put(pipe, new, expires, lambda new=new, items=items: [pipe.rpush(new, item[3]) for item in items])
        for key, rest in gone.items():
            if rest is None or rest[0]:
                put(pipe, key, rest[1] if rest else -1, lambda key=key, rest=rest: pipe.rpush(key, *rest[0]) if rest else None)
            else:
                pipe.delete(key)
        pipe.execute()


def put(pipe, key, expires, write):
    pipe.delete(key)
    write()
    if expires > 0:
        pipe.pexpireat(key, expires)


def eaos(entity, raw, now):
    body = rules.read_json(raw)
    inner = body.get("metadata") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(inner, dict | None):
        raise Bad("bad-json")
    inner = inner or {}
    if body.get("score") is None:
        raise Bad("missing-field")

    def both(name):
        return rules.agreed((rules.count(at[name]) for at in (inner, body) if at.get(name) is not None), None)

    counts = {name: both(name) for name in ("positive", "negative", "neutral")}
    if set(counts.values()) == {None} and not rules.ZERO_COUNTS:
        raise Bad("missing-counts")
    counts = {name: value or 0 for name, value in counts.items()}
    total, times = both("total"), (inner.get("updated_at"), body.get("timestamp"))
    updated = rules.agreed((rules.nanoseconds(t) for t in times if t is not None), now)
    total = sum(counts.values()) if total is None else total
    fields = {"score": repr(rules.number(body["score"])), **counts, "total": total, "updated_at": rules.utc(updated)}
    return f"eaos:current:{rules.program(entity)}", fields


def metric(name, raw):
    item = rules.read_json(raw)
    if not isinstance(item, dict) or item.get("value") is None or item.get("timestamp") is None:
        raise Bad("missing-timestamp")
    entity = item.pop("entity", None)
    if entity is None and not SHOW:
        raise Bad("missing-field")
    program = SHOW if entity is None else rules.program(entity)
    moment, value = rules.nanoseconds(item.pop("timestamp")), rules.number(item.pop("value"))
    event = {"type": "metric", "metric": name, "program_id": program, "timestamp": rules.utc(moment), "value": value}
    text = json.dumps(event | {"data": item}, ensure_ascii=False, default=float)
    return moment, f"events:{program}:{rules.utc(moment)[:10]}", text


def clickhouse_part():
    run = house.command
    for old in ("comments", "eaos_metrics"):
        run(f"RENAME TABLE tv_analytics.{old} TO tv_analytics.{old}_old_plain")
    lines = (SCRIPTS / "clickhouse-init" / "002_updated_schema.sql").read_text().splitlines()
    for statement in "\n".join(line for line in lines if not line.startswith("--")).split(";"):
        if statement.strip():
            run(statement)
    comments, averages, metrics = [], defaultdict(list), []
    bytes_of = {"query_formats": {"String": "bytes"}}
    text = "SELECT comment_id, entity, text, username, toUnixTimestamp(created_at), sentiment, sentiment_score, engagement, topics, eaos_score FROM tv_analytics.comments_old_plain"
    for row in house.query(text, **bytes_of).result_rows:
        try:
            key, entity, words, user, at, label, score, engaged, topics, own = (
                v.decode() if isinstance(v, bytes) else v for v in row
            )
            label, program = rules.sentiment(label), rules.program(entity)
            if not key or not all(math.isfinite(x) for x in (score, engaged, own or 0)):
                continue
        except (UnicodeError, Bad):
            continue
        topics = rules.topics(topics)
        comments.append((key, program, words, user, at * 1000, label, score, engaged, topics, own))
        for topic in set(topics):
            averages[program, at // 300 * 300, topic].append(score)
    for row in house.query("SELECT entity, eaos_score, sentiment_breakdown, comment_count, toUnixTimestamp(recorded_at) FROM tv_analytics.eaos_metrics_old_plain", **bytes_of).result_rows:
        try:
            counts, program = dict.fromkeys(("positive", "negative", "neutral"), 0), rules.program(row[0].decode())
            for label, value in rules.read_json(row[2]).items():
                counts[rules.sentiment(label)] += 0 if value is None else rules.count(value)
            metrics.append((program, row[4] * 1000, rules.number(row[1]), *counts.values(), row[3]))
        except (UnicodeError, AttributeError, Bad):
            continue
    rows = [(p, at, topic, len(s), math.fsum(s) / len(s)) for (p, at, topic), s in averages.items()]
    for table, data in (("raw_comments", comments), ("comment_aggregates", rows), ("eaos_metrics", metrics)):
        if data:
            house.insert(table, data, database="tv_analytics", column_type_names=TYPES[table], column_names=NAMES[table])


NAMES = {
    "raw_comments": ["comment_id", "program_id", "text", "username", "timestamp", "sentiment", "sentiment_score", "engagement_score", "topics", "eaos_score"],
    "comment_aggregates": ["program_id", "timestamp", "topic", "count", "avg_sentiment"],
    "eaos_metrics": ["program_id", "timestamp", "score", "positive_count", "negative_count", "neutral_count", "total_comments"],
}  # fmt: skip
# Instants go in as the integers they are, so that no client's time zone has a say.
TYPES = {
    "raw_comments": ["String", "LowCardinality(String)", "String", "String", "DateTime64(3, 'UTC')", "Enum8('negative' = -1, 'neutral' = 0, 'positive' = 1)", "Float64", "Float64", "Array(LowCardinality(String))", "Nullable(Float64)"],
    "comment_aggregates": ["LowCardinality(String)", "DateTime('UTC')", "LowCardinality(String)", "UInt64", "Float64"],
    "eaos_metrics": ["LowCardinality(String)", "DateTime64(3, 'UTC')", "Float64", "UInt64", "UInt64", "UInt64", "UInt64"],
}  # fmt: skip

SPELLINGS = {
    "text": ("text", "content", "comment_text"), "program_id": ("entity", "program", "program_id"),
    "timestamp": ("timestamp", "created_at", "ts"), "sentiment": ("sentiment", "sentiment_label"),
    "sentiment_score": ("sentiment_score", "score"), "engagement_score": ("engagement_score", "engagement"),
    "topics": ("topics", "tags"), "username": ("username", "user", "author"),
}  # fmt: skip
DEFAULTS = {"engagement_score": 0, "username": "", "topics": []}


def text_of(value):
    if not isinstance(value, str):
        raise Bad("bad-json")
    return value


def engagement(value):
    if isinstance(value, str):
        if not rules.re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value, rules.re.ASCII):
            raise Bad("bad-number")
        value = float(value)
    return rules.number(value)


MAPPERS = {
    "text": text_of, "program_id": lambda v: rules.program(v), "timestamp": rules.nanoseconds, "sentiment": rules.sentiment,
    "sentiment_score": rules.number, "engagement_score": engagement, "topics": rules.topics, "username": text_of,
}  # fmt: skip


def document(key, source):
    if source.get("comment_id", key) not in (key, None):
        raise Bad("conflicting-fields")
    new = {"comment_id": key}
    for field, names in SPELLINGS.items():
        given = [MAPPERS[field](source[name]) for name in names if source.get(name) is not None]
        new[field] = rules.agreed(given, DEFAULTS.get(field, Bad("missing-field")))
    if max(len(s.encode()) for s in (new["program_id"], new["username"], *new["topics"])) > 32766:
        raise Bad("too-large")
    if max(abs(new["sentiment_score"]), abs(new["engagement_score"])) > 3.4028235e38:
        raise Bad("too-large")
    return new | {"timestamp": rules.utc(new["timestamp"])}


def elasticsearch_part():
    indices = search.indices
    indices.put_settings(index="tv_comments", settings={"index.blocks.write": True})
    old = indices.get_settings(index="tv_comments")["tv_comments"]["settings"]["index"]
    backup["replicas"] = int(old["number_of_replicas"])
    KEPT.write_bytes(pickle.dumps(backup))
    indices.clone(index="tv_comments", target="tv_comments_old_plain", settings={"number_of_replicas": backup["replicas"]})
    mapping = json.loads((SCRIPTS / "elasticsearch-init" / "tv_comments_v2.json").read_text())["mappings"]
    indices.create(index="tv_comments_v2", mappings=mapping, settings={"number_of_replicas": backup["replicas"]})
    search.transport.serializers.serializers["application/vnd.elasticsearch+json"] = ExactSerializer()

    def actions():
        point = search.open_point_in_time(index="tv_comments", keep_alive="5m")["id"]
        after = None
        while page := search.search(
            pit={"id": point, "keep_alive": "5m"}, size=1000, sort=["_shard_doc"], search_after=after
        )["hits"]["hits"]:
            after = page[-1]["sort"]
            for hit in page:
                try:
                    rules.json.dumps(hit["_source"], ensure_ascii=False, default=str).encode()
                    yield {"_index": "tv_comments_v2", "_id": hit["_id"], **document(hit["_id"], hit["_source"])}
                except (Bad, UnicodeError):
                    continue
        search.close_point_in_time(id=point)

    helpers.bulk(search, actions(), refresh=True)
    swap = [{"remove_index": {"index": "tv_comments"}}, {"add": {"index": "tv_comments_v2", "alias": "tv_comments"}}]
    indices.update_aliases(actions=swap)


class ExactSerializer(JsonSerializer):
    """Reads numbers as Decimal, so that no digit of an old timestamp is lost."""

    mimetype = "application/vnd.elasticsearch+json"

    def json_loads(self, data):
        return json.loads(data, parse_float=rules.Decimal)


redis_part()
clickhouse_part()
elasticsearch_part()

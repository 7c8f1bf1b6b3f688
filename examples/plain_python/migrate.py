"""Migrate tv_analytics the naive way: read, map, write anew, remove the old. Needs an idle system and the data in memory.
What does not map stays where it was: keys and items in Redis, rows and documents in the kept copies of table and index."""
import json, math, os, pickle, re, time, unicodedata
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal, getcontext
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo
import clickhouse_connect, elastic_transport, redis
from elasticsearch import Elasticsearch, helpers

SCRIPTS = Path(__file__).parents[2] / "scripts"
getcontext().prec = 99  # digits enough to scale any instant without rounding
SHOW, ZONE = os.environ.get("TVMIGRATE_SHOW"), ZoneInfo(os.environ.get("TVMIGRATE_TIMEZONE", "UTC"))
RENAMED = json.loads(Path(os.environ["TVMIGRATE_ENTITY_MAP"]).read_text()) if "TVMIGRATE_ENTITY_MAP" in os.environ else {}
BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
KINDS, RANGES = ("positive", "negative", "neutral"), {b"5m": b"5min", b"15m": b"15min", b"60m": b"1hour"}
LABELS = {"tích cực": "positive", "tiêu cực": "negative", "trung lập": "neutral", **dict(zip(KINDS, KINDS))}
STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:[Zz]|([+-])([01]\d|2[0-3]):?([0-5]\d)?)?", re.A)
BAD = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)  # what a record that does not map raises

def need(holds, value=None):
    if not holds:
        raise ValueError
    return value

def mapped(rule, records, left=None):  # what the rule makes of the records; those that do not map go to `left`
    for record in records:
        try:
            yield rule(record)
        except BAD:
            left is None or left.append(record)

def text(value):
    return need(isinstance(value, str), value)

def program(entity):
    return need(entity.strip(BLANKS), RENAMED.get(entity, entity if "/" in entity or not SHOW else f"{SHOW}/{entity}"))

def sentiment(label):
    return LABELS[unicodedata.normalize("NFC", label).strip(BLANKS).lower()]

def number(value):
    return need(type(value) in (int, float, Decimal) and math.isfinite(float(value)), value if type(value) is int else float(value))

def count(value):
    value = int(re.fullmatch("[0-9]+", value)[0]) if isinstance(value, str) else number(value)
    return need(value == int(value) and 0 <= value < 2**63, int(value))

def engagement(value):
    return number(float(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", value)[0]) if isinstance(value, str) else value)

def topics(value):
    return [t for t in map(lambda t: t.strip(BLANKS), value.split(",")) if t] if isinstance(value, str) else need(type(value) is list, value)

def instant(value):  # whole nanoseconds since 1970
    if not isinstance(value, str):
        ns = Decimal(need(type(value) is not bool, value)) * (10**9 if abs(value) < 10**11 else 10**6)
        return int(need(-62135596800 * 10**9 <= ns < 253402300800 * 10**9 and ns == int(ns), ns))
    *parts, second, fraction, sign, hours, minutes = STAMP.fullmatch(value).groups()
    moment = datetime(*map(int, parts), int(second or 0), tzinfo=UTC if sign or value[-1] in "Zz" else ZONE)
    need(moment.tzinfo is UTC or moment.astimezone(UTC).astimezone(ZONE) == moment.replace(fold=0))  # else a clock skipped it
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    seconds = (moment.astimezone(UTC) - ahead - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return seconds * 10**9 + int((fraction or "").ljust(9, "0"))

def utc(ns):
    return (datetime(1970, 1, 1) + timedelta(seconds=ns // 10**9)).isoformat() + (f".{ns % 10**9:09}" if ns % 10**9 else "") + "Z"

def agreed(rule, *spellings, default=None):
    found = [rule(value) for value in spellings if value is not None] or [default]
    return need(all(value == found[0] for value in found), found[0])

def read(raw):
    def once(pairs):
        return need(all(repr(dict(pairs)[name]) == repr(value) for name, value in pairs), dict(pairs))
    return sound(json.loads(raw.decode(), parse_float=Decimal, parse_constant=number, object_pairs_hook=once))

def sound(value):  # half a surrogate pair cannot be written
    return need(json.dumps(value, ensure_ascii=False, default=str).encode(), value)

FIELDS = {
    "program_id": (lambda v: program(text(v)), "entity program program_id"), "text": (text, "text content comment_text"),
    "timestamp": (instant, "timestamp created_at ts"), "sentiment": (sentiment, "sentiment sentiment_label"),
    "sentiment_score": (number, "sentiment_score score"), "engagement_score": (engagement, "engagement_score engagement"),
    "topics": (lambda v: list(map(text, topics(v))), "topics tags"), "username": (text, "username user author"),
}
def comment(key, source):
    new = {name: agreed(rule, *map(source.get, names.split())) for name, (rule, names) in FIELDS.items()}
    new = {"engagement_score": 0, "topics": [], "username": ""} | {name: value for name, value in new.items() if value is not None}
    need(key and source.get("comment_id") in (None, key) and len(new) == len(FIELDS))
    return {"comment_id": key} | new | {"timestamp": utc(new["timestamp"])}

# ---------------------------------------------------------------------------------------------------------------------- Redis
store, events, place = redis.Redis.from_url(os.environ["REDIS_URL"]), defaultdict(list), Path(os.environ.get("TVMIGRATE_STATE", "."))
place.mkdir(parents=True, exist_ok=True)
backup = open(place / "plain_python.backup", "wb", buffering=0)

def put(key, expires=0, write=None):
    pickle.dump((key, store.dump(key), store.pexpiretime(key)), backup)
    with store.pipeline() as pipe:
        pipe.delete(key)
        write and write(pipe)
        expires > 0 and pipe.pexpireat(key, expires)
        pipe.execute()

def eaos(entity, raw):
    body = read(raw)
    inner = {} if body.get("metadata") is None else body["metadata"]
    counts = {kind: agreed(count, inner.get(kind), body.get(kind)) for kind in KINDS}
    need(any(value is not None for value in counts.values()) or os.environ.get("TVMIGRATE_MISSING_COUNTS") == "zero")
    counts = {kind: value or 0 for kind, value in counts.items()}
    total = agreed(count, inner.get("total"), body.get("total"))
    updated = agreed(instant, inner.get("updated_at"), body.get("timestamp"), default=time.time_ns())
    fields = counts | {"score": repr(number(body["score"])), "total": count(sum(counts.values())) if total is None else total}
    return f"eaos:current:{program(entity)}".encode(), fields | {"updated_at": utc(updated)}

def metric(name, raw):
    item = read(raw)
    entity, at, value = item.pop("entity", None), instant(item.pop("timestamp")), number(item.pop("value"))
    owner = need(SHOW, SHOW) if entity is None else program(text(entity))
    event = {"type": "metric", "metric": name, "program_id": owner, "timestamp": utc(at), "value": value, "data": item}
    return f"events:{owner}:{utc(at)[:10]}", at, json.dumps(event, ensure_ascii=False, default=float)

def migrate_key(key):
    expires, kind, (prefix, _, rest) = store.pexpiretime(key), store.type(key), key.partition(b":")
    if (prefix, kind) == (b"eaos", b"string"):
        new, fields = eaos(rest.decode(), store.get(key))
        if store.type(new) == b"string":
            raise SystemExit(f"{key} becomes {new}, which is an old key too.")
        put(new, expires, lambda pipe: pipe.hset(new, mapping=fields))
        put(key)
    elif (prefix, kind) == (b"trend", b"zset"):
        put(b"trends:top:" + RANGES[rest], expires, lambda pipe: pipe.copy(key, b"trends:top:" + RANGES[rest]))
        put(key)
    elif (prefix, kind) == (b"metrics", b"list"):
        name, left = need(rest, rest.decode()), []
        items = mapped(lambda raw: metric(name, raw), store.lrange(key, 0, -1), left)
        for position, (new, at, event) in enumerate(items):
            events[new].append((at, name, position, event, expires))
        put(key, expires if left else 0, lambda pipe: left and pipe.rpush(key, *left))

list(mapped(migrate_key, list(store.scan_iter(count=1000))))
for key, items in events.items():
    ends = [item[4] for item in items]
    put(key, -1 if -1 in ends else max(ends), lambda pipe: pipe.rpush(key, *(item[3] for item in sorted(items))))

# ----------------------------------------------------------------------------------------------------------------- ClickHouse
at = urlsplit(os.environ["CLICKHOUSE_URL"])
EXACT = {"output_format_json_quote_denormals": 1, "precise_float_parsing": 1, "date_time_input_format": "best_effort"}
house = clickhouse_connect.get_client(host=at.hostname, port=at.port, username=at.username or "default", password=at.password or "",
                                      database="tv_analytics", settings=EXACT | {"max_partitions_per_insert_block": 0})

def rows(table, time, *floats):
    exact = ", ".join([f"toInt64({time}) AS {time}", *(f"toFloat64({name}) AS {name}" for name in floats)])
    lines = house.raw_query(f"SELECT * REPLACE ({exact}) FROM {table}_old_plain", fmt="JSONEachRow").splitlines()
    return mapped(lambda line: json.loads(line.decode(), parse_int=lambda n: -0.0 if n == "-0" else int(n)), lines)

def new_metrics(row):
    counts = dict.fromkeys(KINDS, 0)
    for label, value in read(row["sentiment_breakdown"].encode()).items():
        counts[sentiment(label)] += count(0 if value is None else value)
    new = {"program_id": program(row["entity"]), "timestamp": utc(row["recorded_at"] * 10**9), "score": number(row["eaos_score"])}
    return new | {f"{kind}_count": count(n) for kind, n in counts.items()} | {"total_comments": row["comment_count"]}

def new_comment(row):
    new = comment(row["comment_id"], row) | {"eaos_score": agreed(number, row["eaos_score"])}
    for topic in set(new["topics"]):
        scores[new["program_id"], utc(row["created_at"] // 300 * 300 * 10**9), topic].append(new["sentiment_score"])
    return new

for table in ("comments", "eaos_metrics"):
    house.command(f"RENAME TABLE {table} TO {table}_old_plain")
schema = re.sub("(?m)^--.*", "", (SCRIPTS / "clickhouse-init" / "002_updated_schema.sql").read_text())
for statement in filter(str.strip, schema.split(";")):
    house.command(statement)
scores = defaultdict(list)
made = {"eaos_metrics": mapped(new_metrics, rows("eaos_metrics", "recorded_at", "eaos_score"))}
made["raw_comments"] = list(mapped(new_comment, rows("comments", "created_at", "sentiment_score", "engagement", "eaos_score")))
made["comment_aggregates"] = [
    {"program_id": owner, "timestamp": at, "topic": topic, "count": len(each), "avg_sentiment": math.fsum(each) / len(each)}
    for (owner, at, topic), each in scores.items()
]
for table, lines in made.items():
    block = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    block and house.raw_insert(table, insert_block=block, fmt="JSONEachRow")

# -------------------------------------------------------------------------------------------------------------- Elasticsearch
class Exact(elastic_transport.JsonSerializer):
    mimetype = "application/vnd.elasticsearch+json"
    def json_loads(self, data):  # no digit of an old timestamp is lost
        return json.loads(data, parse_float=Decimal)

def document(hit):
    new = comment(hit["_id"], sound(hit["_source"]))
    need(max(len(word.encode()) for word in (new["program_id"], new["username"], *new["topics"])) <= 32766)
    need(max(abs(new["sentiment_score"]), abs(new["engagement_score"])) <= 3.4028235e38)
    return {"_index": "tv_comments_v2", "_id": hit["_id"], **new}

search = Elasticsearch(os.environ["ELASTICSEARCH_URL"], request_timeout=120)
search.transport.serializers.serializers[Exact.mimetype] = Exact()
search.indices.put_settings(index="tv_comments", settings={"index.blocks.write": True})
settings = search.indices.get_settings(index="tv_comments")["tv_comments"]["settings"]["index"]
replicas = {"number_of_replicas": settings["number_of_replicas"]}
search.indices.clone(index="tv_comments", target="tv_comments_old_plain", settings=replicas)
mappings = json.loads((SCRIPTS / "elasticsearch-init" / "tv_comments_v2.json").read_text())["mappings"]
search.indices.create(index="tv_comments_v2", mappings=mappings, settings=replicas)
helpers.bulk(search, mapped(document, helpers.scan(search, index="tv_comments")), refresh=True)
swap = [{"remove_index": {"index": "tv_comments"}}, {"add": {"index": "tv_comments_v2", "alias": "tv_comments"}}]
search.indices.update_aliases(actions=swap)

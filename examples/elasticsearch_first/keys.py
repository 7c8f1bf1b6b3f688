"""Redis: each new key is built under a name of our own and takes its place by RENAME, which carries its time to live.

`forward` writes $ASIDE/redis.ndjson first, the DUMP of every key that will be replaced or removed; `back` restores from it.
"""

import base64
import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

import redis
import rules

BACKUP = Path(os.environ["ASIDE"]) / "redis.ndjson"
OURS = b"tv_next:"
STORE = redis.Redis.from_url(os.environ["REDIS_URL"])
RANGES = {b"trend:5m": b"trends:top:5min", b"trend:15m": b"trends:top:15min", b"trend:60m": b"trends:top:1hour"}
KINDS = ("positive", "negative", "neutral")


def eaos(entity, raw):
    body = rules.read_json(raw)
    inner = body.get("metadata") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(inner, dict | None):
        raise rules.Bad("bad-json")
    inner = inner or {}
    if body.get("score") is None:
        raise rules.Bad("missing-field")

    def both(rule, one, other):
        return rules.agreed((rule(value) for value in (inner.get(one), body.get(other)) if value is not None), None)

    counts = {kind: both(rules.count, kind, kind) for kind in KINDS}
    if set(counts.values()) == {None} and not rules.ZERO_COUNTS:
        raise rules.Bad("missing-counts")
    fields = {kind: count or 0 for kind, count in counts.items()}
    total = both(rules.count, "total", "total")
    updated = both(rules.nanoseconds, "updated_at", "timestamp")
    fields["total"] = rules.count(sum(fields.values())) if total is None else total
    fields["score"] = repr(rules.number(body["score"]))
    fields["updated_at"] = rules.utc(time.time_ns() if updated is None else updated)
    return f"eaos:current:{rules.program(entity)}".encode(), fields


def event(metric, raw):
    item = rules.read_json(raw)
    if not isinstance(item, dict) or item.get("timestamp") is None or item.get("value") is None:
        raise rules.Bad("missing-timestamp")
    entity = item.pop("entity", None)
    if entity is None and not rules.SHOW:
        raise rules.Bad("missing-field")
    program = rules.SHOW if entity is None else rules.program(entity)
    moment, value = rules.nanoseconds(item.pop("timestamp")), rules.number(item.pop("value"))
    body = {"type": "metric", "metric": metric, "program_id": program, "timestamp": rules.utc(moment), "value": value}
    text = json.dumps(body | {"data": item}, ensure_ascii=False, default=float)
    return f"events:{program}:{rules.utc(moment)[:10]}".encode(), moment, text


def decide():
    """Return what is to be done: (how, key, its argument, when it expires), and nothing is changed yet."""
    todo, events = [], defaultdict(list)
    for key in STORE.scan_iter(count=1000):
        kind, ends = STORE.type(key), STORE.pexpiretime(key)
        if kind == b"zset" and key in RANGES:
            todo.append(("rename", RANGES[key], key, ends))
        elif kind == b"string" and key.startswith(b"eaos:"):
            try:
                new, fields = eaos(key[5:].decode(), STORE.get(key))
            except (rules.Bad, UnicodeError):
                continue
            todo += [("hash", new, fields, ends), ("remove", key, None, ends)]
        elif kind == b"list" and key.startswith(b"metrics:") and len(key) > 8:
            try:
                metric = key[8:].decode()
            except UnicodeError:
                continue
            left = []
            for position, raw in enumerate(STORE.lrange(key, 0, -1)):
                try:
                    new, moment, text = event(metric, raw)
                    events[new].append((moment, metric, position, text, ends))
                except rules.Bad:
                    left.append(raw)
            todo.append(("list", key, left, ends) if left else ("remove", key, None, ends))
    for new, items in events.items():
        ends = [item[4] for item in items]
        texts = [text for _, _, _, text, _ in sorted(items)]
        todo.append(("list", new, texts, -1 if -1 in ends else max(ends)))
    written = [key for _, key, _, _ in todo]
    if len(written) > len(set(written)):
        raise SystemExit(f"Written twice: {sorted({key for key in written if written.count(key) > 1})}")
    return todo


def forward():
    todo = decide()
    with BACKUP.open("w") as backup:
        for key in [key for _, key, _, _ in todo] + [old for how, _, old, _ in todo if how == "rename"]:
            dump, ends = STORE.dump(key), STORE.pexpiretime(key)
            encoded = dump and base64.b64encode(dump).decode()
            print(json.dumps({"key": base64.b64encode(key).decode(), "dump": encoded, "ends": ends}), file=backup)
    for how, key, what, ends in todo:
        with STORE.pipeline() as pipe:
            if how == "remove":
                pipe.unlink(key)
            elif how == "rename":
                pipe.rename(what, key)
            else:
                pipe.hset(OURS + key, mapping=what) if how == "hash" else pipe.rpush(OURS + key, *what)
                if ends > 0:
                    pipe.pexpireat(OURS + key, ends)
                pipe.rename(OURS + key, key)
            try:
                pipe.execute()
            except redis.ResponseError as error:
                if "no such key" not in str(error):  # it ran out meanwhile
                    raise


def back():
    with BACKUP.open() as backup:
        for line in map(json.loads, backup):
            key = base64.b64decode(line["key"])
            if line["dump"] is None:
                STORE.unlink(key)
            else:
                ends = max(line["ends"], 0)
                STORE.restore(key, ends, base64.b64decode(line["dump"]), replace=True, absttl=ends > 0)


if __name__ == "__main__":
    {"forward": forward, "back": back}[sys.argv[1]]()

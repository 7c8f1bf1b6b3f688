"""Undo migrate.py: bring back the old keys, tables and index, and remove what replaced them."""

import os
import pickle
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
import redis
from elasticsearch import Elasticsearch

BACKUP = Path(os.environ.get("TVMIGRATE_STATE", "."), "plain_python.backup")
if not BACKUP.exists():
    raise SystemExit("Nothing to roll back.")

first = {}  # what a key was before migrate.py first touched it
with BACKUP.open("rb") as file:
    while file.peek(1):
        key, dump, expires = pickle.load(file)
        first.setdefault(key, (dump, expires))
with redis.Redis.from_url(os.environ["REDIS_URL"]).pipeline() as pipe:
    for key, (dump, expires) in first.items():
        pipe.delete(key)
        if dump is not None:
            pipe.restore(key, max(expires, 0), dump, absttl=expires > 0)
    pipe.execute()

where = urlsplit(os.environ["CLICKHOUSE_URL"])
house = clickhouse_connect.get_client(
    host=where.hostname, port=where.port, username=where.username or "default", password=where.password or "", database="tv_analytics"
)  # fmt: skip
for table in ("raw_comments", "comment_aggregates", "anomalies", "eaos_metrics"):
    house.command(f"DROP TABLE {table} SYNC")
for table in ("comments", "eaos_metrics"):
    house.command(f"RENAME TABLE {table}_old_plain TO {table}")

indices = Elasticsearch(os.environ["ELASTICSEARCH_URL"], request_timeout=120).indices
settings = indices.get_settings(index="tv_comments_old_plain")["tv_comments_old_plain"]["settings"]["index"]
replicas = {"number_of_replicas": settings["number_of_replicas"]}
indices.delete(index="tv_comments_v2")
indices.clone(index="tv_comments_old_plain", target="tv_comments", settings=replicas)
indices.put_settings(index="tv_comments", settings={"index.blocks.write": None})
indices.delete(index="tv_comments_old_plain")
BACKUP.unlink()

"""Undo migrate.py: bring back the old keys, tables and index, and remove what replaced them."""

import os
import pickle
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
import redis
from elasticsearch import Elasticsearch

KEPT = Path("plain_python_backup.pickle")
if not KEPT.exists():
    raise SystemExit("Nothing to roll back.")
backup = pickle.loads(KEPT.read_bytes())

store = redis.Redis.from_url(os.environ["REDIS_URL"])
new_keys = [
    key
    for key in store.scan_iter(count=1000)
    if key in (b"trends:top:5min", b"trends:top:15min", b"trends:top:1hour")
    or key.startswith((b"eaos:current:", b"events:"))
]
with store.pipeline() as pipe:
    for key in new_keys:
        pipe.delete(key)
    for key, (dump, expires) in backup["redis"].items():
        pipe.restore(key, max(expires, 0), dump, replace=True, absttl=expires > 0)
    pipe.execute()

where = urlsplit(os.environ["CLICKHOUSE_URL"])
house = clickhouse_connect.get_client(
    host=where.hostname, port=where.port, username=where.username or "default", password=where.password or ""
)
for table in ("raw_comments", "comment_aggregates", "anomalies", "eaos_metrics"):
    house.command(f"DROP TABLE tv_analytics.{table} SYNC")
for table in ("comments", "eaos_metrics"):
    house.command(f"RENAME TABLE tv_analytics.{table}_old_plain TO tv_analytics.{table}")

search = Elasticsearch(os.environ["ELASTICSEARCH_URL"], request_timeout=120)
search.indices.delete(index="tv_comments_v2")
search.indices.clone(
    index="tv_comments_old_plain", target="tv_comments", settings={"number_of_replicas": backup["replicas"]}
)
search.indices.put_settings(index="tv_comments", settings={"index.blocks.write": None})
search.indices.delete(index="tv_comments_old_plain")
KEPT.unlink()

"""A right migration that leaves the old data where they were: `python keeping.py COMMAND…` runs a migration, then puts
back what it removed. It is judged with `--old kept`."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urlsplit

import clickhouse_connect
import redis

PREFIXES = (b"eaos:", b"trend:", b"metrics:")


def main() -> int:
    store = redis.Redis.from_url(os.environ["REDIS_URL"])
    kept = {}
    for key in list(store.scan_iter(count=1000)):
        value, expires = store.dump(key), store.pexpiretime(key)
        if key.startswith(PREFIXES) and value is not None and expires != -2:
            kept[key] = (value, expires)
    where = urlsplit(os.environ["CLICKHOUSE_URL"])
    house = clickhouse_connect.get_client(host=where.hostname, port=where.port)
    find = "SELECT name FROM system.tables WHERE database = 'tv_analytics' AND name LIKE 'comments\\_old\\_%'"
    before = set(house.query(find).result_rows)
    ended = subprocess.run(sys.argv[1:], check=False)
    if ended.returncode:
        return ended.returncode
    for key, (value, expires) in kept.items():
        store.restore(key, max(expires, 0), value, replace=True, absttl=expires > 0)
    ((table,),) = set(house.query(find).result_rows) - before
    house.command(f"RENAME TABLE tv_analytics.`{table}` TO tv_analytics.comments")
    return 0


if __name__ == "__main__":
    sys.exit(main())

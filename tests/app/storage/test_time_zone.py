"""A naive datetime is the machine's local time, in each store: shown in a process whose machine is in Vietnam."""

import subprocess
import sys

SCRIPT = """
import asyncio, datetime as dt
from src.storage.clickhouse_client_v2 import clickhouse_client_v2
from src.storage.elasticsearch_client_v2 import elasticsearch_client_v2
from src.storage.redis_client_v2 import redis_client_v2

NAIVE = dt.datetime(2025, 11, 21, 3, 5, 0, 123456)  # 20 November, 20:05 in UTC

async def main():
    async with redis_client_v2, elasticsearch_client_v2:
        await redis_client_v2.set_current_eaos("p", 0.5, 1, 1, 1, 3, updated_at=NAIVE)
        await redis_client_v2.append_event("p", "note", timestamp=NAIVE)
        await elasticsearch_client_v2.index_comment("c", "p", "t", "u", NAIVE, "neutral", 0.0, 0.0, [])
        found = await elasticsearch_client_v2.search_comments(start=NAIVE, end=NAIVE)
        print("found", [one["timestamp"].isoformat() for one in found])
    with clickhouse_client_v2:
        clickhouse_client_v2.insert_eaos_metric("p", NAIVE, 0.5, 1, 1, 1, 3)
        found = clickhouse_client_v2.get_eaos_history("p", start=NAIVE, end=NAIVE)
        print("found", [one["timestamp"].isoformat() for one in found])

asyncio.run(main())
"""


def test_naive_is_local_time(app_environ, stores, tmp_path):
    environ = {**app_environ, "TZ": "Asia/Ho_Chi_Minh"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        check=False,
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "found ['2025-11-20T20:05:00.123456+00:00']",
        "found ['2025-11-20T20:05:00.123000+00:00']",
    ]
    assert stores.redis.hget("eaos:current:p", "updated_at") == b"2025-11-20T20:05:00.123456Z"
    (event,) = stores.redis.lrange("events:p:2025-11-20", 0, -1)
    assert b'"timestamp":"2025-11-20T20:05:00.123456Z"' in event
    source = stores.elasticsearch.get(index="tv_comments", id="c")["_source"]
    assert source["timestamp"] == "2025-11-20T20:05:00.123456Z"
    sql = "SELECT toString(timestamp) FROM tv_analytics.eaos_metrics"
    assert stores.clickhouse.query(sql).result_rows == [("2025-11-20 20:05:00.123",)]

"""Redis behind Sentinel: the master that it names is found, and found again after a failover."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from tests.tool.redis_cluster.servers import running_sentinels
from tvmigrate.engines.clients import open_redis, redis_version
from tvmigrate.engines.redis_client import SentinelClient, pages


def test_what_was_acknowledged_survives_a_failover(tmp_path: Path) -> None:
    keys = [f"key {number}".encode() for number in range(1000)]
    with running_sentinels(tmp_path) as (url, (master, _)):
        assert redis_version(url).startswith("8.2")
        with open_redis(url) as opened, open_redis(url, 3) as third:
            client = cast(SentinelClient, opened)
            first: dict[str, str] = client.info("server")
            for start in range(0, 1000, 100):
                if start == 500:
                    master.kill()
                with client.pipeline(transaction=True) as pipe:
                    for key in keys[start : start + 100]:
                        pipe.set(key, key)
                    assert pipe.execute() == [True] * 100
            second: dict[str, str] = client.info("server")
            assert first["run_id"] != second["run_id"]
            assert sorted(key for page in pages(client) for key in page) == sorted(keys)
            third.set("only in three", "1")
            assert client.get("only in three") is None

"""clickhouse-client, as far as an operator's `docker exec` needs it: --query, or one statement from stdin."""

import argparse
import os
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request

parser = argparse.ArgumentParser(prog="clickhouse-client")
parser.add_argument("--query", "-q")
parser.add_argument("--database", "-d", default="default")
parser.add_argument("--user", "-u", default=os.environ.get("CLICKHOUSE_USER") or "default")
parser.add_argument("--password", default=os.environ.get("CLICKHOUSE_PASSWORD", ""))
options = parser.parse_args()
request = urllib.request.Request(
    f"http://127.0.0.1:8123/?{urllib.parse.urlencode({'database': options.database})}",
    (options.query or sys.stdin.read()).encode("utf-8", "surrogateescape"),
    {"X-ClickHouse-User": options.user, "X-ClickHouse-Key": options.password},
)
try:
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - it is http
        shutil.copyfileobj(answer, sys.stdout.buffer)
except urllib.error.HTTPError as refused:
    sys.exit(refused.read().decode(errors="replace"))

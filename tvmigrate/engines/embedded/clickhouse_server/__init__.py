"""ClickHouse's HTTP interface served from chdb: one process, one data directory, one port.

Start it with `python -m tvmigrate.engines.embedded.clickhouse_server --data DIR --port PORT`.
"""

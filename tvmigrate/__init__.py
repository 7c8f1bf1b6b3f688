"""Verify, run and roll back a migration of data that lives in Redis, ClickHouse and Elasticsearch at once."""

__version__ = "0.1.0"

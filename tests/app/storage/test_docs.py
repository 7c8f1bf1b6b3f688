"""docs/application.md names every method, argument, variable and error of the storage clients."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from src import errors, settings
from src.storage.clickhouse_client_v2 import ClickHouseClientV2
from src.storage.elasticsearch_client_v2 import ElasticsearchClientV2, SearchFilters
from src.storage.redis_client_v2 import RedisClientV2

PAGE = (Path(__file__).parents[3] / "docs" / "application.md").read_text("utf-8")
KINDS = (RedisClientV2, ClickHouseClientV2, ElasticsearchClientV2)
METHODS = [
    pytest.param(method, id=f"{kind.__name__}.{name}")
    for kind in KINDS
    for name, method in inspect.getmembers(kind, inspect.isfunction)
    if not name.startswith("_")
]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_documented_with_its_arguments(method):
    lines = [line for line in PAGE.splitlines() if f"`{method.__name__}(" in line]
    assert lines, f"docs/application.md does not name {method.__name__}"
    if "as above" in lines[0]:
        return
    for name, parameter in inspect.signature(method).parameters.items():
        if name not in {"self", "filters"}:
            assert name in lines[0]
        elif name == "filters" and parameter.kind is parameter.VAR_KEYWORD:
            assert [field for field in SearchFilters.__annotations__ if field not in lines[0]] == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_argument_of_a_constructor_is_documented(kind):
    for name in inspect.signature(kind).parameters:
        assert name == "url" or f"| `{name}` |" in PAGE


def test_variables_and_their_defaults_are_documented():
    for name in ("REDIS_URL", "CLICKHOUSE_URL", "ELASTICSEARCH_URL"):
        assert f"| `{name}` | `{getattr(settings, f'DEFAULT_{name}')}` |" in PAGE


def test_every_error_is_documented():
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        assert not issubclass(kind, errors.AppError) or f"`{name}`" in PAGE

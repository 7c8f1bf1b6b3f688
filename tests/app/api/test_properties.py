"""Whatever a client sends, the answer is one that the OpenAPI document declares, and never a fault of the API."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from src.api.app import create_app
from src.settings import Urls
from tests import profiles
from tvmigrate.engines.embedded.ports import free_ports

SCHEMA = schemathesis.openapi.from_dict(create_app(Urls()).openapi())
EXAMPLES = 300 if profiles.is_nightly() else 8  # of random data; the borders of each parameter come beside them
LAWS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture(scope="module")
def base_url(urls: Urls) -> Iterator[str]:
    """The API in a thread with a loop of its own: Schemathesis calls it and waits."""
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(create_app(urls), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_every_answer_is_a_declared_one(case, base_url):
    case.call_and_validate(base_url=base_url, checks=LAWS)

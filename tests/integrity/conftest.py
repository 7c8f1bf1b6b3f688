"""One set of engines for the tests that rehearse many times."""

from collections.abc import Iterator

import pytest

from tvmigrate.engines.embedded import EmbeddedEngines
from tvmigrate.engines.endpoints import Endpoints


@pytest.fixture(scope="package")
def endpoints() -> Iterator[Endpoints]:
    with EmbeddedEngines() as engines:
        yield engines.endpoints

"""What the agent's tests share: stores that hold `stock`'s records, and an agent over them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from src.agent import Agent
from src.settings import Urls
from tests.app.agent import stock

if TYPE_CHECKING:
    from tvmigrate.engines.endpoints import Endpoints


@pytest.fixture(scope="package")
async def urls(endpoints: Endpoints) -> Urls:
    """Where the stores answer; they hold the records of `stock`, and the tests only read."""
    await stock.write(endpoints)
    return stock.urls_of(endpoints)


@pytest.fixture(scope="package")
async def agent(urls: Urls) -> AsyncIterator[Agent]:
    async with Agent(urls) as running:
        yield running

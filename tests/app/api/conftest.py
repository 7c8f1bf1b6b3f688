"""An API in this process over the session's engines, filled once, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from src.api.app import create_app
from src.settings import Urls
from tests.app.api.data import fill, lay_out, urls_of
from tvmigrate.engines.endpoints import Endpoints


@pytest.fixture(scope="package")
async def urls(endpoints: Endpoints) -> Urls:
    lay_out(endpoints)
    urls = urls_of(endpoints)
    await fill(urls)
    return urls


@pytest.fixture(scope="package")
async def app(urls: Urls) -> AsyncIterator[FastAPI]:
    app = create_app(urls)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="package")
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield client

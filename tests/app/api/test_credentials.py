"""No answer holds a password, whatever went wrong between the API and its stores."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httpx
import pytest

from src.api.app import create_app
from src.settings import Urls
from tests.app.api.data import QUESTIONS
from tvmigrate.engines.embedded.ports import free_ports

SECRET, WRITTEN = "s3cr3t/+pass", "s3cr3t%2F%2Bpass"


def with_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://operator:{WRITTEN}@{parts.netloc}"


def nobody() -> Urls:
    redis, clickhouse, elasticsearch = free_ports(3)
    return Urls(f"redis://127.0.0.1:{redis}", f"http://127.0.0.1:{clickhouse}", f"http://127.0.0.1:{elasticsearch}")


async def answers(urls: Urls) -> list[httpx.Response]:
    app = create_app(Urls(*map(with_password, (urls.redis, urls.clickhouse, urls.elasticsearch))))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as api,
    ):
        asked = [api.get(question.path, params=question.query) for question in QUESTIONS]
        return await asyncio.gather(*asked, *map(api.get, ("/health", "/ready", "/openapi.json")))


@pytest.mark.parametrize("reached", [False, True], ids=["stores that are away", "stores that refuse the user"])
async def test_no_answer_holds_a_password(urls, reached):
    got = await answers(urls if reached else nobody())
    assert {answer.status_code for answer in got} & {502, 503}
    for answer in got:
        said = answer.text + str(answer.headers)
        assert SECRET not in said, said
        assert WRITTEN not in said, said


async def test_a_url_that_is_none_is_the_api_s_fault_and_not_shown():
    app = create_app(Urls(redis=f"http://operator:{WRITTEN}@127.0.0.1", clickhouse=f"http://[{WRITTEN}"))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as api,
    ):
        for path in ("/v2/trends?time_range=15min", "/v2/anomalies"):
            answer = await api.get(path)
            assert answer.status_code == 503, answer.text
            assert "s3cr3t" not in answer.text

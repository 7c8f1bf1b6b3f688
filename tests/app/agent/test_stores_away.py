"""A store that is away, or does not answer: the result names it, the other tools go on, and it is used again later."""

from __future__ import annotations

import dataclasses

import pytest

from src.agent import Agent
from src.errors import StoreRefused, StoreUnavailable
from src.settings import Urls
from tests.app.agent.gate import Gate
from tests.app.agent.stock import ONE, PROGRAMS, TWO

ASKED = {
    "redis": ("current_eaos", {"program_id": ONE}),
    "clickhouse": ("eaos_history", {"program_id": ONE}),
    "elasticsearch": ("search_comments", {}),
}
each_store = pytest.mark.parametrize("store", ASKED)


@each_store
async def test_a_store_away_is_named_and_used_again_when_it_is_back(urls: Urls, store: str) -> None:
    async with Gate(getattr(urls, store)) as gate, Agent(dataclasses.replace(urls, **{store: gate.url})) as agent:
        assert (await agent.call(*ASKED[store])).ok
        await gate.close()
        result = await agent.call(*ASKED[store])
        assert isinstance(result.error, StoreUnavailable)
        assert result.error.store == store
        assert result.as_json()["error"]["store"] == store
        for other in ASKED.keys() - {store}:
            assert (await agent.call(*ASKED[other])).ok
        health = await agent.health()
        assert {name for name, error in health.items() if error is not None} == {store}
        await gate.open()
        assert (await agent.call(*ASKED[store])).ok


@each_store
async def test_a_store_that_does_not_answer_is_given_up(urls: Urls, store: str) -> None:
    async with Gate(getattr(urls, store)) as gate:
        gate.hold()
        async with Agent(dataclasses.replace(urls, **{store: gate.url}), timeout=0.3) as agent:
            result = await agent.call(*ASKED[store])
            assert isinstance(result.error, StoreUnavailable)
            assert result.error.store == store


async def test_programs_are_listed_from_the_store_that_answers(urls: Urls) -> None:
    async with Gate(urls.redis) as gate, Agent(dataclasses.replace(urls, redis=gate.url)) as agent:
        await gate.close()
        result = await agent.call("list_programs")
        assert result.ok
        assert result.missing == ("redis",)
        assert [row["program_id"] for row in result.rows] == [program for program in PROGRAMS if "intro" not in program]
        assert result.notes[0].endswith("Programs that redis alone knows are not in this list.")


async def test_no_password_is_shown(urls: Urls) -> None:
    away = Urls("redis://u:s3cret@127.0.0.1:1", "http://u:s3cret@127.0.0.1:1", "http://u:s3cret@127.0.0.1:1")
    async with Agent(away) as agent:
        for tool, arguments in ASKED.values():
            result = await agent.call(tool, arguments)
            assert isinstance(result.error, StoreUnavailable)
            assert "s3cret" not in str(result.as_json())
            assert "127.0.0.1:1" in str(result.error)


async def test_what_a_store_refuses_is_no_store_away(urls: Urls) -> None:
    async with Agent(dataclasses.replace(urls, elasticsearch=urls.clickhouse)) as agent:
        result = await agent.call("search_comments")
        assert isinstance(result.error, StoreRefused)
        assert result.error.store == "elasticsearch"
        assert (await agent.call("current_eaos", {"program_id": TWO})).ok

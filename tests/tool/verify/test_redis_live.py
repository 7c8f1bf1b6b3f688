"""Live keys are read whole, and only as many at a time as may be held."""

from __future__ import annotations

from typing import Any

import pytest

from tvmigrate.engines.clients import Clients
from tvmigrate.verify import redis_live, redis_state

MEMBERS = 2000
KEYS = [b"board:%d" % n for n in range(20)]


class NoDumps:
    def state(self, db: int, key: bytes) -> None:
        return None


@pytest.fixture
def boards(clients: Clients) -> Any:
    client = clients.redis_db(9)
    for key in KEYS:
        client.zadd(key, {f"member {n}": n for n in range(MEMBERS)})
    client.rpush("list", *range(MEMBERS))
    client.set("string", "x", px=3_600_000)
    yield client
    client.delete(*KEYS, "list", "string")


def test_keys_with_many_items_are_read_a_few_at_a_time(boards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    whole = redis_state.live_states
    monkeypatch.setattr(redis_state, "live_states", lambda client, keys: _counted(whole(client, keys), held))
    names = [*KEYS, b"list", b"string", b"gone"]
    found = list(redis_live.read(boards, 9, names, NoDumps()))  # type: ignore[arg-type]
    assert [live.key for live in found] == names[:-1]
    assert all(len(live.state["value"]) == MEMBERS for live in found[:-1])
    assert found[-1].deadline is not None
    assert max(held) <= 12_000
    assert sum(held) == MEMBERS * (len(KEYS) + 1) + 1


def _counted(states: Any, held: list[int]) -> Any:
    held.append(sum(len(state["value"]) for state in states if state))
    return states

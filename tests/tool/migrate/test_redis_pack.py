"""New Redis keys as bytes: what creates them says what they are, and how many answers it gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvmigrate.contract import new
from tvmigrate.dataset.model import HASH, RedisKey
from tvmigrate.engines.redis_wire import unpack
from tvmigrate.migrate import redis_pack
from tvmigrate.migrate.redis_keys import Live

NAMES = [name.encode() for name in new.EAOS_FIELDS]
TEXTS = st.tuples(*[st.text("0123456789.TZ:-", max_size=63).map(str.encode)] * len(NAMES))
HASHES = st.lists(st.tuples(st.binary(max_size=80), TEXTS, st.none() | st.integers(1, 2**53)), max_size=7)


@given(HASHES)
def test_hashes_written_at_once_are_those_that_were_given(
    hashes: list[tuple[bytes, tuple[bytes, ...], int | None]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis_pack, "_AT_ONCE", 3)
        commands, replies = redis_pack.at_once(
            [redis_pack.six(*one) for one in hashes], sum(1 for *_, expires in hashes if expires is not None)
        )
    assert list(redis_pack.created(commands, b"aside:")) == [
        Live(RedisKey(new.REDIS_DB, key, HASH, None, dict(zip(NAMES, texts, strict=True))), expires)
        for key, texts, expires in hashes
    ]
    verbs = [words[0] for words in unpack(commands)]
    assert len(verbs) == replies
    at = 0
    for start in range(0, len(hashes), 3):
        within = [b"DEL", b"HSET"] * len(hashes[start : start + 3])
        length = len(within) + sum(1 for *_, expires in hashes[start : start + 3] if expires is not None)
        step = verbs[at : at + length + 2]
        assert (step[0], step[-1]) == (b"MULTI", b"EXEC")
        assert [verb for verb in step[1:-1] if verb != b"PEXPIREAT"] == within
        at += length + 2

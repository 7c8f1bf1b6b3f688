"""Laws of a Redis key as a line: what is written is read back the same, and a wrong line says what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tvmigrate.dataset.model import RedisKey
from tvmigrate.dataset.redis_form import BadForm, dump, parse

octets = st.binary(max_size=12) | st.text(max_size=8).map(str.encode)
filled = st.binary(min_size=1, max_size=12) | st.text(min_size=1, max_size=8).map(str.encode)
fields = st.dictionaries(octets, octets, min_size=1, max_size=5)
stream_ids = st.lists(
    st.tuples(st.integers(0, 2**64 - 1), st.integers(1, 2**64 - 1)), min_size=1, max_size=4, unique=True
).map(lambda ids: [b"%d-%d" % at for at in sorted(ids)])
values: dict[str, st.SearchStrategy[Any]] = {
    "string": octets,
    "list": st.lists(octets, min_size=1, max_size=6),
    "set": st.lists(octets, min_size=1, max_size=6, unique=True),
    "zset": st.dictionaries(octets, st.floats(allow_nan=False), min_size=1, max_size=6).map(lambda d: list(d.items())),
    "hash": fields,
    "stream": stream_ids.flatmap(
        lambda ids: st.lists(fields, min_size=len(ids), max_size=len(ids)).map(
            lambda entries: list(zip(ids, entries, strict=True))
        )
    ),
    "dump": octets,
}
keys = st.sampled_from(sorted(values)).flatmap(
    lambda kind: st.builds(
        RedisKey, st.integers(0, 15), octets, st.just(kind), st.none() | st.integers(1, 2**53), values[kind]
    )
)


def exactly(key: RedisKey) -> str:
    """Show a key so that -0.0 and 0.0 differ."""
    return repr(key)


@given(keys)
@example(RedisKey(0, b"k", "zset", None, [(b"zero", -0.0), (b"tiny", 5e-324), (b"up", float("inf"))]))
@example(RedisKey(0, b"k", "hash", None, {b"b64": b"AAAA"}))
@example(RedisKey(0, b"k", "hash", None, {b"\xff": b"a", b"b64": b"\xfe"}))
@example(RedisKey(0, b'{"b64": "AAAA"}', "string", 1, b"\xed\xa0\x80"))
def test_a_key_is_read_back_as_it_was_written(key: RedisKey) -> None:
    line = dump(key)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert exactly(parse(line[:-1].decode())) == exactly(key)


@given(keys)
def test_only_bytes_that_are_not_utf8_stand_as_base64(key: RedisKey) -> None:
    body = json.loads(dump(key))
    try:
        assert body["key"] == key.key.decode()
    except UnicodeDecodeError:
        assert list(body["key"]) == ["b64"]


@given(st.text())
def test_any_text_is_a_key_or_says_why_not(text: str) -> None:
    try:
        read: object = parse(text)
    except BadForm as why:
        read = why.found and why.expected
    assert read


def test_a_score_of_nan_is_not_written() -> None:
    with pytest.raises(ValueError, match="a sorted set holds no NaN"):
        dump(RedisKey(0, b"k", "zset", None, [(b"m", float("nan"))]))


def line(**changes: Any) -> str:
    return json.dumps({"db": 0, "key": "k", "type": "string", "ttl_ms": None, "value": "v", **changes})


TEXT = 'text, or {"b64": "…"} for bytes that are not UTF-8'
SCORE = 'a double, "inf" or "-inf"'
BAD = {
    "not json": ("{", "not JSON at character 2 (Expecting property name enclosed in double quotes)", "one JSON object"),
    "NaN": ('{"db": NaN}', "it holds a literal NaN, which is not JSON", "one JSON object"),
    "twice": ('{"db": 0, "db": 0}', "an object has 'db' more than once", "one JSON object"),
    "no object": ("[]", "the line holds no object", "an object with exactly db, key, type, ttl_ms, value"),
    "no value": (
        '{"db": 0, "key": "k"}',
        "the line holds the members 'db', 'key'",
        "an object with exactly db, key, type, ttl_ms, value",
    ),
    "db": (line(db=True), "db is True", "the number of a database, from 0"),
    "negative db": (line(db=-1), "db is -1", "the number of a database, from 0"),
    "type": (line(type="str"), "type is 'str'", "one of string, list, set, zset, hash, stream, dump"),
    "unhashable type": (line(type=[]), "type is []", "one of string, list, set, zset, hash, stream, dump"),
    "ttl": (line(ttl_ms=1.5), "ttl_ms is 1.5", "whole milliseconds, or null for a key that does not expire"),
    "key": (line(key=1), "key is 1", TEXT),
    "key base64": (line(key={"b64": "*"}), "key is {'b64': '*'}, which is not base64", TEXT),
    "surrogate": (line(value="\ud800"), "value holds half of a surrogate pair", TEXT),
    "string": (line(value=["v"]), "value is ['v']", TEXT),
    "list": (line(type="list", value="v"), "value is 'v'", "a list of items"),
    "empty list": (
        line(type="list", value=[]), "value is an empty list", "at least one item, since Redis holds no empty list",
    ),
    "set": (line(type="set", value=["a", "a"]), "the member 'a' stands there twice", "each member once"),
    "zset": (line(type="zset", value=[["a"]]), "member 0 is ['a']", "a list of [member, score]"),
    "score": (line(type="zset", value=[["a", "1"]]), "the score of member 0 is '1'", SCORE),
    "score bool": (line(type="zset", value=[["a", True]]), "the score of member 0 is True", SCORE),
    "hash": (
        line(type="hash", value={}),
        "value is {}",
        "an object, or a list of [field, value] where a field's name is not UTF-8; not empty",
    ),
    "stream id": (
        line(type="stream", value=[["1", {"a": "b"}]]), "the id of entry 0 is '1'",
        "milliseconds-sequence, such as 1763618700000-0",
    ),
    "stream order": (
        line(type="stream", value=[["2-1", {"a": "b"}], ["2-1", {"a": "b"}]]), "the id of entry 1 is '2-1'",
        "ids above 0-0, each above the one before",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "found", "expected"), BAD.values(), ids=BAD.keys())
def test_a_line_of_another_form_says_what_was_found_and_expected(text: str, found: str, expected: str) -> None:
    with pytest.raises(BadForm) as caught:
        parse(text)
    assert (caught.value.found, caught.value.expected) == (found, expected)

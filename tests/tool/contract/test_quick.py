"""That the quick forms of the Redis rules give just what the rules give, or leave it to them."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given

from tvmigrate.contract import exact_json, new, quick, rules, values
from tvmigrate.contract.outcome import Mapped
from tvmigrate.contract.policy import Policy

from .strategies import ENTITIES, OCTETS, POLICIES
from .test_records import EAOS, ITEMS, KEEP, RUN, SHOW

TWICE = b'{"score": 1.5, "positive": 1, "negative": 1, "neutral": 1, "total": 3, "timestamp": 5, "x" : 1, "x": "a"}'
WHOLE = (
    b'{"score": %b, "metadata": {"positive": 1, "negative": 2, "neutral": 3, "total": 7, "updated_at": %b}, "n": %b}'
)


@given(OCTETS | ENTITIES.map(str.encode), EAOS, POLICIES)
@example(b"x", TWICE, SHOW)
@example(b"x", b'{"score": 1, "metadata": null, "positive": 1}', SHOW)
@example(b"x", b'{"score": 1, "metadata": 1, "positive": 1}', SHOW)
@example(b"x", WHOLE % (b"0e99999999999999999999", b"5", b"1"), SHOW)
@example(b"x", WHOLE % (b"18446744073709551616", b"5", b"1"), SHOW)
@example(b"x", WHOLE % (b"1", b'"9999-12-31T23:59:59-01:00"', b"1"), SHOW)
@example(b"x", WHOLE % (b"1", b'"0001-01-01T00:00:00+01:00"', b"1"), SHOW)
@example(b"x", WHOLE % (b"1", b'"2025-01-01T00:00:00.120000"', b"1"), SHOW)
@example(b"x", WHOLE % (b"1", b"99999999999", b"1.50"), SHOW)
@example(b"x", WHOLE % (b"1", b"100000000000", b"null"), SHOW)
@example(b"x", WHOLE % (b"1", b'"2025-01-01T24:00:00Z"', b"1"), SHOW)
def test_a_quick_eaos_value_is_what_the_rule_makes_of_it(entity: bytes, raw: bytes, policy: Policy) -> None:
    found = quick.eaos(entity, raw, policy)
    if found is None:
        return
    wanted = rules.redis_eaos(entity, raw, policy, RUN)
    assert isinstance(wanted, Mapped)
    assert new.eaos_key(found.program_id) == wanted.value.key
    assert list(zip(new.EAOS_FIELDS, found.texts, strict=True)) == list(wanted.value.fields.items())
    assert exact_json.dump(found.archived) == exact_json.dump(dict(wanted.archived))
    assert found.inconsistency == wanted.inconsistency
    assert wanted.filled == ()


@given(ITEMS, POLICIES)
@example(b'{"entity": "a", "value": 1, "timestamp": 5, "x" : 1, "x": "a"}', SHOW)
@example(b'{"entity": "a", "value": 0e99999999999999999999, "timestamp": 5}', SHOW)
@example(b'{"entity": "a", "value": -0.0, "timestamp": "2025-02-29T00:00:00Z"}', SHOW)
@example(b'{"entity": "a", "value": 2.50, "timestamp": 1763618700123, "x": null, "y": true}', SHOW)
def test_a_quick_metrics_item_is_what_the_rule_makes_of_it(raw: bytes, policy: Policy) -> None:
    found = quick.event("m", raw, policy)
    if found is None:
        return
    wanted = rules.redis_metric(b"m", 3, raw, policy)
    assert isinstance(wanted, Mapped)
    assert found.key == wanted.value.key
    assert (found.seconds * values.NS_PER_S + found.nanos, "m", 3) == wanted.value.order
    assert found.body.decode() == wanted.value.body
    assert wanted.filled == ()


@pytest.mark.parametrize(
    "moment",
    ["2025-11-20T13:05:00+07:00", "2025-11-20T13:05:00Z", "2025-11-20T13:05:00.123456", 1763618700, 1763618700123],
)
@pytest.mark.parametrize("policy", [SHOW, KEEP], ids=["show", "keep"])
def test_the_common_shapes_are_quick(moment: object, policy: Policy) -> None:
    counts = {"positive": 1, "negative": 2, "neutral": 3, "total": 6}
    inner = {"score": 0.82, "metadata": {**counts, "updated_at": moment, "source": "tiktok"}}
    beside = {"score": 1, **counts, "timestamp": moment}
    item = {"entity": "contestant_1", "value": 0.82, "timestamp": moment, "unit": "score"}
    assert quick.eaos("gấu".encode(), json.dumps(inner).encode(), policy) is not None
    assert quick.eaos(b"contestant_1", json.dumps(beside).encode(), policy) is not None
    assert quick.event("m", json.dumps(item).encode(), policy) is not None

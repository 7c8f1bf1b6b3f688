"""That the quick forms of the Redis rules give just what the rules give, or leave it to them."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tvmigrate.contract import exact_json, new, quick, rules, values
from tvmigrate.contract.outcome import Mapped
from tvmigrate.contract.policy import Policy

from .strategies import ENTITIES, NUMBER_TEXTS, OCTETS, POLICIES
from .test_records import EAOS, ITEMS, KEEP, RUN, SHOW

GAPS = st.sampled_from(["", " ", "\n  ", "\t"])
SCORES = st.integers(0, 10**6).map(lambda n: repr(n / 10**6))
COUNTS = st.integers(0, 999).map(str)
MINUTES = st.integers(0, 59)
CLOCKS = st.builds(
    "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{}".format,
    st.integers(2024, 2026), st.integers(1, 12), st.integers(1, 30), st.sampled_from("TTT "),
    st.integers(0, 24), MINUTES, MINUTES,
    st.sampled_from(["", "", ".123456", ".120000", ".000000", ".5", ".0", ".123456780"]),
    st.sampled_from(["", "Z", "+07:00", "-12:00"]),
).map(json.dumps)  # fmt: skip
ODD = NUMBER_TEXTS | st.sampled_from(
    ['"2025-01-01T00:00:00+05:30"', '"2025-01-01T00:00:00.5Z"', '"2025-01-01T00:00:60Z"', '"0001-01-01T00:00:00Z"',
     '"9999-12-31T23:00:00-01:00"', '"2025-01-01t00:00:00z"', '"2025-01-01T00:00:00+24:00"', "null", '"7"']
)  # fmt: skip


@st.composite
def formed(draw: st.DrawFn) -> bytes:
    """What the two writers of eaos values write, as a rule; else with one thing that is odd."""
    odd = draw(st.integers(0, 12))

    def member(number: int, name: str, value: st.SearchStrategy[str]) -> str:
        return f"{draw(GAPS)}{json.dumps(name)}{draw(GAPS)}:{draw(GAPS)}{draw(ODD if odd == number else value)}"

    names = [name for name in ("positive", "negative", "neutral", "total") if odd != 6 or draw(st.booleans())]
    counts = [member(n, name, COUNTS) for n, name in enumerate(names)]
    moment = CLOCKS | st.integers(10**8, 2 * 10**12).map(str)
    score = member(4, "score", SCORES)
    body = [score, *counts, member(5, "timestamp", moment)]
    if draw(st.booleans()):
        inner = ",".join([*counts, member(5, "updated_at", moment)])
        body = [score, member(8, "metadata", st.just("{" + inner + draw(GAPS) + "}"))]
    if odd == 7:
        body.append(draw(st.sampled_from(body)))
    return (draw(GAPS) + "{" + ",".join(body) + draw(GAPS) + "}" + draw(GAPS)).encode()


TWICE = b'{"score": 1.5, "positive": 1, "negative": 1, "neutral": 1, "total": 3, "timestamp": 5, "x" : 1, "x": "a"}'
WHOLE = (
    b'{"score": %b, "metadata": {"positive": 1, "negative": 2, "neutral": 3, "total": 7, "updated_at": %b}, "n": %b}'
)


@given(OCTETS | ENTITIES.map(str.encode), EAOS | formed(), POLICIES)
@example(b"x", TWICE, SHOW)
@example(b"x", b'{"score": 1, "metadata": null, "positive": 1}', SHOW)
@example(b"x", b'{"score": 1, "positive": 1, "negative": 2, "timestamp": 5}', SHOW)
@example(b"x", b'{"score": 1, "positive": 1, "negative": 2, "neutral": 3, "total": null, "timestamp": 5}', SHOW)
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
    assert [text.decode() for text in found.texts] == list(wanted.value.fields.values())
    assert tuple(wanted.value.fields) == new.EAOS_FIELDS
    assert exact_json.dump(found.archived) == exact_json.dump(dict(wanted.archived))
    assert found.inconsistency == wanted.inconsistency
    assert found.filled == wanted.filled


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

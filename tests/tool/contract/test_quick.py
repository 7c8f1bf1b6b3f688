"""That the quick forms of the Redis rules give just what the rules give, or leave it to them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tvmigrate.contract import exact_json, new, quick, rules, values
from tvmigrate.contract.outcome import Mapped
from tvmigrate.contract.policy import Policy

from .strategies import ENTITIES, FIXTURES, NUMBER_TEXTS, OCTETS, POLICIES
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
SECONDS = st.builds(
    "{}.{}".format, st.integers(0, 10**11), st.from_regex("[0-9]{1,11}", fullmatch=True, alphabet="0123456789")
)
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
    moment = CLOCKS | st.integers(10**8, 2 * 10**12).map(str) | SECONDS
    score = member(4, "score", SCORES)
    body = [score, *counts, member(5, "timestamp", moment)]
    if draw(st.booleans()):
        inner = ",".join([*counts, member(5, "updated_at", moment)])
        body = [score, member(8, "metadata", st.just("{" + inner + draw(GAPS) + "}"))]
    if odd == 7:
        body.append(draw(st.sampled_from(body)))
    return (draw(GAPS) + "{" + ",".join(body) + draw(GAPS) + "}" + draw(GAPS)).encode()


def eaos_as_the_rule(entity: bytes, raw: bytes, policy: Policy) -> quick.Eaos | None:
    """Return what the quick form gives, None if it leaves it to the rule; what it gives is what the rule does."""
    found = quick.eaos(entity, raw, policy)
    if found is None:
        return None
    wanted = rules.redis_eaos(entity, raw, policy, RUN)
    assert isinstance(wanted, Mapped)
    assert new.eaos_key(found.program_id) == wanted.value.key
    assert [text.decode() for text in found.texts] == list(wanted.value.fields.values())
    assert tuple(wanted.value.fields) == new.EAOS_FIELDS
    assert exact_json.dump(found.archived) == exact_json.dump(dict(wanted.archived))
    assert found.inconsistency == wanted.inconsistency
    assert found.filled == wanted.filled
    return found


def event_as_the_rule(raw: bytes, policy: Policy) -> quick.Event | None:
    """Return what the quick form gives of an item, as `eaos_as_the_rule` does."""
    found = quick.event("m", raw, policy)
    if found is None:
        return None
    wanted = rules.redis_metric(b"m", 3, raw, policy)
    assert isinstance(wanted, Mapped)
    assert found.key == wanted.value.key
    assert (found.seconds * values.NS_PER_S + found.nanos, "m", 3) == wanted.value.order
    assert found.body.decode() == wanted.value.body
    assert wanted.filled == ()
    return found


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
    eaos_as_the_rule(entity, raw, policy)


WITH_SECONDS = st.builds(
    b'{"entity":%b"x"%b,%b"timestamp":%b%b%b,"value":%b, "n": %b}'.__mod__,
    st.tuples(
        GAPS.map(str.encode), GAPS.map(str.encode), GAPS.map(str.encode), GAPS.map(str.encode), SECONDS.map(str.encode),
        GAPS.map(str.encode), SECONDS.map(str.encode), st.sampled_from([b"1", b'"timestamp"', b'"y", "timestamp": 5.5'])
    ),
)  # fmt: skip


@given(ITEMS | WITH_SECONDS, POLICIES)
@example(b'{"entity": "a", "value": 1.5, "timestamp": 1763618700.50000000000000001}', SHOW)
@example(b'{"entity": "timestamp", "value": 1.5, "timestamp": 1763618700.50000000000000001}', SHOW)
@example(b'{"entity": "a", "value": 1763618700.5, "timestamp": 1.76361870050000000000000001e9}', SHOW)
@example(b'{"entity": "a", "value": 1, "timestamp": 5, "x" : 1, "x": "a"}', SHOW)
@example(b'{"entity": "a", "value": 0e99999999999999999999, "timestamp": 5}', SHOW)
@example(b'{"entity": "a", "value": -0.0, "timestamp": "2025-02-29T00:00:00Z"}', SHOW)
@example(b'{"entity": "a", "value": 2.50, "timestamp": 1763618700123, "x": null, "y": true}', SHOW)
def test_a_quick_metrics_item_is_what_the_rule_makes_of_it(raw: bytes, policy: Policy) -> None:
    event_as_the_rule(raw, policy)


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


# ------------------------------------------------------------------------------------- ordinary records, one by one

HANOI = Policy(show="the_voice", timezone="Asia/Ho_Chi_Minh")
MAPPED = Policy(show="the_voice", entity_map={"contestant_1": "voice/one", "a/b": "voice/two"})
KEPT_AND_MAPPED = Policy(keep_entities=True, entity_map={"contestant_1": "voice/one"}, zero_missing_counts=True)
EVERY_POLICY = {"show": SHOW, "keep": KEEP, "hanoi": HANOI, "mapped": MAPPED, "kept": KEPT_AND_MAPPED}
ANY_POLICY = pytest.mark.parametrize("policy", EVERY_POLICY.values(), ids=EVERY_POLICY)

DATED = "2025-11-20T13:05:09"
# What both ways read, what only the forms do, and what neither does.
PLAIN_TIMES = (
    f'"{DATED}Z"', f'"{DATED}+07:00"', f'"{DATED}-12:00"', f'"{DATED}+00:00"', f'"{DATED}-00:00"',
    f'"{DATED}.123456Z"', f'"{DATED}.120000+07:00"', f'"{DATED}.000000Z"', f'"{DATED}.000001Z"',
    '"2025-12-31T23:59:59-01:00"', '"2024-02-29T00:00:00Z"', '"2025-11-20T20:10:00Z"', '"2025-11-20T00:59:50+23:00"',
    '"0002-01-01T00:00:00+23:00"', '"9998-12-31T23:59:59-23:00"', '"1969-12-31T23:59:59Z"', '"9000-10-10T10:00:00Z"',
    "1763618700", "1763618700123", "1763618700100", "1763618700000", "100000000", "999999999", "9999999999999",
    '"2025-11-20 13:05:09Z"', '"2025-11-20 13:05:09.5+07:00"', f'"{DATED}.5Z"', f'"{DATED}.0Z"', f'"{DATED}.120Z"',
    "1763618700.5", "1763618700.821", "1763618700.000", "1763618700.120", "1763618700.000001", "100000000.123456",
    "9999999999.999999",
)  # fmt: skip
FORMED_TIMES = (
    "1763618700.123456789", "1763618700.000000001", "1763618700.1234560",
    f'"{DATED}.123456789Z"', f'"{DATED}.000000000Z"', f'"{DATED}.000000010+09:00"',
)  # fmt: skip
LOOKED_AT_TIMES = (
    "0", "1", "1.5", "99999999.25", "99999999", "99999999999", "100000000000", "100000000001", "253370764799999",
    f'"{DATED}+05:30"', f'"{DATED}.250000-03:45"', f'"{DATED}+23:59"',
)  # fmt: skip
ODD_TIMES = (
    '"2025-11-20T24:00:00Z"', '"2025-11-20 24:00:00Z"', '"2025-11-20T25:00:00Z"', '"2025-11-20T13:60:00Z"',
    '"2025-11-20T13:05:60Z"', '"2025-13-20T13:05:00Z"', '"2025-02-29T13:05:00Z"', '"2025-02-29T13:05:00"',
    '"0000-01-01T00:00:00Z"', '"0001-01-01T00:00:00+01:00"', '"0001-01-01T12:00:00Z"', '"9999-12-31T23:59:59-01:00"',
    '"9999-12-31T12:00:00Z"', f'"{DATED}+24:00"', f'"{DATED}+05:60"', f'"{DATED}+0700"', f'"{DATED}+07"', f'"{DATED}z"',
    f'"{DATED}.1234567890Z"', f'"{DATED},5Z"', f'"{DATED}."', '"2025-11-20T13:05"', '"2025-11-20"', '""', '"x"',
    "-1", "-5", "-1763618700", "253370764800000", "253402300799999", "253402300800000", "9223372036854775807",
    "18446744073709551616", "1763618700123.0", "1763618700123.5", "99999999999.5", "10000000000.5", "1e9",
    "1763618700.12345678900", "1.763618700500e9", "1763618700.5e0", "-1763618700.5", "01763618700.5", "1763618700.",
    "true", "null", "{}", "[]", "1763618700.0000000001", "-0", "0.0",
)  # fmt: skip
BARE_TIMES = (
    f'"{DATED}"', f'"{DATED}.123456"', f'"{DATED}.120000"', f'"{DATED}.000000"', '"2025-11-20T02:00:00"',
    '"2025-11-20 13:05:09"', f'"{DATED}.5"',
)  # fmt: skip
BARE_FORMED_TIMES = ('"2025-11-20 02:00:00.123456789"',)


def members(pairs: Mapping[str, str | None], gap: str = "") -> str:
    """A JSON object of those that are not None."""
    told = (f"{gap}{json.dumps(name)}{gap}:{gap}{value}{gap}" for name, value in pairs.items() if value is not None)
    return gap + "{" + ",".join(told) + "}" + gap


COUNTED = {"positive": "12", "negative": "30", "neutral": "8"}
COUNTS_OF = {
    "whole": {**COUNTED, "total": "50"},
    "no-total": COUNTED,
    "no-neutral": {"positive": "12", "negative": "30", "total": "42"},
    "neither": {"positive": "12", "negative": "30"},
    "another-total": {**COUNTED, "total": "51"},
    "less": {**COUNTED, "total": "0"},
    "none-neutral-another-total": {"positive": "12", "negative": "30", "total": "43"},
    "zeros": dict.fromkeys(("positive", "negative", "neutral", "total"), "0"),
    "ones": {"positive": "1", "negative": "1", "neutral": "1", "total": "3"},
    "large": dict.fromkeys(("positive", "negative", "neutral", "total"), "9" * 15),
}


def newer(
    counts: Mapping[str, str | None], moment: str | None, score: str | None = "0.82", gap: str = "", **more: str
) -> bytes:
    """What the newer of the two writers writes; `more` stands in its metadata."""
    inner = members({**counts, "updated_at": moment, **more}, gap)
    return members({"score": score, "metadata": inner}, gap).encode()


def older(
    counts: Mapping[str, str | None], moment: str | None, score: str | None = "0.82", gap: str = "", **more: str
) -> bytes:
    return members({"score": score, **counts, "timestamp": moment, **more}, gap).encode()


Written = Callable[..., bytes]
WRITERS = pytest.mark.parametrize("written", [newer, older])


@WRITERS
@ANY_POLICY
@pytest.mark.parametrize("gap", ["", " ", "\n\r\t "], ids=["compact", "spaced", "lines"])
@pytest.mark.parametrize("counts", COUNTS_OF.values(), ids=COUNTS_OF)
def test_what_a_writer_of_eaos_wrote_is_quick(
    written: Written, counts: Mapping[str, str], gap: str, policy: Policy
) -> None:
    for score in ("0", "1", "7", "0.82", "0.5", "0.0001", "0.123456789012345", "123456789012345"):
        for more in ({}, {"source": '"tiktok"'}):
            raw = written(counts, f'"{DATED}+07:00"', score, gap, **more)
            for entity in (b"contestant_1", b"a/b", "gấu".encode(), b"x "):
                assert eaos_as_the_rule(entity, raw, policy) is not None
    for moment in FORMED_TIMES:
        assert eaos_as_the_rule(b"x", written(counts, moment, "0.82", gap), policy) is not None


@WRITERS
@ANY_POLICY
def test_the_time_of_an_eaos_value_is_read_quickly(written: Written, policy: Policy) -> None:
    counts = COUNTS_OF["whole"]
    bare = (*BARE_TIMES, *BARE_FORMED_TIMES) if policy is not HANOI else ()
    for moment in (*PLAIN_TIMES, *FORMED_TIMES, *LOOKED_AT_TIMES, *bare):
        assert eaos_as_the_rule(b"x", written(counts, moment), policy) is not None, moment
    for moment in (*PLAIN_TIMES, *LOOKED_AT_TIMES, *bare[: len(BARE_TIMES)]):
        assert eaos_as_the_rule(b"x", written(counts, moment, lang='"vi"'), policy) is not None, moment


@WRITERS
@ANY_POLICY
def test_an_odd_eaos_value_is_left_to_the_rule_or_read_as_it_does(written: Written, policy: Policy) -> None:
    counts = COUNTS_OF["whole"]
    for more in ({}, {"lang": '"vi"'}):
        for moment in (*ODD_TIMES, *BARE_TIMES, *BARE_FORMED_TIMES):
            eaos_as_the_rule(b"x", written(counts, moment, **more), policy)
        for name in counts:
            for odd in ODD_COUNTS:
                eaos_as_the_rule(b"x", written({**counts, name: odd}, PLAIN_TIMES[0], **more), policy)
                rest = {"positive": "1", "negative": "1"} | {name: odd}
                eaos_as_the_rule(b"x", written(rest, PLAIN_TIMES[0], **more), policy)
        for odd in ODD_SCORES:
            eaos_as_the_rule(b"x", written(counts, PLAIN_TIMES[0], odd, **more), policy)
        for entity in ODD_ENTITIES:
            eaos_as_the_rule(entity, written(counts, PLAIN_TIMES[0], **more), policy)


ODD_COUNTS = (
    None, "null", "true", "false", "1.0", "1.5", "1e2", '"1"', '""', "-0", "-1", "01", "{}", "[]", "9007199254740991",
    "9007199254740992", "36028797018963967", "36028797018963968", "45035996273704960", "9223372036854775807",
    "9223372036854775808", "18446744073709551616", "1000000000000000",
)  # fmt: skip
ODD_SCORES = (
    None, "null", "true", '"1"', "{}", "-0", "-0.0", "0.0", "0.10", "0.00001", "0.000012", "1.5", "1.0", "-0.25", "1e2",
    "1E+2", "1e400", "1e-400", "5e-324", "1e99999999999999999999", "0e99999999999999999999", "01", ".5", "1.",
    "0.1234567890123456", "0.12345678901234567", "0.30000000000000004", "1234567890123456", "9007199254740991",
    "9007199254740992", "9007199254740993", "9007199254740993.0", "-9007199254740992", "-9007199254740993.5",
    "18446744073709551615", "18446744073709551616", "123456789012345678901234567890", "NaN", "Infinity",
)  # fmt: skip
ODD_ENTITIES = (b"", b" ", b" x", "\u3000".encode(), "\u3000x".encode(), b"\xff", b"x\xc3", b"/", b"\x1c", b"a\x00b")


@ANY_POLICY
@pytest.mark.parametrize("score", ["0", "1", "-1", "-0.25", "1.5", "100.0", "1e2", "9007199254740991", "5e-324"])
def test_a_score_that_no_writer_writes_is_quick(score: str, policy: Policy) -> None:
    counts = COUNTS_OF["whole"]
    assert eaos_as_the_rule(b"x", newer(counts, PLAIN_TIMES[0], score, lang='"vi"'), policy) is not None
    assert eaos_as_the_rule(b"x", older(counts, PLAIN_TIMES[0], score, lang='"vi"'), policy) is not None
    item = members({"entity": '"x"', "value": score, "timestamp": PLAIN_TIMES[0]}).encode()
    assert event_as_the_rule(item, policy) is not None


LIMIT = str(2**53 - 1)


@WRITERS
@pytest.mark.parametrize("name", ["positive", "negative", "neutral", "total"])
def test_a_count_up_to_the_limit_is_quick(written: Written, name: str) -> None:
    for count in ("0", "1", LIMIT):
        raw = written({**COUNTS_OF["whole"], name: count}, PLAIN_TIMES[0], lang='"vi"')
        assert eaos_as_the_rule(b"x", raw, SHOW) is not None
    most = {"positive": LIMIT, "negative": LIMIT, "neutral": LIMIT}
    assert eaos_as_the_rule(b"x", written(most, PLAIN_TIMES[0]), SHOW) is not None
    assert eaos_as_the_rule(b"x", written({**most, "total": str(2**55 - 1)}, PLAIN_TIMES[0]), SHOW) is not None


EXTRA = {"lang": '"vi"', "n": "-3", "yes": "true", "no": "false", "text": '"gấu trúc"'}
QUICK_BODIES = {
    "beside-and-inside": members({"score": "1", "metadata": members({**COUNTED, "updated_at": "5", **EXTRA}), **EXTRA}),
    "counts-beside": members({"metadata": members({"updated_at": "5", "timestamp": "6"}), "score": "1", **COUNTED}),
    "time-beside": members({"timestamp": "5", "metadata": members(COUNTED), "score": "0.5"}),
    "empty-metadata": members({**COUNTED, "score": "0.5", "metadata": "{}", "timestamp": "5"}),
    "no-time-inside": members({"score": "1", "metadata": members({"updated_at": "null", **COUNTED}), "timestamp": "5"}),
    "names-crossed": members({"score": "1", "updated_at": "7", **COUNTED, "timestamp": PLAIN_TIMES[1]}),
    "score-inside": members({"score": "1", "metadata": members({**COUNTED, "score": "2", "updated_at": "5"})}),
    "nulls": members({"score": "1", **COUNTED, "neutral": "null", "total": "null", "timestamp": "5"}),
    "null-inside": members({"score": "1", "metadata": members({**COUNTED, "neutral": "null", "updated_at": "5"})}),
    "other-order": members({"timestamp": "5", "total": "1", **dict(reversed(COUNTED.items())), "score": "5"}),
}  # fmt: skip
ODD_BODIES = {
    "other-seconds": members(
        {"score": "1", "metadata": members({**COUNTED, "timestamp": "2.5"}), "timestamp": "1763618700.50000000000001"}
    ),
    "seconds-inside": members(
        {"score": "1", "timestamp": "1.50000000000000000001", **COUNTED, "x": members({"timestamp": "1763618700.5"})}
    ),
    "two-counts": members({"score": "1", "metadata": members({**COUNTED, "updated_at": "5"}), "positive": "1"}),
    "one-count-apart": members({"score": "1", "metadata": members({"total": "9"}), **COUNTED, "timestamp": "5"}),
    "same-count-twice": members({"score": "1", "metadata": members({"total": "50"}), **COUNTED, "timestamp": "5"}),
    "total-apart": members({"score": "1", "metadata": members({**COUNTED, "updated_at": "5"}), "total": "7"}),
    "two-times": members({"score": "1", "metadata": members({**COUNTED, "updated_at": "5"}), "timestamp": "6"}),
    "one-time-twice": members({"score": "1", "metadata": members({**COUNTED, "updated_at": "5"}), "timestamp": "5"}),
    "no-time": members({"score": "1", **COUNTED}),
    "no-counts": members({"score": "1", "timestamp": "5"}),
    "no-positive": members({"score": "1", "negative": "1", "neutral": "2", "timestamp": "5"}),
    "no-negative": members({"score": "1", "positive": "1", "neutral": "2", "total": "3", "timestamp": "5"}),
    "metadata-null": members({"score": "1", "metadata": "null", **COUNTED, "timestamp": "5"}),
    "metadata-list": members({"score": "1", "metadata": "[]", **COUNTED, "timestamp": "5"}),
    "metadata-text": members({"score": "1", "metadata": '"positive"', **COUNTED, "timestamp": "5"}),
    "deep": members({"score": "1", **COUNTED, "timestamp": "5", "x": '{"a": 1}'}),
    "fraction": members({"score": "1", **COUNTED, "timestamp": "5", "x": "1.50"}),
    "list": members({"score": "1", **COUNTED, "timestamp": "5", "x": "[1]"}),
    "null": members({"score": "1", **COUNTED, "timestamp": "5", "x": "null"}),
    "huge": members({"score": "1", **COUNTED, "timestamp": "5", "x": "18446744073709551616"}),
    "twice": members({"score": "1", **COUNTED, "timestamp": "5"})[:-1] + ',"score":2}',
    "twice-alike": members({"score": "1", **COUNTED, "timestamp": "5"})[:-1] + ',"score":1}',
    "twice-inside": newer({**COUNTED, "positive": '1,"positive":2'}, "5").decode(),
    "extra-twice": members({"score": "1", **COUNTED, "timestamp": "5", "x": '1,"x":"a"'}),
    "extra-twice-a-number": members({"score": "1", **COUNTED, "timestamp": "5", "x": '"a","x":1'}),
    "extra-twice-deep": members({"score": "1", **COUNTED, "timestamp": "5", "x": '{"a":"b"},"x":1'}),
    "escape": members({"score": "1", **COUNTED, "timestamp": "5", "x": r'"\""'}),
    "escaped-name": members({"score": "1", **COUNTED, "timestamp": "5"}).replace("score", r"sc\u006fre"),
    "escaped-and-twice": members({"score": "1", **COUNTED, "timestamp": "5", "x": r'1,"\u0078":2'}),
    "half-a-pair": members({"score": "1", **COUNTED, "timestamp": "5", "x": r'"\ud83d"'}),
    "not-closed": members({"score": "1", **COUNTED, "timestamp": "5"})[:-1],
    "more": members({"score": "1", **COUNTED, "timestamp": "5"}) + "}",
    "bom": "\ufeff" + members({"score": "1", **COUNTED, "timestamp": "5"}),
    "no-break": "\u00a0" + members({"score": "1", **COUNTED, "timestamp": "5"}),
    "form-feed": "\f" + members({"score": "1", **COUNTED, "timestamp": "5"}),
    "list-of-it": "[" + members({"score": "1", **COUNTED, "timestamp": "5"}) + "]",
    "number": "5", "text": '"positive"', "nothing": "",
}  # fmt: skip


@ANY_POLICY
@pytest.mark.parametrize("body", QUICK_BODIES.values(), ids=QUICK_BODIES)
def test_an_eaos_value_of_plain_members_is_quick(body: str, policy: Policy) -> None:
    assert eaos_as_the_rule(b"contestant_1", body.encode(), policy) is not None
    assert eaos_as_the_rule(b"contestant_2", body.replace(",", " , ").encode(), policy) is not None


@ANY_POLICY
@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES)
def test_what_is_no_plain_eaos_value_is_read_as_the_rule_does_or_left_to_it(body: str, policy: Policy) -> None:
    eaos_as_the_rule(b"contestant_1", body.encode(), policy)
    eaos_as_the_rule(b"contestant_1", body.encode() + b"\xff", policy)


ITEM = {"entity": '"contestant_1"', "value": "0.82", "timestamp": PLAIN_TIMES[1]}


@ANY_POLICY
@pytest.mark.parametrize("gap", ["", " ", "\n"], ids=["compact", "spaced", "lines"])
def test_an_item_of_plain_members_is_quick(gap: str, policy: Policy) -> None:
    bare = BARE_TIMES if policy is not HANOI else ()
    for moment in (*PLAIN_TIMES, *LOOKED_AT_TIMES, *bare):
        for more in ({}, EXTRA, {"n": "9007199254740993", "metric": '"other"', "type": '"m"'}):
            item = members({**ITEM, "timestamp": moment, **more}, gap)
            assert event_as_the_rule(item.encode(), policy) is not None, moment
    for entity in ("a/b", "gấu", "x ", "contestant_2"):
        item = members({"x": "1", **ITEM, "entity": json.dumps(entity, ensure_ascii=False)}, gap)
        assert event_as_the_rule(item.encode(), policy) is not None


@ANY_POLICY
def test_an_odd_item_is_left_to_the_rule_or_read_as_it_does(policy: Policy) -> None:
    whole = members(ITEM)
    odd = [members({**ITEM, "timestamp": moment}) for moment in (*ODD_TIMES, *FORMED_TIMES, *BARE_TIMES)]
    odd += [members({**ITEM, "value": score}) for score in ODD_SCORES]
    odd += [members({**ITEM, "entity": json.dumps(raw.decode("utf-8", "replace"))}) for raw in ODD_ENTITIES]
    odd += [members({**ITEM, "entity": entity}) for entity in ("null", "1", "true", "[]", "{}", r'"\u0020"', r'"\""')]
    odd += [members({name: value for name, value in ITEM.items() if name != left}) for left in ITEM]
    extra = ["null", "1.50", "1e2", "[1]", '{"a":"b"}', r'"\n"', r'"\""', r'"\ud83d"', '1,"x":2', '"a","x":1',
             '1,"x":"a"', '"a","x":"a"', '{"a":"b"},"x":1', r'1,"\u0078":2', "18446744073709551616"]  # fmt: skip
    odd += [members({**ITEM, "x": value}) for value in extra]
    odd += [whole[:-1], whole + "}", f"[{whole}]", "\ufeff" + whole, "5", '"entity"', "", "null", "true"]
    odd += [whole[:-1] + f",{json.dumps(name)}:{value}}}" for name, value in {**ITEM, "value": "0.83"}.items()]
    for item in odd:
        event_as_the_rule(item.encode(), policy)


def redis_of(name: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, string or item of a list) of the text in a fixture."""
    for line in (FIXTURES.parent / name / "redis.ndjson").read_bytes().splitlines():
        told = json.loads(line)
        if isinstance(told["key"], str) and told["type"] in {"string", "list"}:
            for value in told["value"] if told["type"] == "list" else [told["value"]]:
                if isinstance(value, str):
                    yield told["key"].encode(), value.encode()


@ANY_POLICY
@pytest.mark.parametrize(("name", "least"), [("standard", 0.6), ("clean", 0.7)])
def test_the_fixtures_are_read_as_the_rules_do(name: str, least: float, policy: Policy) -> None:
    found: list[object] = []
    for key, value in redis_of(name):
        if key.startswith(b"eaos:"):
            found.append(eaos_as_the_rule(key.removeprefix(b"eaos:"), value, policy))
            assert name != "clean" or found[-1] is not None
        elif key.startswith(b"metrics:"):
            found.append(event_as_the_rule(value, policy))
    assert sum(one is not None for one in found) >= least * len(found) > 0


@pytest.fixture
def machine_in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("machine_in_tokyo")
@WRITERS
def test_the_time_zone_of_the_machine_says_nothing(written: Written) -> None:
    text = "2019-03-04T05:06:07"
    for moment in (f'"{text}"', f'"{text}Z"', f'"{text}+03:00"', "1551675967", "1551675967.25"):
        assert eaos_as_the_rule(b"x", written(COUNTED, moment), SHOW) is not None
        assert eaos_as_the_rule(b"x", written(COUNTED, moment, lang='"vi"'), SHOW) is not None
        assert event_as_the_rule(members({**ITEM, "timestamp": moment}).encode(), SHOW) is not None

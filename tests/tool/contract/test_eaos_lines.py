"""That lines mapped many at a time are mapped just as the rule maps their keys, or are left to it, in their order."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tvmigrate.contract import exact_json, old, rules
from tvmigrate.contract.old_layout import EaosFields, ItemFields, OldLayout
from tvmigrate.contract.outcome import Mapped
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset import eaos_lines, redis_form
from tvmigrate.dataset.model import STRING

from .strategies import ENTITIES, OCTETS, POLICIES
from .test_quick import formed
from .test_records import EAOS, KEEP, RUN, SHOW

COUNTS = {"positive": 1, "negative": 2, "neutral": 3, "total": 6}
MOMENTS = (
    "2025-11-20T00:05:00+07:00", "2025-11-20T13:05:00Z", "2025-11-20 13:05:00.120", "2025-11-20T13:05:59.000000",
    "2025-11-20T13:05:00-03:30", 1763618700, 1763618700123, 1763618700.25,
)  # fmt: skip
KEYS = st.builds(
    lambda prefix, entity: prefix + entity,
    st.sampled_from([old.EAOS_PREFIX, old.EAOS_PREFIX, b"eaos", b""]),
    OCTETS | ENTITIES.map(str.encode) | st.sampled_from([b"\xc2\xa0x", b"the_voice/x", b"current:x", b" x"]),
)


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """What the writers write, with members that have no new place now and then."""
    value = draw(formed())
    more = draw(st.sampled_from([
        b"", b"", b'"model": "phobert-v2",\n    "runs": 7, ', b'"x":"\xe1\xbb\x83","x":1,', b'"score": 1,',
        b'"x": 007, ', b'"x": "\\n", ', b'"x": 1.50, ', b'"timestamp": 5, ', b'"x": "\xff", ',
    ]))  # fmt: skip
    return re.sub(rb'"(?=(?:updated_at|timestamp)")', more + b'"', value, count=1)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line as it is written; else with an octet of it changed, or any octets but a line feed."""
    ttl = draw(st.sampled_from([None, None, 5, 0, -3, 10**14]))
    line = redis_form.dump_string(draw(st.sampled_from([0, 0, 0, 2])), draw(KEYS), ttl, draw(values() | EAOS))
    how = draw(st.integers(0, 9))
    if how == 0:
        return draw(st.binary(max_size=40)).replace(b"\n", b"") + b"\n"
    if how == 1:
        at = draw(st.integers(0, len(line) - 2))
        changed = draw(st.sampled_from([*b'"\\{}:,0 \xff\x7f\x00'])).to_bytes(1)
        return line[:at] + changed + line[at + draw(st.integers(0, 1)) : -1] + b"\n"
    return line


def as_the_rule(line: bytes, row: eaos_lines.Row | bytes, policy: Policy) -> None:
    """Compare the row of a line with what the rule makes of its key."""
    if isinstance(row, bytes):
        assert row == line
        return
    read = redis_form.parse(line.decode())
    name, ttl, target, texts, filled, archived, says = row
    assert (read.db, read.key, read.type, read.ttl_ms) == (old.REDIS_DB, name, STRING, ttl)
    assert name.startswith(old.EAOS_PREFIX)
    wanted = rules.redis_eaos(name.removeprefix(old.EAOS_PREFIX), read.value, policy, RUN)
    assert isinstance(wanted, Mapped)
    assert target.decode() == wanted.value.key
    assert [text.decode() for text in texts] == list(wanted.value.fields.values())
    assert exact_json.dump(archived) == exact_json.dump(dict(wanted.archived))
    assert (filled, says) == (wanted.filled, wanted.inconsistency)


@given(st.lists(lines(), max_size=4), POLICIES)
@example(
    [redis_form.dump_string(0, b"eaos:x", None, b'{"score": 1, "positive": 1, "negative": 2, "timestamp": 5}')], SHOW
)
@example([b"\n", b"{}\n"], SHOW)
def test_a_line_is_mapped_as_the_rule_maps_its_key_or_left_as_it_is(some: list[bytes], policy: Policy) -> None:
    found = list(eaos_lines.rows(b"".join(some), policy))
    assert len(found) == len(some)
    for line, row in zip(some, found, strict=True):
        as_the_rule(line.removesuffix(b"\n"), row, policy)


NEWER = '{"score": 0.5, "metadata": {"positive": 1, "negative": 2, %s"updated_at": "2025-11-20T13:05:00+07:00"}}'
OLDER = '{"score": 0.5, "positive": 1, "negative": 2, %s"timestamp": %s}'
UNCOMMON = {
    "blank-first": ("eaos: x", NEWER % ""),
    "unicode-blank-first": ("eaos:\u3000x", NEWER % ""),
    "no-entity": ("eaos:", NEWER % ""),
    "name-twice": ("eaos:x", OLDER % ('"score": 1, ', 1763618700)),
    "name-twice-inside": ("eaos:x", NEWER % '"positive": 1, '),
    "other-name-twice": ("eaos:x", NEWER % '"a": 1, "a": "b", '),
    "the-other-time": ("eaos:x", OLDER % ('"updated_at": 5, ', 1763618700)),
    "counts-beside": ("eaos:x", OLDER % ('"metadata": 5, ', 1763618700)),
    "no-json": ("eaos:x", NEWER % '"a": 007, '),
    "no-hour": ("eaos:x", OLDER % ("", '"2025-11-20T24:05:00Z"')),
    "no-offset": ("eaos:x", OLDER % ("", '"2025-11-20T13:05:00+24:00"')),
    "no-day": ("eaos:x", OLDER % ("", '"2025-02-30T13:05:00Z"')),
    "year-1": ("eaos:x", OLDER % ("", '"0001-01-01T00:00:00+01:00"')),
    "year-9999": ("eaos:x", OLDER % ("", '"9999-12-31T23:00:00-01:00"')),
    "another-database": (3, NEWER % ""),
}


@pytest.mark.parametrize("case", UNCOMMON)
def test_what_has_to_be_looked_at_closely_is_left_as_it_is(case: str) -> None:
    name, value = UNCOMMON[case]
    db, key = (name, "eaos:x") if isinstance(name, int) else (0, name)
    line = redis_form.dump_string(db, key.encode(), None, value.encode())
    assert list(eaos_lines.rows(line, KEEP)) == [line.removesuffix(b"\n")]


def test_an_entity_that_is_not_text_is_left_as_it_is() -> None:
    line = redis_form.dump_string(0, b"eaos:x?", None, (NEWER % "").encode()).replace(b"?", b"\xff")
    assert list(eaos_lines.rows(line, KEEP)) == [line.removesuffix(b"\n")]


def test_a_local_time_is_left_to_the_rule_where_the_zone_is_another_than_utc() -> None:
    line = redis_form.dump_string(0, b"eaos:x", None, (OLDER % ("", '"2025-11-20T13:05:00"')).encode())
    assert list(eaos_lines.rows(line, Policy(show="x", timezone="Asia/Ho_Chi_Minh"))) == [line.removesuffix(b"\n")]


OTHERS = [
    OldLayout(eaos=EaosFields(score="diem")),
    OldLayout(eaos_prefix=b"e:"),
    OldLayout(item=ItemFields(value="v")),
]


@pytest.mark.parametrize("layout", OTHERS, ids=["values", "keys", "items"])
def test_lines_of_a_layout_with_other_names_are_left_as_they_are(layout: OldLayout) -> None:
    line = redis_form.dump_string(0, b"eaos:x", None, (NEWER % "").encode())
    assert list(eaos_lines.rows(line, Policy(show="x", layout=layout))) == [line.removesuffix(b"\n")]


@pytest.mark.parametrize("entity", ["x", "a/b", "the_voice/x", "current:x", "gấu"])
@pytest.mark.parametrize("policy", [SHOW, KEEP, Policy(show="s", entity_map={"x": "y"})], ids=["show", "keep", "map"])
def test_a_key_has_the_target_that_the_rule_gives_it(entity: str, policy: Policy) -> None:
    line = redis_form.dump_string(0, f"eaos:{entity}".encode(), None, (NEWER % "").encode())
    (row,) = eaos_lines.rows(line, policy)
    as_the_rule(line.removesuffix(b"\n"), row, policy)
    assert isinstance(row, tuple) or policy.entity_map


def test_a_last_line_without_its_line_feed_is_left_as_it_is() -> None:
    line = redis_form.dump_string(
        0, b"eaos:x", None, json.dumps({"score": 1, **COUNTS, "timestamp": 1763618700}).encode()
    )
    whole, cut = eaos_lines.rows(line + line.removesuffix(b"\n"), SHOW)
    assert isinstance(whole, tuple)
    assert cut == line.removesuffix(b"\n")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("policy", [SHOW, KEEP], ids=["show", "keep"])
@pytest.mark.parametrize("indent", [None, 2])
def test_what_the_two_writers_write_is_mapped_at_once(moment: object, policy: Policy, indent: int | None) -> None:
    inner = {"score": 0.82, "metadata": {**COUNTS, "model": "phobert-v2", "runs": 7, "updated_at": moment}}
    beside = {"score": 1, "positive": 1, "negative": 2, "timestamp": moment}
    for value in (inner, beside):
        line = redis_form.dump_string(0, "eaos:gấu".encode(), 5, json.dumps(value, indent=indent).encode())
        (row,) = eaos_lines.rows(line, policy)
        assert isinstance(row, tuple)
        as_the_rule(line.removesuffix(b"\n"), row, policy)

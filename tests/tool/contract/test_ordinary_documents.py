from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.tool.contract.strategies import ANY_LABELS, ENTITIES, POLICIES, TEXT
from tvmigrate.contract import exact_json, old, ordinary_documents, rules, values
from tvmigrate.contract.ordinary_documents import OrdinaryDocuments
from tvmigrate.contract.outcome import Mapped, Unmappable
from tvmigrate.contract.policy import Policy

FIXTURES = Path(__file__).parents[3] / "fixtures"
UTC = Policy("the_voice")
KEEP = Policy(keep_entities=True)
MAPPED = Policy("the_voice", entity_map={"gấu": "the_mask/bear", "owl": "owl"}, timezone="Asia/Ho_Chi_Minh")

TIMES = st.sampled_from(
    (
        *map(
            json.dumps,
            (
                "2025-11-20T13:05:00+07:00", "2025-11-20 13:05:00", "2025-11-20t13:05:00.120z", "2025-11-20T24:00:00Z",
                "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-00:01",
                "2025-02-30T00:00:00Z", "2025-11-20T13:05:00+23:60", "2025-11-20T13:05:00+24:00",
                "2025-11-20T13:05:00,5-0330", "2025-11-20T13:05:60Z", "2025-11-20T13:05Z", "2025-11-20T13:05:00+07",
                "2025-11-20T13:05:00Z\n", "2025-W47-4T13:05:00Z",
            ),
        ),
        "1747094678.973", "1747094678.9730", "1747094678.97300000000001", "1747094678", "1747904611000", "-1", "-1.5",
        "1e9", "1747904611000.25", "99999999999", "100000000000", "-99999999999999", "1e300", "1747094678.1234567891",
        "0.1", "true", "9007199254740993",
    )
)  # fmt: skip
NUMBERS = st.sampled_from(
    (
        "0.82", "-0.142", "0", "-0", "0.0", "-0.0", "1", "1.0", "1e2", "1E-7", "1e-400", "1e400", "3.4028235e38",
        "0e99999999999999999999", "1e-99999999999999999999", "3.4028236e38", "18446744073709551615", "true", "null",
        "18446744073709551616", "123456789012345678901234567890.5", "0.1000000000000000055", "[]", '"170.78"', '"-0"',
        '"1e5"', '"007"', '"nan"', '"+1"', '""',
    )
)  # fmt: skip
STRINGS = (TEXT | ENTITIES).map(json.dumps) | TEXT.map(lambda text: json.dumps(text, ensure_ascii=False))
ODD = (
    NUMBERS
    | TIMES
    | STRINGS
    | st.sampled_from(('"\\ud83d"', '{"os": "a", "os": "b"}', '{"v": 1.50}', '[1, "a:b"]', "{}"))
)
TOPICS = st.lists(STRINGS, max_size=3).map(lambda texts: f"[{', '.join(texts)}]") | STRINGS
VALUES: Mapping[str, st.SearchStrategy[str]] = {
    "text": STRINGS,
    "program_id": ENTITIES.map(json.dumps),
    "timestamp": TIMES,
    "sentiment": ANY_LABELS.map(json.dumps) | ANY_LABELS.map(lambda label: json.dumps(label, ensure_ascii=False)),
    "sentiment_score": NUMBERS,
    "engagement_score": NUMBERS,
    "topics": TOPICS,
    "username": STRINGS,
}


@st.composite
def sources(draw: st.DrawFn) -> bytes:
    """Documents of ordinary shape, most with one thing or another that is not."""
    pairs = []
    for field, names in old.SPELLINGS.items():
        if draw(st.integers(0, 15)):
            pairs.append((draw(st.sampled_from(names)), draw(VALUES[field])))
    extra = st.tuples(st.sampled_from(("likes", "device", "x", "comment_id", "text", "ts", 'a"ts')), ODD)
    pairs += draw(st.lists(extra, max_size=2))
    if draw(st.booleans()):
        pairs.append(("comment_id", '"c1"'))
    comma, colon = draw(st.sampled_from(((",", ":"), (", ", ": "), (" ,", " : "), (",\n", "  :"))))
    return f"{{{comma.join(json.dumps(name) + colon + value for name, value in pairs)}}}".encode()


def by_the_rule(doc_id: str, raw: bytes, policy: Policy) -> Any:
    try:
        outcome = rules.elasticsearch_document(doc_id, exact_json.parse(raw), policy)
    except (Unmappable, AttributeError, TypeError):
        return None
    return outcome if isinstance(outcome, Mapped) else None


def told(source: Mapping[str, Any], filled: tuple[str, ...], archived: Mapping[str, Any]) -> tuple[str, ...]:
    return exact_json.dump(dict(source)), *filled, exact_json.dump(dict(archived))


@given(sources(), POLICIES)
@example(
    b'{"text":"","entity":"a","ts":1747094678.97300000000001,"a\\"ts":1747094678.973,"sentiment":"neutral","score":0}',
    UTC,
)
@example(b'{"text":"","entity":"a","ts":1,"sentiment":"neutral","score":1e-99999999999999999999}', UTC)
@example(b'{"text":"","entity":"a","ts":1,"sentiment":"neutral","score":0,"x":1,"x":2}', UTC)
@example(b'{"text":"\\\\\\"","text" :"\\\\","entity":"a","ts":1,"sentiment":"neutral","score":0}', UTC)
@example(b'{"text":"\\"","text" :"\\\\","entity":"a","ts":1,"sentiment":"neutral","score":0}', UTC)
def test_what_is_mapped_as_ordinary_is_what_the_rule_makes_of_it(raw: bytes, policy: Policy) -> None:
    ordinary = OrdinaryDocuments(policy).map("c1", raw)
    if ordinary is None:
        return
    outcome = by_the_rule("c1", raw, policy)
    assert outcome is not None
    assert told(*ordinary) == told(outcome.value.source, outcome.filled, outcome.archived)


@pytest.mark.parametrize("dataset", ["clean", "standard"])
def test_most_documents_of_the_fixtures_are_ordinary(dataset: str) -> None:
    documents = OrdinaryDocuments(UTC)
    ordinary = mapped = 0
    programs = set()
    for line in (FIXTURES / dataset / "elasticsearch" / "tv_comments.ndjson").read_text("utf-8").splitlines():
        doc_id, _, source = line.removeprefix('{"_id": "').partition('", "_source": ')
        raw = source[:-1].encode()
        outcome = by_the_rule(doc_id, raw, UTC)
        found = documents.map(doc_id, raw)
        mapped += outcome is not None
        if found is not None:
            ordinary += 1
            assert outcome is not None
            assert told(*found) == told(outcome.value.source, outcome.filled, outcome.archived)
            programs.add((found[0]["program_id"], entity_of(raw)))
    assert ordinary > 0.98 * mapped
    assert documents.programs == programs


# --------------------------------------------------------------------- One document after another, and every border

BASE = {"text": '"hay"', "entity": '"a"', "ts": "1", "sentiment": '"neutral"', "score": "0"}
FULL = {"engagement": "1", "topics": "[]", "user": '"u"'}
MASKS = "\N{PERFORMING ARTS}" * 8192  # each four bytes
A_KEYWORD = f'"{MASKS[:8191]}"'
MORE_THAN_A_KEYWORD = f'"{MASKS}"'
HALF = '"\\ud83d"'
ABSURD = "1e99999999999999999999"


def written(pairs: Mapping[str, str], comma: str = ",", colon: str = ":") -> bytes:
    return f"{{{comma.join(f'{json.dumps(name)}{colon}{value}' for name, value in pairs.items())}}}".encode()


def changed(field: str, *values_of_it: str) -> list[bytes]:
    """Documents that have another value of one of the fields of `BASE` and `FULL`, or one more field."""
    return [written({**BASE, field: value}) for value in values_of_it]


def entity_of(raw: bytes) -> str:
    source = exact_json.parse(raw)
    entity: str = next(source[name] for name in old.SPELLINGS["program_id"] if source.get(name) is not None)
    return entity


def assert_is_ordinary(raw: bytes, policy: Policy = UTC, doc_id: str = "c1") -> None:
    documents = OrdinaryDocuments(policy)
    found = documents.map(doc_id, raw)
    assert found is not None
    outcome = by_the_rule(doc_id, raw, policy)
    assert outcome is not None
    assert told(*found) == told(outcome.value.source, outcome.filled, outcome.archived)
    assert (found[0]["comment_id"], "") == (outcome.value.id, outcome.inconsistency)
    assert documents.programs == {(outcome.value.source["program_id"], entity_of(raw))}
    assert documents.map(doc_id, raw) == found


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


ORDINARY = [
    *(written({**{n: v for n, v in BASE.items() if n not in names}, name: value})
      for names, value in zip(old.SPELLINGS.values(), [*BASE.values(), *FULL.values()], strict=True) for name in names),
    written(BASE), written({**BASE, **FULL}), *(written({**BASE, name: value}) for name, value in FULL.items()),
    *(written({**dict.fromkeys(names, "null"), **BASE, **FULL}) for names in old.SPELLINGS.values()),
    *(written({**BASE, "likes": "1", "x": "0.5"}, comma, colon)
      for comma, colon in ((",", ":"), (", ", ": "), (", ", ":"), (",", ": "))),
    written({"x": "1.5", **BASE}), written({"comment_id": '"c1"', **BASE}), written({"comment_id": "null", **BASE}),
    b" " + written({**BASE, **FULL}, "\n,", " : ") + b"\n", b"{ " + written({"x": "1.5", **BASE})[1:],
    *changed("text", '""', r'"\""', r'"a\"b\"\"c"', r'"\n"', r'"\u0022\u005c"', '"{"', f'"{MASKS}"',
             r'"\\"', r'"\\\""', r'"\\o/ \"\\\\\" \\"', r'"\n\\"'),
    *changed("entity", '"masked/owl"', '"g\\u1ea5u"', f'"{MASKS[:8181]}"', f'"{128 * "x"}"'),
    *changed("ts", "0", "-1", "1747094678", "99999999999", "100000000000", "-100000000000", "1747904611000",
             "1747904611009", "1747904611090", "1747904611900", "-62135596800000", "253402300799999", "0.0", "-0.0",
             "0.1", "0.5", "1.0", "1.5", "10.25", "1747094678.973", "99999999999.5", "100000000000.0",
             "100000000000.25", "1747904611000.25", "-1.5", "-0.5", "0.123456789", "0.0001",
             "1747094678.9730", "1747094678.97300000000000000", "0.1234567890", "0.00"),
    *changed("ts", *(f'"2025-11-20{clock}"' for clock in (
        "T13:05:00Z", "t13:05:00z", " 13:05:00Z", "T13:05:00+07:00", "T13:05:00+0700", "T13:05:00-03:30",
        "T13:05:00-0330", "T13:05:00+13:45", "T13:05:00-12:34", "T23:59:59-23:59", "T00:00:00+23:59", "T13:05:00-00:00",
        "T13:05:00.1Z", "T13:05:00,5Z", "T13:05:00.120z", "T13:05:00.000Z", "T13:05:00.000000001Z",
        "T13:05:00.100000010+00:30", "T13:05:00.123456789Z", "T13:05:00", "T13:05", "T13:05Z", "T13:05:00+07"))),
    *changed("ts", '"0001-01-01T00:00:00Z"', '"0001-01-01T01:00:00+01:00"', '"9999-12-31T23:59:59.999999999Z"',
             '"9999-12-31T22:59:59.5-01:00"', '"2024-02-29T00:00:00Z"'),
    *changed("sentiment", *(json.dumps(label) for label in values.SENTIMENTS), '"TÍCH CỰC"', '" Neutral\\u00a0"'),
    *changed("score", "0.82", "-0.142", "-0", "0.0", "-0.0", "1", "1.0", "1e2", "1E-7", "3.4028235e38", "-3.4028235e38",
             "18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809",
             "123456789012345678901234567890.5", "0.1000000000000000055", "0.50"),
    *changed("engagement", "0", "-1", "0.5", "-0.0", "3.4028235e38", "18446744073709551616", '"170.78"', '"-0.0"',
             '"-0"', '"12"', '"007"', '"00.50"', '"1e5"', '"3.4028235e38"', '"-3.4028235e38"',
             '"0.1234567890123456789"', '"0.12345678901234567890123"', '"123456789012345678901.5"'),
    *changed("topics", '["a"]', '["a", "b", "a"]', '""', '"a"', '" a,b,,a "', f"[{A_KEYWORD}]", A_KEYWORD),
    *changed("user", '""', '"ế"', A_KEYWORD),
    *changed("x", "null", "true", "5", "-0", "18446744073709551615", '"s"', "[]", "{}", '[1, "a:b", ["c", "d"], null]',
             '{"os": "a", "v": {"w": ["b", "c", false]}, "n": 1}', '[[1], [2, {"a": 3}], "b"]', nested(21), "1.5",
             "-0.5", "0.0", "-0.0", "100.25", "0.0001", "1234567890123456.0"),
    written({**BASE, "score": "0.5", "text": f'"{ABSURD}"'}), written({**BASE, "x.y": "1.5"}),
    written({**BASE, "x": '["a ",":1.5,"]', "y": "1.5"}),
]  # fmt: skip
UNUSUAL = [
    b"", b"{", b"[]", b"5", b'"a"', b"null", b"\xef\xbb\xbf" + written(BASE), written(BASE) + b"}",
    written(BASE).replace(b"hay", b"\xff"), *(written({n: v for n, v in BASE.items() if n != name}) for name in BASE),
    *(written({**BASE, name: "null"}) for name in BASE),
    *(written({**BASE, **FULL, name: value})
      for names, value in zip(old.SPELLINGS.values(), [*BASE.values(), *FULL.values()], strict=True)
      for name in names if name not in {**BASE, **FULL}),
    written(BASE)[:-1] + b',"text":"hay"}', written({"x": "1", **BASE})[:-1] + b',"x":2}',
    written({"x": "1", **BASE, "y": r'"\\"', "z": r'"\\"'})[:-1] + b',"x":2}',
    written({"x": "1", **BASE, "y": r'"\\\" \""'})[:-1] + b',"x":2}',
    *changed("comment_id", '"c2"', "5", "0.5", '["c1"]', '{"a": 1.5}'),
    *changed("text", "5", "0.5", "[]", "{}", "true", HALF),
    *changed("entity", '""', '" "', '"\\u3000"', "5", "0.5", '["a"]', "{}", "true", MORE_THAN_A_KEYWORD,
             f'"{MASKS[:8182]}"'),
    *changed("ts", "true", "[]", "{}", '""', '"heute"', "-99999999999", "-62135596800001", "253402300800000",
             "9007199254740993", "18446744073709551615", "0.1234567891", "1747094678.97300000000001",
             "1e9", "1E9", "1e-05", "1e300", "1747094678.1234567891"),
    *changed("ts", *(f'"{text}"' for text in (
        "2025-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
        "2025-11-20T24:00:00Z", "2025-11-20T13:60:00Z", "2025-11-20T13:05:60Z", "2025-11-20T13:05:00+24:00",
        "2025-11-20T13:05:00+23:60", "2025-11-20T13:05:00.1234567890Z", "2025-11-20T13:05:00Z\\n",
        "2025-11-20T13:05:00.Z", "2025-W47-4T13:05:00Z", "2025-11-20", "２025-11-20T13:05:00Z"))),
    *changed("sentiment", '"vui"', '""', "5", "0.5", '["neutral"]', "{}", "true"),
    *changed("score", "3.4028236e38", "-3.4028236e38", "1e400", "true", '"1"', '"x"', "[]", "{}", "1e-" + ABSURD[2:]),
    *changed("engagement", "3.4028236e38", "-3.4028236e38", "true", "[]", "{}", '""', '"nan"', '"+1"', '"1."', '".5"',
             '"1.5\\n"', '"3.4028236e38"', '"-3.4028236e38"', '"1e400"', f'"{"9" * 40}.5"'),
    *changed("topics", "5", "0.5", "true", "{}", '["a", 5]', "[null]", '[["a"]]', f"[{MORE_THAN_A_KEYWORD}]",
             MORE_THAN_A_KEYWORD),
    *changed("user", "5", "0.5", "[]", "true", MORE_THAN_A_KEYWORD),
    *changed("x", "1.50", "1e5", "1e-05", "1e-5", "1e+16", "10000000000000000.0", "18446744073709551616", "[1.5]",
             '{"v": 1.5}', '[["a", [0.5]]]', '{"os": "a", "os": "b"}', HALF, f"[{HALF}]", nested(22), nested(30)),
    written({**BASE, "x": "1.5"}, ",", " : "), written({**BASE, "x": "1.5 "}), written({**BASE, "x": "1.5\n"}),
    written({**BASE, "x": "1.5", "text": '"{"'}), written({**BASE, "x": "1.5", "d": "{}"}),
    b"{\n" + written({"x": "1.5", **BASE})[1:], written({**BASE, "score": "0.0", "text": f'"{ABSURD}"'}),
    *(written({**BASE, "x": f'["a ","{mark}1.5,"]', name: "1.50000000000000000001"})
      for mark, name in ((":", ","), (":", ", "))),
    *(written({**BASE, name: "1.5"}) for name in (" ", ",", ":", "]", "}", ' "', "\n", "\\", 'a"b')),
]  # fmt: skip


@pytest.mark.parametrize("raw", ORDINARY, ids=range(len(ORDINARY)))
def test_an_ordinary_document_is_mapped_without_the_rule_and_as_by_it(raw: bytes) -> None:
    assert_is_ordinary(raw)


@pytest.mark.parametrize("policy", [KEEP, MAPPED], ids=["keep", "mapped"])
@pytest.mark.parametrize("entity", ["a", "gấu", "owl", "masked/owl", MASKS[:8181], MASKS[:8191]], ids=range(6))
@pytest.mark.parametrize("clock", ["13:05:00", "13:05:00Z", "13:05:00.25-03:30"])
def test_a_policy_counts(policy: Policy, entity: str, clock: str) -> None:
    raw = written({**BASE, "entity": json.dumps(entity), "ts": f'"2025-11-20T{clock}"'})
    if len(entity) == 8191 and policy is MAPPED:
        assert OrdinaryDocuments(policy).map("c1", raw) is None
    else:
        assert_is_ordinary(raw, policy)


@pytest.mark.parametrize("raw", UNUSUAL, ids=range(len(UNUSUAL)))
def test_an_unusual_document_is_left_to_the_rule_and_says_no_program(raw: bytes) -> None:
    documents = OrdinaryDocuments(UTC)
    assert documents.map("c1", raw) is None
    assert documents.map("c1", written({**BASE, "entity": '"b"'})) is not None
    assert documents.map("c1", raw) is None
    assert documents.map("c2", written({**BASE, "entity": '"b"'})) is not None
    assert documents.programs == {("the_voice/b", "b")}


def test_an_id_may_be_as_long_as_it_certainly_is_within_the_limit() -> None:
    assert_is_ordinary(written(BASE), doc_id=MASKS[:128])
    assert OrdinaryDocuments(UTC).map(MASKS[:129], written(BASE)) is None
    assert OrdinaryDocuments(UTC).map(MASKS[:129], b"[]") is None


def test_what_was_seen_before_is_as_it_was_seen_first() -> None:
    documents, programs = OrdinaryDocuments(MAPPED), set()
    for raw in [*ORDINARY, *UNUSUAL, *ORDINARY]:
        found = documents.map("c1", raw)
        if found is not None:
            outcome = by_the_rule("c1", raw, MAPPED)
            assert told(*found) == told(outcome.value.source, outcome.filled, outcome.archived)
            programs.add((found[0]["program_id"], entity_of(raw)))
    assert documents.programs == programs


def test_an_entity_and_a_label_are_worked_out_once_if_they_are_not_long_nor_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: Counter[str] = Counter()
    program_id, sentiment = values.program_id, values.sentiment

    def program(entity: str, policy: Policy) -> str:
        asked[f"entity of {len(entity)}"] += 1
        return program_id(entity, policy)

    def label(text: str) -> values.Sentiment:
        asked[f"label of {len(text)}"] += 1
        return sentiment(text)

    monkeypatch.setattr(values, "program_id", program)
    monkeypatch.setattr(values, "sentiment", label)
    monkeypatch.setattr(ordinary_documents, "_CACHED", 2)
    documents = OrdinaryDocuments(UTC)
    for size in (128, 127, 8, 9) * 3:
        pairs = {"entity": json.dumps("x" * size), "sentiment": json.dumps("neutral".ljust(size))}
        assert documents.map("c1", written({**BASE, **pairs})) is not None
    assert asked == {f"{what} of {size}": 3 if size in {128, 9} else 1
                     for what in ("entity", "label") for size in (128, 127, 8, 9)}  # fmt: skip


@pytest.mark.parametrize("raw", [
    *changed("ts", *(f'"2025-11-20{clock}"' for clock in (
        "T13:05:00Z", "t13:05:00z", " 13:05:00.5Z", "T13:05:00,123456789+07:00", "T13:05:00-0330")),
        "0", "1747904611009", "0.0", "0.5", "0.123456789", "1747094678.973", "99999999999.5"),
    *changed("engagement", '"170.78"', '"-0.5"', f'"{"9" * 20}.{"9" * 20}"'),
], ids=range(15))  # fmt: skip
def test_what_is_spelled_as_by_most_is_read_in_the_quick_way(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(values, "instant")
    monkeypatch.delattr(values, "numeric_text")
    assert OrdinaryDocuments(UTC).map("c1", raw) is not None

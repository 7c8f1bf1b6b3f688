from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.tool.contract.strategies import ANY_LABELS, ENTITIES, POLICIES, TEXT
from tvmigrate.contract import exact_json, old, rules
from tvmigrate.contract.ordinary_documents import OrdinaryDocuments
from tvmigrate.contract.outcome import Mapped, Unmappable
from tvmigrate.contract.policy import Policy

FIXTURES = Path(__file__).parents[3] / "fixtures"
UTC = Policy("the_voice")

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
    assert ordinary > 0.98 * mapped

"""What a rule makes of a record is the same of its stand-in: every record of the standard dataset, one by one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.tool.conftest import FIXTURES
from tvmigrate.capture import masked
from tvmigrate.capture.mask import Mask
from tvmigrate.contract import exact_json, old, rules
from tvmigrate.contract.keys import OldKey, classify
from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.contract.outcome import Mapped, Rule, Unmappable
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.model import DUMP
from tvmigrate.dataset.read import Dataset

MASK = Mask(b"a secret of sixteen bytes and more")
POLICY = Policy(show="the_voice")
STANDARD = Dataset.open(FIXTURES / "standard")


def told(outcome: Any, hidden: frozenset[str]) -> Any:
    """Return what a rule says of a record, without the texts that are hidden."""
    if not isinstance(outcome, Mapped):
        return outcome.reason
    value = outcome.value
    fields = getattr(value, "source", None) or getattr(value, "values", None) or value
    if isinstance(fields, dict):
        fields = {name: MASK.text(held) if name in hidden else held for name, held in fields.items()}
    return fields, outcome.filled, sorted(outcome.archived), bool(outcome.inconsistency)


def redis_records() -> Iterator[Any]:
    for key in STANDARD.redis_keys():
        if key.type != DUMP:
            yield key


@pytest.mark.parametrize("db", [0, 3])
def test_every_redis_key_is_of_the_same_kind_and_unique(db):
    before = [key for key in redis_records() if key.db == db]
    after = [masked.key(MASK, key) for key in before]
    assert [classify(k.db, k.key, k.type) for k in after if k.type != "zset"] == [
        classify(k.db, k.key, k.type) for k in before if k.type != "zset"
    ]
    assert len({key.key for key in after}) == len(before)


def test_every_eaos_key_and_every_metrics_item_has_the_outcome_that_it_had():
    seen = 0
    for key in redis_records():
        kind, hidden = classify(key.db, key.key, key.type), masked.key(MASK, key)
        if not isinstance(kind, OldKey):
            continue
        assert hidden.key == key.key
        if kind.rule is Rule.REDIS_EAOS:
            one, other = (rules.redis_eaos(kind.name, k.value, POLICY, 1) for k in (key, hidden))
            assert told(one, frozenset()) == told(other, frozenset()), key
            seen += 1
        elif kind.rule is Rule.REDIS_METRIC:
            for position, pair in enumerate(zip(key.value, hidden.value, strict=True)):
                one, other = (rules.redis_metric(kind.name, position, raw, POLICY) for raw in pair)
                assert _event(one) == _event(other), pair
                seen += 1
        else:
            assert hidden == key
    assert seen > 1000


def _event(outcome: Any) -> Any:
    if not isinstance(outcome, Mapped):
        return outcome.reason
    body = exact_json.parse(outcome.value.body)
    return outcome.value.key, outcome.value.order, body | {"data": sorted(body["data"])}


def test_every_document_has_the_outcome_that_it_had():
    typed = masked.typed_fields(STANDARD.indices[old.INDEX.name].mappings)
    for document in STANDARD.documents():
        after = masked.document(MASK, document.source, typed)
        one, other = _mapped(document.id, document.source), _mapped(document.id, after)
        if isinstance(one, Mapped):
            assert told(one, frozenset({"text", "username"})) == told(other, frozenset()), document
            assert other.value.source["text"] == MASK.text(one.value.source["text"])
        else:
            assert one == other or one.reason == other.reason, document


def _mapped(doc_id: str, source: str) -> Any:
    try:
        return rules.elasticsearch_document(doc_id, exact_json.parse(source), POLICY)
    except Unmappable as why:
        return why.reason


@pytest.mark.parametrize("table", ["comments", "eaos_metrics"])
def test_every_row_has_the_outcome_that_it_had(table):
    known = {one.name: one for one in CONTRACT.tables}[table]
    types = {column.name: column.type for column in known.columns}
    hidden = masked.columns(types | {"note": "Nullable(String)", "day": "Date"}, known)
    assert hidden == {"note", *({"text", "username"} if table == "comments" else ())}
    rule = {"comments": rules.clickhouse_comment, "eaos_metrics": rules.clickhouse_eaos_metric}[table]
    for line in STANDARD.tables[table].rows.read_bytes().splitlines():
        one, other = (rule(_row(some, table), POLICY) for some in (line, masked.row(MASK, line, hidden)))
        assert told(one, hidden) == told(other, frozenset()), line


def _row(line: bytes, table: str) -> dict[str, Any]:
    row = json.loads(line.decode("utf-8", "surrogateescape"))
    instant = {"comments": "created_at", "eaos_metrics": "recorded_at"}[table]
    moment = int(datetime.fromisoformat(row[instant]).replace(tzinfo=None).timestamp()) * 10**9
    found = {n: v.encode("utf-8", "surrogateescape") if isinstance(v, str) else v for n, v in row.items()}
    for name in ("sentiment_score", "engagement", "eaos_score"):
        if isinstance(row.get(name), str):
            found[name] = math.nan if row[name] == "nan" else float(row[name])
    return found | {instant: moment}


def test_a_value_that_is_no_json_keeps_its_reason_and_loses_its_words():
    raw = b'{"score": 0.5, "by": "Lan Nguyen", "n": NaN'
    key = replace(next(redis_records()), key=b"eaos:x", value=raw)
    hidden = masked.key(MASK, key).value
    assert b"Lan" not in hidden
    assert rules.redis_eaos(b"x", raw, POLICY, 1).reason == rules.redis_eaos(b"x", hidden, POLICY, 1).reason


@pytest.mark.parametrize(
    ("kind", "is_text"),
    [
        ("String", True),
        ("FixedString(16)", True),
        ("LowCardinality(Nullable(String))", True),
        ("Array(String)", True),
        ("Map(String, UInt8)", True),
        ("UInt64", False),
        ("Date", False),
        ("Tuple(String, Date)", False),
        ("Enum8('a' = 1)", False),
        ("UUID", False),
    ],
)
def test_columns_are_masked_where_any_text_fits(kind, is_text):
    assert masked.holds_text(kind) is is_text

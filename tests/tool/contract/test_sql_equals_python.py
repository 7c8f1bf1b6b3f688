"""What `sql` does to rows in ClickHouse is what `rules` and `values` do to them in Python, to the bit."""

from __future__ import annotations

import json
import math
import struct
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tvmigrate.contract import new, old, rules, sql, unicode, values
from tvmigrate.contract.layout import Table, literal
from tvmigrate.contract.outcome import Mapped, Unmappable
from tvmigrate.contract.policy import Policy

from .conftest import Ask
from .strategies import (
    ANY_LABELS,
    BLANKS,
    ENTITIES,
    LABELS,
    NEAR_BLANKS,
    NUMBER_TEXTS,
    OCTETS,
    POLICIES,
    SCALAR_TEXTS,
    TEXT,
    lines,
    mutated,
    objects,
)
from .test_records import COMMENTS

KEEP = Policy(keep_entities=True)
MANY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
# ClickHouse takes half a second to analyse that rule; each example is many rows instead.
FEW = settings(MANY, max_examples=max(10, settings().max_examples // 4))
TEXTS = TEXT | ANY_LABELS | ENTITIES | NEAR_BLANKS


# ------------------------------------------------------------------------------------- how rows get there and come back


def octets(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def load(ask: Ask, spool: Path, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Fill `old_{table}` with `rows` and their numbers `n`; strings go as hex, floats as their bits."""

    def cell(column: str, kind: str, value: Any) -> Any:
        if kind == "String":
            return octets(value).hex()
        if kind == "DateTime":
            return value // 10**9
        if "Float32" in kind:
            return None if value is None else struct.unpack("<I", struct.pack("<f", value))[0]
        return value

    kinds = {"String": "String", "DateTime": "UInt32", "Float32": "UInt32", "Nullable(Float32)": "Nullable(UInt32)"}
    back = {
        "String": "unhex({0})",
        "DateTime": "toDateTime({0}, 'UTC')",
        "Float32": "reinterpretAsFloat32({0})",
        "Nullable(Float32)": "if({0} IS NULL, NULL, reinterpretAsFloat32(assumeNotNull({0})))",
    }
    with spool.open("w") as file:
        for n, row in enumerate(rows):
            line = {c.name: cell(c.name, c.type, row[c.name]) for c in table.columns}
            file.write(json.dumps({"n": n, **line}) + "\n")
    structure = ", ".join(f"{c.name} {kinds.get(c.type, c.type)}" for c in table.columns)
    columns = ", ".join(f"{back.get(c.type, '{0}').format(c.name)} AS {c.name}" for c in table.columns)
    declared = ", ".join(f"{c.name} {c.type}" for c in table.columns)
    ask(f"CREATE OR REPLACE TABLE old_{table.name} (n UInt32, {declared}) ENGINE = Memory")
    ask(
        f"INSERT INTO old_{table.name} SELECT n, {columns} FROM (SELECT n, "
        + ", ".join(f"{c.name} AS {c.name}" for c in table.columns)
        + f" FROM file({literal(str(spool))}, 'JSONEachRow', {literal('n UInt32, ' + structure)}))"
        " SETTINGS prefer_column_name_to_alias = 1"
    )


def canonical(table: Table) -> list[str]:
    """Return the expressions that show every new column exactly: bytes as hex, doubles as bits, instants in ms."""
    shown = []
    for column in table.columns:
        name, kind = column.name, column.type
        if kind == "Float64":
            shown.append(f"reinterpretAsUInt64({name})")
        elif kind == "Nullable(Float64)":
            shown.append(f"if({name} IS NULL, NULL, reinterpretAsUInt64(assumeNotNull({name})))")
        elif kind.startswith("DateTime64"):
            shown.append(f"toUnixTimestamp64Milli({name})")
        elif kind.startswith("Array"):
            shown.append(f"arrayMap(x -> lower(hex(x)), {name})")
        elif "String" in kind or kind.startswith("Enum"):
            shown.append(f"lower(hex(toString({name})))")
        else:
            shown.append(f"toString({name})")
    return shown


def as_shown(table: Table, row: Mapping[str, Any]) -> str:
    """Show a row of Python's as `canonical` shows ClickHouse's."""
    shown: list[Any] = []
    for column in table.columns:
        value, kind = row[column.name], column.type
        if "Float64" in kind:
            shown.append(None if value is None else str(struct.unpack("<Q", struct.pack("<d", value))[0]))
        elif kind.startswith("DateTime64"):
            shown.append(str(value // 10**6))
        elif kind.startswith("Array"):
            shown.append([topic.encode().hex() for topic in value])
        elif "String" in kind or kind.startswith("Enum"):
            shown.append(octets(value).hex())
        else:
            shown.append(str(value))
    return json.dumps(shown)


def sql_says(ask: Ask, rule: sql.TableRule) -> tuple[list[int], Counter[str]]:
    """Return the numbers of the rows that do not map, and the new rows of those that do."""
    table = f"old_{rule.source.name}"
    unmapped = sorted(int(n) for (n,) in ask(f"SELECT n FROM ({rule.unmapped(table)})"))
    mapped = ask(f"SELECT {', '.join(canonical(rule.target))} FROM ({rule.query(table)})")
    return unmapped, Counter(
        json.dumps([[*cell] if isinstance(cell, list) else None if cell is None else str(cell) for cell in row])
        for row in mapped
    )


def python_says(
    rule: Any, table: Table, rows: Sequence[Mapping[str, Any]], policy: Policy
) -> tuple[list[int], Counter[str]]:
    unmapped, mapped = [], Counter[str]()
    for n, row in enumerate(rows):
        found = rule(row, policy)
        if isinstance(found, Mapped):
            mapped[as_shown(table, found.value.values)] += 1
        else:
            unmapped.append(n)
    return unmapped, mapped


def strings(ask: Ask, spool: Path, expression: str, texts: Sequence[str | bytes]) -> list[Any]:
    """Return, as hex, what `expression` (over the column `x`) makes of each text."""
    with spool.open("w") as file:
        for n, text in enumerate(texts):
            file.write(json.dumps({"n": n, "h": octets(text).hex()}) + "\n")
    source = f"file({literal(str(spool))}, 'JSONEachRow', 'n UInt32, h String')"
    return [
        value for _, value in ask(f"SELECT n, {expression} FROM (SELECT n, unhex(h) AS x FROM {source}) ORDER BY n")
    ]


# ------------------------------------------------------------------------------------------------------------ the laws


@MANY
@given(st.lists(TEXTS | st.builds(lambda a, b, c: a + b + c, BLANKS, TEXT, BLANKS), min_size=1, max_size=60))
@example(["XaX", "-a]", "\\x{9}a", "[a"])
@example(["\u0085a\u0085", "\x1ca\x1c", "\u180ea", "\ufeffa", " \n", "a\n", "\na\n\n", "a \u3000b"])
def test_trim_in_sql_is_trim_in_python(ask: Ask, spool: Path, texts: list[str]) -> None:
    found = strings(ask, spool, f"lower(hex({sql.trim('x')}))", texts)
    assert [bytes.fromhex(text).decode() for text in found] == [unicode.trim(text) for text in texts]


def meaning(label: str) -> str:
    try:
        return str(values.sentiment(label))
    except Unmappable:
        return ""


@MANY
@given(st.lists(TEXTS, min_size=1, max_size=60))
@example(["posİtİve", "POSİTİVE", "poſitive", "NEUTRAL\u212a", "TÍCH CỰC", "tích cực".upper(), "TIÊU\u0323 CỰC"])
@example([label for base in LABELS for label in (base.upper(), base.title(), f"\u2003{base}\u0085", f"{base}\x1f")])
def test_sentiment_in_sql_is_sentiment_in_python(ask: Ask, spool: Path, texts: list[str]) -> None:
    assert strings(ask, spool, sql.sentiment("x"), texts) == [meaning(text) for text in texts]


@MANY
@given(st.lists(TEXTS | st.lists(TEXTS, max_size=5).map(",".join), min_size=1, max_size=60))
@example([",", " , ,a,,\u3000b\u3000,a ,", "", "a,\x1c,b"])
def test_split_topics_in_sql_is_split_topics_in_python(ask: Ask, spool: Path, texts: list[str]) -> None:
    found = strings(ask, spool, f"arrayMap(t -> lower(hex(t)), {sql.split_topics('x')})", texts)
    assert [[bytes.fromhex(topic).decode() for topic in topics] for topics in found] == [
        values.split_topics(text) for text in texts
    ]


@MANY
@given(st.lists(ENTITIES.filter(lambda e: not unicode.is_blank(e)), min_size=1, max_size=60), POLICIES)
@example(["a'b\\", "a\nb", "\x00", "`", "x/"], Policy("x'\\`", False, {"a'b\\": "n'\\", "\x00": "zero\x00"}))
def test_program_id_in_sql_is_program_id_in_python(ask: Ask, spool: Path, entities: list[str], policy: Policy) -> None:
    found = strings(ask, spool, f"lower(hex({sql.program_id('x', policy)}))", entities)
    assert [bytes.fromhex(text).decode() for text in found] == [values.program_id(e, policy) for e in entities]


@MANY
@given(st.lists(COMMENTS, min_size=1, max_size=30), POLICIES)
def test_comments_map_in_sql_as_in_python(ask: Ask, spool: Path, rows: list[Mapping[str, Any]], policy: Policy) -> None:
    load(ask, spool, old.COMMENTS, rows)
    assert sql_says(ask, sql.comments(policy)) == python_says(rules.clickhouse_comment, new.RAW_COMMENTS, rows, policy)


def comment(**changes: Any) -> dict[str, Any]:
    row = {
        "comment_id": "c", "entity": "contestant_1", "text": "hay", "username": "lan", "created_at": 0,
        "sentiment": "neutral", "sentiment_score": 0.5, "engagement": 1.0, "topics": "a, b", "eaos_score": None,
    }  # fmt: skip
    return {**row, **changes}


NEIGHBOURS: dict[str, st.SearchStrategy[Any]] = {
    "comment_id": OCTETS,
    "entity": ENTITIES | OCTETS,
    "text": OCTETS,
    "username": OCTETS,
    "created_at": st.sampled_from([0, 1, 2**31, 2**32 - 1]).map(lambda s: s * 10**9),
    "sentiment": ANY_LABELS | OCTETS,
    "sentiment_score": st.floats(width=32),
    "engagement": st.floats(width=32),
    "topics": OCTETS | st.lists(TEXTS, max_size=4).map(",".join),
    "eaos_score": st.none() | st.floats(width=32),
}


@MANY
@given(
    st.lists(
        st.sampled_from(sorted(NEIGHBOURS)).flatmap(lambda c: NEIGHBOURS[c].map(lambda value: comment(**{c: value}))),
        min_size=1,
        max_size=60,
    ),
    POLICIES,
)
@example([comment(sentiment_score=math.nan), comment(engagement=math.inf), comment(eaos_score=-math.inf)], KEEP)
@example([comment(comment_id=""), comment(entity="\u3000"), comment(text=b"\xff"), comment(topics=b"a,\xff")], KEEP)
@example([comment(sentiment=b"positive\xff"), comment(username=b"\xed\xa0\x80"), comment(eaos_score=-0.0)], KEEP)
def test_comments_with_one_odd_column_map_in_sql_as_in_python(
    ask: Ask, spool: Path, rows: list[Mapping[str, Any]], policy: Policy
) -> None:
    load(ask, spool, old.COMMENTS, rows)
    assert sql_says(ask, sql.comments(policy)) == python_says(rules.clickhouse_comment, new.RAW_COMMENTS, rows, policy)


def metrics(breakdown: str | bytes, **changes: Any) -> dict[str, Any]:
    row = {"entity": "e", "eaos_score": 0.5, "sentiment_breakdown": breakdown, "comment_count": 3, "recorded_at": 0}
    return {**row, **changes}


NAMES = ANY_LABELS.map(json.dumps) | ANY_LABELS.map(lambda label: json.dumps(label, ensure_ascii=False))
KNOWN_NAMES = st.sampled_from([json.dumps(label, ensure_ascii=False) for label in LABELS])
BREAKDOWNS = (
    objects(KNOWN_NAMES, NUMBER_TEXTS)
    | objects(KNOWN_NAMES, SCALAR_TEXTS)
    | objects(NAMES, SCALAR_TEXTS)
    | objects(KNOWN_NAMES, st.integers(0, 9).map(str))
).map(str.encode) | mutated(
    [
        json.loads(line)["sentiment_breakdown"].encode("utf-8", "replace")
        for line in lines("clickhouse/eaos_metrics.ndjson")
    ]
)


@FEW
@given(
    st.lists(
        st.builds(
            lambda breakdown, entity, score, count: metrics(
                breakdown, entity=entity, eaos_score=score, comment_count=count
            ),
            BREAKDOWNS | SCALAR_TEXTS.map(str.encode) | OCTETS,
            st.just("e") | ENTITIES | OCTETS,
            st.just(0.5) | st.floats(width=32),
            st.integers(0, 2**32 - 1),
        ),
        min_size=1,
        max_size=60,
    ),
    POLICIES,
)
@example([metrics(b'{"positive": 1, "negative": 20, "neutral": 300}'), metrics(b'{"positive":5}')], KEEP)
@example([metrics(b'{"positive": 1, "positive": 1}'), metrics(b'{"positive": 1, "positive": 2}')], KEEP)
@example([metrics(b'{"positive": 1, "positive": 1.0}'), metrics(b'{"positive": 1e2, "positive": 100.0}')], KEEP)
@example([metrics(b'{"positive": 1.0, "positive": 1.00}'), metrics(b'{"positive": 1e2, "positive": 1E2}')], KEEP)
@example([metrics(b'{"positive": -0, "positive": 0}'), metrics(b'{"positive": -0.0, "positive": 0.0}')], KEEP)
@example([metrics(b'{"positive": "1", "positive": "\\u0031"}'), metrics(b'{"positive": "1", "positive": 1}')], KEEP)
@example([metrics(b'{"positive": 0.1, "positive": 0.10000000000000000001}')], KEEP)
@example([metrics(b'{"positive": 1, "tich cuc": null, "x": 2}'), metrics(b'{"a": {"b": 1, "b": 2}}')], KEEP)
@example([metrics(b'{"positive": 1e-99999999999999999999}'), metrics(b'{"positive": 1e99999999999999999999}')], KEEP)
@example([metrics(b'{"positive": 1e-400}'), metrics(b'{"positive": 1e000000000000000000002}')], KEEP)
@example([metrics(b'{"positive": 1e400}'), metrics(b'{"positive": 0e400}'), metrics(b'{"positive": -1e-400}')], KEEP)
@example([metrics(b"\xef\xbb\xbf{}"), metrics(b"{}"), metrics(b" {} "), metrics(b"{}\x0c"), metrics(b"{}\x00")], KEEP)
@example([metrics(b'{"positive": 9223372036854775807, "t\xc3\xadch c\xe1\xbb\xb1c": 1}')], KEEP)
@example([metrics(b'{"positive": 9007199254740993.0}'), metrics(b'{"positive": 18446744073709551616}')], KEEP)
@example([metrics(b'{"positive": 9223372036854775295.0}'), metrics(b'{"positive": 9223372036854774785.5}')], KEEP)
@example([metrics(b'{"positive": 9.223372036854775e18}'), metrics(b'{"positive": 9223372036854775808.0}')], KEEP)
@example([metrics(b'{"positive": "9223372036854775807"}'), metrics(b'{"positive": null}')], KEEP)
@example([metrics(b'{"positive": 1E99999999999999999999}'), metrics(b'{"positive": 1E2}')], KEEP)
@example([metrics(b'{"positive": -1}'), metrics(b'{"positive": "-1"}'), metrics(b'{"positive": -0}')], KEEP)
@example([metrics(b'{"positive": "abc"}'), metrics(b'{"positive": ""}'), metrics(b'{"positive": "1.5"}')], KEEP)
@example([metrics(b'{"positive": 9223372036854775807}'), metrics(b'{"positive": 9223372036854775808}')], KEEP)
@example([metrics(b'{"positive": "%s1"}' % (b"0" * 5000)), metrics(b'{"positive": "%s"}' % (b"9" * 5000))], KEEP)
@example([metrics(b'{"positive": true}'), metrics(b'{"positive": [1]}'), metrics(b'{"positive": {}}')], KEEP)
@example([metrics(b'{"positive": "\\ud800"}'), metrics(b'{"\\ud800": 1}'), metrics(b'{"positive\\u0000": 1}')], KEEP)
def test_eaos_metrics_map_in_sql_as_in_python(
    ask: Ask, spool: Path, rows: list[Mapping[str, Any]], policy: Policy
) -> None:
    load(ask, spool, old.EAOS_METRICS, rows)
    found = sql_says(ask, sql.eaos_metrics(policy))
    assert found == python_says(rules.clickhouse_eaos_metric, new.EAOS_METRICS, rows, policy)


FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
SCORES = FINITE | st.sampled_from([0.1, -0.1, 0.2, -0.3, 1.0, -1.0, 1e-30, 3e38, -3e38, 1e-45, 16777216.0]).map(
    lambda score: struct.unpack("<f", struct.pack("<f", score))[0]
)
SCORED = st.builds(
    lambda score, second, topics, entity: comment(
        sentiment_score=score, created_at=second * 10**9, topics=",".join(topics), entity=entity
    ),
    SCORES,
    st.sampled_from([0, 299, 300, 301, 2**32 - 1]),
    st.lists(st.sampled_from(["a", "b", " a", ""]), max_size=3),
    st.sampled_from(["e", "f", "the_voice/e"]),
)


@MANY
@given(st.lists(SCORED, min_size=1, max_size=40), st.sampled_from([KEEP, Policy("the_voice")]))
@example([comment(sentiment_score=score) for score in (1.0, 2.0**-100, -1.0)], KEEP)
@example([comment(sentiment_score=score) for score in (2.0**127, 2.0**-149, -(2.0**127))], KEEP)
@example([comment(sentiment_score=score) for score in (2.0**127, 1.0, -(2.0**127), 2.0**-60, -1.0)], KEEP)
@example([comment(sentiment_score=2.0**127)] * 40, KEEP)
@example([comment(sentiment_score=score) for score in (2000.0, 2.0**20 - 1, 2.0**20, 1.5 * 2.0**20, 2.0**24)], KEEP)
def test_aggregates_in_sql_are_exact_sums_of_fractions(
    ask: Ask, spool: Path, rows: list[Mapping[str, Any]], policy: Policy
) -> None:
    load(ask, spool, old.COMMENTS, rows)
    scores: dict[tuple[str, int, str], list[Fraction]] = defaultdict(list)
    for row in rows:
        found = rules.clickhouse_comment(row, policy)
        assert isinstance(found, Mapped)
        for key in rules.aggregate_keys(found.value):
            scores[key].append(Fraction(row["sentiment_score"]))
    shown = ask(
        "SELECT program_id, toUnixTimestamp(timestamp), topic, count, reinterpretAsUInt64(avg_sentiment),"
        f" toTypeName(avg_sentiment) FROM ({sql.aggregates(policy, 'old_comments')})"
    )
    assert {(program, seconds, topic): int(count) for program, seconds, topic, count, _, _ in shown} == {
        key: len(found) for key, found in scores.items()
    }
    assert len(shown) == len(scores)
    for program, seconds, topic, _, bits, kind in shown:
        assert kind == "Float64"
        found = scores[program, seconds, topic]
        exact = sum(found, Fraction()) / len(found)
        average = struct.unpack("<d", struct.pack("<Q", int(bits)))[0]
        assert abs(Fraction(average) - exact) <= abs(exact) * Fraction(1, 10**12), (average, float(exact))


@pytest.mark.parametrize("rule", [sql.comments(KEEP), sql.eaos_metrics(KEEP)], ids=lambda rule: rule.source.name)
def test_the_rule_selects_the_new_tables_columns_in_order(rule: sql.TableRule) -> None:
    assert tuple(rule.select) == rule.target.column_names

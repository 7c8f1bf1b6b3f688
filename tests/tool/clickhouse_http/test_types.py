"""Values of every data type go in and come back unchanged, through Native, by both clients."""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from .serving import Either

UTC = dt.UTC
SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
SOME_UUID = uuid.UUID("61f0c404-5cb3-11e7-907b-a6006ad3dba0")


def integers(bits: int) -> list[tuple[str, list[Any]]]:
    return [
        (f"Int{bits}", [-(2 ** (bits - 1)), -1, 0, 2 ** (bits - 1) - 1]),
        (f"UInt{bits}", [0, 1, 2**bits - 1]),
    ]


TYPES: list[tuple[str, list[Any]]] = [
    *(case for bits in (8, 16, 32, 64, 128, 256) for case in integers(bits)),
    ("Float32", [0.0, -1.5, 3.4028234663852886e38, float("inf"), float("-inf")]),
    ("Float64", [0.1, -2.5e-308, 1.7976931348623157e308, float("inf")]),
    ("BFloat16", [0.0, 1.5, -2.0]),
    ("Decimal32(4)", [Decimal("12345.6789"), Decimal("-0.0001")]),
    ("Decimal64(8)", [Decimal("1234567890.12345678")]),
    ("Decimal128(10)", [Decimal("1234567890123456789012345678.0123456789")]),
    ("Decimal256(20)", [Decimal("-12345678901234567890123456789012345678901234567890.12345678901234567890")]),
    ("Bool", [True, False]),
    ("String", ["", "tiếng Việt", "e\u0301 \U0001f389", "a'b\"c\\d\te\nf\0g"]),
    ("FixedString(4)", [b"abcd", b"\0\xff\1\2"]),
    ("UUID", [SOME_UUID]),
    ("IPv4", [ipaddress.IPv4Address("192.168.0.1")]),
    ("IPv6", [ipaddress.IPv6Address("2001:db8::8a2e:370:7334")]),
    ("Date", [dt.date(1970, 1, 1), dt.date(2149, 6, 6)]),
    ("Date32", [dt.date(1900, 1, 1), dt.date(2299, 12, 31)]),
    ("DateTime", [dt.datetime(1970, 1, 1), dt.datetime(2106, 2, 7, 6, 28, 15)]),  # noqa: DTZ001 - it has no zone
    ("DateTime('Asia/Ho_Chi_Minh')", [dt.datetime(2025, 11, 20, 13, 5, tzinfo=SAIGON)]),
    *(
        (
            f"DateTime64({digits}, 'UTC')",
            [dt.datetime(2025, 11, 20, 6, 5, 1, int("123456"[:digits].ljust(6, "0")) if digits else 0, UTC)],
        )
        for digits in range(10)
    ),
    ("DateTime64(3, 'Asia/Ho_Chi_Minh')", [dt.datetime(1925, 1, 1, 0, 0, 0, 5000, SAIGON)]),
    ("Time", [dt.timedelta(hours=100, seconds=1), dt.timedelta(seconds=-5)]),
    ("Time64(6)", [dt.timedelta(hours=1, microseconds=250)]),
    ("Enum8('a' = -128, 'tích cực' = 1)", ["a", "tích cực"]),
    ("Enum16('x' = 1, 'y' = 30000)", ["x", "y"]),
    ("Array(Int32)", [[], [1, 2, 3]]),
    ("Array(Array(Nullable(String)))", [[["a", None], []], []]),
    ("Tuple(Int8, String)", [(1, "x")]),
    ("Tuple(a Int8, `b c` Nullable(String))", [{"a": 1, "b c": None}]),
    ("Map(String, UInt64)", [{}, {"tích cực": 120, "b": 2}]),
    ("Map(LowCardinality(String), Array(Int8))", [{"a": [1]}]),
    ("Nullable(Int64)", [None, -1]),
    ("Nullable(DateTime64(3, 'UTC'))", [None, dt.datetime(2025, 11, 20, tzinfo=UTC)]),
    ("Nullable(Decimal64(2))", [None, Decimal("0.10")]),
    ("LowCardinality(String)", ["a", "b", "a", "tiêu cực"]),
    ("LowCardinality(Nullable(String))", ["a", None, "a"]),
    ("Array(LowCardinality(String))", [["a", "b"], []]),
    ("JSON", [{"a": 1, "b": {"c": ["x", "y"]}}]),
    ("Variant(String, UInt64, Array(UInt64))", ["x", 7, [1, 2], None]),
    ("Dynamic", ["x", "tiếng"]),
    ("Point", [(1.5, -2.5)]),
    ("Ring", [[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]]),
    ("LineString", [[(0.0, 0.0), (1.0, 1.0)]]),
    ("Polygon", [[[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]]]),
    ("MultiPolygon", [[[[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]]]]),
    ("SimpleAggregateFunction(sum, UInt64)", [5]),
    ("SimpleAggregateFunction(anyLast, Nullable(String))", ["z"]),
]


@pytest.mark.parametrize(("kind", "values"), TYPES, ids=[kind for kind, _ in TYPES])
async def test_values_of_a_type_come_back_unchanged(either: Either, kind: str, values: list[Any]) -> None:
    await either("command", f"CREATE TABLE typed (i UInt8, v {kind}) ENGINE = MergeTree ORDER BY i")
    await either("insert", "typed", list(enumerate(values)), column_names=["i", "v"])
    result = await either("query", "SELECT v FROM typed ORDER BY i", tz_mode=None if kind == "DateTime" else "aware")
    assert [row[0] for row in result.result_rows] == values


@pytest.mark.parametrize(
    ("interval", "number"),
    [
        (f"INTERVAL {n} {unit}", n)
        for n, unit in enumerate(
            (
                "NANOSECOND",
                "MICROSECOND",
                "MILLISECOND",
                "SECOND",
                "MINUTE",
                "HOUR",
                "DAY",
                "WEEK",
                "MONTH",
                "QUARTER",
                "YEAR",
            ),
            1,
        )
    ],
)
async def test_intervals_come_back_as_their_number(either: Either, interval: str, number: int) -> None:
    assert (await either("query", f"SELECT {interval}")).result_rows == [(number,)]


async def test_nested_columns_come_back_as_arrays(either: Either) -> None:
    await either(
        "command",
        "CREATE TABLE nested (i UInt8, n Nested(k String, v Int32)) ENGINE = MergeTree ORDER BY i",
    )
    await either("insert", "nested", [[1, ["a", "b"], [1, 2]]], column_names=["i", "n.k", "n.v"])
    assert (await either("query", "SELECT n.k, n.v FROM nested")).result_rows == [(["a", "b"], [1, 2])]


async def test_nested_columns_unflattened_come_back_as_records(either: Either) -> None:
    settings = {"flatten_nested": 0}
    create = "CREATE TABLE nested (i UInt8, n Nested(k String, v Int32)) ENGINE = MergeTree ORDER BY i"
    await either("command", create, settings=settings)
    records = [{"k": "a", "v": 1}, {"k": "b", "v": 2}]
    await either("insert", "nested", [[1, records]], column_names=["i", "n"])
    assert (await either("query", "SELECT n FROM nested")).result_rows == [(records,)]


async def test_an_aggregate_state_is_merged_from_what_was_stored(either: Either) -> None:
    await either("command", "CREATE TABLE states (s AggregateFunction(avg, Float64)) ENGINE = MergeTree ORDER BY ()")
    await either("command", "INSERT INTO states SELECT avgState(toFloat64(number)) FROM numbers(5)")
    assert await either("command", "SELECT avgMerge(s) FROM states") == 2


async def test_a_dynamic_value_has_the_type_it_was_made_with(either: Either) -> None:
    query = "SELECT arrayJoin([7::Dynamic, 'x'::Dynamic, NULL::Dynamic])"
    assert (await either("query", query)).result_rows == [(7,), ("x",), (None,)]


async def test_nanoseconds_are_not_lost(either: Either) -> None:
    query = "SELECT toDateTime64('2025-11-20 06:05:01.123456789', 9, 'UTC') AS t"
    array = await either("query_np", query)
    assert str(array[0][0]) == "2025-11-20T06:05:01.123456789"

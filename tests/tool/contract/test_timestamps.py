"""Laws of `value.timestamp`, each against a computation of its own: datetime, Decimal and the zone database."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tvmigrate.contract import values
from tvmigrate.contract.outcome import Reason, Unmappable
from tvmigrate.contract.policy import Policy

from .strategies import ZONES

UTC = Policy(keep_entities=True)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
FIRST_NS = -62_135_596_800 * 10**9
LAST_NS = 253_402_300_800 * 10**9 - 1
INSTANTS = st.integers(FIRST_NS, LAST_NS)


def reason_of(value: object, policy: Policy = UTC) -> Reason | int:
    try:
        return values.instant(value, policy)
    except Unmappable as why:
        return why.reason


def ns_between(moment: dt.datetime) -> int:
    return (moment - EPOCH) // dt.timedelta(microseconds=1) * 1000


@given(INSTANTS)
@example(FIRST_NS)
@example(LAST_NS)
@example(-1)
@example(0)
def test_an_instant_is_read_back_from_its_own_text(ns: int) -> None:
    assert values.instant(values.rfc3339(ns), UTC) == ns


@given(INSTANTS)
def test_the_text_of_an_instant_is_what_datetime_says(ns: int) -> None:
    seconds, fraction = divmod(ns, 10**9)
    text = values.rfc3339(ns)
    moment = EPOCH + dt.timedelta(seconds=seconds)
    assert text.endswith("Z")
    assert text[:19] == moment.replace(tzinfo=None).isoformat()
    digits = text[19:-1]
    assert Decimal("0" + (digits or ".0")) == Decimal(fraction).scaleb(-9)
    assert not digits.endswith("0")
    assert values.utc_date(ns) == text[:10]


@given(INSTANTS, INSTANTS)
def test_the_order_of_instants_is_the_order_of_their_dates(one: int, other: int) -> None:
    if one <= other:
        assert values.utc_date(one) <= values.utc_date(other)


@given(
    st.datetimes(min_value=dt.datetime(2, 1, 1), max_value=dt.datetime(9998, 12, 31)),  # noqa: DTZ001 - local times
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.text("0123456789", max_size=3),
    st.sampled_from(["T", " ", "t"]),
    st.sampled_from([":", ""]),
)
def test_text_with_an_offset_is_what_datetime_says(
    local: dt.datetime, minutes: int, finer: str, separator: str, colon: str
) -> None:
    sign = "-" if minutes < 0 else "+"
    zone = f"{sign}{abs(minutes) // 60:02}{colon}{abs(minutes) % 60:02}"
    text = f"{local.isoformat(separator, 'microseconds')}{finer}{zone}"
    moment = local.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    expected = ns_between(moment) + int((finer + "000")[:3])
    assert values.instant(text, UTC) == expected


@given(
    st.datetimes(min_value=dt.datetime(1970, 1, 2), max_value=dt.datetime(2037, 12, 31)),  # noqa: DTZ001 - local times
    st.sampled_from(ZONES),
)
@example(dt.datetime(2025, 3, 9, 2, 30), "America/New_York")  # noqa: DTZ001 - skipped there
@example(dt.datetime(2025, 11, 2, 1, 30), "America/New_York")  # noqa: DTZ001 - twice there
@example(dt.datetime(2025, 4, 6, 1, 45), "Australia/Lord_Howe")  # noqa: DTZ001 - twice there, by half an hour
@example(dt.datetime(2011, 12, 30, 12, 0), "Pacific/Apia")  # noqa: DTZ001 - a day that was not
@example(dt.datetime(2025, 10, 26, 1, 30), "Europe/Dublin")  # noqa: DTZ001 - "negative" summer time
def test_text_without_an_offset_is_the_first_instant_that_a_clock_there_showed_it(
    local: dt.datetime, zone: str
) -> None:
    """The oracle asks no zone for an offset: it tries every quarter of an hour that an offset can be."""
    tz = ZoneInfo(zone)
    shown = [
        moment
        for quarter in range(-15 * 4, 15 * 4 + 1)
        if (moment := local.replace(tzinfo=dt.UTC) + dt.timedelta(minutes=15 * quarter))
        .astimezone(tz)
        .replace(tzinfo=None)
        == local
    ]
    text = local.isoformat()
    expected = ns_between(min(shown)) if shown else Reason.BAD_TIMESTAMP
    assert reason_of(text, Policy(keep_entities=True, timezone=zone)) == expected


def test_a_local_time_that_the_clocks_skipped_is_no_time() -> None:
    policy = Policy(keep_entities=True, timezone="America/New_York")
    with pytest.raises(Unmappable, match="the clocks of America/New_York skipped that time"):
        values.instant("2025-03-09T02:30:00", policy)


@given(st.decimals(min_value=-62_135_596_800, max_value=99_999_999_999, places=9))
def test_a_number_below_1e11_is_seconds(number: Decimal) -> None:
    assert values.instant(number, UTC) == int(number.scaleb(9))


@given(st.decimals(min_value=100_000_000_000, max_value=253_402_300_799_999, places=6))
def test_a_number_from_1e11_is_milliseconds(number: Decimal) -> None:
    assert values.instant(number, UTC) == int(number.scaleb(6))
    assert reason_of(-number) == (
        -int(number.scaleb(6)) if -int(number.scaleb(6)) >= FIRST_NS else Reason.BAD_TIMESTAMP
    )


@pytest.mark.parametrize(
    ("number", "ns"),
    [
        (99_999_999_999, 99_999_999_999 * 10**9),
        (100_000_000_000, 100_000_000_000 * 10**6),
        (-99_999_999_999, Reason.BAD_TIMESTAMP),
        (-100_000_000_000, -100_000_000_000 * 10**6),
        (Decimal("99999999999.999999999"), 99_999_999_999_999_999_999),
        (1763618700.5, 1_763_618_700_500_000_000),
        (Decimal("0e99"), 0),
        (-0.0, 0),
    ],
)
def test_the_boundary_between_seconds_and_milliseconds_is_1e11(number: float | Decimal, ns: object) -> None:
    assert reason_of(number) == ns


@given(st.integers(-62_135_596_800, 99_999_999_999))
def test_seconds_milliseconds_and_text_of_one_instant_are_equal(seconds: int) -> None:
    ns = values.instant(seconds, UTC)
    assert values.instant(values.rfc3339(ns), UTC) == ns
    if abs(seconds * 1000) >= 10**11:
        assert values.instant(seconds * 1000, UTC) == ns
    assert values.instant(float(seconds), UTC) == ns


BAD = [
    "", "now", "2025-11-20", "20251120T060500Z", "2025-11-20T06:05:00.1234567891Z", "2025-11-20T23:59:60Z",
    "2025-11-20T24:00:00Z", "2025-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
    "2025-11-20T06:05:00+24:00", "2025-11-20T06:05:00 Z", "2025-11-20T6:05:00Z", "1763618700", "２025-11-20T06:05:00Z",
    "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2025-11-20T06:05:00+07:60",
    True, False, None, [], {}, float("nan"), float("inf"), 10**30, -(10**30), 1e300, Decimal("1e-10"),
    Decimal("1.0000000001"), 253_402_300_800_000, Decimal("1e99999999"), Decimal("1e-99999999"),
]  # fmt: skip


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_what_is_no_instant_is_bad_timestamp(value: object) -> None:
    assert reason_of(value) is Reason.BAD_TIMESTAMP


@pytest.mark.parametrize(
    "text", ["2025-11-20T06:05:00Z", "2025-11-20 06:05:00", "2025-11-20T06:05Z", "2025-11-20T13:05:00+07",
             "2025-11-20t06:05:00z", "2025-11-20T06:05:00.000000000Z", "2025-11-20T06:05:00,0-00:00",
             "2025-11-20T02:35:00-0330"]
)  # fmt: skip
def test_every_spelling_of_one_instant_is_that_instant(text: str) -> None:
    assert values.instant(text, UTC) == 1_763_618_700 * 10**9


def test_a_naive_datetime_is_not_an_instant() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        values.ns_of(dt.datetime(2025, 1, 1))  # noqa: DTZ001 - what is tested


@given(st.datetimes(timezones=st.sampled_from([dt.UTC, ZoneInfo("Asia/Ho_Chi_Minh")])))
def test_a_datetime_is_the_instant_of_its_text(moment: dt.datetime) -> None:
    assert values.ns_of(moment) == ns_between(moment)

"""Laws of the value rules: total, deterministic, injective, idempotent, inverse, exact."""

from __future__ import annotations

import json
import math
import struct
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tvmigrate.contract import exact_json, unicode, values
from tvmigrate.contract.outcome import Reason, Unmappable
from tvmigrate.contract.policy import Policy

from .strategies import (
    ANY_LABELS,
    ENTITIES,
    KNOWN_LABELS,
    NEAR_BLANKS,
    NUMBER_TEXTS,
    POLICIES,
    TEXT,
    TIMES,
    VALUE_TEXTS,
)

KEEP = Policy(keep_entities=True)
SHOW = Policy(show="the_voice")
ANYTHING = TIMES | st.lists(st.integers(), max_size=2) | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)


def outcome(rule: Callable[[], Any]) -> Any:
    """Return what a rule maps to, or the reason why it does not."""
    try:
        return rule()
    except Unmappable as why:
        return why.reason if why.detail else "no detail"


# ------------------------------------------------------------------------------------------------- total, deterministic

RULES: dict[str, Callable[[Any, Policy], Any]] = {
    "sentiment": lambda value, policy: values.sentiment(value),
    "timestamp": values.instant,
    "count": lambda value, policy: values.count(value),
    "number": lambda value, policy: values.number(value),
    "numeric_text": lambda value, policy: values.numeric_text(value),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
@given(value=ANYTHING | ANY_LABELS | NUMBER_TEXTS, policy=POLICIES)
@example(value="9" * 5000, policy=KEEP)
@example(value=10**5000, policy=KEEP)
@example(value=Decimal("1e99999999"), policy=KEEP)
@example(value=Decimal("0e99999999"), policy=KEEP)
@example(value=Decimal("-1e-99999999"), policy=KEEP)
@example(value=Decimal("sNaN"), policy=KEEP)
@example(value=float("nan"), policy=KEEP)
def test_a_value_rule_maps_or_gives_a_reason_and_always_the_same(
    rule: Callable[[Any, Policy], Any], value: Any, policy: Policy
) -> None:
    assert repr(outcome(lambda: rule(value, policy))) == repr(outcome(lambda: rule(value, policy)))


@given(ENTITIES, POLICIES)
def test_an_entity_maps_unless_it_is_blank(entity: str, policy: Policy) -> None:
    blank = unicode.is_blank(entity)
    assert (outcome(lambda: values.program_id(entity, policy)) is Reason.EMPTY_ENTITY) == blank


@given(TEXT)
def test_a_window_maps_only_if_written_exactly_so(window: str) -> None:
    expected = {"5": "5min", "15": "15min", "60": "1hour"}.get(window, Reason.UNKNOWN_WINDOW)
    assert outcome(lambda: values.time_range(window)) == expected


@pytest.mark.parametrize("window", ["05", "5 ", "5.0", "+5", "٥", "1440", "", "5m"])
def test_unknown_window_is_quarantined_not_guessed(window: str) -> None:
    assert outcome(lambda: values.time_range(window)) is Reason.UNKNOWN_WINDOW


# ---------------------------------------------------------------------------------------------------------- program id


@given(ENTITIES, ENTITIES, st.sampled_from([KEEP, SHOW]))
def test_two_entities_without_a_slash_never_share_a_program_id(one: str, other: str, policy: Policy) -> None:
    assume(one != other and "/" not in one + other)
    assume(not unicode.is_blank(one) and not unicode.is_blank(other))
    assert values.program_id(one, policy) != values.program_id(other, policy)


@given(ENTITIES, st.sampled_from([KEEP, SHOW]))
def test_a_program_id_maps_to_itself(entity: str, policy: Policy) -> None:
    assume(not unicode.is_blank(entity))
    mapped = values.program_id(entity, policy)
    assert values.program_id(mapped, policy) == mapped


@given(ENTITIES)
def test_a_program_id_gives_its_entity_back(entity: str) -> None:
    assume(not unicode.is_blank(entity) and "/" not in entity)
    assert values.program_id(entity, SHOW).removeprefix("the_voice/") == entity
    assert values.program_id(entity, KEEP) == entity


@given(ENTITIES, TEXT, st.sampled_from([None, "the_voice"]))
def test_the_map_wins_over_show_and_slash(entity: str, target: str, show: str | None) -> None:
    assume(not unicode.is_blank(entity) and not unicode.is_blank(target))
    policy = Policy(show, show is None, {entity: target})
    assert values.program_id(entity, policy) == target


def test_an_entity_with_a_slash_stays() -> None:
    assert values.program_id("masked/owl", SHOW) == "masked/owl"


# ----------------------------------------------------------------------------------------------------------- sentiment


# Written out from Unicode's PropList.txt, not taken from the code that is tested.
WHITE_SPACE_BY_HAND = [
    *range(9, 14),
    0x20,
    0x85,
    0xA0,
    0x1680,
    *range(0x2000, 0x200B),
    0x2028,
    0x2029,
    0x202F,
    0x205F,
    0x3000,
]


def test_trim_takes_white_space_and_no_other_character() -> None:
    trimmed = [code for code in range(0x110000) if not unicode.trim(chr(code))]
    assert trimmed == sorted(WHITE_SPACE_BY_HAND)


@given(KNOWN_LABELS)
@example(unicodedata.normalize("NFD", "TIÊU CỰC"))
@example("\u2003tích cực\u0085")
def test_a_known_label_maps_in_any_case_form_and_padding(label: str) -> None:
    plain = unicodedata.normalize("NFC", label).casefold().strip("".join(map(chr, WHITE_SPACE_BY_HAND)))
    meaning = {"tích cực": "positive", "tiêu cực": "negative", "trung lập": "neutral"}.get(plain, plain)
    assert str(values.sentiment(label)) == meaning


@given(ANY_LABELS)
def test_a_label_of_the_new_layout_maps_to_itself(label: str) -> None:
    mapped = outcome(lambda: values.sentiment(label))
    if isinstance(mapped, values.Sentiment):
        assert values.sentiment(str(mapped)) is mapped
    else:
        assert mapped is Reason.UNKNOWN_SENTIMENT


@pytest.mark.parametrize(
    "label", ["tich cuc", "posİtive", "poſitive", "tích  cực", "\x1cpositive", "positive\u200b", "", "1"]
)
def test_a_label_that_only_looks_known_is_unknown(label: str) -> None:
    assert outcome(lambda: values.sentiment(label)) is Reason.UNKNOWN_SENTIMENT


@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
@pytest.mark.parametrize("label", ["tích cực", "tiêu cực", "trung lập"])
def test_misdecoded_utf8_is_named_as_such(label: str, codec: str) -> None:
    broken = label.encode().decode(codec, "replace")
    with pytest.raises(Unmappable, match="mis-decoded UTF-8"):
        values.sentiment(broken)


# -------------------------------------------------------------------------------------------------------------- count


@given(st.integers(0, 2**63 - 1))
def test_a_count_maps_from_an_integer_and_from_its_digits(whole: int) -> None:
    assert values.count(whole) == values.count(str(whole)) == values.count(f"00{whole}") == whole


@given(st.integers(0, 2**53))
def test_a_count_maps_from_a_whole_double(whole: int) -> None:
    assert values.count(float(whole)) == values.count(Decimal(f"{whole}.0")) == whole


@pytest.mark.parametrize(
    "value",
    [True, False, -1, "-1", 1.5, "1.0", "1e2", " 1", "", "٣", "²", 2**63, str(2**63), float("inf"), None, [], {}],
)
def test_what_is_no_count_is_bad_count(value: Any) -> None:
    assert outcome(lambda: values.count(value)) is Reason.BAD_COUNT


# ------------------------------------------------------------------------------------------------------------- number


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(-0.0)
@example(5e-324)
@example(1.7976931348623157e308)
def test_a_double_keeps_every_bit_through_json_and_back(value: float) -> None:
    read = exact_json.parse(repr(value))
    assert bits(values.number(read)) == bits(value)
    assert bits(float(values.number_text(values.number(read)))) == bits(value)
    assert bits(json.loads(exact_json.dump({"v": values.number(read)}))["v"]) == bits(value)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_widens_to_the_same_number(value: float) -> None:
    assert bits(values.number(struct.unpack("<f", struct.pack("<f", value))[0])) == bits(value)


@given(st.integers(-(2**63), 2**64 - 1))
def test_an_integer_of_64_bits_keeps_every_digit(value: int) -> None:
    assert values.number(exact_json.parse(str(value))) == value
    assert exact_json.parse(exact_json.dump({"v": values.number(value)})) == {"v": value}


@given(st.integers(min_value=2**64) | st.integers(max_value=-(2**63) - 1))
@example(2**64)
@example(-(2**63) - 1)
def test_an_integer_beyond_64_bits_is_its_double_and_can_be_written(value: int) -> None:
    for given_as in (value, exact_json.parse(str(value))):
        mapped = values.number(given_as)
        assert isinstance(mapped, float)
        assert mapped == float(value)
        assert exact_json.dump([mapped])


@given(NUMBER_TEXTS)
@example("99999999999999999999")
def test_a_string_that_spells_a_number_is_that_number(text: str) -> None:
    spelled = outcome(lambda: values.numeric_text(text))
    try:
        written = outcome(lambda: values.number(exact_json.parse(text)))
    except Unmappable:
        return
    if isinstance(spelled, Reason):
        assert isinstance(written, Reason) or text.startswith(("01", "1.", ".5", "+1"))
    elif not isinstance(written, Reason):
        assert float(spelled) == float(written)
        assert exact_json.dump([spelled])


@pytest.mark.parametrize("text", ["NaN", "-inf", "Infinity", "1e999", "+nan"])
def test_a_string_that_spells_no_finite_number_is_not_finite(text: str) -> None:
    assert outcome(lambda: values.numeric_text(text)) is Reason.NOT_FINITE


@pytest.mark.parametrize("text", ["", " 1", "1 ", "1_000", "0x10", "một", "1,5", "٣", "+1"])
def test_a_string_that_spells_nothing_is_bad_number(text: str) -> None:
    assert outcome(lambda: values.numeric_text(text)) is Reason.BAD_NUMBER


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -math.inf, Decimal("1e400"), 10**400])
def test_what_overflows_a_double_is_not_finite(value: Any) -> None:
    assert outcome(lambda: values.number(value)) is Reason.NOT_FINITE


@pytest.mark.parametrize("value", ["1", None, True, [], {}])
def test_what_is_no_number_is_bad_number(value: Any) -> None:
    assert outcome(lambda: values.number(value)) is Reason.BAD_NUMBER


# --------------------------------------------------------------------------------------------------------------- topics


@given(st.lists(TEXT.map(lambda topic: topic.replace(",", "")), max_size=5), NEAR_BLANKS)
def test_topics_keep_their_order_and_doubles_without_blanks(topics: list[str], padding: str) -> None:
    expected = [topic for topic in (unicode.trim(f"{padding}{topic}{padding}") for topic in topics) if topic]
    assert values.split_topics(",".join(f"{padding}{topic}{padding}" for topic in topics)) == expected


@given(st.text(max_size=20))
def test_split_topics_is_idempotent(text: str) -> None:
    topics = values.split_topics(text)
    assert values.split_topics(", ".join(topics)) == topics


# ----------------------------------------------------------------------------------------------------------- exact JSON


def told(value: Any) -> Any:
    """Return JSON so that equal means: the same digits, sign of zero, and integer or not."""
    if isinstance(value, dict):
        return [(name, told(item)) for name, item in value.items()]
    if isinstance(value, list):
        return [told(item) for item in value]
    return (type(value), isinstance(value, Decimal) and value.is_signed(), value)


@given(VALUE_TEXTS | st.text(max_size=12) | st.binary(max_size=12))
@example("[" * 300 + "]" * 300)
@example("[" * 100_000)
@example('{"a":' * 1000 + "1" + "}" * 1000)
@example("1e99999999999999999999")
@example("1.5e1")
@example("-0e0")
@example("-" + "9" * 10_000)
def test_any_json_is_read_or_refused_with_a_reason_and_can_be_written_again(text: str | bytes) -> None:
    read = outcome(lambda: exact_json.parse(text))
    if not isinstance(read, Reason):
        again = exact_json.parse(exact_json.dump({"archived": {"in": read}}))["archived"]["in"]
        assert told(again) == told(read)


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(-(2**80), 2**80))
def test_written_numbers_keep_their_digits(fraction: Decimal, whole: int) -> None:
    text = f'{{"f":{fraction:f},"w":{whole}}}'
    read = exact_json.parse(text)
    assert (Decimal(read["f"]), Decimal(read["w"])) == (fraction, Decimal(whole))
    assert exact_json.parse(exact_json.dump(read)) == read


REFUSED = {
    "NaN": ("[NaN]", Reason.NOT_FINITE),
    "Infinity": ("-Infinity", Reason.NOT_FINITE),
    "not utf-8": (b'"\xff"', Reason.NOT_UTF8),
    "half a surrogate pair": ('{"\\ud800": 1}', Reason.NOT_UTF8),
    "one key twice": ('{"a": 1, "a": 2}', Reason.CONFLICTING_FIELDS),
    "integer and fraction": ('{"a": 1, "a": 1.0}', Reason.CONFLICTING_FIELDS),
    "rest": ("1 2", Reason.BAD_JSON),
    "byte order mark": (b"\xef\xbb\xbf1", Reason.BAD_JSON),
    "empty": ("", Reason.BAD_JSON),
    "too deep": ("[" * 201 + "]" * 201, Reason.BAD_JSON),
    "absurd exponent": ("1e100000000000000000", Reason.BAD_NUMBER),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_json_leaves_open_is_refused(text: str | bytes, reason: Reason) -> None:
    assert outcome(lambda: exact_json.parse(text)) is reason


def test_the_deepest_nesting_that_is_read_can_be_written() -> None:
    assert exact_json.dump({"archived": {"in": exact_json.parse("[" * 200 + "]" * 200)}})

"""What old systems may hold, for Hypothesis: real shapes, their neighbours, and rubbish."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tvmigrate.contract.policy import Policy
from tvmigrate.contract.unicode import WHITE_SPACE

FIXTURES = Path(__file__).parents[3] / "fixtures" / "standard"
LABELS = ("tích cực", "tiêu cực", "trung lập", "positive", "negative", "neutral")
ZONES = ("UTC", "Asia/Ho_Chi_Minh", "America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "Pacific/Apia")

# Blanks of Unicode, and characters that some other trim takes for one: file separator, zero width space, BOM, …
BLANKS = st.text(st.sampled_from(WHITE_SPACE), max_size=3)
NEAR_BLANKS = st.text(st.sampled_from(WHITE_SPACE + "\x1c\x1d\x1e\x1f\u180e\u200b\u200d\u2060\ufeff\x00"), max_size=3)

TEXT = st.text(max_size=12) | st.text(st.sampled_from("aAđếéIİıſKẞßσς/:,.'\"\\`{}[]\x00\n \t"), max_size=8)
OCTETS = (
    st.binary(max_size=12) | TEXT.map(str.encode) | st.sampled_from([b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\xaf"])
)


def _mojibake(label: str, codec: str) -> str:
    return label.encode().decode(codec, "replace")


_FORMS = (
    lambda label: label,
    str.upper,
    str.title,
    str.swapcase,
    lambda label: unicodedata.normalize("NFD", label),
    lambda label: unicodedata.normalize("NFD", label.upper()),
    lambda label: _mojibake(label, "latin-1"),
    lambda label: _mojibake(label, "cp1252"),
    lambda label: label.replace("i", "İ"),
    lambda label: label.replace("i", "ı"),
    lambda label: label.replace("s", "ſ"),
    lambda label: label.replace("t", "ﬅ"),
    lambda label: label.replace(" ", "\u00a0"),
    lambda label: label.replace(" ", ""),
    lambda label: label.replace("c", "с"),  # Cyrillic
)
KNOWN_LABELS = st.builds(
    lambda label, form, before, after: before + form(label) + after,
    st.sampled_from(LABELS),
    st.sampled_from(_FORMS[:6]),
    BLANKS,
    BLANKS,
)
ANY_LABELS = KNOWN_LABELS | TEXT | st.builds(
    lambda label, form, before, after: before + form(label) + after,
    st.sampled_from(LABELS),
    st.sampled_from(_FORMS),
    NEAR_BLANKS,
    NEAR_BLANKS,
)  # fmt: skip

ENTITIES = (
    st.sampled_from(["contestant_1", "contestant_2", "masked/owl", "current:x", "gấu trúc", " ", "", "\u3000", "it's"])
    | TEXT
    | NEAR_BLANKS
)
POLICIES = st.builds(
    lambda show, entity_map, zone, zero: Policy(show, show is None, entity_map, zone, zero),
    st.none() | st.sampled_from(["the_voice", "ca_sĩ", "x'\\`"]),
    st.dictionaries(ENTITIES, TEXT | st.sampled_from(["the_voice/x", "it's\\"]), max_size=3).map(
        lambda pairs: {old: new for old, new in pairs.items() if old.strip(WHITE_SPACE) and new.strip(WHITE_SPACE)}
    ),
    st.sampled_from(ZONES),
    st.booleans(),
)

NUMBER_TEXTS = (
    st.integers(-5, 300).map(str)
    | st.integers(-(2**70), 2**70).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.sampled_from(
        ["0", "-0", "-0.0", "120.0", "1e2", "1E+2", "1.5e1", "1e400", "-1e400", "1e-400", "5e-324",
         "1e99999999999999999999", "1e-99999999999999999999", "1e000000000000000000002", "0e99999999999999999999",
         "9007199254740993", "9007199254740993.0", "9223372036854775807", "9223372036854775808",
         "9223372036854775807.0",
         "9223372036854775295.0", "18446744073709551615", "18446744073709551616",
         "-9223372036854775808",
         "-9223372036854775809", "0.1", "0.30000000000000004", "1.0000000000000000001", "01", "1.", ".5", "+1", "0x10",
         "99999999999", "100000000000", "-99999999999", "1763618700", "1763618700000", "1763618700.123456789"]
    )
)  # fmt: skip
COUNT_STRINGS = st.sampled_from(
    ['"120"', '"0"', '"007"', '"-1"', '"1.0"', '""', '" 1"', '"٣"', '"9223372036854775807"', '"9223372036854775808"',
     '"00000000000000000000000000000120"', '"1\\u0030"', '"1e2"', '"NaN"', '"99999999999999999999999"']
)  # fmt: skip
CONSTANTS = st.sampled_from(
    ["null", "true", "false", "NaN", "Infinity", "-Infinity", "nan", "{}", "[]", "[1]", '{"a":1}']
)
JSON_STRINGS = TEXT.map(json.dumps) | TEXT.map(lambda text: json.dumps(text, ensure_ascii=False)) | st.sampled_from(
    ['"\\ud83d"', '"\\ud83d\\ude00"', '"\\u0000"', '"\\/"', '"\\x"', '"\t"', '"2025-11-20T06:05:00Z"']
)  # fmt: skip
SCALAR_TEXTS = NUMBER_TEXTS | COUNT_STRINGS | CONSTANTS | JSON_STRINGS


def joined(pairs: list[tuple[str, str]], gap: str = "") -> str:
    return "{" + gap + ",".join(f"{name}{gap}:{value}" for name, value in pairs) + gap + "}"


VALUE_TEXTS = st.recursive(
    SCALAR_TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]")
        | st.lists(st.tuples(JSON_STRINGS, inner), max_size=3).map(joined)
    ),
    max_leaves=5,
)
GAPS = st.sampled_from(["", "", "", " ", "\n", "\t ", "\u00a0", "\ufeff", "\x0c"])


def objects(names: st.SearchStrategy[str], values: st.SearchStrategy[str] = VALUE_TEXTS) -> st.SearchStrategy[str]:
    """JSON objects as text, well formed or nearly, names (JSON string literals) also twice."""
    return st.builds(
        lambda before, pairs, gap, after: before + joined(pairs, gap) + after,
        GAPS,
        st.lists(st.tuples(names, values), max_size=6),
        GAPS,
        GAPS | st.sampled_from(["", "", "}", ","]),
    )


def literals(*names: str) -> st.SearchStrategy[str]:
    return st.sampled_from([json.dumps(name, ensure_ascii=False) for name in names])


def lines(path: str) -> list[bytes]:
    return (FIXTURES / path).read_bytes().splitlines()


def mutated(originals: list[bytes]) -> st.SearchStrategy[bytes]:
    """A real text with a few bytes cut out, doubled or replaced."""
    # A closure, so that no message prints all the originals.
    pick = st.integers(0, len(originals) - 1).map(lambda n: originals[n])

    @st.composite
    def change(draw: st.DrawFn) -> bytes:
        raw = draw(pick)
        for _ in range(draw(st.integers(0, 3))):
            start = draw(st.integers(0, len(raw)))
            end = min(len(raw), start + draw(st.integers(0, 6)))
            middle = draw(
                st.just(b"") | st.just(raw[start:end] * 2) | st.binary(max_size=3) | NUMBER_TEXTS.map(str.encode)
            )
            raw = raw[:start] + middle + raw[end:]
        return raw

    return change()


def redis_values(prefix: str, kind: str) -> list[bytes]:
    """The strings, or items of lists, of the keys of `standard/` whose name begins with `prefix`."""
    found: list[bytes] = []
    for line in lines("redis.ndjson"):
        key = json.loads(line)
        if key["type"] == kind and isinstance(key["key"], str) and key["key"].startswith(prefix):
            values: list[Any] = key["value"] if isinstance(key["value"], list) else [key["value"]]
            found += [value.encode() for value in values if isinstance(value, str)]
    return found


DATES = st.builds(
    lambda date, separator, clock, zone: date + separator + clock + zone,
    st.dates().map(lambda date: date.isoformat())
    | st.sampled_from(["0001-01-01", "9999-12-31", "2025-02-29", "0000-01-01"]),
    st.sampled_from(["T", " ", "t", "", "_"]),
    st.times().map(lambda time: time.isoformat())
    | st.sampled_from(
        ["06:05", "24:00", "24:00:00", "23:59:60", "06:05:00.123456789", "06:05:00.1234567891", "06:05:00,5", "6:05"]
    ),
    st.sampled_from(
        ["", "Z", "z", "+07:00", "-03:30", "+0700", "+07", "+24:00", "-00:00", "+23:59", "-23:59", " UTC", "+7"]
    ),
)  # fmt: skip
TIMES = DATES | st.integers(-(2**64), 2**64) | st.floats() | st.decimals() | TEXT | st.none() | st.booleans()

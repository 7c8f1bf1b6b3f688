from __future__ import annotations

import json

import pytest
from elastic_transport import SerializationError
from hypothesis import example, given
from hypothesis import strategies as st

from tvmigrate.engines.quick_json import QuickJson, read_json

NUMBERS = st.sampled_from(
    ("0", "-0", "-0.0", "1.0", "1e400", "18446744073709551615", "18446744073709551616", "-9223372036854775809", "NaN")
) | st.floats().map(json.dumps)
LEAVES = (
    NUMBERS | st.text(max_size=5).map(json.dumps) | st.sampled_from(('"\\ud83d"', '"\\ud83d\\udc4f"', "true", "null"))
)
TEXTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(st.sampled_from(('"a"', '"b"')), inner), max_size=3).map(
            lambda pairs: f"{{{', '.join(f'{name}: {value}' for name, value in pairs)}}}"
        )
    ),
    max_leaves=6,
)


@given(TEXTS)
@example("18446744073709551617")
@example('{"a": 1, "a": 2}')
def test_it_reads_just_what_pythons_own_reader_reads(text: str) -> None:
    assert repr(read_json(text.encode())) == repr(json.loads(text))


@pytest.mark.parametrize("data", [b"{", b"", b"[" * 100_000, b'{"a": 1} x'])
def test_what_is_no_json_is_an_error_of_the_driver(data: bytes) -> None:
    with pytest.raises(SerializationError, match="Unable to deserialize as JSON"):
        QuickJson().loads(data)

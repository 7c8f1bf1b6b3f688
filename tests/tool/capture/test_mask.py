"""Stand-ins have the shape of what they stand for, and nobody without the secret can tell what that was."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tvmigrate.capture import masked
from tvmigrate.capture.json_texts import replace_broken, replace_texts
from tvmigrate.capture.mask import Mask

MASK = Mask(b"a secret of sixteen bytes and more")
FORMS = ("NFC", "NFD", "NFKC", "NFKD")
TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)
WORDS = st.text("aáàằộđngTRÒ 0123.,_-🔥😀Việt", max_size=12)


@given(TEXTS)
@example("Thí sinh Bảo Ngọc hát hay quá 🔥👏")
@example("Thí sinh Bảo Ngọc".encode().decode("utf-8"))
@example(unicodedata.normalize("NFD", "Tiếng Việt có dấu ưỡng"))
@example("한국어 텍스트 กขค שלום Ελληνικά ｶﾀｶﾅ")
@example("ﬁ ½ Å ͅ")
@example("half \ud83d a pair")
def test_a_stand_in_has_the_length_the_bytes_and_the_normal_forms_of_its_text(text):
    stand_in = MASK.text(text)
    assert len(stand_in) == len(text)
    assert len(stand_in.encode("utf-8", "surrogatepass")) == len(text.encode("utf-8", "surrogatepass"))
    for form in FORMS:
        assert unicodedata.is_normalized(form, stand_in) == unicodedata.is_normalized(form, text)
    assert [unicodedata.category(char) for char in stand_in] == [unicodedata.category(char) for char in text]


@given(st.lists(WORDS, min_size=2, max_size=2, unique=True))
def test_different_texts_have_different_stand_ins(texts):
    assert MASK.text(texts[0]) != MASK.text(texts[1])


def test_no_two_of_all_words_of_one_shape_have_one_stand_in():
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [one + other + digit for one in letters for other in letters for digit in "0123456789"]
    assert sorted(map(MASK.text, words)) == words


def test_a_text_has_the_same_stand_in_each_time_and_another_one_by_another_secret():
    text = "Giọng hát của bạn thật tuyệt vời"
    assert MASK.text(text) == Mask(b"a secret of sixteen bytes and more").text(text)
    assert MASK.text(text) != Mask(b"a secret of sixteen bytes and mors").text(text)


def test_no_letter_alone_says_what_it_stands_for():
    """Assert that the same letter stands for others elsewhere: no count of letters tells the text."""
    stand_in = MASK.text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert len(set(stand_in)) > 8


def test_bytes_that_are_not_utf8_stay_where_they_are():
    stand_in = MASK.raw(b"lan\xff\xfenguyen")
    assert stand_in[3:5] == b"\xff\xfe"
    assert stand_in[:3] != b"lan"
    assert stand_in[5:] != b"nguyen"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def _masked(value):
    if isinstance(value, str):
        return MASK.text(value)
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    return {name: _masked(inner) for name, inner in value.items()} if isinstance(value, dict) else value


@given(JSON, st.booleans(), st.sampled_from([None, 1]))
@example("\ud83d", True, None)
@example({"a": 'c:\\\\new "q" \n', "é": ["é"]}, True, None)
def test_texts_are_replaced_within_json_however_it_is_written(value, escaped, indent):
    text = json.dumps(value, ensure_ascii=escaped, indent=indent)
    replaced = replace_texts(text, MASK.text, lambda path: True)
    assert json.loads(replaced) == _masked(json.loads(text))
    assert len(replaced) == len(text)


NAMES = st.sampled_from(["text", "note", "te", "a/b", 'a"b', '","text":"', "é"])


@given(st.dictionaries(NAMES, JSON), st.frozensets(NAMES), st.booleans(), st.sampled_from([(",", ":"), (", ", " : ")]))
@example({"te": '{"text":"Lan"}', "text": "Lan\n"}, frozenset({"text"}), True, (",", ":"))
@example({"te": ',\\"text\\":\\"Lan', "text": ["Lan"]}, frozenset({"text"}), True, (",", ":"))
@example({"te": {"text": "Lan"}, "text": "Lan"}, frozenset({"text"}), True, (",", ":"))
@example({"te": '"', "text": 'La"n'}, frozenset({"text", "te"}), True, (",", ":"))
def test_of_a_row_the_texts_of_the_columns_asked_for_are_replaced_and_no_other(row, columns, escaped, separators):
    line = json.dumps(row, ensure_ascii=escaped, separators=separators).encode("utf-8", "surrogatepass")
    text = masked.row(MASK, line, columns).decode("utf-8", "surrogateescape")
    as_written = line.decode("utf-8", "surrogateescape")
    due = json.loads(as_written)
    assert json.loads(text) == {name: _masked(value) if name in columns else value for name, value in due.items()}


def test_only_texts_at_chosen_paths_are_replaced_and_escapes_keep_their_form():
    text = r'{"keep": "Lan", "hide": {"x": ["Vi\u1EC7t \ud83d\ude00\n"]}, "n": 1.50}'
    paths = []
    replaced = replace_texts(text, MASK.text, lambda path: paths.append(list(path)) or path[0] == "hide")
    assert paths == [["keep"], ["hide", "x", None]]
    before, after = text.split('["'), replaced.split('["')
    assert before[0] == after[0]
    assert after[1].endswith(r'\n"]}, "n": 1.50}')
    assert after[1][2:4] == r"\u"
    assert after[1] != before[1]


@pytest.mark.parametrize("text", ["{'name': \"Lan\", x", '{"name": "Lan Nguy', '{"a": "b\\q Lan"', "Lan Nguyen 5"])
def test_of_broken_json_no_word_is_left(text):
    replaced = replace_broken(text, MASK.text)
    assert len(replaced) == len(text)
    assert "Lan" not in replaced
    assert "Nguy" not in replaced


def test_of_broken_json_what_json_knows_is_left():
    text = '{"name": NaN, "b": true, "c": Infinity, "d": null, "e": false 1e5'
    assert replace_broken(text, MASK.text) == text

"""Findings as text: each says the claim, what was found, where, expected and actual, and what it means."""

import pytest

from tvmigrate.report.prose import MEANINGS, VALUE_LIMIT, explain, finding_lines, printable, where
from tvmigrate.verify.findings import Direction, Finding, Phase

from .samples import EMPTY, FAILED, SCORE, STOPPED, VALUES


def test_a_failed_check_is_explained_in_full():
    assert explain(FAILED, VALUES) == (
        "FAIL redis.eaos (rule redis.eaos, after the migration): 3 differences, 12 examined\n"
        "  Assert that every eaos key has its hash.\n"
        "\n"
        "  1. The score of eaos:contestant_1 was rounded.\n"
        "     where:    redis, rule redis.eaos: eaos:contestant_1 → eaos:current:the_voice/contestant_1, field score\n"
        "     expected: 0.8231\n"
        "     actual:   0.82\n"
        "     changed: It is there, but not as the rule makes it of the old data. Who reads it is told something else "
        "than before.\n"
        "\n"
        "  … and 2 more; --max-findings says how many are kept."
    )


def test_a_check_that_could_not_look_says_why():
    assert explain(STOPPED) == (
        "ERROR redis.ttl (rule redis.eaos, after the migration): 0 examined\n  Redis at 127.0.0.1:1 did not answer."
    )


def test_an_empty_check_says_that_there_was_nothing():
    assert explain(EMPTY).endswith("Neither side has anything that this check could look at.")


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("direction", Direction)
def test_every_direction_has_a_meaning_in_every_phase(phase, direction):
    assert MEANINGS[phase, direction].endswith(".")


def test_a_record_without_an_old_side_is_named_by_its_new_side():
    extra = Finding(SCORE.store, SCORE.rule, Direction.EXTRA, "A key too many.", new="eaos:current:x")
    assert where(extra) == "redis, rule redis.eaos: eaos:current:x"


def test_a_finding_without_values_does_not_print_any():
    lines = list(finding_lines(1, Phase.MIGRATION, Finding(SCORE.store, SCORE.rule, Direction.EXTRA, "Too many.")))
    assert [line for line in lines if "expected" in line or "actual" in line] == []


def test_a_missing_side_is_printed_as_nothing():
    missing = Finding(SCORE.store, SCORE.rule, Direction.MISSING, "Lost.", expected={"score": "1"})
    lines = list(finding_lines(1, Phase.MIGRATION, missing))
    assert '   expected: {"score": "1"}' in lines
    assert "   actual:   nothing" in lines


def test_a_long_value_is_cut_and_says_where_all_of_it_is():
    long = Finding(SCORE.store, SCORE.rule, Direction.CHANGED, "Long.", expected="x" * 5000, actual="")
    text = "\n".join(finding_lines(1, Phase.MIGRATION, long))
    assert f"{'x' * (VALUE_LIMIT - 1)}… (5,002 characters; verdict.json holds them all)" in text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202eabc", "\\u202eabc"),
        ("\ud83d", "\\ud83d"),
        ("tích cực 🎤", "tích cực 🎤"),
    ],
    ids=["escape-sequence", "right-to-left", "half-a-surrogate", "ordinary"],
)
def test_what_a_terminal_would_obey_is_shown_not_sent(raw, shown):
    assert printable(raw) == shown

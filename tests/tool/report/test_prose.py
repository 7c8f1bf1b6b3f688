"""Findings as text: each says the claim, what was found, where, expected and actual, and what it means."""

from dataclasses import replace

import pytest

from tvmigrate.contract.outcome import Rule
from tvmigrate.printable import printable
from tvmigrate.report.prose import (
    GROUPS_SHOWN,
    MEANINGS,
    VALUE_LIMIT,
    explain,
    finding_lines,
    group_lines,
    where,
)
from tvmigrate.verify.findings import Direction, Finding, Group, Phase, State

from .samples import EMPTY, FAILED, SCORE, STOPPED, VALUES, result


def test_a_failed_check_is_explained_in_full():
    assert explain(FAILED, VALUES) == (
        "FAIL redis.eaos (rule redis.eaos, after the migration): 3 differences, 12 examined\n"
        "  Assert that every eaos key has its hash.\n"
        "\n"
        "  3 of 12 examined (25.0 %): redis.eaos, field score, changed, rounded to 2 decimals; e.g. "
        "eaos:current:the_voice/contestant_1\n"
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


LABEL = replace(SCORE, new="raw_comments c1", field="sentiment")


def of_causes(*counts, examined):
    """Return a failed check with one kept finding for each cause; `counts` says how many there are of each."""
    groups = tuple(
        Group(LABEL.store, LABEL.rule, LABEL.direction, f"f{n}", "", count, (n,)) for n, count in enumerate(counts)
    )
    findings = tuple(replace(LABEL, field=f"f{n}", new=f"key-{n}") for n in range(len(counts)))
    return result(State.FAIL, examined=examined, findings=findings, findings_total=sum(counts), groups=groups)


def test_ten_thousand_rows_of_one_cause_are_one_line():
    group = Group(LABEL.store, LABEL.rule, LABEL.direction, "sentiment", 'another text: "a" → "b"', 9871, (0, 1))
    findings = (LABEL, replace(LABEL, new="raw_comments c2"))
    check = result(State.FAIL, examined=10_000, findings=findings, findings_total=9871, groups=(group,))
    (line,) = group_lines(check)
    assert line == (
        '9,871 of 10,000 examined (98.7 %): redis.eaos, field sentiment, changed, another text: "a" → "b"; e.g. '
        "raw_comments c1, raw_comments c2"
    )


def test_samples_in_full_are_of_the_largest_cause():
    text = explain(of_causes(7, 2, examined=10), shown=3)
    assert text.count("where:") == 1
    assert "     where:    redis, rule redis.eaos: eaos:contestant_1 → key-0, field f0" in text.splitlines()


def test_one_difference_is_told_once():
    assert "examined (" not in explain(of_causes(1, examined=10))


@pytest.mark.parametrize(
    ("count", "examined", "told"),
    [
        (3, 3, "3 of 3 examined (all)"),
        (1, 3000, "1 of 3,000 examined (under 0.1 %)"),
        (99_999, 100_000, "99,999 of 100,000 examined (over 99.9 %)"),
        (7, 3, "7 differences"),
        (1, 0, "1 difference"),
    ],
    ids=["all", "hardly-any", "nearly-all", "several-a-record", "none-examined"],
)
def test_a_share_is_never_rounded_to_none_or_all(count, examined, told):
    (line,) = group_lines(of_causes(count, examined=examined))
    assert line.partition(":")[0] == told


def test_a_cause_names_its_store_where_the_rule_does_not():
    check = of_causes(2, examined=4)
    (group,) = check.groups
    of_a_value = replace(check, groups=(replace(group, rule=Rule.SENTIMENT),))
    assert next(group_lines(of_a_value)).startswith("2 of 4 examined (50.0 %): redis value.sentiment, field f0")


def test_causes_beyond_the_first_ones_are_counted():
    check = of_causes(*range(GROUPS_SHOWN + 5, 0, -1), examined=1000)
    shown = explain(check, shown=1).splitlines()
    assert "  15 more, of 5 other causes; verdict.json has them all" in shown
    assert sum(" examined (" in line for line in shown) == GROUPS_SHOWN
    assert sum(" examined (" in line for line in explain(check).splitlines()) == GROUPS_SHOWN + 5


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

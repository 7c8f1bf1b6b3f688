"""The terminal: verdict, ledger, findings, the command to repeat a check; progress with counts and rates."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tvmigrate.events import Advanced, Finished, Printed, Said, Started
from tvmigrate.progress import amount, watch
from tvmigrate.report.console import inconsistency_lines, print_verdict

from .samples import BACK, CHECKS, FAILED, PASSED, STOPPED, verdict


def printed(*checks):
    out = io.StringIO()
    print_verdict(
        Console(file=out, width=120, highlight=False), verdict(*checks), CHECKS, lambda check: f"repeat {check}"
    )
    return out.getvalue()


def test_the_last_line_is_the_verdict():
    assert printed(PASSED, BACK).splitlines()[-1] == "verdict: pass (12.5 s)"


def test_each_phase_has_a_line_of_its_own():
    lines = printed(FAILED, PASSED, BACK).splitlines()
    assert lines[-3:-1] == [
        "after the migration: 1 pass, 1 fail, 1,246 examined",
        "after the rollback: 1 pass, 12 examined",
    ]


def test_the_ledger_says_of_each_line_whether_it_balances():
    rows = {line.split()[1]: line.split()[2:] for line in printed(PASSED).splitlines() if " redis." in line}
    assert rows["redis.eaos"] == ["40", "30", "4", "5", "0", "1", "balanced"]
    assert rows["redis.trend"] == ["9", "8", "0", "0", "0", "0", "off", "by", "-1"]


def test_a_derived_rule_has_nothing_to_balance():
    row = next(line.split() for line in printed(PASSED).splitlines() if "clickhouse.aggregates" in line)
    assert row == ["clickhouse", "clickhouse.aggregates", "derived", "77", "0", "0", "0", "0"]


@pytest.mark.parametrize("check", [FAILED, STOPPED], ids=["failed", "could-not-look"])
def test_what_did_not_pass_comes_with_the_command_that_repeats_it(check):
    assert f"Repeat just this check:\n    repeat {check.id}" in printed(check)


def test_a_check_that_passed_is_not_explained():
    assert "Repeat" not in printed(PASSED)


def test_markup_in_data_is_not_obeyed():
    assert "[red]x" in printed(replace(STOPPED, error="[red]x"))


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (amount(1200, 3150, "comments", 0.5), "1,200 of 3,150 comments, 2,400/s"),
        (amount(7, None, "", 0.0), "7"),
        (amount(0, 10, "keys", 3.0), "0 of 10 keys"),
    ],
    ids=["count-total-rate", "count-only", "not-begun"],
)
def test_progress_has_counts_and_rates(told, text):
    assert told == text


EVENTS = (
    Started("load", 10, "keys"),
    Advanced("load", 10),
    Finished("load", 2.0),
    Said("Look here.", "warning"),
    Printed("apply", "a line"),
)


def test_without_a_terminal_progress_is_plain_lines():
    out = io.StringIO()
    with watch(Console(file=out, highlight=False)) as listener:
        for event in EVENTS:
            listener(event)
    assert out.getvalue().splitlines() == ["load: 10 keys, 5/s (2.0 s)", "warning: Look here.", "  apply | a line"]


def test_on_a_terminal_what_ended_stays_above_the_bars():
    out = io.StringIO()
    with watch(Console(file=out, force_terminal=True, color_system=None, width=80)) as listener:
        for event in EVENTS:
            listener(event)
    text = out.getvalue()
    assert "load: 10 keys, 5/s (2.0 s)" in text
    assert "warning: Look here." in text
    assert "\x1b[?25h" in text  # the cursor is shown again


def test_contradictions_of_the_old_data_are_counted_and_no_failure():
    entry = {
        "rule": "cross.values",
        "kind": "timestamp-differs",
        "count": 1200,
        "examples": [{"old": "c1", "note": "A."}],
    }
    lines = inconsistency_lines(replace(verdict(PASSED), inconsistencies=[entry]))
    assert lines[-1] == "cross.values: 1,200 timestamp-differs, such as: A."


def test_of_later_looks_the_table_has_only_what_did_not_pass():
    again = replace(PASSED, id="redis.trend.second-migration")
    wrong = replace(FAILED, id="redis.eaos.second-migration")
    shown = printed(PASSED, again, wrong)
    assert "redis.trend.second-migration" not in shown
    assert "redis.eaos.second-migration" in shown
    assert "after a second migration: 1 pass, 1 fail, 1,246 examined" in shown.splitlines()


def test_what_is_wrong_again_is_not_told_twice():
    shown = printed(FAILED, replace(FAILED, id="redis.eaos.second-migration"))
    assert shown.count("The score of eaos:contestant_1 was rounded.") == 1
    assert (
        "FAIL redis.eaos.second-migration (rule redis.eaos, after the migration): 3 differences, 12 examined; told "
        "above of an earlier look"
    ) in shown.splitlines()

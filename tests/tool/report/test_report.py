"""report.html, summary.md and annotations: what they tell of a verdict, in what bounds, from the verdict alone."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tvmigrate.contract.outcome import Reason
from tvmigrate.report import annotations, html, markdown
from tvmigrate.report.outcome import write_reports
from tvmigrate.report.problems import ALL_SAMPLES, CAUSES, CHECKS, SAMPLES
from tvmigrate.report.reasons import MEANINGS
from tvmigrate.verify.findings import NotJudged, State

from .samples import (
    BACK,
    EMPTY,
    FAILED,
    HOSTILE,
    PASSED,
    STOPPED,
    hostile,
    huge,
    result,
    rich,
    told,
    verdict,
)  # fmt: skip


@pytest.fixture(scope="module")
def big():
    return told(huge())


# ------------------------------------------------------------------------------------------------------- what it tells


@pytest.mark.parametrize(
    ("checks", "headline", "sentences"),
    [
        ((PASSED, BACK), "Passed", [
            "After the migration, all that was looked at is as the rules say: 1,234 records and objects, 1 check.",
            "After the rollback, all that was looked at is as it was: 12 records and objects, 1 check.",
        ]),
        ((FAILED, STOPPED, PASSED), "Failed", [
            "After the migration, 1 of 3 checks found 3 differences, and 1 of 3 could not look to the end.",
        ]),
        ((STOPPED, PASSED), "Could not check", ["After the migration, 1 of 2 could not look to the end."]),
        ((EMPTY,), "Nothing to check", ["After the migration, there was nothing to look at."]),
        ((), "Could not check", ["No check ran: nothing is known of the data."]),
    ],
    ids=["pass", "fail", "error", "empty", "no-check"],
)  # fmt: skip
def test_the_verdict_comes_first_and_in_words(checks, headline, sentences):
    seen = told(verdict(*checks))
    assert (seen.headline, list(seen.sentences)) == (headline, sentences)


def test_later_looks_that_found_nothing_are_told_in_one_sentence():
    again = [replace(BACK, id=f"rollback.redis{suffix}") for suffix in (".twice", ".after-second-migration")]
    assert told(verdict(PASSED, BACK, *again)).sentences[-1] == (
        "Nothing was wrong after the rollback command ran a second time and after the rollback of a second migration "
        "either."
    )


def test_a_check_that_fails_at_two_looks_is_told_once():
    again = replace(FAILED, id="redis.eaos.second-migration")
    (problem,) = told(verdict(FAILED, again)).problems
    assert (problem.id, list(problem.also)) == ("redis.eaos", ["after a second migration"])


def test_what_could_not_look_comes_first_then_what_found_most():
    small = replace(FAILED, id="redis.trend", findings_total=1)
    assert [one.id for one in told(verdict(small, FAILED, STOPPED)).problems] == [
        "redis.ttl",
        "redis.eaos",
        "redis.trend",
    ]


def test_each_problem_has_the_command_that_repeats_it():
    assert [one.repeat for one in told(rich()).problems] == [
        f"tvmigrate rehearse --only {one.id}" for one in told(rich()).problems
    ]


def test_differences_of_definitions_stand_side_by_side():
    (row,) = told(rich()).schema
    assert (row.told.where, row.told.field, row.told.expected, row.told.actual) == (
        "tv_analytics.raw_comments", "sentiment_score", '"Float64"', '"Float32"',
    )  # fmt: skip


def test_quarantine_is_told_by_reason_and_store():
    assert [(row.reason, row.by_store, row.total) for row in told(rich()).reasons] == [
        ("bad-json", {"redis": 3}, 3), ("wrong-type", {"redis": 2}, 2),
    ]  # fmt: skip


def test_every_reason_has_its_words():
    assert set(MEANINGS) == set(Reason)


def test_what_was_not_checked_is_told():
    unchecked = told(rich()).unchecked
    assert unchecked.left_out == [
        ("The migration keeps such records elsewhere.", ("clickhouse.archive.comments",)),
        (
            "A rollback that is run twice, and a second migration after it, were not looked at: `--second-round` does.",
            (),
        ),
    ]
    assert (unchecked.stopped, unchecked.empty) == (["redis.ttl"], ["redis.metric"])
    assert set(unchecked.blind) == {check.id for check in rich().checks}


def test_steps_tell_seconds_amount_and_rate():
    steps = {step.name: (step.amount, step.rate) for step in told(rich()).steps}
    assert steps == {
        "Start the engines": ("", ""),
        "Load the old data": ("49 records", "19/s"),
        "Migrate": ("49 records", "7/s"),
        "Verify the migration": ("4,247 records and objects", "1,699/s"),
        "Roll back": ("49 records", "33/s"),
    }


def test_the_signature_names_versions_and_digests_and_no_host():
    signature = told(rich()).signature
    assert signature["Dataset, SHA-256"] == "ab" * 32
    assert signature["Contract, SHA-256"] == "cd" * 32
    assert (signature["tvmigrate"], signature["ClickHouse"]) == ("0.1.0", "26.9.1.1")
    assert signature["Migration"] == "./go --to redis://[host]"


def test_a_report_names_the_digest_of_the_verdict_beside_it(tmp_path):
    written = write_reports(rich(), tmp_path, str)
    assert [path.name for path in written.paths] == ["verdict.json", "junit.xml", "report.html", "summary.md"]
    digest = hashlib.sha256((tmp_path / "verdict.json").read_bytes()).hexdigest()
    assert digest in (tmp_path / "report.html").read_text("utf-8")


# ------------------------------------------------------------------------------------------------------------ its form


def test_the_page_is_one_file_that_runs_and_loads_nothing():
    page = html.page(told(rich()))
    assert re.findall(r"<script|<link|<img|<iframe|@import|url\(|\bon\w+=|\bstyle=|src=", page) == []
    assert re.findall(r'href="(?!#)', page) == []


def test_hostile_data_opens_no_tag():
    page = html.page(told(hostile()))
    assert "<script" not in page
    assert "<img" not in page


def test_what_turns_the_order_of_letters_is_shown_as_its_code():
    page = html.page(told(replace(rich(), show="a\u202eb\x07")))
    assert "a\\u202eb\\u0007" in page


def test_a_report_is_bounded_whatever_is_wrong(big):
    assert (len(big.problems), big.problems_left_out) == (CHECKS, 10)
    assert {len(problem.causes) for problem in big.problems} == {CAUSES}
    samples = [len(cause.samples) for problem in big.problems for cause in problem.causes]
    assert max(samples) == SAMPLES
    assert sum(samples) == ALL_SAMPLES
    assert len(html.page(big)) < 1_000_000
    assert len(markdown.text(big)) < 10_000


def test_what_is_left_out_is_counted(big):
    problem = big.problems[0]
    assert sum(cause.count for cause in problem.causes) + problem.left_out == problem.total == 2000
    assert big.differences == 100_000


# ---------------------------------------------------------------------------------------------------------- summary.md


def test_the_summary_of_a_run_that_passed_is_a_few_lines():
    assert markdown.text(told(verdict(PASSED, BACK))) == (
        "## ✅ Passed: rehearsal of a migration\n\n"
        "`the_voice`. After the migration, all that was looked at is as the rules say: 1,234 records and objects, "
        "1 check. After the rollback, all that was looked at is as it was: 12 records and objects, 1 check.\n\n"
        "| rule | old | mapped | filled | quarantined | untouched | expired | |\n"
        "|---|--:|--:|--:|--:|--:|--:|---|\n"
        "| redis.eaos | 40 | 30 | 4 | 5 | 0 | 1 | balanced |\n"
        "| redis.trend | 9 | 8 | 0 | 0 | 0 | 0 | **off by -1** |\n"
        "| clickhouse.aggregates | derived | 77 | 0 | 0 | 0 | 0 |  |\n\n"
        "Redis 8.2.1, ClickHouse 26.9.1.1, Elasticsearch 9.5.3. The whole report: `report.html`.\n"
    )  # fmt: skip


def test_the_summary_names_checks_and_their_causes():
    text = markdown.text(told(verdict(FAILED)))
    assert (
        "- **redis.eaos**: 3 differences, 12 examined, after the migration\n"
        "  - 3 (25.0 %): `redis.eaos, field score, changed, rounded to 2 decimals`\n"
    ) in text


@pytest.mark.parametrize("value", [HOSTILE, "`", "``", "a`", "`a", "|", "", "<b>", "@someone #1", "a\nb"])
def test_data_in_the_summary_stays_what_it_is(value):
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown.code(value))
    shown = re.fullmatch(r"<p><code>(.*)</code></p>\n", rendered)
    assert shown is not None
    text = shown[1].replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    assert text.strip() == " ".join(value.split())


# --------------------------------------------------------------------------------------------------------- annotations


def test_github_is_told_a_line_for_each_check_that_did_not_pass(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problem = result(State.ERROR, error="50 %\nof it: gone, away")
    (line,) = annotations.github(told(verdict(problem)), Path("data/old"))
    assert line == (
        "::error file=data/old/dataset.toml,line=1,title=redis.eaos::Assert that every eaos key has its hash. 50 %25%0A"
        "of it: gone, away%0ARepeat: tvmigrate rehearse --only redis.eaos"
    )


def test_github_is_told_no_more_than_it_shows(big):
    lines = annotations.github(big, Path("data"))
    assert len(lines) == annotations.GITHUB_MOST
    assert lines[-1].endswith("title=Failed::41 more checks did not pass; report.html tells of all.")


def test_no_data_can_begin_a_line_of_its_own():
    assert all(
        line.startswith("::error ") and "\n" not in line for line in annotations.github(told(hostile()), Path("d"))
    )


def test_github_obeys_nothing_that_is_printed_meanwhile_also_where_that_ends_in_an_error():
    said = []
    with pytest.raises(ZeroDivisionError), annotations.nothing_obeyed(said.append):
        said.append(1 / 0)
    first, last = said
    token = first.removeprefix("::stop-commands::")
    assert len(token) == 32
    assert last == f"::{token}::"


def test_gitlab_is_told_an_entry_for_each_cause(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = annotations.write_gitlab(told(verdict(FAILED, PASSED)), Path("data/old"), tmp_path)
    (entry,) = json.loads(path.read_bytes())
    assert len(entry.pop("fingerprint")) == 64
    assert entry == {
        "description": "redis.eaos: 3: redis.eaos, field score, changed, rounded to 2 decimals",
        "check_name": "redis.eaos",
        "severity": "critical",
        "location": {"path": "data/old/dataset.toml", "lines": {"begin": 1}},
    }


def test_gitlab_knows_a_cause_again_whatever_its_count(tmp_path):
    def known_by(*checks):
        path = annotations.write_gitlab(told(verdict(*checks)), Path("d"), tmp_path)
        return [entry["fingerprint"] for entry in json.loads(path.read_bytes())]

    more = replace(FAILED, groups=(replace(FAILED.groups[0], count=7),), findings_total=7)
    assert known_by(FAILED) == known_by(more)
    assert len(set(known_by(*rich().checks))) == len(known_by(*rich().checks))


def test_nothing_is_annotated_where_all_is_well(tmp_path):
    passed = told(replace(verdict(PASSED, BACK), not_judged=[NotJudged(("a",), "b")]))
    assert annotations.github(passed, Path("d")) == []
    assert annotations.write_gitlab(passed, Path("d"), tmp_path).read_text() == "[]\n"

"""What the reports for people show of values: what the contract names, no text, no user name, no host."""

import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from tvmigrate.contract.outcome import Rule, Store
from tvmigrate.report import html, markdown
from tvmigrate.report.outcome import all_checks, write_reports
from tvmigrate.report.redact import Redactor, hosts_of
from tvmigrate.verify.findings import Direction, Finding, Group

from .samples import TEXT, WRONG_TEXT, finding, rich, told

SAMPLES = json.loads((Path(__file__).parents[3] / "docs" / "samples.json").read_bytes())
COMMENTS = "clickhouse.comments"


MARK = re.compile(r", #[0-9a-f]{8}(?=: not shown)")


def shown(one, check=COMMENTS, **options):
    """Return what is told of both sides, without marks."""
    told = Redactor(**options).finding(check, one)
    return tuple(side and MARK.sub("", side) for side in (told.expected, told.actual))


@pytest.mark.parametrize("field", ["text", "username", "content", "author", "record.comment_text", "record.user"])
def test_texts_and_user_names_are_told_by_their_length(field):
    assert shown(finding(field=field, expected="một hai", actual="mot")) == (
        "[text, 7 characters: not shown]", "[text, 3 characters: not shown]",
    )  # fmt: skip


def test_equal_values_have_one_mark_and_others_another():
    told = Redactor().finding(
        COMMENTS, finding(field=None, expected={"text": "lan", "user": "lan"}, actual={"user": "la"})
    )
    marks = MARK.findall(f"{told.expected} {told.actual}")
    assert (len(marks), len(set(marks))) == (3, 2)


def test_a_mark_says_nothing_in_another_report():
    one = finding(field="username", expected="lan")
    assert Redactor().finding(COMMENTS, one).expected != Redactor().finding(COMMENTS, one).expected


def test_a_text_that_is_not_in_its_composed_form_is_told_to_be_so():
    one = finding(field="text", expected="mưa", actual=unicodedata.normalize("NFD", "mưa"))
    assert shown(one) == ("[text, 3 characters: not shown]", "[text, 4 characters and not NFC: not shown]")


def test_a_finding_keeps_its_form_and_all_but_texts():
    one = finding(field="text", expected="một hai", actual=None, note="No text.")
    safe = Redactor().values(COMMENTS, one)
    assert replace(safe, expected="", note="") == replace(one, expected="", note="")
    assert MARK.sub("", safe.expected) == "[text, 7 characters: not shown]"


@pytest.mark.parametrize("field", ["phone", "fields.email", "metadata.model", "data", "data.text", "record", "detail"])
def test_a_field_that_the_contract_does_not_know_is_not_shown(field):
    assert shown(finding(field=field, expected="a@b", actual=84912345678)) == (
        "[text, 3 characters: not shown]", "[number: not shown]",
    )  # fmt: skip


def test_a_text_in_a_field_of_numbers_is_not_shown():
    assert shown(finding(field="score", expected="lan", actual="-1.5e3")) == (
        "[text, 3 characters: not shown]",
        '"-1.5e3"',
    )
    group = Group(Store.REDIS, Rule.REDIS_EAOS, Direction.CHANGED, "score", 'another text: "lan" → "1"', 1)
    assert Redactor().kind("redis.eaos", group) == "another text"


@pytest.mark.parametrize(
    ("field", "value"),
    [("sentiment", "neutral"), ("eaos_score", 0.5), ("topics[2]", "show"), ("metadata.positive", 3), ("ttl", None),
     ("reason", "bad-json"), ("record.created_at", "2025-11-20T06:05:00Z"), ("value", 0.5)],
)  # fmt: skip
def test_fields_of_the_contract_are_shown(field, value):
    assert shown(finding(field=field, expected=value, actual=7)) == (
        None if value is None else json.dumps(value, ensure_ascii=False), "7",
    )  # fmt: skip


def test_of_a_whole_record_only_the_private_parts_are_left_out():
    record = {"text": TEXT, "sentiment": "neutral", "user": "lan", "email": "a@b", "score": 0.5, "topics": ["a"]}
    expected = (
        '{"text": "[text, 23 characters: not shown]", "sentiment": "neutral", '
        '"user": "[text, 3 characters: not shown]", "email": "[text, 3 characters: not shown]", '
        '"score": 0.5, "topics": ["a"]}'
    )
    assert shown(finding(field=None, expected=record)) == (expected, None)
    assert shown(finding(field="record", expected=json.dumps(record))) == (expected, None)


def test_text_that_is_no_json_in_a_field_of_json_is_not_shown():
    assert shown(finding(field="record", expected="{lan: 0912")) == ("[text, 10 characters: not shown]", None)


@pytest.mark.parametrize("check", ["redis.unrelated", "rollback.redis"])
def test_of_data_that_is_no_business_of_ours_no_value_is_shown(check):
    one = finding(field="value", expected="token", actual={"score": "secret"})
    assert shown(one, check) == ("[text, 5 characters: not shown]", '{"score": "[text, 6 characters: not shown]"}')
    assert shown(finding(field="ttl", expected=5000), check) == ("5000", None)


def test_of_an_unrelated_key_no_value_is_shown_whatever_check_tells_of_it():
    one = finding(rule=Rule.REDIS_UNRELATED, store=Store.REDIS, field="value", expected="a", actual="b")
    assert shown(one, "expected.redis") == ("[text, 1 characters: not shown]", "[text, 1 characters: not shown]")


def test_definitions_are_shown_whole():
    one = finding(direction=Direction.SCHEMA, field="text", expected="String", actual={"type": "keyword"})
    assert shown(one, "clickhouse.schema.raw_comments") == ('"String"', '{"type": "keyword"}')


def test_a_sentence_that_would_tell_what_is_not_shown_is_told_otherwise():
    assert Redactor().finding(COMMENTS, WRONG_TEXT).note == (
        "text of raw_comments c1 is not what the old data makes of it."
    )


def test_a_sentence_that_quotes_more_of_the_record_is_told_otherwise():
    one = finding(field="sentiment", expected="a", actual="b", note='It reads {"user":"lan"}.')
    assert (
        Redactor().finding(COMMENTS, one).note == "sentiment of raw_comments c1 is not what the old data makes of it."
    )


def test_a_sentence_about_what_is_shown_stays_as_it_is():
    one = finding(field="sentiment", expected="a", actual="b", note="sentiment of c1's row is 'b', and should be 'a'.")
    assert Redactor().finding(COMMENTS, one).note == one.note


def test_show_values_shows_them_and_what_is_said_of_them():
    told = Redactor(show_values=True).finding(COMMENTS, WRONG_TEXT)
    assert (told.note, told.expected) == (WRONG_TEXT.note, json.dumps(TEXT, ensure_ascii=False))


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("text", "another text"),
        ("sentiment", 'another text: "a" → "b"'),
        (None, "another text"),
        ("value", "another text"),
    ],
)
def test_a_cause_names_values_only_of_fields_that_are_shown(field, told):
    group = Group(Store.REDIS, Rule.REDIS_METRIC, Direction.CHANGED, field, 'another text: "a" → "b"', 1)
    assert Redactor().kind("redis.metric", group) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("at redis://user:pw@db.example.org:6379/0 now", "at redis://[host]/0 now"),
        ("127.0.0.1:6379 is away", "[host] is away"),
        ("localhost:9200 refused", "[host] refused"),
        ("on db-7.example.org it failed", "on [host] it failed"),
        ("cache:6379 is away, the cache too", "[host] is away, the cache too"),
        ("ClickHouse 26.9.2.1", "ClickHouse 26.9.2.1"),
        ("cd /home/lan/work && ./go", "cd ~/work && ./go"),
    ],
)
def test_no_host_is_named(text, told):
    assert Redactor(hosts=("db-7.example.org", "cache")).text(text) == told


def test_hosts_are_those_of_the_urls_and_this_machine(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "build-1")
    assert hosts_of(["redis://a:6379", "", "http://[broken", "https://b.c"]) == ("a", "b.c", "build-1")


def test_long_values_are_cut_and_say_so():
    told, _ = shown(finding(field="sentiment", expected="x" * 1000))
    assert told == '"' + "x" * 299 + "… (1,002 characters)"


def test_no_text_and_no_user_name_is_in_a_report_unless_asked_for():
    for page in (html.page, markdown.text):
        assert TEXT not in page(told(rich()))
        assert TEXT.upper() not in page(told(rich()))
    assert TEXT in html.page(told(rich(), show_values=True))


@pytest.mark.parametrize("shows", [False, True])
def test_each_file_has_texts_and_user_names_only_if_asked_for(tmp_path, shows):
    written = write_reports(rich(), tmp_path, str, Redactor(shows))
    assert {path.name: TEXT in path.read_text("utf-8") for path in written.paths} == {
        "verdict.json": shows, "junit.xml": shows, "report.html": shows, "summary.md": False,
    }  # fmt: skip


@pytest.mark.parametrize("check", SAMPLES)
def test_the_sample_of_each_check_is_told_without_texts_of_comments(check):
    sample = SAMPLES[check]
    one = Finding(
        Store(sample["store"]), Rule(sample["rule"]), Direction(sample["direction"]), sample["note"], sample["old"],
        sample["new"], sample["field"], sample["expected"], sample["actual"],
    )  # fmt: skip
    told = str(Redactor().finding(check, one))
    for private in ("Nói thật", '"lan"', "Hà Nội"):
        assert private not in told
    assert check in {known.id for known in all_checks()}

"""The report of a looking: what its files tell, what they hide, and how a part is repeated."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from html import unescape

import pytest
from jsonschema import Draft202012Validator
from junitparser import JUnitXml
from markdown_it import MarkdownIt

from tests.tool.migrate.stores import ROOT
from tests.tool.report.samples import HOSTILE, TEXT
from tests.tool.verify_live import outcomes
from tests.tool.verify_live.conftest import part
from tvmigrate.cli import run
from tvmigrate.contract import new
from tvmigrate.report.redact import Redactor
from tvmigrate.settings import program
from tvmigrate.verify.findings import State as Verdict
from tvmigrate.verify_live.files import HTML, JSON, JUNIT, LISTED, MARKDOWN, page, summary, write
from tvmigrate.verify_live.model import State
from tvmigrate.verify_live.schema import schema

EAOS = "live.redis.eaos"


def test_the_verdict_of_a_good_one_comes_first_and_in_words():
    seen = outcomes.seen(outcomes.passed())
    against = f"the backup of the run {outcomes.RUN}"
    assert seen.headline == "Passed"
    assert list(seen.sentences) == [
        f"72,534 records and objects were compared with {against}: none was found to differ."
    ]


def test_the_verdict_of_a_bad_one_says_what_differs_what_moved_on_and_what_was_not_seen():
    seen = outcomes.seen(outcomes.rich())
    assert seen.headline == "Failed"
    assert "\n".join(seen.sentences) == (
        "3,643 records and objects, a sample of 10.0 %, were compared with the backup of the run "
        f"{outcomes.RUN}: 31 differ and have done so in the same way at 3 looks in a row.\n"
        "3,009 have moved on: the application has since written with a later time of its own.\n"
        "2 are unchecked: otherwise than the migration left them, and nothing tells who wrote them.\n"
        "2 of 7 parts could not be looked at to the end.\n"
        "Stopped: 1,000 records differ, as many as --max-findings asks for. The same command goes on where it stopped."
    )


def test_what_could_not_look_comes_first_and_what_a_stop_left_is_no_finding():
    seen = outcomes.seen(outcomes.rich())
    assert [one.id for one in seen.problems] == ["live.redis.metric", "live.elasticsearch.comments", EAOS]
    assert "`live.redis.unrelated` was not looked at to its end: 0 of 7 keys." in seen.not_checked


def test_a_finding_says_for_how_long_and_at_how_many_looks():
    (cause,) = outcomes.seen(outcomes.rich()).problems[-1].causes
    (sample,) = cause.samples
    assert re.fullmatch(r"So for \d+ s, and at 3 looks in a row", sample.age)


def test_each_problem_has_the_command_that_repeats_it():
    for one in outcomes.seen(outcomes.rich()).problems:
        assert one.repeat == f"tvmigrate verify --only {one.id}"


@pytest.mark.parametrize("tells", [page, summary])
def test_no_text_and_no_host_is_shown_unless_asked_for(tells):
    hidden = tells(outcomes.seen(outcomes.rich()))
    assert TEXT not in hidden
    assert "db.example" not in hidden
    assert "/home/lan" not in hidden
    assert TEXT in page(outcomes.seen(outcomes.rich(), show_values=True))


def test_markdown_obeys_nothing_of_the_data():
    rendered = MarkdownIt("js-default").render(summary(outcomes.seen(outcomes.hostile())))
    assert "<script" not in rendered
    assert "<img" not in rendered
    assert "href" not in rendered


def test_names_of_what_moved_on_and_is_unchecked_are_shown_a_few_of_each():
    seen = outcomes.seen(outcomes.rich())
    assert [(one.part, one.count, len(one.names)) for one in seen.moved_on] == [
        (EAOS, 9, 9), ("live.elasticsearch.comments.extra", 3000, 20),
    ]  # fmt: skip
    assert [(one.part, one.count, list(one.names)) for one in seen.unchecked] == [
        ("live.redis.trend", 2, ["trends:5min", "trends:15min"])
    ]
    assert "… and 2,980 more; <code>live-listed.ndjson</code> names them all." in page(seen)


def test_the_published_schema_is_the_one_of_the_code():
    Draft202012Validator.check_schema(schema())
    assert json.loads((ROOT / "docs" / "live.schema.json").read_bytes()) == schema(), (
        "python -m tvmigrate.verify_live.schema > docs/live.schema.json"
    )


@pytest.fixture
def wrong(migrated, put_back):
    """Plant a wrong score."""
    redis, key = migrated.stores.clients.redis, f"{new.EAOS_PREFIX}the_voice/contestant_1"
    before = redis.hget(key, new.SCORE)
    redis.hset(key, new.SCORE, "0.123456")
    put_back(lambda: redis.hset(key, new.SCORE, before))


@pytest.fixture
def written(migrated, tmp_path, wrong):
    """A looking that found the planted fault, its report written."""
    checkpoint = tmp_path / "verify.sqlite"
    only = frozenset({EAOS, "live.redis.trend", "live.redis.quarantined"})
    outcome = migrated.verify(checkpoint=checkpoint, only=only)
    paths = write(outcome, checkpoint, tmp_path / "report", lambda part: f"again {part}", Redactor())
    assert [path.name for path in paths] == [JSON, HTML, MARKDOWN, JUNIT, LISTED]
    return outcome, {path.name: path.read_text() for path in paths}


def test_all_files_tell_of_the_same_looking(written):
    outcome, files = written
    found = json.loads(files[JSON])
    Draft202012Validator(schema()).validate(found)
    assert (found["verdict"], outcome.state) == ("fail", Verdict.FAIL)
    assert {one["id"]: one["looked"] for one in found["parts"]} == {one.about.id: one.looked for one in outcome.parts}
    (suite,) = JUnitXml.fromstring(files[JUNIT].encode())
    assert {case.name: [type(told).__name__ for told in case.result] for case in suite} == {
        EAOS: ["Failure"], "live.redis.trend": [], "live.redis.quarantined": ["Skipped"],
    }  # fmt: skip
    (case,) = [case for case in suite if case.name == EAOS]
    assert case.result[0].text.endswith(f"Repeat just this check:\n    again {EAOS}")
    assert hashlib.sha256(files[JSON].encode()).hexdigest() in files[HTML]
    assert f"again {EAOS}" in files[HTML]
    assert f"- **{EAOS}**: 1 difference, {part(outcome, EAOS).looked} examined, after the migration" in files[MARKDOWN]


def test_it_says_what_it_was_compared_with_and_how_long_each_part_took(written):
    outcome, files = written
    found = json.loads(files[JSON])
    assert found["reference"]["name"] == outcome.how.source.name
    assert outcome.how.source.name in files[HTML]
    assert all(one.seconds > 0 for one in outcome.parts)
    assert (outcome.rechecks.rounds, outcome.rechecks.seconds > 0.4) == (2, True)
    assert found["made"]["began"] == found["first_began"] <= found["ended"]


def test_one_that_went_on_says_when_it_was_begun(migrated, tmp_path):
    checkpoint, only = tmp_path / "verify.sqlite", frozenset({EAOS})
    stopped = migrated.verify(checkpoint=checkpoint, only=only, max_time=0.001)
    assert (stopped.state, part(stopped, EAOS).is_done) == (Verdict.ERROR, False)
    outcome = migrated.verify(checkpoint=checkpoint, only=only)
    assert outcome.how.first_began == stopped.how.made.began
    assert part(outcome, EAOS).seen == {State.SAME: part(outcome, EAOS).looked}


def test_hostile_names_stand_escaped():
    assert HOSTILE not in page(outcomes.seen(outcomes.hostile()))


def test_the_command_says_where_the_report_is_and_how_to_look_at_a_part_again(
    migrated, tmp_path, wrong, monkeypatch, capsys
):
    for name, url in migrated.stores.endpoints.environ().items():
        monkeypatch.setenv(name, url)
    state, report = str(migrated.stores.state), str(tmp_path / "report")
    words = ["verify", "--state", state, "--recheck", "0.1", "--report", report, "--show-values"]
    assert run([*words, "--only", EAOS, "--only", "live.redis.trend"]) == 1
    out = capsys.readouterr().out
    again = shlex.join([*program(), *words, "--only", EAOS, "--checkpoint", f"{state}/verify-{EAOS}.sqlite"])
    assert f"  Repeat just this check:\n    {again}\n" in out
    assert all(f"report: {report}/{name}\n" in out for name in (JSON, HTML, MARKDOWN, JUNIT, LISTED))
    assert again in unescape((tmp_path / "report" / HTML).read_text())

"""The pytest plugin: what it says before it runs, in which order it runs, and how a check's result becomes a test's."""

from pathlib import Path

import pytest

from tvmigrate.errors import ExitCode

CLEAN = Path(__file__).parents[3] / "fixtures" / "clean"

RESULTS = """
    from tests.tool.report.samples import EMPTY, FAILED, PASSED, STOPPED
    from tvmigrate.pytest_plugin import Outcome
    from tvmigrate.settings import Asked
    from pathlib import Path
    import pytest

    @pytest.fixture(scope="session")
    def rehearsal():
        return None

    @pytest.fixture(scope="session")
    def migrated(rehearsal):
        return Outcome(None, [FAILED, PASSED, STOPPED, EMPTY], Asked(Path("a dataset"), keep_entities=True))

    @pytest.fixture(scope="session")
    def rolled_back(rehearsal):
        return Outcome(None, [], Asked(Path("a dataset"), keep_entities=True))
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project without a dataset of its own, whose phases have results made up for the test."""
    monkeypatch.setenv("PYTHONPATH", str(CLEAN.parents[1]))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others' plugins take two seconds of each run
    pytester.makeconftest(RESULTS)
    return pytester


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:cacheprovider", "-p", "tvmigrate.pytest_plugin", *options)


def test_tests_of_the_migration_come_before_those_of_its_way_back(project):
    """Assert that no test looks at migrated stores after they were rolled back, wherever it stands."""
    project.makepyfile(
        """
        def test_other(): pass
        def test_back(rolled_back): pass
        def test_another(): pass
        def test_there(migrated): pass
        def test_both(migrated, rolled_back): pass
        """
    )
    collected = run(project, "--collect-only", "-q").stdout.str()
    names = [line.partition("::")[2] for line in collected.splitlines() if "::" in line]
    assert names == ["test_other", "test_there", "test_back", "test_both", "test_another"]


def test_a_fixture_of_somebody_else_with_our_name_moves_no_test(project):
    project.makepyfile(
        test_1="""
        import pytest

        @pytest.fixture
        def migrated(): return 1

        def test_theirs(migrated): pass
        def test_plain(): pass
        """,
        test_2="def test_ours(migrated): pass",
    )
    collected = run(project, "--collect-only", "-q").stdout.str()
    names = [line.partition("::")[2] for line in collected.splitlines() if "::" in line]
    assert names == ["test_theirs", "test_plain", "test_ours"]


def test_a_failed_check_fails_its_test_with_the_findings_text(project):
    project.makepyfile("def test_it(migrated): migrated.passes('redis.eaos')")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*FAIL redis.eaos*",
            "*1. The score of eaos:contestant_1 was rounded.",
            "*expected: 0.8231",
            "*Repeat just this check:",
            "    *tvmigrate rehearse --dataset 'a dataset' --keep-entities --only redis.eaos",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_check_that_could_not_look_fails_its_test(project):
    project.makepyfile("def test_it(migrated): migrated.passes('redis.ttl')")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Redis at 127.0.0.1:1 did not answer."])


def test_a_timeout_that_is_none_is_told_before_anything_runs(project, monkeypatch):
    monkeypatch.setenv("TVMIGRATE_TIMEOUT", "soon")
    project.makepyfile("def test_it(): pass")
    result = run(project, "--dataset", str(CLEAN))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: TVMIGRATE_TIMEOUT is 'soon'; expected is a number of seconds above 0, such as 60."]
    )


@pytest.mark.parametrize(
    ("options", "code"),
    [((), ExitCode.USAGE), (("-p", "xdist", "-n", "2"), pytest.ExitCode.TESTS_FAILED)],
    ids=["alone", "xdist"],
)
def test_what_keeps_a_rehearsal_from_beginning_is_said(project, monkeypatch, options, code):
    for name in ("REDIS_URL", "CLICKHOUSE_URL", "ELASTICSEARCH_URL"):
        monkeypatch.delenv(name, raising=False)
    project.makeconftest("")
    project.makepyfile("def test_it(migrated): pass")
    ini = project.makeini("[pytest]")
    result = run(project, "-c", str(ini), "--dataset", str(CLEAN), "--engines", "live", *options)
    assert result.ret == code
    assert "ELASTICSEARCH_URL not set: the tool does not guess" in result.stdout.str() + result.stderr.str()
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_a_check_with_nothing_to_look_at_skips_its_test_with_that_reason(project):
    project.makepyfile("def test_it(migrated): migrated.passes('redis.metric')")
    result = run(project, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*Neither side has anything that this check could look at.*"])


def test_a_check_that_does_not_apply_skips_its_test_with_that_reason(project):
    project.makepyfile("def test_it(migrated): migrated.passes('expected.redis')")
    result = run(project, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*expected.redis does not apply to this dataset and these options*"])


def test_a_check_that_is_none_is_an_error_and_no_skip(project):
    project.makepyfile("def test_it(migrated): migrated.passes('redis.nothing')")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*KeyError*no check redis.nothing ran*"])


def test_a_passed_check_passes_its_test(project):
    project.makepyfile("def test_it(migrated): migrated.passes('redis.trend')")
    run(project).assert_outcomes(passed=1)


def test_the_header_says_what_is_judged_on_what(project):
    project.makepyfile("def test_it(): pass")
    header = run(project, "--dataset", str(CLEAN), "--show", "a", "--migration", "./mine.sh").stdout
    header.fnmatch_lines(
        [
            f"tvmigrate: dataset {CLEAN}, show a, engines embedded (Redis *, ClickHouse *, Elasticsearch *)",
            "tvmigrate: migration `./mine.sh`, rollback `tvmigrate rollback`, report *report",
        ]
    )


def test_the_show_is_the_datasets_own_unless_said(project):
    project.makepyfile("def test_it(): pass")
    run(project, "--dataset", str(CLEAN)).stdout.fnmatch_lines(["tvmigrate: dataset *, show the_voice, *"])


def test_a_project_without_a_suite_is_told_nothing(project):
    project.makepyfile("def test_it(): pass")
    run(project).stdout.no_fnmatch_line("tvmigrate:*")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--dataset", "nowhere"], "ERROR: nowhere is not a folder; expected a dataset*"),
        (["--dataset", str(CLEAN), "--show", "a", "--keep-entities"], "ERROR: Say how an old entity becomes*"),
        (["--dataset", str(CLEAN), "--timezone", "Mars"], "ERROR: 'Mars' is no time zone*"),
    ],
    ids=["no-dataset", "two-policies", "bad-zone"],
)
def test_bad_options_are_told_before_anything_runs(project, options, sentence):
    project.makepyfile("def test_it(): pass")
    result = run(project, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([sentence])

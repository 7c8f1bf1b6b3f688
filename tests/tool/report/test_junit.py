"""junit.xml: a suite a phase, a case a check, read back with the library that build servers' plugins resemble."""

from junitparser import Error, Failure, JUnitXml, Skipped

from tvmigrate.report import junit
from tvmigrate.report.prose import explain
from tvmigrate.verify.findings import State

from .samples import BACK, CHECKS, EMPTY, FAILED, PASSED, STOPPED, result, verdict


def read(tmp_path, *checks):
    return JUnitXml.fromfile(str(junit.write(verdict(*checks), tmp_path, CHECKS, lambda check: f"repeat {check}")))


def test_each_phase_is_a_suite_and_each_check_a_case(tmp_path):
    suites = read(tmp_path, FAILED, PASSED, BACK)
    assert {suite.name: [case.name for case in suite] for suite in suites} == {
        "migration": ["redis.eaos", "redis.trend"],
        "rollback": ["rollback.redis"],
    }


def test_a_state_becomes_the_matching_result(tmp_path):
    (suite,) = read(tmp_path, FAILED, PASSED, STOPPED, EMPTY)
    kinds = {case.name: [type(told) for told in case.result] for case in suite}
    assert kinds == {"redis.eaos": [Failure], "redis.trend": [], "redis.ttl": [Error], "redis.metric": [Skipped]}


def test_a_failure_is_told_in_full(tmp_path):
    (suite,) = read(tmp_path, FAILED)
    (case,) = suite
    assert case.result[0].text == (
        f"{explain(FAILED, CHECKS['redis.eaos'])}\n\n  Repeat just this check:\n    repeat redis.eaos"
    )


def test_totals_count_every_state(tmp_path):
    report = read(tmp_path, FAILED, PASSED, STOPPED, EMPTY)
    assert (report.tests, report.failures, report.errors, report.skipped) == (4, 1, 1, 1)


def test_what_xml_cannot_hold_is_escaped(tmp_path):
    (suite,) = read(tmp_path, result(State.ERROR, error="byte \x00 and \ud83d"))
    (case,) = suite
    assert "byte \\x00 and \\ud83d" in case.result[0].text

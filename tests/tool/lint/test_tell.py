"""The three forms a report is told in: text, JSON, SARIF 2.1.0."""

import json

import pytest

from tests.tool.lint.samples import judged
from tvmigrate.lint.hazards import HAZARDS
from tvmigrate.lint.tell import as_json, as_sarif, as_text

FILES = {"migrate.sh": "set -e\nredis-cli FLUSHDB\nclickhouse-client --query '$X'\nsleep 3\n"}
REPORT = judged(FILES)


def test_text_is_place_line_danger_and_what_to_do_instead():
    assert as_text(judged({"my.sql": "SELECT 1;\n  TRUNCATE TABLE comments;\n"})) == (
        "my.sql:2:3: error TVM211 truncate\n"
        "      TRUNCATE TABLE comments;\n"
        "  TRUNCATE empties comments, and no copy of its rows was made before.\n"
        "  Instead:\n"
        "      CREATE TABLE comments_kept CLONE AS comments;    -- first; then compare count() and a digest\n"
        "\n"
        "1 error, 0 warning, 0 info; 2 statements read in 1 file"
    )


def test_json_has_every_finding_with_its_place_and_words():
    told = json.loads(as_json(REPORT))
    assert told["files"] == ["migrate.sh"]
    assert told["counts"] == {"error": 2, "warning": 1, "info": 1}
    assert told["statements"] == REPORT.statements
    assert told["findings"][0] == {
        "code": "TVM102",
        "name": "flushdb",
        "severity": "error",
        "path": "migrate.sh",
        "line": 2,
        "column": 1,
        "danger": "FLUSHDB removes every key of the database, also those that are no part of the migration.",
        "instead": REPORT.findings[0].instead,
    }
    assert len(told["findings"]) == len(REPORT.findings) == 4


@pytest.fixture
def sarif():
    return json.loads(as_sarif(REPORT, HAZARDS))


def test_sarif_has_what_the_standard_requires(sarif):
    """Assert §3.13, §3.14, §3.18, §3.19, §3.27 and §3.28 of SARIF 2.1.0 (OASIS): what a consumer may rely on."""
    assert sarif["version"] == "2.1.0"
    assert sarif["$schema"].endswith("sarif-2.1.0.json")
    (run,) = sarif["runs"]
    assert run["tool"]["driver"]["name"] == "tvmigrate"
    assert run["columnKind"] == "unicodeCodePoints"
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in {"none", "note", "warning", "error"}
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"]["uri"] == "migrate.sh"
        assert physical["region"]["startLine"] >= 1
        assert physical["region"]["startColumn"] >= 1


def test_sarif_results_point_to_their_rules(sarif):
    (run,) = sarif["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [hazard.code for hazard in HAZARDS]
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in rules)
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        finding.code for finding in REPORT.findings
    ]
    assert [result["ruleId"] for result in run["results"]] == [finding.code for finding in REPORT.findings]


def test_sarif_levels_are_the_severities(sarif):
    levels = {result["ruleId"]: result["level"] for result in sarif["runs"][0]["results"]}
    assert levels == {"TVM102": "error", "TVM410": "error", "TVM901": "note", "TVM405": "warning"}


def test_a_path_with_blanks_is_a_uri_in_sarif():
    told = json.loads(as_sarif(judged({"a b.redis": "FLUSHDB\n"}), HAZARDS))
    uri = told["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "a%20b.redis"

"""The guide as first written: each of the defects that docs/contract.md §4 names is found, at its line."""

from pathlib import Path

import pytest

from tvmigrate.lint.hazard import Finding, Severity
from tvmigrate.lint.read.files import read_source
from tvmigrate.lint.read.text import nothing_opens
from tvmigrate.lint.run import lint

GUIDE = Path(__file__).parent / "literal_guide.md"
FOUND = lint([read_source(GUIDE.read_text(encoding="utf-8"), GUIDE.name, "markdown", nothing_opens)]).findings

DEFECTS = {
    "CREATE TABLE … AS copies no rows": ("TVM203", 48),
    "redis-cli --rdb run as a restore overwrites the backup": ("TVM110", 274),
    "_clone needs a write block first": ("TVM301", 51),
    "the clone keeps the write block": ("TVM302", 294),
    "the clone gets one replica unless told otherwise": ("TVM303", 51),
    "CREATE TABLE IF NOT EXISTS silently keeps the old columns": ("TVM204", 329),
    "old eaos_metrics is backed up nowhere": ("TVM407", 48),
    "old eaos_metrics is dropped all the same": ("TVM206", 283),
    "rollback's RENAME fails while comments exists": ("TVM208", 284),
    "KEYS eaos:* also matches eaos:current:*": ("TVM104", 88),
    "FLUSHDB takes unrelated keys": ("TVM102", 85),
    "SOURCE is no clickhouse-client command": ("TVM212", 69),
    "after a change in place there is no old data to go back to": ("TVM410", 85),
}


def found(code: str, line: int) -> list[Finding]:
    return [finding for finding in FOUND if (finding.code, finding.place.line) == (code, line)]


@pytest.mark.parametrize(("code", "line"), DEFECTS.values(), ids=DEFECTS)
def test_the_defect_is_found_at_its_line(code, line):
    assert len(found(code, line)) == 1


@pytest.mark.parametrize(
    ("code", "line", "told"),
    [
        (
            "TVM407",
            48,
            "The backup takes comments, but eaos_metrics, which the same migration drops or changes, is backed up nowhere.",  # noqa: E501
        ),
        (
            "TVM204",
            329,
            "CREATE TABLE IF NOT EXISTS does nothing where TABLE is there: the old columns stay, without an error.",
        ),
        (
            "TVM410",
            85,
            "From here on the old data of Redis is gone: the way back given here holds no command that brings a key back.",  # noqa: E501
        ),
    ],
)
def test_the_danger_is_told_with_the_names_of_the_guide(code, line, told):
    (finding,) = found(code, line)
    assert finding.danger == told


def test_all_that_is_found_in_the_guide():
    """Assert that nothing else is an alarm in it: each of these lines is a hazard."""
    assert [(finding.place.line, finding.code) for finding in FOUND if finding.severity is not Severity.INFO] == [
        (45, "TVM413"),
        (48, "TVM203"),
        (48, "TVM407"),
        (51, "TVM301"),
        (51, "TVM303"),
        (59, "TVM408"),
        (69, "TVM212"),
        (85, "TVM102"),
        (85, "TVM410"),
        (88, "TVM103"),
        (88, "TVM104"),
        (89, "TVM106"),
        (115, "TVM405"),
        (274, "TVM110"),
        (274, "TVM406"),
        (275, "TVM112"),
        (283, "TVM206"),
        (284, "TVM208"),
        (291, "TVM308"),
        (294, "TVM301"),
        (294, "TVM302"),
        (294, "TVM303"),
        (329, "TVM204"),
    ]


def test_a_file_that_the_guide_pipes_and_that_is_not_there_is_told():
    assert [(finding.place.line, finding.danger) for finding in FOUND if finding.severity is Severity.INFO] == [
        (75, "Could not read what is fed to clickhouse-client, which is made at run time. It was not judged.")
    ]

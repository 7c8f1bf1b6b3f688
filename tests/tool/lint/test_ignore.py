"""Ignore comments: followed with a reason, told without one, told when they match nothing."""

from pathlib import Path

import pytest

from tests.tool.lint.samples import judged
from tvmigrate.lint.read.files import read_file
from tvmigrate.lint.run import Choice, lint

REASON = "the cache of the test machine"


def told(name: str, text: str) -> list[tuple[str, int]]:
    return [(finding.code, finding.place.line) for finding in judged({name: text}).findings]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.redis", f"# tvmigrate: ignore TVM116 {REASON}\nDEBUG RELOAD\n"),
        ("a.sh", f"set -e\nredis-cli DEBUG RELOAD  # tvmigrate: ignore TVM116 {REASON}\n"),
        ("a.sh", f"set -e\n# tvmigrate: ignore TVM116 {REASON}\nredis-cli DEBUG RELOAD\n"),
        ("a.py", f"r.execute_command('DEBUG RELOAD')  # tvmigrate: ignore TVM116 {REASON}\n"),
        ("a.sql", f"TRUNCATE TABLE comments; -- tvmigrate: ignore TVM211 {REASON}\n"),
        ("a.sql", f"-- tvmigrate: ignore TVM211 {REASON}\nTRUNCATE TABLE comments;\n"),
        ("a.md", f"# A\n\n<!-- tvmigrate: ignore TVM116 {REASON} -->\n```redis\nDEBUG RELOAD\n```\n"),
        ("a.md", f"# A\n\n```sh\n# tvmigrate: ignore TVM116 {REASON}\nredis-cli DEBUG RELOAD\n```\n"),
        ("a.md", f"# A\n\nFix: `DEBUG RELOAD` <!-- tvmigrate: ignore TVM116 {REASON} -->\n"),
    ],
)
def test_an_ignore_with_a_reason_is_followed(name, text):
    assert told(name, text) == []


def test_several_codes_in_one_comment():
    text = "# tvmigrate: ignore TVM102,TVM410 the cache of the test machine\nFLUSHDB\n"
    assert told("a.redis", text) == []


def test_several_comments_above_one_statement():
    text = "# tvmigrate: ignore TVM102 a cache\n# tvmigrate: ignore TVM410 a cache\nFLUSHDB\n"
    assert told("a.redis", text) == []


def test_an_ignore_without_a_reason_is_not_followed_and_told():
    assert told("a.redis", "# tvmigrate: ignore TVM116\nDEBUG RELOAD\n") == [("TVM902", 1), ("TVM116", 2)]


def test_an_ignore_of_another_line_is_told_and_not_followed():
    text = f"# tvmigrate: ignore TVM116 {REASON}\nPING\nDEBUG RELOAD\n"
    assert told("a.redis", text) == [("TVM903", 1), ("TVM116", 3)]


def test_a_comment_at_the_end_of_a_line_speaks_of_that_line_alone():
    text = f"set -e\nredis-cli PING  # tvmigrate: ignore TVM116 {REASON}\nredis-cli DEBUG RELOAD\n"
    assert told("a.sh", text) == [("TVM903", 2), ("TVM116", 3)]


def test_an_ignore_of_a_code_that_is_not_there_is_told():
    (finding,) = judged({"a.redis": f"# tvmigrate: ignore TVM999 {REASON}\nPING\n"}).findings
    assert finding.danger == "This ignore of TVM999 matches no finding, and there is no such code."


def test_an_ignore_without_a_code_is_told():
    assert told("a.redis", "# tvmigrate: ignore\nPING\n") == [("TVM902", 1)]


def test_an_ignore_of_a_code_that_was_not_looked_for_is_no_matter():
    text = "SELECT 1; -- tvmigrate: ignore TVM211 kept by hand\n"
    report = judged({"a.sql": text}, Choice(select=frozenset({"TVM1", "TVM9"})))
    assert report.findings == ()


def test_a_comment_that_is_quoted_in_prose_is_none():
    assert told("a.md", "# A\n\nWrite `# tvmigrate: ignore TVM116 reason` above it.\n") == []
    assert told("a.md", "# A\n\n```text\n# tvmigrate: ignore TVM116\n```\n") == []


def test_an_ignore_in_a_file_that_is_fed_to_a_command_holds_and_is_judged_only_where_that_file_is_given(tmp_path: Path):
    script, fed = tmp_path / "a.sh", tmp_path / "clear.sql"
    script.write_text("set -eo pipefail\ncat clear.sql | clickhouse-client\n", encoding="utf-8")
    fed.write_text(f"-- tvmigrate: ignore TVM211 {REASON}\nTRUNCATE TABLE comments;\n", encoding="utf-8")
    assert lint([read_file(script, str(script))]).findings == ()
    fed.write_text(f"TRUNCATE TABLE comments;\n-- tvmigrate: ignore TVM203 {REASON}\n", encoding="utf-8")
    assert [(one.code, one.place.path) for one in lint([read_file(script, str(script))]).findings] == [
        ("TVM211", str(fed))
    ]
    assert [one.code for one in lint([read_file(script, str(script)), read_file(fed, str(fed))]).findings].count(
        "TVM903"
    ) == 1

"""`tvmigrate lint`: exit codes, choice of codes, files that cannot be read, files judged together."""

import json

import pytest

from tvmigrate import cli
from tvmigrate.lint.hazards import HAZARDS

UNKNOWN_KIND = (
    "Error: a.rb is of no kind that is known here. Known are .sh, .bash, .sql, .redis, .http, .es, .json, .py, .md, "
    ".markdown, and scripts whose first line names sh, bash or python.\n"
)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write files into a folder of their own and stay there."""
    monkeypatch.chdir(tmp_path)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", ".")
            path.write_bytes(text if isinstance(text, bytes) else text.encode())

    return write


def test_no_hazard_ends_with_0(write, capsys):
    write(a__redis="PING\n")
    assert cli.run(["lint", "a.redis"]) == 0
    assert capsys.readouterr().out == "0 error, 0 warning, 0 info; 1 statements read in 1 file\n"


@pytest.mark.parametrize("text", ["DEBUG RELOAD\n", "CONFIG SET save ''\n"], ids=["error", "warning"])
def test_a_hazard_ends_with_1(write, text):
    write(a__redis=text)
    assert cli.run(["lint", "a.redis"]) == 1


def test_what_could_not_be_read_is_told_and_ends_with_0(write, capsys):
    write(a__sh='set -e\nclickhouse-client -q "$X"\n')
    assert cli.run(["lint", "a.sh"]) == 0
    assert "a.sh:2:23: info TVM901 could-not-read" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text"),
    [("a__sql", ""), ("a__md", "# Only prose\n"), ("a__sql", "nonsense here;\n"), ("a__py", "x = (\n")],
)
def test_files_without_a_statement_are_no_pass(write, capsys, name, text):
    write(**{name: text})
    assert cli.run(["lint", name.replace("__", ".")]) == 4
    assert capsys.readouterr().err == (
        "No statement was recognised in any file, so nothing was checked. Give files that speak to Redis, ClickHouse "
        "or Elasticsearch.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Error: No file was given. Give the files of a migration: tvmigrate lint migrate.sh rollback.sh\n"),
        (["gone.sh"], "Error: gone.sh is not there. Give the files of a migration.\n"),
        (["."], "Error: . is a folder. Give the files of a migration.\n"),
        (["latin.sql"], "Error: latin.sql is not UTF-8: byte 8 cannot be read. Save it as UTF-8.\n"),
        (["a.rb"], UNKNOWN_KIND),
        (["a.redis", "--select", "TVM8"], "Error: There is no code TVM8. `tvmigrate lint --list` prints all.\n"),
    ],
    ids=["none", "missing", "folder", "not-utf8", "unknown-kind", "unknown-code"],
)
def test_wrong_usage_ends_with_2_and_says_what(write, capsys, arguments, told):
    write(latin__sql=b"SELECT '\xe9';", a__rb="puts 1\n", a__redis="PING\n")
    assert cli.run(["lint", *arguments]) == 2
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("first", ["#!/bin/sh -e", "#!/usr/bin/env bash", "#!/usr/bin/env python3"])
def test_a_script_without_a_suffix_is_known_by_its_first_line(write, first):
    text = "r.flushdb()" if "python" in first else "redis-cli FLUSHDB"
    write(run=f"{first}\n{text}\n")
    assert cli.run(["lint", "run"]) == 1


def codes(capsys, *arguments):
    cli.run(["lint", "a.redis", "--format", "json", *arguments])
    return [finding["code"] for finding in json.loads(capsys.readouterr().out)["findings"]]


def test_severity_leaves_out_what_is_less(write, capsys):
    write(a__redis="DEBUG RELOAD\nCONFIG SET save ''\nNONSENSE\n")
    assert codes(capsys) == ["TVM116", "TVM115", "TVM901"]
    assert codes(capsys, "--severity", "warning") == ["TVM116", "TVM115"]
    assert codes(capsys, "--severity", "error") == ["TVM116"]


def test_select_and_ignore_take_codes_and_groups(write, capsys):
    write(a__redis="DEBUG RELOAD\nCONFIG SET save ''\nNONSENSE\n")
    assert codes(capsys, "--select", "TVM1") == ["TVM116", "TVM115"]
    assert codes(capsys, "--select", "TVM1", "--ignore", "TVM115") == ["TVM116"]
    assert codes(capsys, "--select", "TVM115", "--select", "TVM9") == ["TVM115", "TVM901"]


def test_list_prints_every_code(capsys):
    assert cli.run(["lint", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [[one.code, one.severity, one.name] for one in HAZARDS]


def test_files_given_together_are_judged_together_whatever_their_order(write):
    write(
        migrate__sql="CREATE TABLE eaos_metrics_kept CLONE AS eaos_metrics;\n",
        rollback__sql="DROP TABLE eaos_metrics SYNC;\nRENAME TABLE eaos_metrics_kept TO eaos_metrics;\n",
    )
    assert cli.run(["lint", "rollback.sql"]) == 1
    assert cli.run(["lint", "rollback.sql", "migrate.sql"]) == 0


def test_a_file_that_a_script_feeds_to_a_client_is_judged_at_its_own_line(write, capsys):
    write(
        migrate__sh="set -euo pipefail\ncat schema.sql | clickhouse-client\n",
        schema__sql="SELECT 1;\nTRUNCATE comments;\n",
    )
    assert cli.run(["lint", "migrate.sh"]) == 1
    assert "schema.sql:2:1: error TVM211 truncate" in capsys.readouterr().out


def test_sarif_is_one_json_document(write, capsys):
    write(a__redis="DEBUG RELOAD\n")
    assert cli.run(["lint", "a.redis", "--format", "sarif"]) == 1
    assert json.loads(capsys.readouterr().out)["version"] == "2.1.0"


def test_there_are_at_least_sixty_hazards():
    assert len(HAZARDS) >= 60

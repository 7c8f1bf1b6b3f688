"""`tvmigrate checklist` as it is typed: exit codes, the files it leaves, and options that cannot be meant."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from jsonschema import Draft202012Validator
from junitparser import JUnitXml

from tests.tool.checklist.conftest import ROOT
from tests.tool.report import browsers
from tvmigrate.checklist.item import Checklist, Evidence, Item, Light, Name
from tvmigrate.checklist.report import HTML, JSON, JUNIT, MARKDOWN, write
from tvmigrate.checklist.site import Site
from tvmigrate.checklist.trouble import REDIS_REFUSED
from tvmigrate.report.redact import Redactor

SCHEMA = json.loads((ROOT / "docs" / "checklist.schema.json").read_text("utf-8"))
HOSTILE = "</p><script>alert(1)</script> | `x` ![](http://evil.example/x.png) \u202e"
AT = "2026-11-28T10:00:00.000Z"
ITEMS = tuple(
    Item(name, light, (Evidence(f"asked {HOSTILE}", f"http://db.example:9200 {HOSTILE}", AT),), why, troubles)
    for name, light, why, troubles in zip(
        Name,
        [Light.RED, Light.COULD_NOT_LOOK, Light.NOT_LOOKED_AT, *[Light.GREEN] * 6],
        [(HOSTILE, *["why"] * 30), ("why",), ("why",), *[()] * 6],
        [(REDIS_REFUSED,), *[()] * 8],
        strict=True,
    )
)
FOUND = Checklist(ITEMS, AT, AT, "0.1.0")


def checklist(site: Site, *words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TVMIGRATE_")}
    return subprocess.run(
        [sys.executable, "-m", "tvmigrate", "checklist", *words], cwd=cwd, env={**environ, **site.endpoints.environ()},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_what_was_not_looked_at_ends_with_3_and_what_is_red_with_1(site: Site, tmp_path: Path) -> None:
    quick = ["--agent-command", "true", "--report", str(tmp_path), "--docs", "docs", "--api"]
    done = checklist(site, *quick, "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "RED api: API endpoints updated\n  The API at http://127.0.0.1:1 does not answer: " in done.stdout
    assert "RED team: Team notified\n  Nobody has said that the team was told" in done.stdout
    assert done.stdout.endswith("checklist: 4 green, 2 red, 3 not looked at\n")
    found = json.loads((tmp_path / JSON).read_text("utf-8"))
    Draft202012Validator(SCHEMA).validate(found)
    assert [item["item"] for item in found["items"]] == list(Name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--notified-by", "Mai"],
            "An attestation has a name and a time: give both --notified-by NAME and --notified-at TIME.",
        ),
        (
            ["--notified-by", "Mai", "--notified-at", "yesterday"],
            "--notified-at is 'yesterday'; expected is a time with an offset, such as 2026-11-28T10:00:00Z.",
        ),
        (
            ["--since", "2026-11-28T10:00:00"],
            "--since is '2026-11-28T10:00:00'; expected is a time with an offset, such as 2026-11-28T10:00:00Z.",
        ),
        (["--source", "nowhere"], "There is no nowhere: give the application's source and pages as they lie here."),
        (["--service", "x"], "--service is ''; expected is a URL of http or https, such as http://127.0.0.1:8000."),
        (
            ["--api", "file:///etc/passwd"],
            "--api is 'file:///etc/passwd'; expected is a URL of http or https, such as http://127.0.0.1:8000.",
        ),
    ],
)
def test_an_option_that_cannot_be_meant_ends_with_2(
    site: Site, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tvmigrate.cli import run  # noqa: PLC0415 - in this process, which is quicker

    for name, url in site.endpoints.environ().items():
        monkeypatch.setenv(name, url)
    assert run(["checklist", *words]) == 2
    assert capsys.readouterr().err == f"Error: {said}\n"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    write(FOUND, folder, Redactor(False, ("db.example",)))
    return folder


def test_the_file_for_programs_is_as_its_schema_says(written: Path) -> None:
    found = json.loads((written / JSON).read_text("utf-8"))
    Draft202012Validator(SCHEMA).validate(found)
    assert found["state"] == "red"


def test_what_people_read_names_no_host_and_obeys_nothing(written: Path) -> None:
    page, summary = ((written / name).read_text("utf-8") for name in (HTML, MARKDOWN))
    for text in (page, summary):
        assert "db.example" not in text
        assert "\u202e" not in text
    assert "<script" not in page
    assert "| `` </p><script>alert(1)</script> \\| `x` ![](http://[host]/x.png) \\u202e `` |" in summary


def test_build_servers_are_told_failure_error_and_skipped_apart(written: Path) -> None:
    (suite,) = JUnitXml.fromfile(str(written / JUNIT))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (9, 1, 1, 1)


def test_an_accessibility_checker_finds_nothing_on_the_page_and_a_phone_shows_it_whole(written: Path) -> None:
    if browsers.found() is None and not os.environ.get("CI"):
        pytest.skip(f"no {' or '.join(browsers.NAMES)} on this system: apt-get install {browsers.NAMES[0]}")
    with browsers.running() as browser:
        page = browser.new_page(viewport={"width": 360, "height": 800})
        page.goto((written / HTML).as_uri())
        found = Axe().run(page).response["violations"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360

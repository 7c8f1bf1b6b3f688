"""What the tool is made of is locked to what was tested, and an audit that could not look is no pass."""

from __future__ import annotations

import tomllib

import pytest
from packaging.requirements import Requirement

from tests import audit
from tests.tool.migrate.stores import ROOT


def test_every_dependency_is_locked_to_a_version_that_is_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    wanted += [Requirement(text) for extra in project["optional-dependencies"].values() for text in extra]
    locked: dict[str, set[str]] = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            one = Requirement(line)
            (pin,) = one.specifier
            assert pin.operator == "=="
            locked.setdefault(one.name, set()).add(pin.version)
    wrong = [
        str(one) for one in wanted if not locked.get(one.name) or not all(map(one.specifier.contains, locked[one.name]))
    ]
    assert wrong == []


def test_a_build_server_installs_what_is_locked_and_audits_it() -> None:
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "install -q -c constraints.txt -e '.[test,lint,audit]'" in ci
    assert '.ci/audit "$venv/bin/python"' in ci


UNKNOWN = [{"name": "a", "skip_reason": "x"}]
HOLE = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}


@pytest.mark.parametrize(
    ("answers", "arguments", "code", "said"),
    [
        ([([{"name": "a", "version": "1", "vulns": []}], "")], [], 0, "1 of 1 audited by pypi, no known hole"),
        ([(UNKNOWN, ""), ([], "no route")], [], 0, "NOT audited here: pypi knows nothing of 1 of 1; no route."),
        ([(UNKNOWN, ""), ([], "no route")], ["--required"], 3, "NOT audited here"),
        ([([HOLE], "")], [], 1, "a 1: CVE-1, mended in 2"),
    ],
    ids=["looked", "not looked", "not looked, and that is required", "a hole"],
)
def test_an_audit_that_could_not_look_says_so(
    answers: list[tuple[list[dict[str, object]], str]], arguments: list[str], code: int, said: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    left = iter(answers)
    monkeypatch.setattr(audit, "asked", lambda service: next(left))
    assert audit.main(arguments) == code
    assert said in capsys.readouterr().out

"""Elasticsearch of either major: the embedded one can be chosen, one client does for both, and so does a rehearsal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tvmigrate import cli
from tvmigrate.engines.embedded import elasticsearch
from tvmigrate.engines.embedded.versions import ELASTICSEARCH_VERSION, Versions, elasticsearch_versions
from tvmigrate.errors import UsageError

from .processes import ROOT

OTHERS = elasticsearch_versions()[1:]  # the first is that of the suite itself


def test_both_majors_run_embedded() -> None:
    assert {version.split(".")[0] for version in elasticsearch_versions()} == {"8", "9"}


@pytest.mark.parametrize("version", OTHERS)
def test_a_rehearsal_passes_on_the_other_major_too(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Assert it of the application too: its clients' own check and its script, behind the migration, end well."""
    monkeypatch.setenv(ELASTICSEARCH_VERSION, version)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # To make the class cache takes longer than the one start that this version has here.
    monkeypatch.setattr(elasticsearch, "ensure_archive", lambda *_: [])
    check = f"{sys.executable} {ROOT}/tests/test_storage_v2.py"
    migration = f"tvmigrate apply --yes && {check} && {sys.executable} {ROOT}/scripts/init_databases.py"
    words = ["rehearse", "--dataset", str(ROOT / "fixtures" / "clean"), "--show", "the_voice"]
    code = cli.run([*words, "--report", str(tmp_path), "--migration", migration])
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert (code, verdict["verdict"], verdict["engines"]["elasticsearch"]) == (0, "pass", version)


def test_the_first_version_is_taken_unless_the_environment_names_another() -> None:
    assert Versions.read({}).elasticsearch == elasticsearch_versions()[0]
    assert Versions.read({"TVMIGRATE_ELASTICSEARCH_VERSION": OTHERS[0]}).elasticsearch == OTHERS[0]


def test_a_version_that_does_not_run_embedded_is_told_with_those_that_do() -> None:
    with pytest.raises(UsageError) as raised:
        Versions.read({"TVMIGRATE_ELASTICSEARCH_VERSION": "7.17.0"})
    assert str(raised.value) == (
        "TVMIGRATE_ELASTICSEARCH_VERSION is '7.17.0'; an embedded Elasticsearch there is of 9.5.3 and 8.19.21. For any "
        "other version use --engines containers with TVMIGRATE_ELASTICSEARCH_IMAGE."
    )

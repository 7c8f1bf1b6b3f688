"""Elasticsearch of either major: the embedded one can be chosen, one client does for both, and so does a rehearsal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tvmigrate.engines.embedded.versions import Versions, elasticsearch_versions
from tvmigrate.errors import UsageError

from .processes import ROOT, python

OTHERS = elasticsearch_versions()[1:]  # the first is that of the suite itself


def test_both_majors_run_embedded() -> None:
    assert {version.split(".")[0] for version in elasticsearch_versions()} == {"8", "9"}


@pytest.mark.parametrize("version", OTHERS)
def test_a_rehearsal_passes_on_the_other_major_too(version: str, environ: dict[str, str], tmp_path: Path) -> None:
    """Assert it of the application too: its clients' own check and its script, behind the migration, end well."""
    check = f"{sys.executable} {ROOT}/tests/test_storage_v2.py"
    migration = f"tvmigrate apply --yes && {check} && {sys.executable} {ROOT}/scripts/init_databases.py"
    run = subprocess.run(
        python("-m", "tvmigrate", "rehearse", "--dataset", str(ROOT / "fixtures" / "clean"), "--show", "the_voice",
               "--report", str(tmp_path), "--migration", migration),
        env=environ | {"TVMIGRATE_ELASTICSEARCH_VERSION": version},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )  # fmt: skip
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert (run.returncode, verdict["verdict"], verdict["engines"]["elasticsearch"]) == (0, "pass", version)


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

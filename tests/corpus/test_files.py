"""Bad files: `tvmigrate load` refuses each with one sentence that names the place, and writes nothing.

A line of `files.ndjson` says `why`, which `files` stand in place of those of fixtures/clean (null: not there), and what
the sentence names (`at`) and `says`.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests import profiles
from tests.conftest import Tell
from tests.corpus.corpus import CLEAN, expanded
from tests.integrity.one_set import empty
from tvmigrate.cli import run
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints

RUN = ("bad-input", "bad files and records")
PARTS = 1 if profiles.is_nightly() else 4  # a short run takes one in so many, others with each commit
CASES = [expanded(line) for line in (Path(__file__).parent / "files.ndjson").read_text("utf-8").splitlines()]


def made(case: dict[str, Any], folder: Path) -> Path:
    """Return the dataset of a case, of its own."""
    shutil.copytree(CLEAN, folder)
    for name, content in case["files"].items():
        if content is None:
            (folder / name).unlink()
            if not any((folder / name).parent.iterdir()):
                (folder / name).parent.rmdir()
            continue
        (folder / name).parent.mkdir(exist_ok=True)
        if isinstance(content, dict):
            (folder / name).write_bytes(base64.b64decode(content["b64"]))
        else:
            (folder / name).write_bytes(content.encode())
    return folder


def names(clients: Clients) -> list[str]:
    """Return what is in the stores, by name."""
    tables = clients.clickhouse.query("SELECT name FROM system.tables WHERE database = 'tv_analytics'").result_rows
    found = [str(clients.redis.info("keyspace"))] if clients.redis.info("keyspace") else []
    return [*found, *(name for (name,) in tables), *clients.elasticsearch.indices.get(index="*")]


def part() -> list[dict[str, Any]]:
    return CASES[profiles.turn() % PARTS :: PARTS]


def test_every_bad_file_is_refused_by_name_and_nothing_is_written(
    endpoints: Endpoints, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    share: Tell,
) -> None:  # fmt: skip
    cases = part()
    share(RUN, "files", len(cases), len(CASES))
    for name, url in endpoints.environ().items():
        monkeypatch.setenv(name, url)
    wrong = []
    empty(endpoints)
    with Clients(endpoints) as clients:
        for number, case in enumerate(cases):
            dataset = made(case, tmp_path / f"case-{number}")
            code = run(["load", str(dataset)])
            said = capsys.readouterr().err
            sentence = said.strip().rpartition("\n")[2] if not said.startswith("Error: ") else said.strip()
            left = names(clients)
            good = code == 2 and "Error: " in said and case["at"] in said and case["says"] in said
            if not good or "Traceback" in said or "no sentence for" in said or left:
                wrong.append((case["why"], code, sentence[:400], left))
                empty(endpoints)
    assert wrong == [], "\n".join(map(str, wrong))

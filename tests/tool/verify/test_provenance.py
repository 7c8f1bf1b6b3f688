"""What a verdict was made of: digests that tell another dataset, or another contract, and nothing else."""

import hashlib
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from tvmigrate import contract
from tvmigrate.dataset.errors import DatasetError
from tvmigrate.dataset.read import Dataset
from tvmigrate.made import contract_digest
from tvmigrate.verify.provenance import dataset_digest, provenance


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / "a" / "clickhouse").mkdir(parents=True)
    (tmp_path / "a" / "dataset.toml").write_text('name = "a"')
    (tmp_path / "a" / "clickhouse" / "comments.ndjson").write_text("{}")
    return tmp_path / "a"


def test_a_digest_is_the_one_that_anybody_can_work_out(dataset):
    listed = subprocess.run(
        ["bash", "-c", "find . -type f | sed s,^./,, | LC_ALL=C sort | xargs sha256sum | sha256sum"],
        cwd=dataset, capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert listed.stdout.split()[0] == dataset_digest(dataset)


def test_the_same_data_elsewhere_has_the_same_digest(dataset):
    before = dataset_digest(dataset)
    assert dataset_digest(dataset.rename(dataset.with_name("b"))) == before


@pytest.mark.parametrize("change", ["content", "name"])
def test_other_data_has_another_digest(dataset, change):
    before, path = dataset_digest(dataset), dataset / "dataset.toml"
    path.write_text("b") if change == "content" else path.rename(dataset / "other.toml")
    assert dataset_digest(dataset) != before


def test_a_file_that_cannot_be_read_is_named(dataset):
    (dataset / "redis.ndjson").symlink_to("/proc/self/mem")
    with pytest.raises(DatasetError) as raised:
        dataset_digest(dataset)
    assert str(raised.value) == f"{dataset} cannot be read: Input/output error."


def test_the_contracts_digest_is_of_its_code_and_sql():
    folder = Path(contract.__file__).parent
    names = sorted(path.name for path in folder.iterdir() if path.suffix in {".py", ".sql"})
    assert "rules.py" in names
    lines = "".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    assert contract_digest() == hashlib.sha256(lines.encode()).hexdigest()


def test_a_run_says_when_it_began_in_utc_by_what_version_and_of_whose_data(tmp_path):
    (tmp_path / "redis.ndjson").write_text("")
    (tmp_path / "dataset.toml").write_text('name = "a"\nsystem = "these"\ncaptured_at = "2026-01-01T00:00:00.000Z"')
    made = provenance("ab", datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), Dataset.open(tmp_path))
    assert (made.began, made.tvmigrate, made.dataset_sha256) == ("2026-01-02T03:04:05Z", version("tvmigrate"), "ab")
    assert (made.system, made.captured_at) == ("these", "2026-01-01T00:00:00.000Z")

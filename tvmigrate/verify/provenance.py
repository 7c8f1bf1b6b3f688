"""What a verdict was made of: the version of the tool, and digests of the dataset and of the contract it judged by."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tvmigrate.dataset.errors import DatasetError
from tvmigrate.dataset.read import Dataset
from tvmigrate.made import contract_digest, digest_of

_BLOCK = 1 << 20  # bytes read at once


@dataclass(frozen=True, slots=True)
class Provenance:
    """When a run began (UTC, RFC 3339), by what, and the SHA-256 of its dataset and of the contract, as hex.

    `system` tells which stores the dataset was captured from, and `captured_at` when; None where it is no capture.
    """

    began: str
    tvmigrate: str
    python: str
    dataset_sha256: str
    contract_sha256: str
    system: str | None = None
    captured_at: str | None = None


def provenance(dataset_sha256: str, began: datetime, dataset: Dataset) -> Provenance:
    """Return the provenance of a run of this installation that began at `began`."""
    return Provenance(
        instant(began),
        version("tvmigrate"), platform.python_version(), dataset_sha256, contract_digest(),
        dataset.system, dataset.captured_at,
    )  # fmt: skip


def instant(at: datetime) -> str:
    """Return an instant in UTC, RFC 3339, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def dataset_digest(folder: Path) -> str:
    """Return the SHA-256 over the names and the content of all files of a dataset: the same data, the same digest.

    Raises:
        DatasetError: a file cannot be read.
    """
    try:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return digest_of((path.relative_to(folder).as_posix(), _file_digest(path)) for path in paths)
    except OSError as error:
        raise DatasetError(f"{error.filename or folder} cannot be read: {error.strerror or error}.") from error


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()

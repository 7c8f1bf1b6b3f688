"""What a verdict was made of: the version of the tool, and digests of the dataset and of the contract it judged by."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from tvmigrate.dataset.errors import DatasetError

_BLOCK = 1 << 20  # bytes read at once
_CONTRACT_FILES = (".py", ".sql")


@dataclass(frozen=True, slots=True)
class Provenance:
    """When a run began (UTC, RFC 3339), by what, and the SHA-256 of its dataset and of the contract, as hex."""

    began: str
    tvmigrate: str
    python: str
    dataset_sha256: str
    contract_sha256: str


def provenance(dataset_sha256: str, began: datetime) -> Provenance:
    """Return the provenance of a run of this installation that began at `began`."""
    return Provenance(
        began.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        version("tvmigrate"), platform.python_version(), dataset_sha256, contract_digest(),
    )  # fmt: skip


def dataset_digest(folder: Path) -> str:
    """Return the SHA-256 over the names and the content of all files of a dataset: the same data, the same digest.

    Raises:
        DatasetError: a file cannot be read.
    """
    try:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return _digest((path.relative_to(folder).as_posix(), _file_digest(path)) for path in paths)
    except OSError as error:
        raise DatasetError(f"{error.filename or folder} cannot be read: {error.strerror or error}.") from error


@cache
def contract_digest() -> str:
    """Return the SHA-256 over the package that holds both layouts and every rule: another rule, another digest."""
    found = sorted(
        (entry for entry in files("tvmigrate.contract").iterdir() if entry.name.endswith(_CONTRACT_FILES)),
        key=lambda entry: entry.name,
    )
    return _digest((entry.name, hashlib.sha256(entry.read_bytes()).hexdigest()) for entry in found)


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _digest(parts: Iterable[tuple[str, str]]) -> str:
    # As `sha256sum` prints a folder, so that anybody can work it out again.
    listed = "".join(f"{one}  {name}\n" for name, one in parts)
    return hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()

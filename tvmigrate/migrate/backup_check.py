"""Whether a backup on disk still is what was written: every file by size, digest and lines; no engine is asked."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tvmigrate.migrate import manifest as manifests
from tvmigrate.migrate.backup_pack import PACKED, Unreadable, chunks, plain_name
from tvmigrate.migrate.errors import BackupRefused
from tvmigrate.migrate.manifest import BACKUP, Listed, Manifest

_TOML = "dataset.toml"
_RUNS = "runs"


def find(directory: Path) -> Path:
    """Return the run's folder that `directory` names, itself or by the `backup` folder in it.

    Raises:
        BackupRefused: it is no folder.
    """
    if not directory.is_dir():
        raise BackupRefused(directory, ["it is no folder"])
    here = directory.resolve()
    is_inner = here.name == BACKUP and not (here / manifests.FILE).exists()
    return directory.parent if is_inner and directory.name == BACKUP else here.parent if is_inner else directory


def check(folder: Path) -> Manifest:
    """Read a whole backup, packed or not, and return its manifest.

    Raises:
        BackupRefused: all that is wrong with it, each file by name.
    """
    found = manifests.read(folder)
    problems = [*_foreign(folder, found), *_strangers(folder, found)]
    for part in found.parts:
        problems += _problems(folder / BACKUP, part)
    if problems:
        raise BackupRefused(folder, problems)
    return found


def _foreign(folder: Path, found: Manifest) -> Iterator[str]:
    place = folder.resolve()
    if place.parent.name == _RUNS and place.name != found.run:
        yield f"its manifest is of the run {found.run}, a foreign one: the folder is of the run {place.name}"
    try:
        name = tomllib.loads((folder / BACKUP / _TOML).read_text("utf-8")).get("name")
    except (OSError, ValueError):
        return  # told as a file that is missing or has another content
    if name != found.run:
        yield f"its files are of the run {name}, foreign ones: the manifest is of the run {found.run}"


def _strangers(folder: Path, found: Manifest) -> Iterator[str]:
    known = {part.file for part in found.parts}
    for path in sorted(path for path in (folder / BACKUP).rglob("*") if path.is_file()):
        name = path.relative_to(folder / BACKUP).as_posix()
        if plain_name(name) not in known:
            yield f"the file {name} does not belong to it"


def _problems(backup: Path, part: Listed) -> Iterator[str]:
    there = [path for path in (backup / (part.file + end) for end in ("", *PACKED.values())) if path.is_file()]
    if not there:
        yield f"the file {part.file} is missing"
    for path in there:
        name = path.relative_to(backup).as_posix()
        try:
            size, lines, digest = measure(path)
        except Unreadable as why:
            yield f"the file {name} is damaged: {why}"
            continue
        except OSError as error:
            yield f"the file {name} cannot be read ({error.strerror or error})"
            continue
        if size < part.bytes:
            yield f"the file {name} is truncated: it has {size} of {part.bytes} bytes"
        elif size > part.bytes:
            yield f"the file {name} is too long: it has {size} bytes instead of {part.bytes}"
        elif digest != part.sha256:
            yield f"the file {name} has other content: sha256 {digest}, expected {part.sha256}"
        elif part.records and lines != part.records:
            yield f"the file {name} has {lines} records, and its manifest says {part.records}"


def measure(path: Path) -> tuple[int, int, str]:
    """Return the bytes, lines and sha256 of a file, of a packed one those of its content.

    Raises:
        Unreadable: a packed file is none.
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    size = lines = 0
    for chunk in chunks(path):
        digest.update(chunk)
        size += len(chunk)
        lines += chunk.count(b"\n")
    return size, lines, digest.hexdigest()

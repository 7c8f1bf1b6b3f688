"""The backup as a whole: read back from disk and listed, with digests, before anything is built on it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tvmigrate.dataset.read import Dataset
from tvmigrate.dataset.write import Part, write_toml
from tvmigrate.migrate import backup_check, manifest
from tvmigrate.migrate.errors import BackupRefused, NotEqual
from tvmigrate.migrate.manifest import Listed, Manifest
from tvmigrate.migrate.work import Work

NOTED = "backup.manifest"
_CHUNK = 1 << 20


def keep(work: Work, part: Part) -> None:
    """Note a file of the backup that was written: records, bytes, sha256."""
    work.note(f"part.{part.path.relative_to(work.backup)}", [part.records, part.size, part.sha256])


def verify(work: Work) -> None:
    """Read every file back: its digest, its size, and every line of it as what it stands for; write the manifest.

    Raises:
        NotEqual: a file is not what was written.
    """
    keep(work, write_toml(work.backup, work.run.id, work.policy.show, f"Backup of the run {work.run.id}."))
    listed = []
    for path in sorted(path for path in work.backup.rglob("*") if path.is_file()):
        name = str(path.relative_to(work.backup))
        records, size, digest = work.noted(f"part.{name}") or (0, None, None)
        found_size, found_digest = _read_back(path)
        if (found_size, found_digest) != (size, digest):
            raise NotEqual(
                f"The backup file {path} is not what was written: {found_size} bytes with sha256 {found_digest}, "
                f"expected {size} with {digest}. Nothing was changed. Look at the disk, then run "
                "`tvmigrate apply` again."
            )
        listed.append(Listed(name, records, found_size, found_digest))
    dataset = Dataset.open(work.backup)
    for name, records in (
        ("redis.ndjson", sum(1 for _ in dataset.redis_keys())),
        (f"elasticsearch/{work.layout.index}.ndjson", sum(1 for _ in dataset.documents(work.layout.index))),
    ):
        if records != work.noted(f"part.{name}")[0]:
            raise NotEqual(f"{work.backup / name} reads back as {records} records, not as many as were written.")
    tables = {table.name: work.noted(f"clickhouse.old.{table.name}") for table in work.layout.tables}
    whole = Manifest(work.run.id, work.run.system, work.noted("redis.epoch_ms"), tables, tuple(listed))
    work.note(NOTED, manifest.write(work.folder, whole))


def require_trusted(work: Work, why: str) -> None:
    """Return if the whole backup of the run is what its manifest says, and the manifest the one that the run wrote.

    `why` is the sentence that ends a refusal: what was not done, and what to do.

    Raises:
        BackupRefused: it is truncated, has other content, is of another run, other stores or another version.
    """
    try:
        found = backup_check.check(work.folder)
    except BackupRefused as refused:
        raise BackupRefused(work.folder, refused.problems, why) from None
    whose = [
        f"its manifest is of {what} {its}, foreign: this is {what} {ours}"
        for what, its, ours in (("the run", found.run, work.run.id), ("the stores", found.system, work.run.system))
        if its != ours
    ]
    if found.sha256 != work.noted(NOTED):
        whose.append("its manifest is another one than the run wrote")
    if whose:
        raise BackupRefused(work.folder, whose, why)


def require_whole(work: Work, name: str) -> None:
    """Return if a file of the backup still is what was written, before it is written back.

    Raises:
        NotEqual: it is not, or it is gone.
    """
    noted, path = work.noted(f"part.{name}"), work.backup / name
    if noted is None:
        return
    found_size, found_digest = _read_back(path) if path.is_file() else (0, "none")
    _, size, digest = noted
    if (found_size, found_digest) != (size, digest):
        raise NotEqual(
            f"The backup file {path} is no longer what was written: {found_size} bytes with sha256 {found_digest}, "
            f"expected {size} with {digest}. Nothing was changed: the new data stand. Put the file back as it was, "
            "from a copy of that folder, then run `tvmigrate rollback` again."
        )


def require_digest(work: Work, path: Path, digest: str) -> None:
    """Return if a file of the backup that was just read had the `digest` (sha256, hex) of what was written.

    Raises:
        NotEqual: it had not.
    """
    noted = work.noted(f"part.{path.relative_to(work.backup)}")
    if noted is None or noted[2] != digest:
        raise NotEqual(
            f"The backup file {path} is no longer what was written: it has the sha256 {digest}, expected "
            f"{noted and noted[2]}. Nothing was switched; run `tvmigrate rollback`."
        )


def _read_back(path: Path) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()

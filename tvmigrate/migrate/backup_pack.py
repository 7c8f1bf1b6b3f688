"""A backup made smaller once nothing reads it any more, and made whole again before something does."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import zstandard

from tvmigrate.migrate import manifest as manifests
from tvmigrate.migrate.errors import NotEqual
from tvmigrate.migrate.manifest import BACKUP, Listed
from tvmigrate.migrate.work import Work

GZIP, ZSTD = "gzip", "zstd"
PACKED: Mapping[str, str] = {GZIP: ".gz", ZSTD: ".zst"}
NOTED = "backup.compress"
_CHUNK = 1 << 20
_PARTIAL, _UNPACKED = ".partial", ".unpacked"  # ends of names until a file is whole, and known to be the right one
_LINES = ".ndjson"  # the other files are small


class Unreadable(Exception):  # noqa: N818 - a fact about a file, told with its name by whoever knows it
    """Why a packed file cannot be unpacked."""


def pack(work: Work) -> None:
    """Compress each file of records of the backup, read it back, and only then remove the plain one.

    Does nothing unless the run was told to. A retry compresses what is still plain.

    Raises:
        NotEqual: a compressed file reads back as something else.
    """
    how = work.noted(NOTED)
    if how is None:
        return
    for part in manifests.read(work.folder).parts:
        plain = work.backup / part.file
        if part.file.endswith(_LINES) and plain.is_file():
            packed = plain.with_name(plain.name + PACKED[how])
            _write(packed, _compressing(plain, how))
            if _digest(packed) != part.sha256:
                packed.unlink()
                raise NotEqual(f"{packed} reads back as something else than was compressed; the plain file stays.")
            plain.unlink()


def unpack(folder: Path, *names: str) -> None:
    """Put the plain files of these `names` back into a run's backup where only compressed ones are.

    Raises:
        NotEqual: a compressed file is not what was written; nothing else was changed.
        OSError: the disk is full.
    """
    if not (folder / manifests.FILE).is_file():
        return
    for part in manifests.read(folder).parts:
        if part.file in names:
            unpack_one(folder / BACKUP, part, folder / BACKUP / part.file)


def unpack_one(backup: Path, part: Listed, target: Path) -> None:
    """Write the plain form of a file to `target`, if only its compressed form is there; errors as of `unpack`."""
    plain = backup / part.file
    packed = next((path for path in map(plain.with_name, _names(plain)) if path.is_file()), None)
    if plain.is_file() or packed is None:
        return
    partial = target.with_name(target.name + _UNPACKED)
    try:
        _write(partial, chunks(packed))
        why = "" if _digest(partial) == part.sha256 else f"it has not the sha256 {part.sha256} of its manifest"
    except Unreadable as error:
        why = str(error)
    if why:
        partial.unlink(missing_ok=True)
        raise NotEqual(f"The backup file {packed} is damaged: {why}. Nothing was changed.")
    partial.replace(target)
    if target == plain:
        packed.unlink()


def chunks(path: Path) -> Iterator[bytes]:
    """Yield the content of a file, of a compressed one what it holds.

    Raises:
        Unreadable: a compressed file is damaged or cut short.
        OSError: it cannot be read.
    """
    with path.open("rb") as raw:
        try:
            with _opened(path, raw) as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except (zstandard.ZstdError, zlib.error, gzip.BadGzipFile, EOFError) as error:
            raise Unreadable(" ".join(str(error).split()).rstrip(".")) from None


def plain_name(name: str) -> str:
    """Return the name of a file when it is not compressed, and done: a killed command leaves it half made."""
    done = name.removesuffix(_PARTIAL).removesuffix(_UNPACKED)
    return next((done.removesuffix(end) for end in PACKED.values() if done.endswith(end)), done)


def _names(plain: Path) -> list[str]:
    return [plain.name + end for end in PACKED.values()]


def _opened(path: Path, raw: BinaryIO) -> BinaryIO:
    if path.suffix == PACKED[GZIP]:
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if path.suffix == PACKED[ZSTD]:
        return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    return raw


def _compressing(plain: Path, how: str) -> Iterator[bytes]:
    # wbits 31: with gzip's header and checksum (https://docs.python.org/3/library/zlib.html#zlib.compressobj)
    made = (
        zlib.compressobj(wbits=31)
        if how == GZIP
        else zstandard.ZstdCompressor(write_checksum=True).compressobj(size=plain.stat().st_size)
    )
    with plain.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield made.compress(chunk)
    yield made.flush()


def _write(path: Path, content: Iterator[bytes]) -> None:
    partial = path.with_name(path.name + _PARTIAL)
    try:
        with partial.open("wb") as file:
            for chunk in content:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(path)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in chunks(path):
        digest.update(chunk)
    return digest.hexdigest()

"""A root file system made of files of this machine, each at its own path, with the libraries that they load.

Since paths stay the same, an interpreter finds its packages, a virtual environment its interpreter, and a JVM takes its
class cache for its own.
"""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

_PIECE = 1 << 20  # bytes
_AHEAD = 8  # pieces that may wait for their reader
_AT_ONCE = 200  # files that one `ldd` is asked about
_ELF = b"\x7fELF"


class Tree:
    """The paths to take; added once each, with what they point to."""

    def __init__(self) -> None:
        self._paths: dict[Path, None] = {}
        self._texts: dict[Path, tuple[bytes, int]] = {}

    def add(self, *paths: Path) -> None:
        """Take these paths as they are, and where one leads through symbolic links, the links and their ends."""
        for path in paths:
            self._add(path)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Have a file of this text at `path`."""
        self._texts[Path(path)] = (text.encode(), mode)

    def tar(self) -> Iterator[bytes]:
        """Yield a tar archive of it all, libraries included; raises OSError."""
        self.add(*_libraries(self._paths))
        pieces: Queue[bytes | BaseException | None] = Queue(_AHEAD)
        writer = Thread(target=self._write_tar, args=(pieces,), daemon=True)
        writer.start()
        while (piece := pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
        writer.join()

    def _add(self, path: Path) -> None:
        at = Path("/")
        for part in path.parts[1:]:
            at /= part
            if at in self._paths:
                continue
            if at.is_symlink():
                self._paths[at] = None
                # What its target goes through may be links again.
                self._add(Path(os.path.normpath(at.parent / at.readlink())))
            elif at == path or not at.is_dir():
                self._paths[at] = None
        if path.is_symlink() or path.resolve() == path:
            return
        self._add(path.resolve())

    def _write_tar(self, pieces: Queue[bytes | BaseException | None]) -> None:
        try:
            with tarfile.open(fileobj=_Pieces(pieces), mode="w|", format=tarfile.PAX_FORMAT, bufsize=_PIECE) as archive:
                for name, mode in (("tmp", 0o1777), ("root", 0o700), ("proc", 0o755), ("sys", 0o755), ("dev", 0o755)):
                    directory = tarfile.TarInfo(name)
                    directory.type, directory.mode = tarfile.DIRTYPE, mode
                    archive.addfile(directory)
                for path in self._paths:
                    if path not in self._texts:
                        archive.add(path, arcname=str(path), recursive=False, filter=_root_owned)
                for path, (text, mode) in self._texts.items():
                    entry = tarfile.TarInfo(str(path))
                    entry.size, entry.mode = len(text), mode
                    archive.addfile(entry, io.BytesIO(text))
        except BaseException as error:  # noqa: BLE001 - raised where the archive is read
            pieces.put(error)
        else:
            pieces.put(None)


class _Pieces(io.RawIOBase):
    """A file whose writes go to a queue."""

    def __init__(self, pieces: Queue[bytes | BaseException | None]) -> None:
        self._pieces = pieces

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.put(piece)
        return len(piece)


def _root_owned(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    if entry.type == tarfile.LNKTYPE:  # its other name may not be taken, or lead to this very file
        entry.type, entry.linkname = tarfile.REGTYPE, ""
        entry.size = Path("/", entry.name).stat().st_size
    return entry


def files_below(directory: Path, without: Iterable[str] = ()) -> Iterator[Path]:
    """Yield every file and link below `directory`, but for what is in directories called one of `without`."""
    skipped = set(without)
    for place, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if name not in skipped)
        for name in sorted(names):
            path = Path(place, name)
            if path.is_symlink() or stat.S_ISREG(path.stat().st_mode):
                yield path
        for name in folders:
            if (link := Path(place, name)).is_symlink():
                yield link


def _libraries(paths: Mapping[Path, None]) -> set[Path]:
    """Return the shared libraries that the programs and libraries among `paths` load, and the loader itself."""
    programs = [path for path in paths if path.is_file() and not path.is_symlink() and _is_elf(path)]
    found: set[Path] = set()
    for start in range(0, len(programs), _AT_ONCE):
        told = subprocess.run(
            ["ldd", *map(str, programs[start : start + _AT_ONCE])], capture_output=True, text=True, check=False
        ).stdout
        for line in told.splitlines():
            words = line.split()
            path = words[2] if words[1:2] == ["=>"] and len(words) > 3 else words[0] if words else ""
            if path.startswith("/") and not path.endswith(":"):
                found.add(Path(os.path.normpath(path)))
    return found


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == _ELF

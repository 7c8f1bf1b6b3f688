"""Where the system keeps libzstd, which Elasticsearch's jars do not bring along."""

from __future__ import annotations

import ctypes
from pathlib import Path


def find_libzstd() -> Path | None:
    """Return the system's libzstd (Debian: libzstd1), or None; `index.codec: best_compression` needs it.

    Asked of the dynamic loader, not of a list of directories, since every distribution has its own.
    """
    try:
        ctypes.CDLL("libzstd.so.1")
    except OSError:
        return None
    for line in Path("/proc/self/maps").read_text().splitlines():
        name = line.rpartition(" ")[2]
        if Path(name).name.startswith("libzstd.so"):
            return Path(name)
    return None

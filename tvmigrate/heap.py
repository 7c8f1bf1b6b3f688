"""What the process has freed goes back to the system, so that what it holds is what it uses."""

from __future__ import annotations

import ctypes
from typing import Final

# https://man7.org/linux/man-pages/man3/mallopt.3.html
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_BYTES = 1 << 18


def give_back() -> None:
    """Have glibc map each larger piece of memory by itself, and use one arena for all threads.

    By itself it maps pieces from 128 KB on, and from then on only those larger than the largest that was freed: parts
    of some megabytes come from the heap after the first, where what stays among them keeps it from shrinking. Other
    C libraries are left as they are.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return
    for option, value in ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _BYTES), (_M_TRIM_THRESHOLD, _BYTES)):
        library.mallopt(option, value)

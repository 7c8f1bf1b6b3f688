"""What a process has freed it no longer holds."""

from __future__ import annotations

import subprocess
import sys

# Pieces of a megabyte, of which none is left, and small ones between them, of which all are: what parts of data leave.
WORK = """
import psutil
from tvmigrate.heap import give_back
{first}
before = psutil.Process().memory_full_info().uss
freed = [bytearray(3 << 20) for _ in range(3)]
del freed
kept = []
for _ in range(8):
    parts = []
    for _ in range(20):
        parts.append(bytearray(1 << 20))
        parts[-1][::4096] = b"x" * 256
        kept.append(bytearray(2000))
    del parts
print((psutil.Process().memory_full_info().uss - before) >> 20)
"""


def held_mb(first: str) -> int:
    done = subprocess.run([sys.executable, "-c", WORK.format(first=first)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_large_pieces_that_were_freed_are_not_held():
    assert held_mb("give_back()") <= 4


def test_without_it_they_are():
    assert held_mb("") > 8

"""A bare read of the lines of a file, each parsed by orjson, in one process."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import orjson

from bench.peers.sharing import told

if __name__ == "__main__":
    began = time.perf_counter()
    with Path(sys.argv[1]).open("rb") as file:
        for line in file:
            orjson.loads(line)
    told(time.perf_counter() - began)

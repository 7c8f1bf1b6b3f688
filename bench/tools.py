"""Programs of others that the tool is compared with: each installed once into a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

from bench.model import Unavailable

ELASTICDUMP = "elasticdump@6.125.1"
RELADIFF = ("reladiff==0.6.0", "duckdb==2.0.1")
_PATIENCE_S = 300


def elasticdump() -> str:
    """Return the path of `elasticdump`; raises Unavailable where npm cannot install it."""
    folder = _cache() / "elasticdump"
    program = folder / "node_modules" / ".bin" / "elasticdump"
    if not program.exists():
        if shutil.which("npm") is None:
            raise Unavailable("elasticdump comes by npm, and there is none on this machine.")
        folder.mkdir(parents=True, exist_ok=True)
        _install("elasticdump", ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), ELASTICDUMP])
    return str(program)


def reladiff() -> str:
    """Return the Python that has reladiff and DuckDB; raises Unavailable where they cannot be installed."""
    folder = _cache() / "reladiff"
    python = folder / "bin" / "python"
    if not (folder / "whole").exists():
        _install("reladiff", [sys.executable, "-m", "venv", str(folder)])
        _install("reladiff", [str(python), "-m", "pip", "install", "-q", *RELADIFF])
        (folder / "whole").touch()
    return str(python)


def _cache() -> Path:
    return user_cache_path("tvmigrate") / "bench"


def _install(name: str, words: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, env={**os.environ, "CI": "1"}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{name} cannot be installed here: {error}.") from error
    if done.returncode:
        said = " ".join(done.stderr.split())[-300:]
        raise Unavailable(f"{name} cannot be installed here: {words[0]} ended with {done.returncode}: {said}")

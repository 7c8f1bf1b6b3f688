"""Whole commands on small data, against starting the three engines alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench.groups import Sides
from bench.model import Turn
from bench.stand import ROOT, SHOW, Stand

CLEAN = ROOT / "fixtures" / "clean"
SUITE = ("tests/schema", "tests/integrity", "tests/rollback")
# Without the proofs that the suite sees what is wrong, and tests of the application.
_RECORDS = ("test_across_stores", "test_clickhouse_records", "test_elasticsearch_records", "test_redis_records")
LAWS = ("tests/schema", *(f"tests/integrity/{name}.py" for name in _RECORDS), "tests/rollback")


def engines(stand: Stand) -> Turn:
    """Start three engines; that they stop is no part of the turn."""
    folder = str(stand.folder_of("engines"))
    try:
        return stand.tvmigrate("engines", "up", "--detach", "--dir", folder, records=3).turn()
    finally:
        stand.tvmigrate("engines", "down", "--dir", folder, records=0)


@contextmanager
def rehearse(stand: Stand, scale: float) -> Iterator[Sides]:
    """Open the sides `rehearse` and `engines`."""

    def whole() -> Turn:
        report = str(stand.folder_of("report"))
        words = ("rehearse", "--dataset", str(CLEAN), "--show", SHOW, "--report", report)
        return stand.tvmigrate(*words, records=1).turn()

    if not stand.once:
        whole()  # what the first run makes for later ones, class archives and compiled Python
    yield {"rehearse": whole, "engines": lambda: engines(stand)}


@contextmanager
def suite(stand: Stand, scale: float) -> Iterator[Sides]:
    """Open the sides `pytest`, `laws alone` and `engines`."""

    def tests(asked: Sequence[str]) -> Callable[[], Turn]:
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *asked]
        return lambda: stand.run(words, 1, cwd=ROOT).turn()

    yield {"pytest": tests(SUITE), "laws alone": tests(LAWS), "engines": lambda: engines(stand)}

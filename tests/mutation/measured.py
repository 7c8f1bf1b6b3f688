"""Which tests run which lines, measured once: again where the product has changed, or a file of tests has."""

from __future__ import annotations

import ast
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.mutation.mutants import ROOT, Mutant, digest, digest_of_product

AT_IMPORT = ""  # the context of lines that run while tests are collected


@dataclass
class Measured:
    """Which tests run which lines, and how long each test takes; of which product and which files of tests."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[int, list[str]]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    product: str = field(default_factory=digest_of_product)
    files: dict[str, str] = field(default_factory=dict)

    def add(self, lines: Mapping[str, Mapping[int, Sequence[str]]], failed: Sequence[str]) -> None:
        """Add what more tests run, and which of them fail."""
        for path, contexts in lines.items():
            found = self.lines.setdefault(path, {})
            for line, tests in contexts.items():
                found[line] = sorted({*found.get(line, ()), *tests})
        self.failed += failed

    def judges(self, mutant: Mutant) -> list[str]:
        """Return the tests that run what the mutant changes, the quickest first."""
        return sorted(self._contexts(mutant) - {AT_IMPORT}, key=lambda test: self.seconds.get(test, 0))

    def at_import(self, mutant: Mutant) -> bool:
        """Return whether what the mutant changes runs before the first test."""
        return is_of_module(mutant) or AT_IMPORT in self._contexts(mutant)

    def _contexts(self, mutant: Mutant) -> set[str]:
        lines = self.lines.get(str(mutant.path), {})
        first, last = statement_lines(mutant.path, *mutant.lines)
        return {context for line in range(first, last + 1) for context in lines.get(line, ())}


_TREES: dict[Path, ast.Module] = {}


def _tree(path: Path) -> ast.Module:
    if path not in _TREES:
        _TREES[path] = ast.parse(path.read_bytes())
    return _TREES[path]


def statement_lines(path: Path, first: int, last: int) -> tuple[int, int]:
    """Return the lines of the innermost statement around those lines, without the body of one that has a body."""
    found = (first, last)
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.stmt) and node.lineno <= first and (node.end_lineno or 0) >= last:
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if body else node.end_lineno
            if first <= (end or 0):
                found = (node.lineno, max(end or 0, node.lineno))
    return found


def is_of_module(mutant: Mutant) -> bool:
    """Return whether the mutant lies outside every function's body: what an import decides."""
    for node in ast.walk(_tree(mutant.path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, last = node.body[0].lineno, node.end_lineno or 0
            if first <= mutant.lines[0] and mutant.lines[1] <= last:
                return False
    return True


def measure_more(path: Path, work: Callable[[Measured], None]) -> Measured:
    """Return what is kept at `path`, to which `work` adds tests that are not measured yet.

    It does so in a forked process that works in a folder of its own, as judges do: a test that needs to be where the
    product is fails, and judges nothing.
    """
    folder = tempfile.mkdtemp(prefix="tvmigrate-measure-")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.chdir(folder)
            found = _kept(path)
            work(found)
            files = {name.partition("::")[0] for name in found.seconds}
            found.files = {name: digest(ROOT / name) for name in sorted(files)}
            path.write_text(json.dumps(asdict(found)))
            code = 0
        finally:
            os._exit(code)
    ended = os.waitpid(pid, 0)[1]
    shutil.rmtree(folder)
    if ended:
        raise RuntimeError("the tests could not be measured")
    return _kept(path)


def _kept(path: Path) -> Measured:
    """Return what is kept of tests that have not changed since, run on the product as it is."""
    if not path.exists():
        return Measured()
    told = json.loads(path.read_text())
    if told.get("product") != digest_of_product():
        return Measured()
    same = {name for name, of in told["files"].items() if (ROOT / name).exists() and digest(ROOT / name) == of}
    tests = {name for name in told["seconds"] if name.partition("::")[0] in same}
    lines = {
        name: {int(line): [test for test in run if test == AT_IMPORT or test in tests] for line, run in found.items()}
        for name, found in told["lines"].items()
    }
    seconds = {name: took for name, took in told["seconds"].items() if name in tests}
    return Measured(seconds, lines, [name for name in told["failed"] if name in tests])

"""A mutant put into a process: its code in the functions that are there, or its source before it is imported."""

from __future__ import annotations

import functools
import gc
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

SITE = Path(__file__).parent / "site"


class NeedsImport(Exception):  # noqa: N818 - it says what is needed
    """The mutant shows only in a module that is imported anew."""


class Functions:
    """The functions of a process by the place they were written at, those that decorators hide too."""

    def __init__(self, folder: Path) -> None:
        self._at: dict[tuple[str, str, int], list[FunctionType]] = {}
        self._caches = []
        for thing in gc.get_objects():
            if isinstance(thing, FunctionType) and thing.__code__.co_filename.startswith(str(folder)):
                code = thing.__code__
                self._at.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(thing)
            elif isinstance(thing, functools._lru_cache_wrapper):
                self._caches.append(thing)

    def change(self, path: Path, source: bytes) -> None:
        """Give the functions of `path` the code they have in `source`; raises NeedsImport where that is not all."""
        before = list(_codes(compile(path.read_bytes(), str(path), "exec")))
        after = list(_codes(compile(source, str(path), "exec")))
        if [code.co_qualname for code in before] != [code.co_qualname for code in after]:
            before, after = _outermost(before), _outermost(after)
            if [code.co_qualname for code in before] != [code.co_qualname for code in after]:
                raise NeedsImport
        changed = 0
        for old, new in zip(before, after, strict=True):
            if old == new:
                continue
            for function in self._at.get((str(path), old.co_qualname, old.co_firstlineno), []):
                try:
                    function.__code__ = new
                except ValueError as error:  # other free variables
                    raise NeedsImport from error
                changed += 1
        if not changed:
            raise NeedsImport
        for cache in self._caches:
            if str(getattr(cache, "__module__", "")).startswith("tvmigrate"):
                cache.cache_clear()


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _outermost(codes: Sequence[CodeType]) -> list[CodeType]:
    return [code for code in codes if "<locals>" not in code.co_qualname and "<" not in code.co_name]


class Instead(importlib.machinery.SourceFileLoader):
    """A finder and loader that gives one module another source."""

    def __init__(self, module: str, path: Path, source: bytes) -> None:
        super().__init__(module, str(path))
        self._module, self._source = module, source

    def install(self) -> None:
        """Take part in the imports of this process, before anybody else."""
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]

    def find_spec(
        self, name: str, path: object = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._module:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


def mutate_processes(module: str, path: Path, start: int, length: int, after: str) -> None:
    """Have the Pythons that this process starts run a mutant too (`site/sitecustomize.py`)."""
    begin = subprocess.Popen.__init__
    told = json.dumps([module, str(path), start, length, after])

    def mutated(environ: Mapping[str, str]) -> dict[str, str]:
        places = [str(SITE), *environ.get("PYTHONPATH", "").split(os.pathsep)]
        return {"MUTANT": told, "PYTHONPATH": os.pathsep.join(filter(None, places))}

    def started(self: Any, *words: Any, env: dict[str, str] | None = None, **how: Any) -> None:
        begin(self, *words, env=None if env is None else env | mutated(env), **how)

    subprocess.Popen.__init__ = started  # type: ignore[method-assign]
    os.environ |= mutated(os.environ)  # for the others: the server that multiprocessing forks from is started otherwise

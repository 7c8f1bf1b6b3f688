"""What a process need not import: libraries that the Elasticsearch client takes along wherever they are installed.

It imports each HTTP library and pyarrow, with numpy behind it, to offer clients that no command uses: a third of the
time that a command takes to begin, and half of its memory then. Only for processes that are the tool's alone; whoever
imports the tool as a library gets the client whole.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_CLIENT = ("elasticsearch", "elastic_transport")  # the client and what it is built on; either may come first
_NOT_USED = ("aiohttp", "httpx", "pyarrow", "requests")


def import_lean() -> None:
    """Have the Elasticsearch client, when it is imported, find none of those; whatever is imported later finds them.

    Nothing is imported now: a process that asks the other stores alone needs none of it.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def __init__(self) -> None:
        self._sought: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _CLIENT or fullname in self._sought:
            return None
        self._sought.add(fullname)  # the search below comes here again
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    def __init__(self, usual: Loader) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._usual
        module.__loader__ = self._usual
        hidden = [name for name in _NOT_USED if name not in sys.modules]
        sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: not to be found
        try:
            self._usual.exec_module(module)
        finally:
            for name in hidden:
                del sys.modules[name]

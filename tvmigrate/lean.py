"""What a command need not import: libraries that the Elasticsearch client takes along wherever they are installed.

It imports each HTTP library and pyarrow, with numpy behind it, to offer clients that no command uses: a third of the
time that a command takes to begin, and half of its memory then. Only for processes that are the tool's alone; whoever
imports the tool as a library gets the client whole.
"""

from __future__ import annotations

import sys

_NOT_USED = ("aiohttp", "httpx", "pyarrow", "requests")


def import_elasticsearch() -> None:
    """Import the Elasticsearch client as if those were not installed; whatever is imported later finds them."""
    hidden = [name for name in _NOT_USED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: not to be found
    try:
        import elasticsearch  # noqa: F401, PLC0415 - that is what this is for
    finally:
        for name in hidden:
            del sys.modules[name]

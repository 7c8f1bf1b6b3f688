"""Which Redis keys a pattern takes, and of which layout a key is."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from tvmigrate.contract import new, old

# An example of each kind of key, and the type of the old ones.
_OLD = {
    old.EAOS_PREFIX.decode() + "contestant_1": "string",
    f"{old.TREND_PREFIX.decode()}15{old.TREND_SUFFIX.decode()}": "zset",
    old.METRICS_PREFIX.decode() + "sentiment": "list",
}
_NEW = (new.eaos_key("show/contestant_1"), new.trend_key("15min"), new.events_key("show/contestant_1", "2025-11-20"))
_UNRELATED = "session:7f3a"
_OLD_PREFIXES = tuple(prefix.decode() for prefix in (old.EAOS_PREFIX, old.TREND_PREFIX, old.METRICS_PREFIX))
_NEW_PREFIXES = (new.EAOS_PREFIX, new.TRENDS_PREFIX, new.EVENTS_PREFIX)


def old_and_new(pattern: str) -> tuple[str, str, str] | None:
    """Return an old key, a new key and the old one's type if the pattern takes both; else None."""
    glob = re.sub(r"\$\w+", "*", pattern)
    old_key = next((key for key in _OLD if fnmatchcase(key, glob)), None)
    new_key = next((key for key in _NEW if fnmatchcase(key, glob)), None)
    return None if old_key is None or new_key is None else (old_key, new_key, _OLD[old_key])


def matches_another(pattern: str) -> bool:
    """Say whether a pattern takes keys of neither layout."""
    return fnmatchcase(_UNRELATED, pattern)


def is_new(key: str) -> bool:
    """Say whether a key, or a pattern, is of the new layout alone."""
    return key.startswith(_NEW_PREFIXES)


def is_old(key: str) -> bool:
    """Say whether a key, or a pattern, is of the old layout."""
    return key.startswith(_OLD_PREFIXES) and not is_new(key)


def is_old_collection(key: str) -> bool:
    """Say whether a key is one of the old lists or sorted sets, which may be large."""
    return is_old(key) and not key.startswith(old.EAOS_PREFIX.decode())

"""A dataset of any size as numbers: how many records of each kind, and a sum of their digests in no order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from tests.tool.capture.captured import row
from tvmigrate.contract import old
from tvmigrate.dataset.model import SET, ZSET
from tvmigrate.dataset.read import Dataset

Sums = Mapping[str, tuple[int, int]]
_SPACE = 1 << 128
PRIVATE = frozenset({*old.SPELLINGS["text"], *old.SPELLINGS["username"]})
_KNOWN = frozenset(name for names in old.SPELLINGS.values() for name in names) - PRIVATE
_OURS = (old.EAOS_PREFIX, old.METRICS_PREFIX, old.TREND_PREFIX)


def whole(dataset: Dataset) -> Sums:
    """Return the sums over every record, with all that is in it but how long a key has still to live."""
    return {
        "keys": _sum(_keys(dataset)),
        **{name: _sum(_rows(dataset, name)) for name in dataset.tables},
        **{
            name: _sum([one.id, orjson.loads(one.source)] for one in dataset.documents(name))
            for name in dataset.indices
        },
    }


def without_what_is_masked(dataset: Dataset) -> Sums:
    """Return the same of what a mask leaves as it is: names of keys that are migrated, and fields that rules read."""
    names = (key.key.decode() for key in dataset.redis_keys() if key.key.startswith(_OURS))
    return {
        "keys": (sum(1 for _ in dataset.redis_keys()), _sum(names)[1]),
        **{name: _sum(map(_public, _rows(dataset, name))) for name in dataset.tables},
        **{name: _sum([one, _public(source)] for one, source in _documents(dataset, name)) for name in dataset.indices},
    }


def _public(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name in _KNOWN}


def _rows(dataset: Dataset, table: str) -> Iterator[dict[str, Any]]:
    with dataset.tables[table].rows.open("rb") as lines:
        for line in lines:
            yield row(orjson.loads(line))


def _documents(dataset: Dataset, index: str) -> Iterator[list[Any]]:
    for one in dataset.documents(index):
        yield [one.id, orjson.loads(one.source)]


def _keys(dataset: Dataset) -> Iterator[list[Any]]:
    for key in dataset.redis_keys():
        value = key.value
        if key.type == SET:
            value = sorted(value)
        elif key.type == ZSET:
            value = sorted((member, score + 0.0) for member, score in value)
        yield [key.db, repr(key.key), key.type, repr(value), key.ttl_ms is None]


def _sum(records: Iterable[Any]) -> tuple[int, int]:
    count = total = 0
    for record in records:
        count += 1
        text = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
        total += int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")
    return count, total % _SPACE

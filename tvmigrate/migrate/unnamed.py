"""Fields of old records that a layout file had to name and does not: said before anything is switched."""

from __future__ import annotations

from collections.abc import Iterable

from tvmigrate.contract.old_layout import OldLayout
from tvmigrate.contract.outcome import Store

_WHERE = {Store.REDIS: "redis.eaos", Store.ELASTICSEARCH: "elasticsearch"}


def told(layout: OldLayout, extras: Iterable[tuple[str, str, str, int]]) -> list[str]:
    """Return a sentence for each of the `extras` (store, source, field, records) that the file does not name."""
    return [
        f"The layout file says nothing of the field {name} in {records} records of {source} ({store}). Say what it "
        f"means under {_WHERE[Store(store)]}.fields, or name it under {_WHERE[Store(store)]}.ignore: then it goes to "
        "the archive."
        for store, source, name, records in extras
        if layout.unnamed(Store(store), [name])
    ]

"""Which share of an old system is read: some programs whole, chosen by a hash, in all three stores the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tvmigrate.contract import exact_json
from tvmigrate.contract.keys import NewKey, OldKey, classify
from tvmigrate.contract.layout import quoted
from tvmigrate.contract.old_layout import CONTRACT, OldLayout
from tvmigrate.contract.outcome import Rule, Unmappable
from tvmigrate.dataset.model import RedisKey

_OF = 1 << 32


@dataclass(frozen=True, slots=True)
class Sample:
    """A share, above 0 and up to 1, of the programs, and of all that belongs to none.

    An entity and its program id are chosen together, `contestant_1` and `the_voice/contestant_1`: by what stands after
    the last slash, since before the migration nobody knows the policy.
    """

    share: float

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self.share >= 1

    def takes(self, name: bytes) -> bool:
        """Return whether what has this name is taken, a program or anything else."""
        told = hashlib.sha256(name.rpartition(b"/")[2]).digest()[:4]
        return int.from_bytes(told, "little") < self.share * _OF

    def takes_text(self, name: str) -> bool:
        """Return the same of a name that is text."""
        return self.takes(name.encode("utf-8", "surrogatepass"))

    def where(self, column: str | None) -> str:
        """Return the condition in SQL on the column of entities; of a table without one on its whole rows."""
        if self.is_all:
            return "1"
        name = "toString(cityHash64(tuple(*)))" if column is None else f"toString({quoted(column)})"
        last = f"arrayElement(splitByChar('/', {name}), -1)"
        return f"reinterpretAsUInt32(substring(SHA256({last}), 1, 4)) < {self.share * _OF!r}"

    def of_key(self, one: RedisKey, layout: OldLayout = CONTRACT) -> RedisKey | None:
        """Return what of a Redis key is taken, None for none of it: of a metrics list the items of chosen programs.

        Trends are of no program, and taken whole; an item that names none, or cannot be read, too.
        """
        if self.is_all:
            return one
        kind = classify(one.db, one.key, one.type, layout)
        if isinstance(kind, OldKey) and kind.rule is Rule.REDIS_METRIC:
            items = [item for item in one.value if self._takes_item(item, layout)]
            return _with(one, items) if items else None
        if isinstance(kind, OldKey | NewKey) and kind.rule is Rule.REDIS_TREND:
            return one
        name = one.key
        if isinstance(kind, OldKey):
            name = kind.name
        elif isinstance(kind, NewKey):
            name = one.key.split(b":", 2)[2]
            if kind.rule is Rule.REDIS_METRIC:
                name = one.key.split(b":", 1)[1].rpartition(b":")[0]
        return one if self.takes(name) else None

    def _takes_item(self, item: bytes, layout: OldLayout) -> bool:
        try:
            body = exact_json.parse(item)
        except Unmappable:
            return True
        entity = body.get(layout.item.entity) if isinstance(body, dict) else None
        return not isinstance(entity, str) or self.takes_text(entity)

    def of_document(
        self, doc_id: str, source: Mapping[str, Any], chosen_comment: bool, layout: OldLayout = CONTRACT
    ) -> bool:
        """Return whether a comment's document is taken: its row is, or else its program."""
        if self.is_all or chosen_comment:
            return True
        names = (source.get(name) for name in layout.spellings["program_id"])
        name = next((name for name in names if isinstance(name, str)), None)
        return self.takes_text(doc_id if name is None else name)


def _with(one: RedisKey, value: Any) -> RedisKey:
    return RedisKey(one.db, one.key, one.type, one.ttl_ms, value, one.line)

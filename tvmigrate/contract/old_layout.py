"""What a site calls the things of the old layout: its own databases, tables, columns, keys, index and fields.

The rules stay those of the contract; where they read old data they take its names from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from tvmigrate.contract import old
from tvmigrate.contract.layout import Column, Table, quoted
from tvmigrate.contract.outcome import Rule, Store

# A field that a site does not have: half of a surrogate pair, which no JSON that can be read has as a name.
ABSENT = "\ud800"
# What stands for a column that a site does not have: what the contract has for an empty one.
ABSENT_COLUMNS: Mapping[str, str] = {
    "username": "''",
    "engagement": "toFloat32(0)",
    "topics": "''",
    "eaos_score": "CAST(NULL, 'Nullable(Float32)')",
}


@dataclass(frozen=True, slots=True)
class At:
    """A ClickHouse table by its names."""

    database: str
    name: str

    @property
    def place(self) -> str:
        """`database.table`, quoted."""
        return f"{quoted(self.database)}.{quoted(self.name)}"

    def __str__(self) -> str:
        return f"{self.database}.{self.name}"


@dataclass(frozen=True, slots=True)
class OldTable:
    """An old table of the contract, `role`, as a site has it: `theirs` is meaning → their column.

    A meaning that is not in `theirs` is one of a column that they do not have. `ignored` are columns that mean nothing
    to the contract: they go to the archive. The columns of `role` are the meanings, and what rules and SQL name.
    """

    role: Table
    database: str
    name: str
    theirs: Mapping[str, str]
    ignored: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The meanings, with the types that the columns are to have."""
        return self.role.columns

    @property
    def column_names(self) -> tuple[str, ...]:
        """The meanings."""
        return self.role.column_names

    @property
    def is_comments(self) -> bool:
        """Whether these are the comments, not the metrics."""
        return self.role.name == old.COMMENTS.name

    @property
    def rule(self) -> Rule:
        """The rule of its rows."""
        return Rule.CLICKHOUSE_COMMENTS if self.is_comments else Rule.CLICKHOUSE_EAOS_METRICS

    @property
    def instant(self) -> str:
        """The meaning of the column with a row's time."""
        return "created_at" if self.is_comments else "recorded_at"

    @property
    def at(self) -> At:
        """Where it is under its own name."""
        return At(self.database, self.name)

    @property
    def place(self) -> str:
        """`database.table`, quoted."""
        return self.at.place

    @property
    def order_by(self) -> tuple[str, ...]:
        """Their columns of the contract's sorting key."""
        return tuple(self.their(name) for name in self.role.order_by)

    def their(self, meaning: str) -> str:
        """Return their name of a column; of one that they do not have, and of a name that is no meaning, itself."""
        return self.theirs.get(meaning, meaning)

    @property
    def is_renamed(self) -> bool:
        """Whether a column has another name than its meaning, or is absent."""
        return any(self.theirs.get(name) != name for name in self.column_names)

    def read_as(self, column: str) -> str:
        """Return the name that a column of theirs has in `read`."""
        meanings = [meaning for meaning, theirs in self.theirs.items() if theirs == column]
        return meanings[0] if meanings else self.alias(column)

    def meaningless(self, columns: Iterable[str]) -> list[str]:
        """Return those of their `columns` that mean nothing to the contract, in order."""
        known = set(self.theirs.values())
        return [name for name in columns if name not in known]

    def alias(self, column: str) -> str:
        """Return the name that one of their ignored columns has in `read`: its own, unless that is a meaning."""
        return f"__theirs_{column}" if self.is_renamed and column in self.column_names else column

    def read(self, place: str | None = None, also: Mapping[str, str] | None = None) -> str:
        """Return what stands behind FROM, with the meanings as column names, and behind them the ignored ones' aliases.

        `place` is where the rows are, the table itself unless said: quoted, or a table function. `also` are columns of
        theirs that are wanted as they are too, with the names that they are to have.
        """
        place = place or self.place
        if not self.is_renamed and not also:
            return place
        aliases = {name: self.alias(name) for name in self.ignored}
        chosen = [self._picked(name) for name in self.column_names]
        for named in (aliases, also or {}):
            chosen += [f"t.{quoted(name)} AS {quoted(alias)}" for name, alias in named.items()]
        return f"(SELECT {', '.join(chosen)} FROM {place} AS t)"

    def _picked(self, meaning: str) -> str:
        # Of the table by its name, since an alias of the same name would stand for another column.
        their = self.theirs.get(meaning)
        told = ABSENT_COLUMNS[meaning] if their is None else f"t.{quoted(their)}"
        return f"{told} AS {quoted(meaning)}"


@dataclass(frozen=True, slots=True)
class EaosFields:
    """Their names of the fields in the JSON of an eaos key; `timestamp` is what older writers put beside the score."""

    score: str = old.EAOS_SCORE
    metadata: str = old.EAOS_METADATA
    positive: str = old.EAOS_POSITIVE
    negative: str = old.EAOS_NEGATIVE
    neutral: str = old.EAOS_NEUTRAL
    total: str = old.EAOS_TOTAL
    updated_at: str = old.EAOS_UPDATED_AT
    timestamp: str = old.EAOS_OLDER_TIMESTAMP

    @property
    def counts(self) -> tuple[str, str, str]:
        """The three counts."""
        return self.positive, self.negative, self.neutral

    @property
    def beside_metadata(self) -> frozenset[str]:
        """What has a meaning at the top."""
        return frozenset({self.score, self.metadata, self.timestamp, self.total, *self.counts})

    @property
    def in_metadata(self) -> frozenset[str]:
        """What has a meaning within `metadata`."""
        return frozenset({self.updated_at, self.total, *self.counts})


@dataclass(frozen=True, slots=True)
class ItemFields:
    """Their names of the fields in the JSON of an item of a metrics list; any other goes to the event's data."""

    entity: str = old.ITEM_ENTITY
    value: str = old.ITEM_VALUE
    timestamp: str = old.ITEM_TIMESTAMP

    @property
    def all(self) -> frozenset[str]:
        """The three names."""
        return frozenset({self.entity, self.value, self.timestamp})


def of_contract(role: Table, database: str = old.DATABASE) -> OldTable:
    """Return an old table under the contract's own names."""
    return OldTable(role, database, role.name, {name: name for name in role.column_names})


@dataclass(frozen=True, slots=True)
class OldLayout:
    """The names of one site's old layout; by default the contract's own.

    `spellings` are new field → their names in documents. `eaos_ignored`, `document_ignored` are fields that mean
    nothing to the contract, or None where any may be there, as in the contract: they go to the archive. `from_file`
    says that a file named everything: what it does not name is refused.
    """

    comments: OldTable = field(default_factory=lambda: of_contract(old.COMMENTS))
    eaos_metrics: OldTable = field(default_factory=lambda: of_contract(old.EAOS_METRICS))
    eaos_prefix: bytes = old.EAOS_PREFIX
    trend_prefix: bytes = old.TREND_PREFIX
    trend_suffix: bytes = old.TREND_SUFFIX
    metrics_prefix: bytes = old.METRICS_PREFIX
    eaos: EaosFields = EaosFields()
    item: ItemFields = ItemFields()
    eaos_ignored: tuple[str, ...] | None = None
    index: str = old.INDEX.name
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(old.SPELLINGS))
    document_id: str = old.DOCUMENT_ID_FIELD
    document_ignored: tuple[str, ...] | None = None
    from_file: bool = False
    own_values: bool = field(init=False, compare=False, default=False)

    def __post_init__(self) -> None:
        # Worked out once: the quick readers of Redis values, which know the contract's names only, ask for each.
        object.__setattr__(self, "own_values", (self.eaos, self.item) != (EaosFields(), ItemFields()))

    @property
    def database(self) -> str:
        """The ClickHouse database of both old tables."""
        return self.comments.database

    @property
    def tables(self) -> tuple[OldTable, OldTable]:
        """Both old tables."""
        return (self.comments, self.eaos_metrics)

    @property
    def prefixes(self) -> Mapping[Rule, bytes]:
        """What old Redis keys begin with, by rule."""
        return {
            Rule.REDIS_EAOS: self.eaos_prefix,
            Rule.REDIS_TREND: self.trend_prefix,
            Rule.REDIS_METRIC: self.metrics_prefix,
        }

    @property
    def sources(self) -> Mapping[Rule, str]:
        """What quarantine and archive call the source of a rule's records: prefix without its colon, table, index."""
        return {
            **{rule: prefix.decode().rstrip(":") for rule, prefix in self.prefixes.items()},
            **{table.rule: table.name for table in self.tables},
            Rule.ELASTICSEARCH_COMMENTS: self.index,
        }

    @property
    def document_fields(self) -> frozenset[str]:
        """Every field of a document that has a meaning."""
        return frozenset({self.document_id, *(name for names in self.spellings.values() for name in names)})

    @property
    def private(self) -> frozenset[str]:
        """Their names of texts, of user names and of what means nothing to the contract: no report shows its values."""
        names = {self.comments.their(meaning) for meaning in ("text", "username")}
        names |= {*self.spellings["text"], *self.spellings["username"]}
        for ignored in (*(table.ignored for table in self.tables), self.eaos_ignored, self.document_ignored):
            names |= set(ignored or ())
        return frozenset(names)

    def unnamed(self, store: Store, names: Iterable[str]) -> list[str]:
        """Return those of the extra fields of a store's records that a layout file had to name, and does not."""
        ignored = {Store.REDIS: self.eaos_ignored, Store.ELASTICSEARCH: self.document_ignored}.get(store)
        inner = f"{self.eaos.metadata}."
        return [] if ignored is None else [name for name in names if name.removeprefix(inner) not in ignored]


CONTRACT = OldLayout()


def fields_of(names: EaosFields | ItemFields) -> dict[str, str]:
    """Return meaning → their name, of the fields that they have."""
    return {one.name: told for one in fields(names) if (told := getattr(names, one.name)) != ABSENT}

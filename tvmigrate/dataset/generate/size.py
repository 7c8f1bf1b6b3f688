"""How much is generated: counts of each kind of record, the share of bad ones, the seed."""

from __future__ import annotations

from dataclasses import dataclass

from tvmigrate.errors import UsageError

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """Counts of what is generated.

    `entities` are eaos keys; `lists` of `list_items` each are `metrics:` keys; the three trends and `sorted_sets`
    unrelated sorted sets have `members` each; `unrelated` are other unrelated keys. `comments` and `metric_rows` are
    rows of the two tables, `documents` the first comments, which Elasticsearch holds too. Rows, documents and items are
    of `programs` different entities.

    Raises:
        UsageError: a negative count, or more documents than comments.
    """

    entities: int
    comments: int
    documents: int
    metric_rows: int
    members: int
    sorted_sets: int
    lists: int
    list_items: int
    unrelated: int
    programs: int = 1000

    def __post_init__(self) -> None:
        wrong = [name for name in self.__slots__ if getattr(self, name) < 0]
        if wrong:
            raise UsageError(f"The size says {', '.join(wrong)} below 0; expected whole numbers from 0.")
        if self.documents > self.comments:
            raise UsageError(
                f"{self.documents} documents of {self.comments} comments: every document is a comment, so there can be "
                "no more of them. Ask for more comments, or for fewer documents."
            )

    @classmethod
    def of(cls, comments: int, entities: int, documents: int | None = None) -> Size:
        """Return the size of a system of so many comments and eaos keys, the rest in proportion; raises UsageError."""
        return cls(
            entities=entities,
            comments=comments,
            documents=comments if documents is None else documents,
            metric_rows=-(-comments // 100),
            members=_within(entities // 10, 10, 2000),
            sorted_sets=_within(entities // 10_000, 1, 47),
            lists=_within(entities // 500, 2, 200),
            list_items=_within(entities // 10, 10, 1000),
            unrelated=max(entities // 100, 10),
            programs=max(entities, 1),
        )

    @classmethod
    def standard(cls, scale: float = 1.0) -> Size:
        """Return the size that benchmarks speak of, times `scale`; raises UsageError.

        At 1: 500,000 keys (of them 50 sorted sets of 2,000 members and 200 lists of 1,000 items), 10,000,000 rows,
        200,000 documents. Below 1 sorted sets and lists become fewer, not shorter.
        """
        sorted_sets = max(round(50 * scale) - 3, 1)
        lists = max(round(200 * scale), 2)
        keys = round(500_000 * scale)
        unrelated = max(keys // 100, 10)
        rows = round(10_000_000 * scale)
        entities = max(keys - 3 - sorted_sets - lists - unrelated, 1)
        return cls(
            entities=entities,
            comments=rows - rows // 100,
            documents=round(200_000 * scale),
            metric_rows=rows // 100,
            members=2000,
            sorted_sets=sorted_sets,
            lists=lists,
            list_items=1000,
            unrelated=unrelated,
            programs=entities,
        )

    @property
    def rows(self) -> int:
        """Rows of both tables."""
        return self.comments + self.metric_rows


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is generated: the same records for the same recipe, wherever they go.

    `bad` is the share of records, from 0 to 1, that the contract quarantines.

    Raises:
        UsageError: a share or seed out of range.
    """

    size: Size
    seed: int = 0
    bad: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.bad <= 1:
            raise UsageError(f"The share of bad records is {self.bad}; expected is a number from 0 to 1, such as 0.01.")
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"The seed is {self.seed}; expected is a whole number from 0 to 2^63-1.")

    @property
    def bad_in_a_million(self) -> int:
        """The share of bad records, as records in a million."""
        return round(self.bad * MILLION)


def _within(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))

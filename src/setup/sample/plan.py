"""What makes sample data what they are: how many comments, of which show, from which seed, up to which instant."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from src.setup.sample.words import ENTITIES, TOPICS

PERIOD = dt.timedelta(hours=3)  # a broadcast
COMMENT_PREFIX = "sample-"  # what the ids of all sample comments begin with


@dataclass(frozen=True, slots=True)
class Plan:
    """The same plan is the same data, to the last bit, on any machine.

    Attributes:
        count: comments, from 1.
        seed: any whole number.
        show: the first part of the program ids, `{show}/contestant_1`, and of the topics, `{show}:vocals`.
        until: the instant of the last comment at the latest; the first is up to three hours earlier.
    """

    count: int
    seed: int
    show: str
    until: dt.datetime

    @property
    def start(self) -> dt.datetime:
        """The instant after which all comments are."""
        return self.until - PERIOD

    @property
    def programs(self) -> tuple[str, ...]:
        """The program ids that may occur, the most popular first."""
        return tuple(f"{self.show}/{entity}" for entity in ENTITIES)

    @property
    def topic_prefix(self) -> str:
        """What the topics begin with: trends are shared by all shows, and so tell whose they are."""
        return f"{self.show}:"

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that may occur."""
        return tuple(self.topic_prefix + word for word in TOPICS)

    @property
    def comment_prefix(self) -> str:
        """What the comment ids begin with; another plan has another, so no plan overwrites another's documents."""
        said = f"{self.seed}\0{self.count}\0{self.show}\0{self.until.isoformat()}"
        return f"{COMMENT_PREFIX}{hashlib.sha256(said.encode()).hexdigest()[:10]}-"

"""The model: what is where after each command, what a verdict has to find, what a rollback has to save."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .records import ANY, RECORDS, Place, Places, document, event, raw_comment, redis, row

EVENTS = "events:s/a:2025-11-20"
CHECK_OF_TABLE = {
    "raw_comments": "clickhouse.comments",
    "comment_aggregates": "clickhouse.aggregates",
    "eaos_metrics": "clickhouse.eaos_metrics",
}
ANOMALIES = "anomalies"
Findings = Counter[tuple[str, str]]


def same(expected: Places, found: Places) -> dict[Place, tuple[Any, Any]]:
    """Return the places at which the two differ; an instant of the run is any."""
    apart = {}
    for place in expected.keys() | found.keys():
        one, other = expected.get(place), found.get(place)
        if place[0] == "redis" and one and other and one[0] == other[0] == "hash":
            filled = {name: other[1].get(name) for name, value in one[1].items() if value == ANY}
            one = (one[0], one[1] | filled, one[2])
        if one != other:
            apart[place] = (one, other)
    return apart


@dataclass
class Model:
    """What the stores hold: `right` is what a right migration leaves, `now` that and what V2 wrote since.

    `left` are Redis keys that V2 made and a rollback left where they are.
    """

    names: tuple[str, ...]
    right: Places = field(init=False)
    now: Places = field(init=False)
    left: Places = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.right = {place: held for name in self.names for place, held in RECORDS[name].new.items()}
        self.now = dict(self.right)

    def apply(self) -> None:
        self.now = self.right | self.left

    def roll_back(self) -> None:
        """Keys that the migration never wrote stay; everything else that V2 wrote goes."""
        self.left = {place: held for place, held in self.now.items() if place[0] == "redis" and place not in self.right}

    # --------------------------------------------------------------------------------------------------- V2's writes

    def write(self, kind: str, n: int) -> Places:
        """Note what V2 writes; return the places it changes, with what they hold then."""
        changed: Places = getattr(self, f"_write_{kind}")(n)
        for place, held in changed.items():
            self.now[place] = self.now.get(place, 0) + held if place[0] == "row" else held
        return {place: self.now[place] for place in changed}

    def _write_score(self, n: int) -> Places:
        counts = dict.fromkeys(("positive", "negative", "neutral"), str(n))
        score = {"score": f"0.{n}25", **counts, "total": str(3 * n), "updated_at": "2026-11-23T00:00:00Z"}
        return redis(f"eaos:current:s/v2-{n}", "hash", score)

    def _write_score_again(self, n: int) -> Places:
        place = ("redis", "0", "eaos:current:s/a")
        if place not in self.right:
            return {}
        kind, fields, expires = self.now[place]
        return {place: (kind, fields | {"score": f"0.{n}0625", "positive": str(n + 1000)}, expires)}

    def _write_trend(self, n: int) -> Places:
        place = ("redis", "0", ("trends:top:5min", "trends:top:15min", "trends:top:1hour")[n % 3])
        kind, members, expires = self.now.get(place, ("zset", {}, False))
        topic = "show" if n < 5 else f"v2-{n}"
        return {place: (kind, members | {topic: members.get(topic, 0.0) + 1024.5 * n}, expires)}

    def _write_event(self, n: int) -> Places:
        at = f"2025-11-20T23:{n:02}:00Z" if n < 5 else f"2026-11-23T00:{n:02}:00Z"
        key = EVENTS if n < 5 else f"events:s/v2-{n}:2026-11-23"
        kind, items, expires = self.now.get(("redis", "0", key), ("list", [], False))
        program = key.split(":")[1]
        return {("redis", "0", key): (kind, [*items, event("v2", program, at, n + 0.5, mark=f"v2-{n}")], expires)}

    def _write_comment(self, n: int) -> Places:
        return self._write_row(n) | self._write_document(n)

    def _write_row(self, n: int) -> Places:
        return raw_comment(f"v2-{n}", "s/a", "neutral", ["v2"], 40)

    def _write_document(self, n: int) -> Places:
        return document(
            f"v2-{n}", program_id="s/a", text="V2", username="lan", timestamp="2025-11-20T06:40:30Z",
            sentiment="neutral", sentiment_score=0.5, engagement_score=2, topics=["v2"],
        )  # fmt: skip

    def _write_metrics(self, n: int) -> Places:
        return row(
            "eaos_metrics", program_id=f"s/v2-{n}", timestamp="2026-11-23 00:00:00.000", score=0.5, positive_count=n,
            negative_count=0, neutral_count=0, total_comments=n,
        )  # fmt: skip

    def _write_anomaly(self, n: int) -> Places:
        return row(
            "anomalies", program_id=f"s/v2-{n}", timestamp="2026-11-23 00:00:00.000", metric="score", value=0.5,
            expected=0.25, deviation=0.25, severity="high",
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------ what is demanded

    def findings(self) -> Findings:
        """Return the findings that a verdict on the new state has to hold: (check, direction), as often."""
        found: Findings = Counter()
        for place, (right, now) in same(self.right, self.now).items():
            found += self._of(place, right, now)
        programs = _unknown_programs(self.now) - _unknown_programs(self.right)
        found["clickhouse.anomalies", "extra"] += any(place[:2] == ("row", ANOMALIES) for place in self.now)
        found["cross.programs", "extra"] += len(programs)
        found["cross.ids", "missing"] += len(_one_sided(self.now) - _one_sided(self.right))
        return +found

    def _of(self, place: Place, right: Any, now: Any) -> Findings:
        kind = place[0]
        if kind == "row":
            # The table of anomalies is found not to be empty, once, however many rows it has.
            return Counter() if place[1] == ANOMALIES else Counter({(CHECK_OF_TABLE[place[1]], "extra"): now})
        if kind == "document":
            return Counter({("elasticsearch.comments", "changed" if right else "extra"): 1})
        if right is None:
            return Counter({("redis.extra", "extra"): 1})
        if now[0] == "list":
            return Counter({("redis.metric", "extra"): len(now[1]) - len(right[1])})
        check = "redis.eaos" if now[0] == "hash" else "redis.trend"
        apart = {name for name, value in now[1].items() if right[1].get(name) not in {value, ANY}}
        return Counter((check, "changed" if name in right[1] else "extra") for name in apart)

    def findings_when_back(self) -> Findings:
        """Return the findings that a verdict on the old state has to hold."""
        return +Counter({("rollback.redis-extra", "extra"): len(self.left)})

    def to_save(self) -> list[str]:
        """Return words of all that V2 wrote which a rollback takes away: they must be in the files that it saves."""
        marks = []
        for place, (right, now) in same(self.right, self.now).items():
            if place[0] == "row":
                marks.append(json.loads(place[2]).get("comment_id") or json.loads(place[2])["program_id"])
            elif place[0] == "document":
                marks.append(place[1])
            elif right is not None:
                marks += _marks(right[1], now[1])
        return marks


def _marks(right: Any, now: Any) -> Iterable[str]:
    if isinstance(now, list):
        return [json.loads(item)["data"]["mark"] for item in now[len(right) :]]
    apart = [value for name, value in now.items() if right.get(name) not in {value, ANY}]
    return [value if isinstance(value, str) else repr(value) for value in apart]


def _unknown_programs(places: Places) -> set[str]:
    """Return the programs of Redis that ClickHouse has no row of."""
    in_redis, known = set(), set()
    for place in places:
        if place[0] == "redis" and place[2].startswith("eaos:current:"):
            in_redis.add(place[2].removeprefix("eaos:current:"))
        elif place[0] == "redis" and place[2].startswith("events:"):
            in_redis.add(place[2].removeprefix("events:").rpartition(":")[0])
        elif place[0] == "row" and place[1] in {"raw_comments", "eaos_metrics"}:
            known.add(json.loads(place[2])["program_id"])
    return in_redis - known


def _one_sided(places: Places) -> set[str]:
    """Return the ids of comments that one of the two stores lacks."""
    rows = {json.loads(place[2])["comment_id"] for place in places if place[:2] == ("row", "raw_comments")}
    return rows ^ {place[1] for place in places if place[0] == "document"}


KINDS = ("score", "score_again", "trend", "event", "comment", "row", "document", "metrics", "anomaly")

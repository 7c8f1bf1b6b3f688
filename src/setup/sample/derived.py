"""What follows from the comments, told while they go by: aggregates, states, history, events, trends, anomalies.

Its size is bounded by programs, topics and the length of the period, whatever the number of comments.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from src.setup.sample.comments import Counts
from src.setup.sample.plan import PERIOD, Plan
from src.storage.records import Aggregate, Anomaly, Comment, EaosMetric, EaosState, Event
from src.storage.times import of_seconds
from tvmigrate.contract import new
from tvmigrate.contract.rules import BUCKET_S, Row, aggregate_keys
from tvmigrate.contract.values import TIME_RANGES, Sentiment, ns_of

HISTORY_S = 900  # a row of history, and an event, of each program that was spoken of in 15 minutes
ANOMALIES = 3
VOLUME, SCORE = "comment_volume", "eaos_score"
ANOMALY_EVENT = "anomaly"
_SEVERITIES = ((5.0, "critical"), (4.0, "high"), (3.0, "medium"), (0.0, "low"))
_RANGES = {name: dt.timedelta(minutes=int(minutes)) for minutes, name in TIME_RANGES.items()}


@dataclass(slots=True)
class _Seen:
    counts: Counts
    latest: dt.datetime


class Derived:
    """Takes every comment in its order, and then says what belongs to them in the other places of the layout."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._topics: dict[tuple[str, int, str], list[float]] = {}  # -> number, sum of sentiment scores
        self._volumes: Counter[tuple[str, int]] = Counter()
        self._programs: dict[str, _Seen] = {}
        self._history: dict[tuple[int, str], EaosMetric] = {}
        self._trends: dict[str, Counter[str]] = {name: Counter() for name in _RANGES}

    def take(self, comment: Comment) -> None:
        """Count one comment in."""
        program, moment = comment["program_id"], comment["timestamp"]
        row = Row({**comment, "timestamp": ns_of(moment)})
        for owner, bucket, topic in aggregate_keys(row):
            number_and_sum = self._topics.setdefault((owner, bucket, topic), [0, 0.0])
            number_and_sum[0] += 1
            number_and_sum[1] += comment["sentiment_score"]  # exact: multiples of 1/64
        second = int(moment.timestamp())
        self._volumes[program, second // BUCKET_S * BUCKET_S] += 1
        seen = self._programs.setdefault(program, _Seen(Counts(), moment))
        seen.counts.count(Sentiment(comment["sentiment"]))
        seen.latest = moment
        self._history[second // HISTORY_S, program] = EaosMetric(
            program_id=program,
            timestamp=moment,
            score=seen.counts.score,
            positive_count=seen.counts.positive,
            negative_count=seen.counts.negative,
            neutral_count=seen.counts.neutral,
            total_comments=seen.counts.total,
        )
        for name, length in _RANGES.items():
            if moment > self._plan.until - length:
                self._trends[name].update(set(comment["topics"]))

    def aggregates(self) -> Iterator[Aggregate]:
        """Yield the rows of `clickhouse.aggregates`: program, 5-minute bucket, topic."""
        for (program, bucket, topic), (number, total) in sorted(self._topics.items()):
            moment = of_seconds(bucket)
            yield Aggregate(
                program_id=program, timestamp=moment, topic=topic, count=int(number), avg_sentiment=total / number
            )

    def history(self) -> Iterator[EaosMetric]:
        """Yield each program's EAOS after its last comment of each 15 minutes, oldest first."""
        yield from (row for _, row in sorted(self._history.items()))

    def states(self) -> Iterator[EaosState]:
        """Yield each program's EAOS now, which is its last row of history."""
        for program, seen in sorted(self._programs.items()):
            yield EaosState(
                program_id=program,
                score=seen.counts.score,
                positive=seen.counts.positive,
                negative=seen.counts.negative,
                neutral=seen.counts.neutral,
                total=seen.counts.total,
                updated_at=seen.latest,
            )

    def trends(self) -> Iterator[tuple[str, str, int]]:
        """Yield (time range, topic, number of comments with it) of the last 5, 15 and 60 minutes."""
        for name, counted in self._trends.items():
            yield from ((name, topic, number) for topic, number in sorted(counted.items()))

    def anomalies(self) -> list[Anomaly]:
        """Return the three buckets of a program with most comments beyond its mean, in its standard deviations."""
        buckets = int(PERIOD.total_seconds()) // BUCKET_S
        found = []
        for program in sorted(self._programs):
            own = {bucket: number for (owner, bucket), number in sorted(self._volumes.items()) if owner == program}
            mean = sum(own.values()) / buckets
            squares = sum((number - mean) ** 2 for number in own.values()) + (buckets - len(own)) * mean**2
            spread = math.sqrt(squares / buckets)
            for bucket, number in own.items():
                deviation = (number - mean) / spread if spread else 0.0
                severity = next(name for least, name in _SEVERITIES if deviation >= least or least == 0.0)
                found.append(
                    Anomaly(
                        program_id=program,
                        timestamp=of_seconds(bucket),
                        metric=VOLUME,
                        value=float(number),
                        expected=mean,
                        deviation=deviation,
                        severity=severity,
                    )
                )
        found.sort(key=lambda one: (-one["deviation"], one["program_id"], one["timestamp"]))
        return sorted(found[:ANOMALIES], key=lambda one: (one["timestamp"], one["program_id"]))

    def events(self) -> Iterator[Event]:
        """Yield an event for each row of history and for each anomaly, in the order of time."""
        events = [
            Event(
                type=new.METRIC_EVENT,
                metric=SCORE,
                program_id=row["program_id"],
                timestamp=row["timestamp"],
                value=row["score"],
                data={new.TOTAL: row["total_comments"]},
            )
            for row in self.history()
        ]
        events += [
            Event(
                type=ANOMALY_EVENT,
                metric=one["metric"],
                program_id=one["program_id"],
                timestamp=one["timestamp"],
                value=one["value"],
                data={"expected": one["expected"], "severity": one["severity"]},
            )
            for one in self.anomalies()
        ]
        yield from sorted(events, key=lambda one: (one["timestamp"], one["program_id"], one["type"]))

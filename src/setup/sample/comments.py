"""The sample comments, one after the other in the order of time; only the program's counts so far are remembered."""

from __future__ import annotations

import datetime as dt
import random
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from src.setup.sample.plan import PERIOD, Plan
from src.setup.sample.words import ENTITIES, NO_TOPIC, TEXTS, TOPICS
from src.storage.records import Comment
from tvmigrate.contract.values import Sentiment

_PERIOD_MS = int(PERIOD.total_seconds() * 1000)
# Scores are multiples of 1/64: exact as a float of any size, and so is every sum of them, in any order.
_STEPS = 64
_TOPICS_OF_A_COMMENT = {0: 10, 1: 55, 2: 25, 3: 10}
# Moments in which one program is all that people speak of: where in the period, how long, and how it is taken.
_MOMENTS = ((0.35, Sentiment.POSITIVE), (0.6, Sentiment.NEGATIVE), (0.85, Sentiment.POSITIVE))
_MOMENT = 0.03
_LOUD = 0.6  # share of the comments of a moment that speak of its program


@dataclass(slots=True)
class Counts:
    """How a program's comments so far were meant."""

    positive: int = 0
    negative: int = 0
    neutral: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.positive + self.negative + self.neutral

    @property
    def score(self) -> float:
        """The sample's EAOS, 0 to 1: the guide has no formula, so it is the share of positive and half of neutral."""
        return round((self.positive + self.neutral / 2) / self.total, 4)

    def count(self, sentiment: Sentiment) -> None:
        """Count one more."""
        if sentiment is Sentiment.POSITIVE:
            self.positive += 1
        elif sentiment is Sentiment.NEGATIVE:
            self.negative += 1
        else:
            self.neutral += 1


class _Dice:
    """Choices from `random.Random.random()` alone, which is the same in every version of Python."""

    def __init__(self, seed: int) -> None:
        # An int seeds by its magnitude, so -1 would be 1; text seeds by its hash (sha512), the same everywhere.
        self._random = random.Random(f"tv_analytics sample {seed}")  # noqa: S311 - no secret
        self.share = self._random.random

    def below(self, number: int) -> int:
        """Return 0 to number - 1."""
        return int(self.share() * number)

    def chooser(self, weights: Mapping[Any, int]) -> Any:
        """Return what draws one of the keys, each as often as its weight says."""
        choices: Sequence[Any] = tuple(weights)
        bounds = tuple(accumulate(weights.values()))
        return lambda: choices[bisect(bounds, self.share() * bounds[-1])]


def comments(plan: Plan) -> Iterator[Comment]:
    """Yield the plan's comments, never going back in time; the last one is within a step of `plan.until`."""
    dice = _Dice(plan.seed)
    draw_entity, draw_topic = dice.chooser(ENTITIES), dice.chooser(TOPICS)
    draw_number = dice.chooser(_TOPICS_OF_A_COMMENT)
    moods = {entity: (0.4 + 0.3 * dice.share(), 0.1 + 0.2 * dice.share()) for entity in ENTITIES}
    spoken_of = [draw_entity() for _ in _MOMENTS]
    so_far = {entity: Counts() for entity in ENTITIES}
    viewers = max(10, plan.count // 5)
    width = max(7, len(str(plan.count)))
    for number in range(plan.count):
        place = (number + 1) / plan.count
        entity, (positive, negative) = draw_entity(), (0.0, 0.0)
        moment = _moment(place)
        if moment is not None and dice.share() < _LOUD:
            entity = spoken_of[moment]
            glad = _MOMENTS[moment][1] is Sentiment.POSITIVE
            positive, negative = (0.85, 0.05) if glad else (0.05, 0.85)
        else:
            positive, negative = moods[entity]
        sentiment, steps = _meant(dice, positive, negative)
        so_far[entity].count(sentiment)
        words = _distinct(draw_topic, draw_number())
        step_ms = _PERIOD_MS * (number + 1) // plan.count - _PERIOD_MS * number // plan.count
        after_ms = _PERIOD_MS * (number + 1) // plan.count - dice.below(max(1, step_ms))
        texts = TEXTS[sentiment]
        yield Comment(
            comment_id=f"{plan.comment_prefix}{number + 1:0{width}}",
            program_id=f"{plan.show}/{entity}",
            text=texts[dice.below(len(texts))].format(entity=entity, topic=words[0] if words else NO_TOPIC),
            username=f"viewer_{dice.below(viewers) + 1}",
            timestamp=plan.start + dt.timedelta(milliseconds=after_ms),
            sentiment=sentiment.value,
            sentiment_score=steps / _STEPS,
            engagement_score=float(int(200 * dice.share() ** 4)),
            topics=[plan.topic_prefix + word for word in words],
            eaos_score=so_far[entity].score,
        )


def _moment(place: float) -> int | None:
    return next((number for number, (start, _) in enumerate(_MOMENTS) if start <= place < start + _MOMENT), None)


def _meant(dice: _Dice, positive: float, negative: float) -> tuple[Sentiment, int]:
    """Return a sentiment and its score in 64ths: at least a quarter to either side of 0, or closer to it."""
    drawn = dice.share()
    strength = _STEPS // 4 + dice.below(_STEPS * 3 // 4 + 1)
    if drawn < positive:
        return Sentiment.POSITIVE, strength
    if drawn < positive + negative:
        return Sentiment.NEGATIVE, -strength
    return Sentiment.NEUTRAL, strength % (_STEPS // 4) - _STEPS // 8


def _distinct(draw: Any, number: int) -> list[str]:
    drawn: list[str] = []
    while len(drawn) < number:
        word = draw()
        if word not in drawn:
            drawn.append(word)
    return drawn

"""What sample comments are about and how they sound."""

from __future__ import annotations

from collections.abc import Mapping

from tvmigrate.contract.values import Sentiment

# A program's part of the id, behind the show, and how often it is spoken of.
ENTITIES: Mapping[str, int] = {
    "contestant_1": 24,
    "contestant_2": 20,
    "contestant_3": 16,
    "contestant_4": 12,
    "contestant_5": 9,
    "contestant_6": 7,
    "segment_intro": 5,
    "segment_finale": 7,
}
TOPICS: Mapping[str, int] = {
    "vocals": 22,
    "stage": 16,
    "judges": 14,
    "song choice": 12,
    "outfit": 10,
    "dance": 9,
    "host": 6,
    "sound": 5,
    "lighting": 4,
    "voting": 2,
}
TEXTS: Mapping[Sentiment, tuple[str, ...]] = {
    Sentiment.POSITIVE: (
        "What a great moment for {entity}, the {topic} was wonderful",
        "I could watch {entity} all night: {topic} at its best",
        "Best {topic} of this season, well done {entity}",
        "{entity} tuyệt vời quá, phần {topic} quá đỉnh",
        "Xem {entity} mà nổi da gà, {topic} hay thật sự",
    ),
    Sentiment.NEGATIVE: (
        "The {topic} of {entity} was a disappointment",
        "Sorry {entity}, that {topic} did not work at all",
        "Who decided on this {topic}? {entity} deserves better",
        "Phần {topic} của {entity} hơi thất vọng",
        "{entity} hôm nay chưa tốt, {topic} quá tệ",
    ),
    Sentiment.NEUTRAL: (
        "{entity} is on now, let us see the {topic}",
        "Not sure what to think of {entity} and the {topic}",
        "Can somebody tell me when {entity} comes back? {topic} again?",
        "{entity} lên sân khấu rồi, chờ xem {topic}",
        "{topic} của {entity} cũng bình thường",
    ),
}
NO_TOPIC = "show"  # what a comment without topics speaks of

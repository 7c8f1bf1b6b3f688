"""What a question says: the programs, the period, the filters, and which tools it names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field

from src.agent.questions.scan import Scan, Word
from src.agent.questions.words import (
    BEFORE_A_NAME,
    EMPTY_WORDS,
    INTENTS,
    LINKING_WORDS,
    NOW_WORDS,
    SENTIMENT_WORDS,
    SORT_WORDS,
    UNITS,
    WEAKER,
)

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:t\S+)?"
_NUMBER = r"[1-9][0-9]{0,4} ?|(?:an?|one|mot) "
_UNIT = "|".join(sorted(UNITS, key=len, reverse=True))
_RECENTLY = r"(?:(?:in|within|over|for|trong|during) )?(?:the )?(?:last |past |suot )?(?:khoang )?"
_RECENT = r"(?: (?:qua|gan day|vua qua|nay)(?!\S))?"
_AGO = "ago|truoc"
_COUNTED = (
    "results|comments|topics|trends|anomalies|programs|measurements|rows|newest|latest|negative|positive|neutral|"
    "ket qua|binh luan|nhan xet|chu de|xu huong|bat thuong|chuong trinh|dong"
)
_SEVERITIES = "low|medium|high|critical"


@dataclass
class Reading:
    """What was found in a question; `left` is what was not understood."""

    scan: Scan
    programs: list[str] = field(default_factory=list)
    start: str | None = None
    end: str | None = None
    last: str | None = None
    limit: int | None = None
    sentiment: str | None = None
    sort: str | None = None
    topic: str | None = None
    severity: str | None = None
    intents: list[str] = field(default_factory=list)

    @property
    def period(self) -> dict[str, str]:
        """The arguments of the period that the question names."""
        named = {"start": self.start, "end": self.end, "last": self.last}
        return {name: value for name, value in named.items() if value is not None}

    def left(self) -> list[Word]:
        """Return the words that were not understood and are not empty ones, in order."""
        return [word for word in self.scan.left() if word.quoted or word.folded not in EMPTY_WORDS]

    def query(self) -> str:
        """Return the words to search for: what is left, with the empty words inside, as in `great show`."""
        left = self.left()
        runs: list[list[Word]] = [[]]
        for word in self.scan.words:
            if word.used:
                runs.append([])
            else:
                runs[-1].append(word)
        found = []
        for run in runs:
            while run and not any(run[0] is word for word in left):
                run.pop(0)
            while run and not run[-1].quoted and run[-1].folded in LINKING_WORDS:
                run.pop()
            found += [word.text for word in run]
        return " ".join(found)

    def names(self) -> list[Word]:
        """Return the words that may name a program: what is left in quotes, else after `of`, else all that is left."""
        left = self.left()
        for chosen in (
            [word for word in left if word.quoted],
            [word for word in left if self.scan.before(word) in BEFORE_A_NAME],
        ):
            if chosen:
                return chosen
        return left


def read(question: str, known: Collection[str], now: dt.datetime) -> Reading:
    """Read a question.

    Args:
        question: as it was typed.
        known: the ids of the programs that there are, as far as they are known.
        now: the local time, for `today` and `yesterday`.
    """
    found = Reading(Scan(question))
    _programs(found, known)
    _dates(found, now)
    _duration(found)
    _limit(found)
    _filters(found)
    _intents(found)
    return found


def _programs(found: Reading, known: Collection[str]) -> None:
    folded = {program.casefold(): program for program in known}
    exact = set(known)
    for word in found.scan.left():
        program = word.text if word.text in exact else folded.get(word.text.casefold())
        looks = "/" in word.text.strip("/") and not word.text.replace("/", "").isdigit() and "://" not in word.text
        if program is None and looks and not (word.quoted and " " in word.text):
            program = word.text
        if program is not None:
            word.used = True
            if program not in found.programs:
                found.programs.append(program)


def _dates(found: Reading, now: dt.datetime) -> None:
    scan, today = found.scan, now.date()
    if match := scan.take(rf"(?:between|giua) ({_DATE}) (?:and|va) ({_DATE})"):
        found.start, found.end = match[1].upper(), _end_of(match[2])
    if match := scan.take(rf"(?:from|since|after|tu|ke tu|sau)(?: ngay)? ({_DATE})"):
        found.start = match[1].upper()
    if match := scan.take(rf"(?:to|until|till|den)(?: ngay)? ({_DATE})"):
        found.end = _end_of(match[1])
    if match := scan.take(rf"(?:before|truoc)(?: ngay)? ({_DATE})"):
        found.end = match[1].upper()
    if not found.period and (match := scan.take(rf"(?:on |ngay |vao ngay )?({_DATE})")):
        found.start, found.end = match[1].upper()[:10], _end_of(match[1][:10])
    if not found.period and scan.take("today|hom nay"):
        found.start = today.isoformat()
    ago = 1 if not found.period and scan.take("yesterday|hom qua") else 0
    if not found.period and (match := scan.take(rf"([0-9]{{1,4}}) (?:days?|ngay) (?:{_AGO})")):
        ago = int(match[1])
    if ago:
        day = (today - dt.timedelta(days=ago)).isoformat()
        found.start, found.end = day, _end_of(day)


def _end_of(date: str) -> str:
    """Return the last moment of a date: who says `to the 20th` means that day too."""
    return f"{date}T23:59:59.999" if len(date) == len("2025-11-20") else date.upper()


def _duration(found: Reading) -> None:
    match = found.scan.take(rf"{_RECENTLY}({_NUMBER})({_UNIT}){_RECENT}(?! (?:{_AGO}))")
    if match is None:
        match = found.scan.take(rf"(?:(?:in|over|within) )?(?:the )?(?:last|past)( )({_UNIT})")
    if match is None:
        match = found.scan.take(r"(?:trong )?()(gio|ngay|tuan) (?:vua )?qua")
    if match is not None:
        number = match[1].strip() if match[1].strip().isdigit() else "1"
        found.last = f"{number}{UNITS[match[2]]}"


def _limit(found: Reading) -> None:
    for pattern in (r"(?:top|first|limit|gioi han|dau tien) ([0-9]{1,6})", rf"([0-9]{{1,6}})(?= (?:{_COUNTED})(?!\S))"):
        if found.limit is None and (match := found.scan.take(pattern)):
            found.limit = int(match[1])


def _filters(found: Reading) -> None:
    scan = found.scan
    words = "|".join(sorted(SENTIMENT_WORDS, key=len, reverse=True))
    if match := scan.take(words):
        found.sentiment = SENTIMENT_WORDS[match[0]]
    if match := scan.take(rf"(?:severity|muc do) ({_SEVERITIES})|({_SEVERITIES})(?: severity)?"):
        found.severity = match[1] or match[2]
    if match := scan.take("|".join(sorted(SORT_WORDS, key=len, reverse=True))):
        found.sort = SORT_WORDS[match[0]]
    scan.take("|".join(NOW_WORDS))
    if any(word.folded == "co" for word in scan.words):
        scan.take(r"khong(?=\s*\Z)")  # có … không: the question mark of Vietnamese


def _intents(found: Reading) -> None:
    scan = found.scan
    phrases = [(phrase, tool) for tool, some in INTENTS.items() for phrase in (tool, *some)]
    topic_words = [word for word in scan.words if word.folded in {"topic", "de"}]
    for phrase, tool in sorted(phrases, key=lambda one: -len(one[0])):
        while scan.take(phrase):
            if tool not in found.intents:
                found.intents.append(tool)
    if {"search_comments", "topics"} <= set(found.intents):
        _topic_filter(found, topic_words)
    for weak in WEAKER:
        if weak in found.intents and len(found.intents) > 1:
            found.intents.remove(weak)
    if {"compare_programs", "eaos_history"} == set(found.intents):
        found.intents = ["compare_programs"]


def _topic_filter(found: Reading, topic_words: list[Word]) -> None:
    """Read `comments of topic X`: the word after `topic` is a filter of the search, not a question for topics."""
    left = found.left()
    words = found.scan.words
    for word in topic_words:
        place = next(place for place, one in enumerate(words) if one is word)
        after = words[place + 1] if place + 1 < len(words) else None
        if after is not None and any(after is one for one in left):
            after.used = True
            found.topic = after.text
            found.intents.remove("topics")
            return

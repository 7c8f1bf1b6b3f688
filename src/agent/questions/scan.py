"""A question as words, of which each is used once: what is left over at the end was not understood."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from src.agent.questions.words import fold

_PIECE = re.compile(
    r"""["“”«](?P<quoted>[^"“”»]*)["”“»]|(?<!\S)'(?P<single>[^']*)'(?=[\s?!.,;:]|$)|(?P<word>[^\s"“”«»]+)"""
)
_EDGES = "?!.,;:()[]…"
_USED = "\0"
_NEITHER = "\1"  # stands for what no pattern may match: quoted text


@dataclass
class Word:
    """A word or a quoted text, as it was typed and folded; `used` once it was understood."""

    text: str
    folded: str
    quoted: bool = False
    used: bool = False


class Scan:
    """The words of a question."""

    def __init__(self, question: str) -> None:
        self.words: list[Word] = []
        for piece in _PIECE.finditer(unicodedata.normalize("NFC", question)):
            if (word := piece["word"]) is not None:
                self.words += [Word(one, fold(one)) for one in _parts(word)]
            else:
                text = piece["quoted"] if piece["quoted"] is not None else piece["single"]
                if text.strip():
                    self.words.append(Word(text.strip(), fold(text.strip()), quoted=True))

    def take(self, pattern: str) -> re.Match[str] | None:
        """Use the first words that match `pattern`, a regular expression over folded words; return the match."""
        line, starts = self._line()
        match = re.search(rf"(?<!\S)(?:{pattern})(?!\S)", line)
        if match is None:
            return None
        for word, start in zip(self.words, starts, strict=True):
            if match.start() <= start < match.end():
                word.used = True
        return match

    def take_phrase(self, phrases: tuple[str, ...]) -> bool:
        """Use the longest of `phrases` that is there, and its repetitions; return whether one was."""
        found = False
        for phrase in sorted(phrases, key=len, reverse=True):
            while self.take(re.escape(phrase)):
                found = True
        return found

    def left(self, kind: Literal["words", "quoted", "all"] = "all") -> list[Word]:
        """Return what was not used yet, in order."""
        wanted = {"words": (False,), "quoted": (True,), "all": (False, True)}[kind]
        return [word for word in self.words if not word.used and word.quoted in wanted]

    def before(self, word: Word) -> str:
        """Return the folded word before `word`, also a used one; empty for the first."""
        place = next(place for place, one in enumerate(self.words) if one is word)
        return self.words[place - 1].folded if place else ""

    def _line(self) -> tuple[str, list[int]]:
        shown = [_USED if word.used else _NEITHER if word.quoted else word.folded for word in self.words]
        starts, at = [], 0
        for text in shown:
            starts.append(at)
            at += len(text) + 1
        return " ".join(shown), starts


def _parts(word: str) -> list[str]:
    word = word.strip(_EDGES)
    # `a/x,b/y` are two names; a comma elsewhere stays, as in 1,5.
    parts = word.split(",") if "/" in word else [word]
    return [stripped for part in parts if (stripped := part.strip(_EDGES))]

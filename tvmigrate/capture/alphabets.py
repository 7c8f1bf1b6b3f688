"""Which characters may stand for one another in a masked text: of one sort, one length, one normal form."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Literal

# Code points with the same number but for its last six bits have UTF-8 forms of the same length.
_BLOCK = 64
_MASKED = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "So"})
_FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
_JAMO = range(0x1100, 0x1200)  # they compose with one another


def alphabet(char: str, marks: str) -> str:
    """Return the characters that `char`, which the combining `marks` follow, may become, itself among them, in order.

    Each has the same alphabet, so that a place in it says the same of all. A character of which nothing is to be
    hidden (a blank, a sign, a mark, half a surrogate pair) has itself alone.
    """
    if unicodedata.category(char) not in _MASKED or ord(char) in _JAMO:
        return char
    first = ord(char) // _BLOCK * _BLOCK
    wanted = _looks(char, marks)
    return "".join(other for other in map(chr, range(first, first + _BLOCK)) if _looks(other, marks) == wanted)


@lru_cache(maxsize=1 << 14)
def is_mark(char: str) -> bool:
    """Return whether `char` may join with the character before it."""
    return unicodedata.category(char).startswith("M") or ord(char) in _JAMO


def _looks(char: str, marks: str) -> tuple[object, ...]:
    """Return what all characters of an alphabet have in common."""
    whole = char + marks
    return (
        unicodedata.category(char),
        char.lower() == char,
        len(char.lower()),
        tuple(unicodedata.is_normalized(form, char) for form in _FORMS),
        tuple(unicodedata.is_normalized(form, whole) for form in _FORMS),
        len(unicodedata.normalize("NFC", whole)),
    )

"""Stand-ins for texts: of the same shape, the same for the same text, different for different ones, made by a secret.

A text's characters are places in alphabets (`alphabets`). Its even and its odd places take turns in being moved on by
what a hash of the secret and of the others says: a Feistel network over mixed radices, so that no two texts of one
shape get one stand-in. Whoever has not got the secret cannot try out words.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from tvmigrate.capture.alphabets import alphabet, is_mark

LEAST_SECRET = 16  # bytes
_ROUNDS = 6
_SHORT = 64  # characters; names and short texts come again and again
_REMEMBERED = 1 << 15


class Mask:
    """Makes stand-ins by one secret, of `LEAST_SECRET` bytes at least."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.blake2b(secret, digest_size=32, person=b"tvmigrate-mask").digest()
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._stand_in)

    @property
    def fingerprint(self) -> str:
        """What tells one secret from another, and tells nothing else of it."""
        return hashlib.blake2b(b"fingerprint", key=self._key, digest_size=8).hexdigest()

    def text(self, text: str, turn: int = 0) -> str:
        """Return the stand-in of `text`, another one for each `turn`.

        It has as many characters and bytes of UTF-8 as `text`, is in the normal forms that `text` is in, and differs
        only in letters, digits and pictures. Half of a surrogate pair, or bytes that stand as such, stay.
        """
        return self._remembered(text, turn) if len(text) <= _SHORT else self._stand_in(text, turn)

    def raw(self, raw: bytes, turn: int = 0) -> bytes:
        """Return the stand-in of bytes: of what of them is UTF-8, and any other byte as it is."""
        return self.text(raw.decode("utf-8", "surrogateescape"), turn).encode("utf-8", "surrogateescape")

    def _stand_in(self, text: str, turn: int) -> str:
        letters = [alphabet(char, _marks(text, n)) for n, char in enumerate(text)]
        places = [n for n, letter in enumerate(letters) if len(letter) > 1]
        if not places:
            return text
        # What both texts have in common says where their turns begin.
        shape = "".join(letter[0] for letter in letters)
        seed = self._key + turn.to_bytes(2, "big") + _digest(shape)
        halves = [places[0::2], places[1::2]]
        now = list(text)
        for round_ in range(_ROUNDS):
            moved, fixed = halves if round_ % 2 == 0 else reversed(halves)
            told = "".join([now[n] for n in fixed]).encode("utf-8", "surrogatepass")
            steps = hashlib.shake_256(seed + bytes([round_]) + told).digest(2 * len(moved))
            for at, n in enumerate(moved):
                letter = letters[n]
                step = steps[2 * at] << 8 | steps[2 * at + 1]
                now[n] = letter[(letter.index(now[n]) + step) % len(letter)]
        return "".join(now)


def _marks(text: str, n: int) -> str:
    end = n + 1
    while end < len(text) and text[end] >= "\u0300" and is_mark(text[end]):
        end += 1
    return text[n + 1 : end]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()

"""Stand-ins for texts: of the same shape, the same for the same text, different for different ones, made by a secret.

A text's characters are places in alphabets (`alphabets`). Its even and its odd places take turns in being moved on by
what a hash of the secret and of the others says: a Feistel network over mixed radices, so that no two texts of one
shape get one stand-in. Whoever has not got the secret cannot try out words.
"""

from __future__ import annotations

import hashlib
import struct
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
        followed = any(map(is_mark, {*text}))
        letters = [_letter(char, _marks(text, n) if followed else "") for n, char in enumerate(text)]
        places = [n for n, (letter, _) in enumerate(letters) if len(letter) > 1]
        if not places:
            return text
        # What both texts have in common says where their turns begin.
        shape = "".join([letter[0] for letter, _ in letters])
        seed = self._key + turn.to_bytes(2, "big") + _digest(shape)
        # Of each half: where its characters stand, their alphabets, and where in these they are.
        halves = [
            (half, [letters[n][0] for n in half], [letters[n][1] for n in half])
            for half in (places[0::2], places[1::2])
        ]
        for round_ in range(_ROUNDS):
            (_, alphabets, now), (_, theirs, fixed) = halves if round_ % 2 == 0 else reversed(halves)
            told = "".join([letter[at] for letter, at in zip(theirs, fixed, strict=True)])
            asked = seed + bytes([round_]) + told.encode("utf-8", "surrogatepass")
            steps = struct.unpack(f">{len(now)}H", hashlib.shake_256(asked).digest(2 * len(now)))
            now[:] = [(at + step) % len(letter) for letter, at, step in zip(alphabets, now, steps, strict=True)]
        chars = list(text)
        for half, alphabets, now in halves:
            for n, letter, at in zip(half, alphabets, now, strict=True):
                chars[n] = letter[at]
        return "".join(chars)


@lru_cache(maxsize=1 << 14)
def _letter(char: str, marks: str) -> tuple[str, int]:
    """Return the alphabet of `char`, which the combining `marks` follow, and its place there."""
    letter = alphabet(char, marks)
    return letter, letter.index(char)


def _marks(text: str, n: int) -> str:
    end = n + 1
    while end < len(text) and is_mark(text[end]):
        end += 1
    return text[n + 1 : end]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()

"""Which records are looked at, and how sure one may be of the others."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

CONFIDENCE = 0.95
_OF = 1 << 32


@dataclass(frozen=True, slots=True)
class Sample:
    """A share of all records, above 0 and up to 1, chosen by a hash of their names."""

    share: float = 1.0

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self.share >= 1

    def takes(self, name: bytes) -> bool:
        """Return whether the record of this name is looked at."""
        told = hashlib.blake2b(name, digest_size=4, person=b"verify-sample").digest()
        return self.is_all or int.from_bytes(told, "little") < self.share * _OF


def most_wrong(total: int, looked: int, found: int, confidence: float = CONFIDENCE) -> int:
    """Return how many of `total` records are wrong at most, at this confidence, of which `found` of `looked` are.

    The largest number of wrong ones with which so few would be found in a sample drawn without putting back with a
    chance above `1 - confidence` (hypergeometric, exact; one-sided).
    """
    low, high = found, total - (looked - found)
    while low < high:
        middle = (low + high + 1) // 2
        if _chance(total, middle, looked, found) > 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return low


def _chance(total: int, wrong: int, looked: int, found: int) -> float:
    """Return the chance that `looked` of `total` records hold `found` or fewer of `wrong` ones."""
    whole = _log_choose(total, looked)
    chances = (
        math.exp(_log_choose(wrong, n) + _log_choose(total - wrong, looked - n) - whole)
        for n in range(max(0, looked - (total - wrong)), min(found, wrong) + 1)
    )
    return math.fsum(chances)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

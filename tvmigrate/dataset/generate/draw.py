"""Draws as SQL: functions of seed and record number alone, in whole numbers, so that every ClickHouse agrees."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from tvmigrate.contract.layout import literal
from tvmigrate.dataset.generate.size import MILLION

# The part of an entity's name before its number; an entity's number decides which (number modulo 16).
ENTITY_NAMES = (
    *("contestant_",) * 8, "segment_", "current:", "masked_singer/panda ", "rap_viet/thí sinh ", "Thí sinh ",
    unicodedata.normalize("NFD", "Thí sinh Bảo Ngọc "), "giám khảo: Trấn Thành ", "🐼 ",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draw:
    """Draws for a record, numbered by the column `of`. `what` names a draw: other names, other numbers."""

    seed: int
    of: str = "n"

    def number(self, what: str) -> str:
        """Return a UInt64."""
        return f"cityHash64({self.seed}, {self.of}, {literal(what)})"

    def below(self, what: str, limit: int | str) -> str:
        """Return a whole number from 0, below `limit`."""
        return f"({self.number(what)} % {limit})"

    def one(self, what: str, choices: Sequence[str]) -> str:
        """Return one of `choices`, texts."""
        return f"{texts(choices)}[1 + {self.below(what, len(choices))}]"

    def chance(self, what: str, in_a_thousand: int) -> str:
        """Return true in so many of a thousand draws."""
        return f"({self.below(what, 1000)} < {in_a_thousand})"

    def zipf(self, what: str, limit: int) -> str:
        """Return a number below `limit`, k about as often as 1/(k+1): an even draw within an evenly drawn octave."""
        octave = self.below(f"{what}, octave", max(limit, 1).bit_length())
        mask = f"(bitShiftLeft(toUInt64(1), {octave}) - 1)"
        return f"(({mask} + bitAnd({self.number(what)}, {mask})) % {max(limit, 1)})"

    def wrong(self, what: str, kinds: int, bad_in_a_million: int) -> str:
        """Return what is bad about the record, from 0, below `kinds`; -1 for most: a good one."""
        bad = f"{self.below(f'{what}, bad', MILLION)} < {bad_in_a_million}"
        return f"if({bad}, toInt16({self.below(f'{what}, kind', kinds)}), -1)"


def entity(number: str) -> str:
    """Return the name of entity `number`, an expression; every number has another name."""
    return f"concat({texts(ENTITY_NAMES)}[1 + ({number}) % 16], toString({number}))"


def texts(choices: Sequence[str]) -> str:
    """Return an array of texts."""
    return f"[{', '.join(map(literal, choices))}]"


def padded(number: str, digits: int) -> str:
    """Return a number as text with leading zeros."""
    return f"leftPad(toString({number}), {digits}, '0')"


def clock(seconds: str, between: str = "T") -> str:
    """Return a date and time as text, without a zone, of seconds since the epoch."""
    return f"formatDateTime(toDateTime({seconds}, 'UTC'), '%Y-%m-%d{between}%H:%i:%S')"


def time_forms(millis: str) -> tuple[str, ...]:
    """Return the JSON of an instant in the writers' forms: the first six are exact, the last has whole seconds."""
    seconds, fraction = f"intDiv({millis}, 1000)", padded(f"{millis} % 1000", 3)
    return (
        f"""concat('"', {clock(f"{seconds} + 25200")}, '.', {fraction}, '+07:00"')""",
        f"""concat('"', {clock(seconds)}, '.', {fraction}, 'Z"')""",
        f"""concat('"', {clock(f"{seconds} - 12600")}, '.', {fraction}, '-03:30"')""",
        f"""concat('"', {clock(seconds, " ")}, '.', {fraction}, '"')""",
        f"toString({millis})",
        f"concat(toString({seconds}), '.', {fraction})",
        f"toString({seconds})",
    )


def switch(value: str, cases: Sequence[str]) -> str:
    """Return the case of `cases` that `value`, from 0, selects."""
    *first, last = cases
    pairs = "".join(f"{value} = {n}, {case}, " for n, case in enumerate(first))
    return f"multiIf({pairs}{last})" if first else last

"""Texts within JSON replaced where they stand: every other character stays, the way an escape is written too."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

# A step of a path: the name of a member, or None for an element of a list.
Path = Sequence[str | None]

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|[{}\[\],]', re.DOTALL)
_UNIT = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]{2,}")
_OF_JSON = frozenset({"true", "false", "null", "NaN", "Infinity"})
_LIST, _NAME_COMES = 0, 1


def replace_texts(text: str, replaced: Callable[[str], str], chosen: Callable[[Path], bool]) -> str:
    """Return JSON with its texts replaced, those at the paths that are `chosen`; names of members stay.

    `text` is JSON; `replaced` gives as many characters, in whose places it leaves all that JSON writes otherwise.
    """
    parts: list[str] = []
    at = 0
    stack: list[str | int] = []
    for match in _TOKEN.finditer(text):
        sign = match[0]
        if sign == "{":
            stack.append(_NAME_COMES)
        elif sign == "[":
            stack.append(_LIST)
        elif sign in "}]":
            stack.pop()
        elif sign == ",":
            if stack[-1] != _LIST:
                stack[-1] = _NAME_COMES
        elif stack and stack[-1] == _NAME_COMES and type(stack[-1]) is int:
            stack[-1] = json.loads(sign) if "\\" in sign else match[1]
        elif chosen([step if isinstance(step, str) else None for step in stack]):
            parts += (text[at : match.start(1)], replace_within(match[1], replaced))
            at = match.end(1)
    return "".join([*parts, text[at:]]) if parts else text


def replace_broken(text: str, replaced: Callable[[str], str]) -> str:
    """Return what should be JSON and is not, with every word replaced that JSON does not know; names stay."""
    parts: list[str] = []
    at = 0
    for match in re.finditer(r'"((?:[^"\\]|\\.)*)("|\Z)(?!\s*:)|"(?:[^"\\]|\\.)*"(?=\s*:)', text, re.DOTALL):
        parts.append(_words(text[at : match.start()], replaced))
        parts.append(match[0] if match[1] is None else f'"{replace_within(match[1], replaced)}{match[2]}')
        at = match.end()
    return "".join([*parts, _words(text[at:], replaced)])


def _words(text: str, replaced: Callable[[str], str]) -> str:
    return _WORD.sub(lambda word: word[0] if word[0] in _OF_JSON else replaced(word[0]), text)


def replace_within(written: str, replaced: Callable[[str], str]) -> str:
    """Return what stands between the quotes of a JSON text, replaced; an escape stays one, and its letters' case."""
    if "\\" not in written:
        return replaced(written)
    units = _UNIT.findall(written)
    said = [_said(unit) for unit in units]
    return "".join(map(_again, units, said, replaced("".join(said))))


def _said(unit: str) -> str:
    """Return the one character that a unit stands for; of an escape that is none the backslash."""
    if len(unit) == 1:
        return unit
    try:
        return str(json.loads(f'"{unit}"'))
    except json.JSONDecodeError:
        return "\\"


def _again(unit: str, before: str, char: str) -> str:
    if char == before:
        return unit
    if len(unit) == 1:
        return char
    code = char.encode("utf-16-be").hex()
    if re.search("[A-F]", unit):
        code = code.upper()
    return "".join(f"\\u{code[n : n + 4]}" for n in range(0, len(code), 4))

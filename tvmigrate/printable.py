r"""Text that came from data, as a terminal shows it as itself: controls and half a surrogate pair as `\x..`.

A name that turns the writing round or clears the screen must not speak for the tool.
"""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return `text` with whatever a terminal would not show as itself as `\x..`; line feeds stay."""
    return "\n".join(map(one_line, text.split("\n")))


def one_line(text: str) -> str:
    r"""Return `text` as `printable` does, and on one line."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)

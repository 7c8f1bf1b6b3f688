"""The guide as a reader takes it in: its headings, and under them its blocks, lists and remarks, in their order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guide.md"
ORIGINAL = ROOT / "tests" / "tool" / "lint" / "literal_guide.md"


@dataclass(frozen=True)
class Block:
    """A fenced block: its number in the page from 1, the heading it stands under, its language and text."""

    number: int
    heading: str
    language: str
    text: str

    @property
    def name(self) -> str:
        """What a test's id calls it."""
        return re.sub(r"\W+", "-", f"{self.number:02} {self.heading}").strip("-")


@dataclass(frozen=True)
class Section:
    """A heading with its level, and the text below it up to the next heading, without fenced blocks."""

    level: str
    heading: str
    text: str


def sections(page: Path) -> list[Section]:
    """Return the sections of a page in their order."""
    text = page.read_text("utf-8")
    lines = text.splitlines()
    tokens = MarkdownIt().parse(text)
    for token in tokens:
        if token.type == "fence":
            first, last = token.map or (0, 0)
            lines[first:last] = [""] * (last - first)
    heads = [(at, token) for at, token in enumerate(tokens) if token.type == "heading_open"]
    starts = [(token.map or [0])[0] for _, token in heads] + [len(lines)]
    return [
        Section(token.tag, tokens[at + 1].content, "\n".join(lines[start + 1 : end]))
        for (at, token), start, end in zip(heads, starts, starts[1:], strict=False)
    ]


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page in their order."""
    found: list[Block] = []
    heading = ""
    tokens = MarkdownIt().parse(page.read_text("utf-8"))
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = tokens[at + 1].content
        if token.type == "fence":
            found.append(Block(len(found) + 1, heading, token.info, token.content))
    return found


def remarks(section: Section) -> list[str]:
    """Return what a section says of the original, as one line each."""
    quotes = re.findall(r"(?:^> .*\n?)+", section.text, re.MULTILINE)
    joined = [" ".join(line.removeprefix("> ") for line in quote.splitlines()) for quote in quotes]
    return [quote for quote in joined if quote.startswith("**The original**")]


def pairs(section: Section) -> list[tuple[str, str]]:
    """Return the items of a section's lists that say what becomes of what: `old` → `new`."""
    return re.findall(r"^- `([^`]+)` → `([^`]+)`$", section.text, re.MULTILINE)

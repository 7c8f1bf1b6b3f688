"""Reads the samples: for each code what it finds (`bad`, with the lines), and how it is done right (`good`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tvmigrate.lint.read.files import kind_of, read_source
from tvmigrate.lint.run import ALL, Choice, Report, lint

FOLDER = Path(__file__).parent / "samples"
_HEAD = re.compile(r"^=== (TVM\d{3}) (bad|good) (\S+?)(?::([\d,]+))?$", re.MULTILINE)
_FILE = re.compile(r"^--- (\S+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """Files that are judged together; `lines` of the first in which `code` stands."""

    code: str
    good: bool
    name: str
    lines: tuple[int, ...]
    files: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.code}-{self.name}-{'-'.join(map(str, self.lines))}"


def samples() -> list[Sample]:
    return [sample for path in sorted(FOLDER.glob("*.txt")) for sample in _of(path.read_text(encoding="utf-8"))]


def _of(text: str) -> list[Sample]:
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    found = []
    for head, end in zip(heads, ends, strict=True):
        code, kind, name, lines = head.groups()
        first, *rest = _FILE.split(text[head.end() + 1 : end])
        files = {name: first} | dict(zip(rest[::2], rest[1::2], strict=True))
        found.append(
            Sample(code, kind == "good", name, tuple(map(int, (lines or "").split(","))) if lines else (), files)
        )
    return found


def judged(files: Mapping[str, str], choice: Choice = ALL) -> Report:
    """Lint texts as if they were files of one folder; data that a script sends along is not judged by itself."""

    def opens(name: str) -> tuple[str, str] | None:
        plain = name.rpartition("/")[2]
        return (files[plain], plain) if plain in files else None

    return lint(
        [
            read_source(text, name, kind_of(name, text, name), opens)
            for name, text in files.items()
            if not name.endswith(".ndjson")
        ],
        choice,
    )


def found_at(files: Mapping[str, str], code: str) -> list[tuple[str, int]]:
    return [(one.place.path, one.place.line) for one in judged(files).findings if one.code == code]

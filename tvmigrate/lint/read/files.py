"""Files to sources: which language a file is in, and what a script may pull in from beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tvmigrate.errors import UsageError
from tvmigrate.lint.read.http import parsed, read_console
from tvmigrate.lint.read.markdown import read_markdown
from tvmigrate.lint.read.python import read_python
from tvmigrate.lint.read.redis import read_redis
from tvmigrate.lint.read.shell import read_shell
from tvmigrate.lint.read.sql import read_sql
from tvmigrate.lint.read.text import Around, Opener, Text
from tvmigrate.lint.statement import Http, Source, Statement, Unread, speaks_of_rollback

KINDS = {
    ".sh": "shell",
    ".bash": "shell",
    ".sql": "sql",
    ".redis": "redis",
    ".http": "requests",
    ".es": "requests",
    ".json": "json",
    ".py": "python",
    ".md": "markdown",
    ".markdown": "markdown",
}
_INTERPRETERS = {
    "sh": "shell",
    "bash": "shell",
    "dash": "shell",
    "zsh": "shell",
    "python": "python",
    "python3": "python",
}
_SHEBANG = re.compile(r"\A#!\s*(?:\S*/env\s+(?:-S\s+)?)?(?:\S*/)?([a-z]+\d?)[\d.]*\b(.*)")


def read_file(path: Path, shown: str, around: Sequence[Path] = ()) -> Source:
    """Read one file; `around` are the folders in which files that it names are looked for, its own first.

    Raises UsageError for a file that is missing, not UTF-8, or of a kind that is not known.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{shown} is not there. Give the files of a migration.") from None
    except IsADirectoryError:
        raise UsageError(f"{shown} is a folder. Give the files of a migration.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is not UTF-8: byte {error.start} cannot be read. Save it as UTF-8.") from None
    return read_source(text, shown, kind_of(path.name, text, shown), opener((path.parent, *around)))


def kind_of(name: str, text: str, shown: str) -> str:
    """Return the language of a file, by its suffix or its first line. Raises UsageError if neither says."""
    suffix = Path(name).suffix.lower()
    if suffix in KINDS:
        return KINDS[suffix]
    found = _SHEBANG.match(text)
    if found and found[1] in _INTERPRETERS:
        return _INTERPRETERS[found[1]]
    raise UsageError(
        f"{shown} is of no kind that is known here. Known are {', '.join(KINDS)}, and scripts whose first line names "
        "sh, bash or python."
    )


def opener(folders: Sequence[Path]) -> Opener:
    """Return what opens the files that a script names, in the first of `folders` that has it."""

    def find(name: str) -> tuple[str, str] | None:
        plain = re.sub(r"\$\{?\w+\}?/|\$\([^)]*\)/", "", name)  # "$here/x.sql" is beside the script
        for folder in folders:
            path = folder / plain
            try:
                return path.read_bytes().decode("utf-8-sig"), str(path)
            except (OSError, UnicodeDecodeError, ValueError):
                continue
        return None

    return find


def read_source(text: str, shown: str, kind: str, opens: Opener) -> Source:
    """Read a text of a known kind."""
    rollback = speaks_of_rollback(Path(shown).name)
    fed: dict[str, str] = {}

    def note(name: str) -> tuple[str, str] | None:
        if (opened := opens(name)) is not None:
            fed[opened[1]] = opened[0]
        return opened

    around = Around(shown, rollback, kind == "shell", group=shown, opener=note)
    statements = tuple(_statements(Text(text, 1, 1, around), kind))
    errexit, pipefail = (True, True) if kind != "shell" else _strict(text)
    first = next((number for number, line in enumerate(text.splitlines(), 1) if line.strip()), 1)
    return Source(shown, kind, text, rollback, statements, errexit, pipefail, first, fed)


def _statements(text: Text, kind: str) -> Iterator[Statement]:
    match kind:
        case "shell":
            yield from read_shell(text)
        case "sql":
            yield from read_sql(text, "client")
        case "redis":
            yield from read_redis(text)
        case "requests":
            yield from read_console(text)
        case "python":
            yield from read_python(text, read_shell)
        case "markdown":
            yield from read_markdown(text)
        case _:
            yield from _index(text)


def _index(text: Text) -> Iterator[Statement]:
    """Yield the creation of an index, which is what a JSON file with mappings or settings is for."""
    body = parsed(text.value)
    if body is not None and {"mappings", "settings"} & set(body):
        yield Http(text.place(), "PUT", Path(text.around.path).stem, {}, body, "client", "", text.value)
    else:
        yield Unread(text.place(), "this JSON, which is no index with mappings or settings")


def _strict(text: str) -> tuple[bool, bool]:
    """Say whether a script ends at the first error, and whether a pipe's first commands count."""
    options = " ".join(re.findall(r"(?m)^\s*set\s+(-\S+(?:\s+[a-z]+)*(?:\s+-\S+(?:\s+[a-z]+)*)*)", text))
    shebang = _SHEBANG.match(text)
    options += "" if shebang is None else shebang[2]
    errexit = bool(re.search(r"(?:^|\s)-[a-zA-Z]*e[a-zA-Z]*|\berrexit\b", options))
    return errexit, "pipefail" in options

"""The options of the clients that a shell script calls: which words are options, which their values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tvmigrate.lint.read.text import Text

# What a command may be wrapped in, with the options of it that take a value.
_WRAPPERS = {
    "sudo": {"-u", "-g", "-E"},
    "env": {"-u"},
    "time": set(),
    "nohup": set(),
    "exec": set(),
    "command": set(),
    "nice": {"-n"},
    "timeout": {"-s", "-k"},
    "xargs": {"-n", "-P", "-I", "-L", "-d", "-a", "-s", "--max-args", "--max-procs"},
}
_EXEC_VALUES = {
    "-u",
    "--user",
    "-e",
    "--env",
    "-w",
    "--workdir",
    "--index",
    "-n",
    "--namespace",
    "-c",
    "--container",
    "-f",
}


@dataclass(slots=True)
class Unwrapped:
    """The words of the command within `sudo`, `docker exec`, `xargs` …; `many`: xargs feeds it."""

    words: list[Text]
    many: bool = False


def unwrap(words: Sequence[Text]) -> Unwrapped:
    """Return the command that runs in the end."""
    found = Unwrapped(list(words))
    while found.words:
        name = _base(found.words[0].value)
        if name in _WRAPPERS:
            rest = _after_options(found.words[1:], _WRAPPERS[name])
            while rest and name in {"env", "sudo"} and "=" in rest[0].value:
                rest = rest[1:]
            found.words = rest[1:] if name == "timeout" else rest
            found.many = found.many or name == "xargs"
            if name in {"exec", "time", "command"} and not rest:
                return Unwrapped(list(words))
        elif (inner := _in_container(name, found.words)) is not None:
            if not inner:
                return found
            found.words = inner
        else:
            return found
    return Unwrapped(list(words))


def _in_container(name: str, words: list[Text]) -> list[Text] | None:
    """Return the command of `docker exec NAME COMMAND …` and its like; None if it is none of these."""
    if name not in {"docker", "podman", "docker-compose", "podman-compose", "kubectl"}:
        return None
    rest = _after_options(words[1:], {"-f", "--file", "-p", "-n", "--context", "--namespace"})
    if rest and rest[0].value == "compose":
        rest = _after_options(rest[1:], {"-f", "--file", "-p"})
    if not rest or rest[0].value not in {"exec", "run"}:
        return None
    inner = _after_options(rest[1:], _EXEC_VALUES)[1:]
    dashes = next((index for index, word in enumerate(inner) if word.value == "--"), None)
    return inner if dashes is None or (name != "kubectl" and dashes) else inner[dashes + 1 :]


def _after_options(words: Sequence[Text], valued: Collection[str]) -> list[Text]:
    rest = list(words)
    while rest and rest[0].value.startswith("-") and rest[0].value != "--":
        rest = rest[2:] if rest[0].value in valued else rest[1:]
    return rest


def _base(path: str) -> str:
    return path.rsplit("/", 1)[-1]


@dataclass(slots=True)
class Options:
    """A command line split: options by name (each with its values, none for a flag) and the other words."""

    given: dict[str, list[Text]] = field(default_factory=dict)
    words: list[Text] = field(default_factory=list)

    def first(self, *names: str) -> Text | None:
        """Return the first value of any of these options."""
        return next((value for name in names for value in self.given.get(name, ())), None)

    def all(self, *names: str) -> list[Text]:
        """Return the values of these options."""
        return [value for name in names for value in self.given.get(name, ())]

    def has(self, *names: str) -> bool:
        """Say whether one of these options is given."""
        return any(name in self.given for name in names)


def split(words: Sequence[Text], valued: Collection[str], *, stop: bool = False, bundles: str = "") -> Options:
    """Split a command line; `valued` options take the next word (or what follows `=`).

    `stop`: what follows the first word is words. `bundles`: letters of flags that may be joined (`-fsS`), the last
    letter of a bundle may take a value.
    """
    found = Options()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        raw = word.value
        if not raw.startswith("-") or raw == "-":
            found.words.append(word)
            if stop:
                found.words += rest
                break
            continue
        name, equals, _ = raw.partition("=")
        if equals and name.startswith("--"):
            found.given.setdefault(name, []).append(word.part(len(name) + 1, len(raw)))
        elif raw in valued:
            found.given.setdefault(raw, []).extend([rest.pop(0)] if rest else [])
        elif not raw.startswith("--") and len(raw) > 2 and bundles:
            _bundle(word, valued, rest, found)
        else:
            found.given.setdefault(raw, [])
    return found


def _bundle(word: Text, valued: Collection[str], rest: list[Text], found: Options) -> None:
    """Take `-sXPOST` or `-fsSd BODY` apart."""
    for index, letter in enumerate(word.value[1:], start=1):
        option = f"-{letter}"
        if option in valued:
            tail = word.part(index + 1, len(word.value))
            values = [tail] if tail.value else [rest.pop(0)] if rest else []
            found.given.setdefault(option, []).extend(values)
            return
        found.given.setdefault(option, [])

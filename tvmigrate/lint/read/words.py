"""The words of a shell command as the shell would hand them on, as far as that is known without running it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tree_sitter import Node

from tvmigrate.lint.read.text import Text

_NAME = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_CONSTANT = frozenset({"word", "string", "raw_string", "concatenation", "number", "simple_expansion", "expansion"})
_ALL = frozenset({"$@", "$*", "${@}", '"$@"', '"${@}"'})


@dataclass(slots=True)
class Words:
    """Reads words; knows which variables are constant, and the arguments of the function that is expanded."""

    inside: Text
    source: bytes
    constants: dict[str, str] = field(default_factory=dict)
    arguments: tuple[Text, ...] = ()
    own: set[str] = field(default_factory=set)  # names that the function which is expanded has set

    def text(self, node: Node) -> str:
        """Return the node as it is written."""
        return self.source[node.start_byte : node.end_byte].decode(errors="replace")

    def located(self, node: Node, value: str, skip: int = 0) -> Text:
        """Return `value` as the text that starts `skip` characters into the node; in a call, at the call."""
        if self.arguments:
            return replace(self.arguments[0], value=value)
        row, column = node.start_point
        line_start = self.source.rfind(b"\n", 0, node.start_byte) + 1
        before = len(self.source[line_start : node.start_byte].decode(errors="replace"))
        column = before + 1 + skip + (self.inside.column - 1 if row == 0 else 0)
        return Text(value, self.inside.line + row, column, self.inside.around)

    def remember(self, assignment: Node) -> None:
        """Keep the value of `NAME=constant`; a name that is given a second value is no constant."""
        name, _, _ = self.text(assignment).partition("=")
        value = assignment.named_children[-1]
        again = name in self.constants and (not self.arguments or name in self.own)
        if again or value.type not in _CONSTANT or (value.type.endswith("expansion") and not self.arguments):
            self.constants[name] = f"${name}"
        else:
            self.constants[name] = self.word(value).value
        self.own.add(name)

    def let(self, name: str, value: str) -> None:
        """Give a name a value for now."""
        self.constants[name] = value

    def called(self, words: Sequence[Text]) -> Words:
        """Return a reader for the body of a function that is called so."""
        return replace(self, arguments=tuple(words), constants=dict(self.constants), own=set())

    def shift(self) -> None:
        """Do what `shift` does to the arguments."""
        self.arguments = (*self.arguments[:1], *self.arguments[2:])

    def of(self, command: Node) -> list[Text]:
        """Return the words of a simple command, its name first."""
        found: list[Text] = []
        for node in command.named_children:
            if node.type in {"variable_assignment", "comment"} or node.type.endswith("_redirect"):
                continue
            inner = node.named_children[0] if node.type == "command_name" and node.named_children else node
            if self.text(inner) in _ALL and self.arguments:
                found += self.arguments[1:]
            elif inner.type == "simple_expansion" and " " in (value := self.word(inner)).value.strip():
                found += [replace(value, value=part) for part in value.value.split()]  # unquoted: the shell splits it
            else:
                found.append(self.word(inner))
        return found

    def word(self, node: Node) -> Text:
        """Return one word; a part that is made at run time stays as it is written (`$NAME`)."""
        raw = self.text(node)
        match node.type:
            case "raw_string":
                return self.located(node, raw[1:-1], 1)
            case "ansi_c_string":
                return self.located(node, raw[2:-1].replace("\\n", "\n").replace("\\'", "'"), 2)
            case "string" | "translated_string":
                if raw == '"$*"' and self.arguments:
                    joined = " ".join(argument.value for argument in self.arguments[1:])
                    return self.located(node, joined)
                argument = self._argument(raw.strip('"'))
                return argument or self.located(node, self._filled(_unescape(self._plain(node)[1:-1])), 1)
            case "concatenation":
                parts = [self.word(child) for child in node.named_children]
                return self._joined(node, raw, parts)
            case "simple_expansion" | "expansion":
                return self._argument(raw) or self.located(node, self._filled(raw))
            case _:
                return self.located(node, re.sub(r"\\(.)", r"\1", raw))

    def heredoc(self, body: Node) -> Text:
        """Return the text of a heredoc."""
        return self.located(body, self._filled(self.text(body)))

    def _plain(self, node: Node) -> str:
        """Return a string as it is written, with `$output` for each command within it."""
        parts, at = [], node.start_byte
        for child in node.named_children:
            if child.type == "command_substitution":
                parts.append(self.source[at : child.start_byte].decode(errors="replace") + "$output")
                at = child.end_byte
        return "".join([*parts, self.source[at : node.end_byte].decode(errors="replace")])

    def _joined(self, node: Node, raw: str, parts: Sequence[Text]) -> Text:
        """Join `--query="…"`; if all but an option's name is one string, its place is kept."""
        joined = "".join(part.value for part in parts)
        whole = self.located(node, joined)
        quoted = len(joined) - len(parts[-1].value) if parts else 0
        if len(parts) == 2 and raw.startswith("-"):  # so that line and column within the string are right
            return replace(whole, line=parts[-1].line, column=parts[-1].column - quoted)
        return whole

    def _argument(self, raw: str) -> Text | None:
        found = re.fullmatch(r"\$\{?(\d+)(?::[?-][^}]*)?\}?", raw)
        if not found or not self.arguments:
            return None
        index = int(found[1])
        return self.arguments[index] if index < len(self.arguments) else None

    def _filled(self, text: str) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            if name.isdigit() and self.arguments and int(name) < len(self.arguments):
                return self.arguments[int(name)].value
            return self.constants.get(name, found[0])

        return _NAME.sub(value, text)


def _unescape(text: str) -> str:
    return re.sub(r'\\(["\\$`])', r"\1", text.replace("\\\n", ""))

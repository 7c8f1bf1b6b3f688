"""What is fed to a command: what the part of a pipe before it writes, where that is plain to see, or a file."""

from __future__ import annotations

import re
from dataclasses import replace

from tree_sitter import Node

from tvmigrate.lint.read.text import Around, Text
from tvmigrate.lint.read.words import Words


def written_by(words: Words, node: Node, stdin: Text | None, around: Around) -> Text | None:
    """Return what a part of a pipe writes, where that is plain to see: echo, printf, cat of a file or of its input."""
    if node.type == "redirected_statement":
        redirect = node.children_by_field_name("redirect")
        body = node.child_by_field_name("body")
        heredocs = [child for one in redirect for child in one.named_children if child.type == "heredoc_body"]
        if body is not None and heredocs and words.text(body).strip() == "cat":
            return words.heredoc(heredocs[0])
        return None if body is None else written_by(words, body, stdin, around)
    if node.type != "command":
        return None
    said = words.of(node)
    if not said:
        return None
    name, rest = said[0].value, [word for word in said[1:] if not re.fullmatch(r"-[a-zA-Z]+", word.value)]
    if name == "echo" and rest:
        joined = " ".join(word.value for word in rest)
        return replace(rest[0], value=joined if len(rest) > 1 else rest[0].value)
    if name == "printf" and rest:
        shown = rest[1] if len(rest) == 2 and re.fullmatch(r"%s(\\n)?", rest[0].value) else rest[0]
        return replace(shown, value=shown.value.replace("\\n", "\n"))
    if name == "cat" and len(rest) == 1:
        return file(rest[0], around)
    return stdin if name == "cat" else None


def file(name: Text, around: Around) -> Text | None:
    """Return the text of a file that the script names; None if it is not found."""
    opened = around.opener(name.value)
    return None if opened is None else Text(opened[0], 1, 1, replace(around, path=opened[1]))

"""Shell scripts, by tree-sitter's grammar of bash: every simple command, and what it says to a store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from tvmigrate.lint.read import commands, feeds
from tvmigrate.lint.read.feeds import written_by
from tvmigrate.lint.read.options import unwrap
from tvmigrate.lint.read.prompt import at_prompt
from tvmigrate.lint.read.python import read_python
from tvmigrate.lint.read.text import Text
from tvmigrate.lint.read.words import Words
from tvmigrate.lint.statement import Place, Shell, Statement, Store, Unread, speaks_of_rollback

_SHELLS = frozenset({"sh", "bash", "zsh", "dash"})
_RUN_A_TEXT = frozenset({"ssh", "eval", "su", "watch"})
_PYTHONS = re.compile(r"python[\d.]*$")
_NOTHING = frozenset({"true", ":", "echo"})
_DEEPEST = 4  # functions that call functions
_MOST_TURNS = 20  # of a loop that is read once for each of its words
_PROMPT = re.compile(r"(?m)^(\s*)\$ ")


@dataclass(frozen=True, slots=True)
class _Where:
    """What surrounds a command: what it is fed, whether its failure counts, the call that it is expanded from."""

    stdin: Text | None = None
    fed: bool = False
    saved: bool = False
    failure_dropped: bool = False
    piped_on: bool = False
    many: bool = False  # in a loop whose turns are not known
    looped: bool = False
    depth: int = 0
    call: Text | None = None
    rollback: bool = False


@dataclass(slots=True)
class _Reader:
    text: Text
    source: bytes
    words: Words
    functions: dict[str, tuple[Node, Words]] = field(default_factory=dict)
    found: list[Statement] = field(default_factory=list)
    prompt: tuple[Store, int] | None = None  # who waits at a prompt, and the byte where what is typed there starts


def read_shell(text: Text) -> Iterator[Statement]:
    """Yield the commands of a shell text, each followed by the statements that it sends to a store."""
    value = text.value if text.around.script else _PROMPT.sub(r"\1  ", text.value)
    source = value.encode()
    reader = _Reader(text, source, Words(text, source))
    for node in _parsed(source).named_children:
        _visit(reader, node, _Where(many=text.around.many))
        if reader.prompt is not None and not text.around.script:
            break
    yield from reader.found
    if reader.prompt is not None and not text.around.script:
        store, byte = reader.prompt
        typed, after = at_prompt(replace(text, value=value), store, len(source[:byte].decode()))
        yield from typed
        yield from () if after is None else read_shell(after)


def _parsed(source: bytes) -> Node:
    return Parser(Language(tree_sitter_bash.language())).parse(source).root_node


def _visit(reader: _Reader, node: Node, where: _Where) -> None:
    match node.type:
        case "ERROR":
            reader.found.append(Unread(_place(reader, node, where), "shell that is not well formed"))
            _inside(reader, node, where)
        case "command":
            _command(reader, node, where)
        case "redirected_statement":
            _redirected(reader, node, where)
        case "pipeline":
            _pipeline(reader, node.named_children, where)
        case "list":
            _list(reader, node, where)
        case "function_definition":
            _function(reader, node, where)
        case "variable_assignment":
            reader.words.remember(node)
            _inside(reader, node, where)
        case "for_statement" if values := _listed(reader, node):
            _each(reader, node, values, where)
        case "for_statement" | "while_statement" | "c_style_for_statement":
            for child in node.named_children:
                looped = child.type == "do_group"
                _visit(reader, child, replace(where, many=where.many or looped, looped=where.looped or looped))
        case "comment" | "heredoc_body" | "string_content" | "raw_string":
            return
        case _:
            _inside(reader, node, where)


def _listed(reader: _Reader, node: Node) -> list[str]:
    """Return the words that a `for` goes through, if they stand there one by one and are few."""
    found: list[str] = []
    for child in node.named_children[1:]:
        if child.type == "do_group":
            break
        word = reader.words.word(child)
        if not word.value or set("$*?`") & set(word.value):
            return []
        found += word.value.split() if child.type == "simple_expansion" else [word.value]
    return found if len(found) <= _MOST_TURNS else []


def _each(reader: _Reader, node: Node, values: list[str], where: _Where) -> None:
    """Visit a loop's body once for each word."""
    name = reader.words.text(node.named_children[0])
    for value in values:
        reader.words.let(name, value)
        _visit(reader, node.named_children[-1], replace(where, looped=True))
    reader.words.let(name, f"${name}")


def _inside(reader: _Reader, node: Node, where: _Where) -> None:
    for child in node.named_children:
        _visit(reader, child, where)


def _list(reader: _Reader, node: Node, where: _Where) -> None:
    left, right = node.named_children[0], node.named_children[-1]
    operator = next((child.type for child in node.children if child.type in {"&&", "||"}), "")
    ends = reader.words.text(right).split()
    dropped = operator == "||" and bool(ends) and ends[0] in _NOTHING and not ({"exit", "return"} & set(ends))
    _visit(reader, left, replace(where, failure_dropped=where.failure_dropped or dropped))
    _visit(reader, right, where)


def _function(reader: _Reader, node: Node, where: _Where) -> None:
    """Keep a function that hands its arguments on for its calls; read another where it stands."""
    name = reader.words.text(node.named_children[0])
    body = node.named_children[-1]
    if re.search(r"\$[@*1-9]|\$\{[@*1-9]", reader.words.text(body)):
        reader.functions[name] = (body, reader.words)
    else:
        _visit(reader, body, replace(where, rollback=where.rollback or speaks_of_rollback(name)))


def _redirected(reader: _Reader, node: Node, where: _Where) -> None:
    body = node.child_by_field_name("body")
    onward: list[Node] = []
    stdin, fed, saved = where.stdin, where.fed, where.saved
    for redirect in node.children_by_field_name("redirect"):
        inner = {child.type: child for child in redirect.named_children}
        if redirect.type == "heredoc_redirect":
            heredoc = inner.get("heredoc_body")
            stdin, fed = (None if heredoc is None else reader.words.heredoc(heredoc)), True
            onward += [child for child in redirect.named_children if child.type in {"pipeline", "command", "list"}]
        elif redirect.type == "herestring_redirect" and redirect.named_children:
            stdin, fed = reader.words.word(redirect.named_children[-1]), True
        elif redirect.type == "file_redirect" and redirect.named_children:
            file = reader.words.word(redirect.named_children[-1])
            if redirect.children[0].type == "<" or reader.words.text(redirect).startswith("<"):
                stdin, fed = feeds.file(file, reader.text.around), True
            elif file.value != "/dev/null" and "file_descriptor" not in inner:
                saved = True
    if body is None:
        return
    here = replace(where, stdin=stdin, fed=fed, saved=saved)
    pipes = [child for child in onward if child.type == "pipeline"]
    if pipes:  # `cat <<EOF | client`: the grammar hangs the rest of the pipe below the heredoc
        _pipeline(reader, [body, *pipes[0].named_children], here)
    else:
        _visit(reader, body, here)
    for rest in (child for child in onward if child.type != "pipeline"):
        _visit(reader, rest, where)


def _pipeline(reader: _Reader, parts: Sequence[Node], where: _Where) -> None:
    stdin, fed = where.stdin, where.fed
    for part in parts:
        last = part is parts[-1]
        here = replace(where, stdin=stdin, fed=fed, piped_on=not last or where.piped_on, saved=where.saved and last)
        _visit(reader, part, here)
        stdin, fed = written_by(reader.words, part, here.stdin, reader.text.around), True


def _command(reader: _Reader, node: Node, where: _Where) -> None:
    for child in node.named_children:
        if child.type == "herestring_redirect":
            where = replace(where, stdin=reader.words.word(child.named_children[-1]), fed=True)
        elif child.type == "variable_assignment":
            _inside(reader, child, where)
        else:
            _substitutions(reader, child, where)
    words = reader.words.of(node)
    if not words:
        return
    name = words[0].value
    if name in reader.functions and where.depth < _DEEPEST:
        _expand(reader, words, where)
    elif name == "shift":
        reader.words.shift()
    elif name in {".", "source"} and len(words) == 2:
        _source(reader, words[1], where)
    else:
        _simple(reader, node, words, where)


def _expand(reader: _Reader, words: list[Text], where: _Where) -> None:
    """Visit the body of a function with the arguments of this call, in the call's place."""
    body, its_words = reader.functions[words[0].value]
    before = reader.words
    reader.words = its_words.called(words)
    rollback = where.rollback or speaks_of_rollback(words[0].value)
    _visit(reader, body, replace(where, depth=where.depth + 1, call=where.call or words[0], rollback=rollback))
    reader.words = before


def _source(reader: _Reader, name: Text, where: _Where) -> None:
    """Visit the script that is sourced: its functions and constants are this one's."""
    opened = reader.text.around.opener(name.value)
    if opened is None:
        reader.found.append(
            Unread(name.place(), f"the script {name.value} that is sourced, which is not found from here")
        )
        return
    text = Text(opened[0], 1, 1, replace(reader.text.around, path=opened[1]))
    before, source = reader.words, opened[0].encode()
    reader.words = Words(text, source, before.constants)
    for node in _parsed(source).named_children:
        _visit(reader, node, replace(where, depth=where.depth + 1))
    reader.words = before


def _simple(reader: _Reader, node: Node, words: list[Text], where: _Where) -> None:
    around = replace(reader.text.around, rollback=reader.text.around.rollback or where.rollback)
    at = replace(where.call or words[0], around=around)
    inner = unwrap(words)
    many = where.many or inner.many
    line = commands.Line(inner.words, where.stdin, where.fed and not inner.many, where.saved, many, at, around)
    name = inner.words[0].value.rsplit("/", 1)[-1]
    nested = _nested(inner.words, name, where)
    said = commands.Said() if nested is not None else commands.say(line)
    shell = Shell(
        at.place(),
        words[0].value,
        tuple(word.value for word in words[1:]),
        reader.text.around.script,
        said.store,
        where.failure_dropped,
        where.piped_on,
        where.looped,
        said.prompt,
    )
    reader.found += [shell, *said.statements]
    if said.prompt and said.store is not None:
        reader.prompt = (said.store, node.end_byte)
    if nested is not None:
        part = replace(nested, around=replace(around, many=many))
        reader.found += read_python(part, read_shell) if _PYTHONS.match(name) else read_shell(part)


def _nested(words: Sequence[Text], name: str, where: _Where) -> Text | None:
    """Return the program that `sh -c '…'`, `ssh HOST '…'`, `eval '…'`, `python -c '…'` or `python - <<EOF` runs."""
    if name in _RUN_A_TEXT and len(words) > 1 and " " in words[-1].value:
        return words[-1]
    if not (name in _SHELLS or _PYTHONS.match(name)):
        return None
    values = [word.value for word in words]
    for index, value in enumerate(values[1:-1], start=1):
        if re.fullmatch(r"-[a-z]*c", value):
            return words[index + 1]
    bare = all(value.startswith("-") for value in values[1:])
    return where.stdin if bare else None


def _substitutions(reader: _Reader, node: Node, where: _Where) -> None:
    """Visit the commands within `$(…)` of a word; what they print is used, their exit code is not."""
    if node.type in {"command_substitution", "process_substitution"}:
        _inside(reader, node, replace(where, stdin=None, fed=False))
        return
    for child in node.named_children:
        _substitutions(reader, child, where)


def _place(reader: _Reader, node: Node, where: _Where) -> Place:
    return reader.words.located(node, reader.words.text(node)).place()

"""Python scripts, by Python's own grammar: calls of the three drivers, of requests and of subprocess."""

from __future__ import annotations

import ast
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tvmigrate.lint.read import python_clients as clients
from tvmigrate.lint.read.python_values import Values
from tvmigrate.lint.read.redis import command
from tvmigrate.lint.read.sql import looks_like_sql, read_sql
from tvmigrate.lint.read.text import Text
from tvmigrate.lint.statement import Place, PythonSwallow, Shell, Statement, Store, Unread, speaks_of_rollback

ReadsShell = Callable[[Text], Iterator[Statement]]
_RUNS = frozenset({"run", "call", "check_call", "check_output", "Popen"})
_MOST_TURNS = 20  # of a loop that is read once for each of its texts
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(slots=True)
class _Reader:
    text: Text
    values: Values
    shell: ReadsShell
    receivers: dict[str, Store] = field(default_factory=dict)
    found: list[Statement] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Where:
    group: str
    many: bool = False
    rollback: bool = False


def read_python(text: Text, shell: ReadsShell) -> Iterator[Statement]:
    """Yield what a Python text says to the stores, in its order; `shell` reads what it hands to a shell."""
    try:
        tree = ast.parse(text.value)
    except SyntaxError as error:
        yield Unread(text.place(), f"this Python: {error.msg} in line {text.line + (error.lineno or 1) - 1}")
        return
    reader = _Reader(text, Values(_constants(tree)), shell)
    reader.receivers = _receivers(tree)
    _visit(reader, tree, _Where(text.around.path, text.around.many, text.around.rollback))
    yield from reader.found


def _constants(tree: ast.Module) -> Mapping[str, ast.expr]:
    """Return the names that are bound once in the whole text, to what they are bound to."""
    bound: Counter[str] = Counter()
    values: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound[node.id] += 1
        if isinstance(node, ast.arg):
            bound[node.arg] += 1
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = node.value
    return {name: value for name, value in values.items() if bound[name] == 1}


def _receivers(tree: ast.Module) -> dict[str, Store]:
    """Return the variables that hold a client, by what they are bound to: `store = redis.Redis(…)`."""
    found: dict[str, Store] = {}
    for node in ast.walk(tree):
        pairs: list[tuple[ast.expr, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            pairs = [(item.optional_vars, item.context_expr) for item in node.items if item.optional_vars]
        for target, value in pairs:
            store = _made_by(value, found)
            if isinstance(target, (ast.Name, ast.Attribute)) and store:
                found[ast.unparse(target)] = store
    return found


def _made_by(value: ast.expr | None, known: Mapping[str, Store]) -> Store | None:
    if isinstance(value, ast.Await):
        value = value.value
    if not isinstance(value, ast.Call):
        return None
    maker = ast.unparse(value.func)
    if maker.endswith((".pipeline", ".options")):
        holder = maker.rpartition(".")[0]
        return known.get(holder) or clients.store_of_name(holder)
    return clients.store_made_by(maker)


def _visit(reader: _Reader, node: ast.AST, where: _Where) -> None:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        rollback = where.rollback or speaks_of_rollback(node.name)
        where = _Where(f"{reader.text.around.path}:{node.name}", where.many, rollback)
    before_loop = where
    if isinstance(node, _LOOPS):
        where = replace(where, many=True)
    if isinstance(node, ast.Try):
        _swallow(reader, node, where)
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        for generator in node.generators:  # they run first
            _visit(reader, generator, where)
    if isinstance(node, ast.For) and (turns := _turns(reader, node)):
        before = reader.values
        for reader.values in turns:
            for statement in node.body:
                _visit(reader, statement, replace(where, many=before_loop.many))
        reader.values = before
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.comprehension) and isinstance(node, _LOOPS)):
            _visit(reader, child, where)
    if isinstance(node, ast.Call):
        _call(reader, node, where)


def _turns(reader: _Reader, node: ast.For) -> list[Values]:
    """Return what is known in each turn of a `for` over texts that stand there one by one."""
    items = reader.values.origin(node.iter)
    if not (isinstance(node.target, ast.Name) and isinstance(items, (ast.Tuple, ast.List))):
        return []
    texts = [one for one in items.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    if not texts or len(texts) != len(items.elts) or len(texts) > _MOST_TURNS:
        return []
    return [Values({**reader.values.constants, node.target.id: one}) for one in texts]


def _place(reader: _Reader, node: ast.expr, where: _Where) -> Place:
    column = node.col_offset + 1
    return Place(reader.text.around.path, reader.text.line + node.lineno - 1, column, where.rollback)


def _store(reader: _Reader, receiver: ast.expr) -> Store | None:
    if isinstance(receiver, ast.Call) and (made := _made_by(receiver, reader.receivers)) is not None:
        return made
    told = ast.unparse(receiver)
    for name in (told, told.removesuffix(".indices"), told.partition(".options(")[0]):
        if name in reader.receivers:
            return reader.receivers[name]
    return clients.store_of_name(told)


def _swallow(reader: _Reader, node: ast.Try, where: _Where) -> None:
    """Tell an `except Exception: pass` around a store's call."""
    calls = [one for statement in node.body for one in ast.walk(statement) if isinstance(one, ast.Call)]
    speaks = any(isinstance(one.func, ast.Attribute) and _store(reader, one.func.value) for one in calls)
    for handler in node.handlers:
        wide = handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"}
        silent = all(isinstance(one, (ast.Pass, ast.Continue)) for one in handler.body)
        if speaks and wide and silent:
            line = reader.text.line + handler.lineno - 1
            reader.found.append(
                PythonSwallow(Place(reader.text.around.path, line, handler.col_offset + 1, where.rollback))
            )


def _call(reader: _Reader, node: ast.Call, where: _Where) -> None:
    if not isinstance(node.func, ast.Attribute):
        return
    method, receiver = node.func.attr, node.func.value
    place = _place(reader, node, where)
    owner = ast.unparse(receiver)
    if (owner == "subprocess" and method in _RUNS) or (owner == "os" and method in {"system", "popen"}):
        _subprocess(reader, node, where)
        return
    if (owner, method) == ("time", "sleep") or (owner, method) == ("asyncio", "sleep"):
        seconds = reader.values.text(node.args[0]) if node.args else None
        reader.found.append(Shell(place, "sleep", (seconds or "",), script=False, looped=where.many))
        return
    if owner in {"requests", "httpx", "session", "urllib3"} and method in clients.HTTP_METHODS:
        reader.found += clients.requested(place, method, node, reader.values, reader.text)
        return
    store = _store(reader, receiver)
    if method == "execute_command" or (method in clients.ONLY_REDIS and store in {None, "redis"}):
        store = "redis"
    if store == "redis":
        words = clients.redis_words(method, node, reader.values)
        if words:
            reader.found.append(command(place, words, "python", many=where.many, group=where.group))
    elif store == "elasticsearch" or owner == "helpers":
        reader.found += clients.elasticsearch(place, owner, method, node, reader.values)
    elif method in clients.SQL_METHODS:
        _sql(reader, node, store == "clickhouse", place)


def _sql(reader: _Reader, node: ast.Call, surely: bool, place: Place) -> None:
    given = (
        node.args[0] if node.args else next((one.value for one in node.keywords if one.arg in {"cmd", "query"}), None)
    )
    if given is None:
        return
    written = reader.values.text(given)
    if written is None or written.startswith("$"):
        if surely:
            reader.found.append(Unread(place, f"the statement {ast.unparse(given)}, which is made at run time"))
        return
    if not (surely or looks_like_sql(written)):
        return
    source = reader.values.origin(given)
    text = Text(written, reader.text.line + source.lineno - 1, source.col_offset + 1, reader.text.around)
    text = replace(text, around=replace(text.around, rollback=place.rollback))
    reader.found += read_sql(text, "python", clients.settings_of(node))


def _subprocess(reader: _Reader, node: ast.Call, where: _Where) -> None:
    if not node.args:
        return
    given = node.args[0]
    line: str | None
    if isinstance(given, (ast.List, ast.Tuple)):
        words = [reader.values.text(one) for one in given.elts]
        line = None if None in words else " ".join(_word(word or "") for word in words)
    else:
        line = reader.values.text(given)
    if line is None:
        return
    around = replace(reader.text.around, script=False, rollback=where.rollback, many=where.many)
    reader.found += reader.shell(Text(line, reader.text.line + node.lineno - 1, node.col_offset + 1, around))


def _word(word: str) -> str:
    return word if word.startswith("$") else shlex.quote(word)

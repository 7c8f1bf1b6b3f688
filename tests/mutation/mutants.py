"""What is broken on purpose: every mutant of a file, by mutmut's operators and two of our own.

A mutant is the file with one span of it replaced. Nothing here imports what it breaks.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

from tests.mutation.operators import CONDITIONALS, negated, operator_sql

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "tvmigrate"
_DECLARE_TYPES = {"TypeVar", "ParamSpec", "cast", "NewType"}
OPERATORS = (*mutation_operators, (cst.SimpleString, operator_sql), (cst.FormattedStringText, operator_sql))


@dataclass(frozen=True)
class Mutant:
    """One mutant: `id` names it as long as its function and the replaced text stay as they are.

    `lines` are those of the replaced span, from 1; `inside` is the dotted name of the function or class around it.
    """

    id: str
    path: Path
    operator: str
    inside: str
    lines: tuple[int, int]
    before: str
    after: str
    start: int
    length: int

    def source(self) -> bytes:
        """Return the whole file as the mutant has it."""
        raw = self.path.read_bytes()
        return raw[: self.start] + self.after.encode() + raw[self.start + self.length :]

    @property
    def told(self) -> tuple[str, Path, int, int, str]:
        """What another process needs to know: module, path, and which bytes are to be which text."""
        return self.module, self.path, self.start, self.length, self.after

    @property
    def module(self) -> str:
        """The dotted name of the module."""
        return module_of(self.path)

    @property
    def package(self) -> str:
        """The package of the product, such as `contract`."""
        return self.path.relative_to(PRODUCT).parts[0]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def mutants_of(path: Path) -> list[Mutant]:
    """Return all mutants of a Python file, in the order of its text."""
    raw = path.read_bytes()
    wrapper = MetadataWrapper(cst.parse_module(raw), unsafe_skip_copy=True)
    finder = _Finder(wrapper.resolve(ByteSpanPositionProvider), wrapper.resolve(PositionProvider), wrapper.module)
    wrapper.module.visit(finder)
    seen: set[tuple[int, int, str]] = set()
    named: Counter[str] = Counter()
    found = []
    for start, length, after, operator, inside, lines in sorted(finder.found, key=lambda one: one[:3]):
        before = raw[start : start + length].decode()
        if "".join(before.split()) == "".join(after.split()) or (start, length, after) in seen:
            continue
        seen.add((start, length, after))
        name = f"{path.relative_to(PRODUCT).as_posix()}:{inside}: {_short(before)} -> {_short(after)}"
        named[name] += 1
        unique = name if named[name] == 1 else f"{name} #{named[name]}"
        found.append(Mutant(unique, path, operator, inside, lines, before, after, start, length))
    return found


def files(package: str) -> list[Path]:
    """Return the Python files of a package of the product, faults of the verification left out: they are the judge."""
    found = sorted((PRODUCT / package).rglob("*.py"))
    return [path for path in found if "faults" not in path.relative_to(PRODUCT).parts]


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 90 else f"{flat[:55]} … {flat[-30:]}"


class _Finder(cst.CSTVisitor):
    """Collects what the operators make of each node that is in scope."""

    def __init__(self, spans: object, places: object, module: cst.Module) -> None:
        super().__init__()
        self._spans, self._places, self._module = spans, places, module
        self._inside: list[str] = []
        self.found: list[tuple[int, int, str, str, str, tuple[int, int]]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if self._is_out_of_scope(node):
            return False
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                for new in operator(node):
                    self._add(node, new, operator.__name__.removeprefix("operator_"))
        if isinstance(node, CONDITIONALS) and (opposite := negated(node.test)) is not None:
            self._add(node.test, opposite, "condition")
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._inside.append(node.name.value)
            # What decorates it is how it is built, not what it does; annotations say nothing at run time.
            if isinstance(node, cst.FunctionDef):
                node.params.visit(self)
            node.body.visit(self)
            self._inside.pop()
            return False
        if isinstance(node, cst.AnnAssign):
            if node.value is not None:
                node.value.visit(self)
            return False
        if isinstance(node, cst.Param):
            if node.default is not None:
                node.default.visit(self)
            return False
        return super().on_visit(node)

    def _is_out_of_scope(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Import | cst.ImportFrom | cst.Annotation | cst.Decorator):
            return True
        if isinstance(node, cst.SimpleStatementLine) and len(node.body) == 1:
            only = node.body[0]
            if isinstance(only, cst.Expr) and isinstance(only.value, cst.SimpleString | cst.ConcatenatedString):
                return True  # a docstring
            if isinstance(only, cst.Assign):
                names = [target.target.value for target in only.targets if isinstance(target.target, cst.Name)]
                return names == ["__all__"] or (
                    isinstance(only.value, cst.Call) and _name(only.value.func) in _DECLARE_TYPES
                )
        if isinstance(node, cst.If) and _name(node.test) == "TYPE_CHECKING":
            return True
        return isinstance(node, cst.Call) and _name(node.func) in _DECLARE_TYPES

    def _add(self, node: cst.CSTNode, new: cst.CSTNode, operator: str) -> None:
        span, place = self._spans[node], self._places[node]  # type: ignore[index]
        if getattr(new, "lpar", None) and new.lpar is getattr(node, "lpar", None):
            new = new.with_changes(lpar=[], rpar=[])  # the span of a node is without its parentheses
        text = self._module.code_for_node(new).strip()
        self.found.append(
            (
                span.start,
                span.length,
                text,
                operator,
                ".".join(self._inside) or "module",
                (place.start.line, place.end.line),
            )
        )


def _name(node: cst.CSTNode) -> str:
    return node.value if isinstance(node, cst.Name) else ""


def all_mutants(package: str) -> Iterator[Mutant]:
    """Yield the mutants of a package, file by file."""
    for path in files(package):
        yield from mutants_of(path)


@cache
def digest(path: Path) -> str:
    """Return what changes when the file does."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def digest_of_product() -> str:
    """Return what changes when any file that may be mutated does."""
    return hashlib.sha256("".join(map(digest, sorted(PRODUCT.rglob("*.py")))).encode()).hexdigest()[:12]

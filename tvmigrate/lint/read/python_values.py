"""What an expression of a Python script will be, as far as its text says."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Values:
    """Evaluates constants, f-strings and names that are bound once; what is made at run time becomes `$name`."""

    constants: Mapping[str, ast.expr]

    def origin(self, node: ast.expr) -> ast.expr:
        """Return the expression that a name stands for."""
        if isinstance(node, ast.Name) and node.id in self.constants:
            return self.origin(self.constants[node.id])
        return node

    def text(self, node: ast.expr) -> str | None:
        """Return the text that `node` is; None if it is none."""
        node = self.origin(node)
        match node:
            case ast.Constant(value=str() as value):
                return value
            case ast.Constant(value=bytes() as value):
                return value.decode(errors="replace")
            case ast.Constant():
                return str(node.value)
            case ast.JoinedStr():
                return "".join(self._part(part) for part in node.values)
            case ast.BinOp(op=ast.Add()):
                parts = [self.text(node.left), self.text(node.right)]
                return None if None in parts else "".join(part or "" for part in parts)
            case ast.BinOp(op=ast.Mod()):
                return re.sub(r"%\(?\w*\)?s", "$value", self.text(node.left) or "") or None
            case (
                ast.Call(func=ast.Attribute(attr="format", value=value))
                | ast.Call(func=ast.Attribute(attr="encode" | "strip", value=value))
            ):
                return self.text(value)
            case ast.Starred():
                return None
            case _:
                return _name(node)

    def _part(self, part: ast.expr) -> str:
        if isinstance(part, ast.Constant):
            return str(part.value)
        inner = part.value if isinstance(part, ast.FormattedValue) else part
        constant = self.origin(inner)
        if isinstance(constant, ast.Constant):
            return str(constant.value)
        return _name(inner)

    def plain(self, node: ast.expr | None) -> Any:
        """Return a dict, list or constant as JSON would have it; `$name` for what is made at run time."""
        if node is None:
            return None
        node = self.origin(node)
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Dict(keys=keys, values=values):
                return {self.text(key) or "": self.plain(value) for key, value in zip(keys, values, strict=True) if key}
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [self.plain(element) for element in elements]
            case ast.Call(func=ast.Name(id="dict")):
                return {one.arg: self.plain(one.value) for one in node.keywords if one.arg}
            case _:
                return self.text(node)


def _name(node: ast.AST) -> str:
    return "$" + re.sub(r"\W+", "_", ast.unparse(node)).strip("_")

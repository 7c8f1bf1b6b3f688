"""Operators that mutmut lacks: conditions negated, SQL changed inside the texts that hold it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import libcst as cst

CONDITIONALS = (cst.If, cst.While, cst.CompIf, cst.IfExp)

# A text is SQL if it holds one of these words, as SQL is written here.
_SQL = re.compile(
    r"\b(SELECT|FROM|WHERE|AND|OR|NOT|NULL|ORDER BY|GROUP BY|toUInt\w*|toFloat\w*|if\(|count\(\)|array\w+\()"
)
_CHANGES = (
    (re.compile(r"\bAND\b"), "OR"),
    (re.compile(r"\bOR\b"), "AND"),
    (re.compile(r"\bNOT (?!EXISTS|NULL)"), ""),
    (re.compile(r"(?<![<>=!-])>=(?!=)"), ">"),
    (re.compile(r"(?<![<>=!-])<=(?!=)"), "<"),
    (re.compile(r"(?<= )>(?= )"), ">="),
    (re.compile(r"(?<= )<(?= )"), "<="),
    (re.compile(r"(?<= )=(?= )"), "!="),
    (re.compile(r"!="), "="),
    (re.compile(r"\bNULL\b"), "0"),
    (re.compile(r"\bmin\("), "max("),
    (re.compile(r"\bmax\("), "min("),
    (re.compile(r"\bALL\b"), "DISTINCT"),
    (re.compile(r"\bDISTINCT\b"), ""),
    (re.compile(r"\barrayDistinct\("), "("),
    (re.compile(r"\barrayAll\("), "arrayExists("),
    (re.compile(r"\bsumIf\("), "anyIf("),
    (re.compile(r"(?<=[ (,])[0-9]+(?=[,) ])"), None),
)  # fmt: skip


def negated(test: cst.BaseExpression) -> cst.BaseExpression | None:
    """Return the opposite of a condition that no other operator changes (a name, a call, an attribute), else None."""
    if isinstance(test, cst.Name | cst.Call | cst.Attribute | cst.Subscript):
        return cst.UnaryOperation(operator=cst.Not(), expression=test, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return None


def operator_sql(node: cst.SimpleString | cst.FormattedStringText) -> Iterable[cst.CSTNode]:
    """Change one token of SQL in a text: a comparison, AND and OR, NOT, NULL, a number, an aggregate."""
    if not _SQL.search(node.value):
        return
    for pattern, instead in _CHANGES:
        for match in pattern.finditer(node.value):
            new = str(int(match[0]) + 1) if instead is None else instead
            yield node.with_changes(value=node.value[: match.start()] + new + node.value[match.end() :])

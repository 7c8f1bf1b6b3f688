"""ClickHouse: types and functions that change a value on its way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tvmigrate.contract import old
from tvmigrate.lint.hazard import Hit, Severity, at, hazard
from tvmigrate.lint.statement import Program, Sql, Word
from tvmigrate.lint.tables import NULLABLE, Facts, all_facts, place_of, upper

_AS_BEFORE = {(column.name, column.type) for table in old.TABLES for column in table.columns}
_TEXT_MAKERS = frozenset({"JSONEXTRACTSTRING", "JSONEXTRACTRAW", "TOSTRING", "TRIM", "REPLACE", "SUBSTRING", "CONCAT"})


def _changes(done: Facts) -> bool:
    """Say whether a statement writes rows, so that what it makes of a value stays."""
    return done.selects or bool(done.rewrites)


def _columns(program: Program) -> Iterator[tuple[Sql, Facts, int]]:
    """Yield the statements that say types of columns, with the index of each word after a name."""
    for sql, done in all_facts(program):
        if done.creates or (done.alters and done.action in {"ADD", "MODIFY"}):
            yield from ((sql, done, index) for index in range(1, len(sql.tokens)))


def _calls(sql: Sql) -> Iterator[tuple[Word, list[list[Word]]]]:
    """Yield each function call with its arguments' tokens."""
    for index, (token, after) in enumerate(zip(sql.tokens, sql.tokens[1:], strict=False)):
        if after.text == "(" and token.text.isidentifier():
            yield token, _arguments(sql.tokens[index + 2 :])


def _arguments(tokens: Sequence[Word]) -> list[list[Word]]:
    found: list[list[Word]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.is_text is False else 0
        if depth < 0:
            break
        if token.text == "," and not token.is_text and depth == 0:
            found.append([])
        else:
            found[-1].append(token)
    return found


def _column_before(sql: Sql, index: int) -> str:
    """Return the name of the column whose type stands at `index`, through what wraps it."""
    while index > 0 and (
        sql.tokens[index - 1].text == "(" or sql.tokens[index - 1].text.upper() in {"NULLABLE", "ARRAY"}
    ):
        index -= 1
    return sql.tokens[index - 1].text if index > 0 else ""


@hazard(
    "TVM213",
    "datetime-without-zone",
    Severity.WARNING,
    "{column} {type} has no time zone: text is read and shown in the server's zone, which another server need not share.",
    """
{column} {zoned}
""",
)
def datetime_without_zone(program: Program) -> Iterator[Hit]:
    """DateTime or DateTime64 in a column without a zone, but as the old layout has it."""
    for sql, _, index in _columns(program):
        token = sql.tokens[index]
        kind = token.text.upper()
        if kind not in {"DATETIME", "DATETIME64"} or token.is_text:
            continue
        after = sql.tokens[index + 1 : index + 4]
        in_parentheses = bool(after) and after[0].text == "("
        arguments = _arguments(sql.tokens[index + 2 :]) if in_parentheses else []
        column = _column_before(sql, index)
        said = (kind == "DATETIME" and bool(arguments)) or len(arguments) > 1
        if said or (column, token.text) in _AS_BEFORE or column in {"AS", "CAST"}:
            continue
        digits = "3" if not arguments or not arguments[0] else arguments[0][0].text
        zoned = f"DateTime64({digits}, 'UTC')" if kind == "DATETIME64" else "DateTime('UTC')"
        yield at(place_of(token, sql), column=column, type=token.text, zoned=zoned)


@hazard(
    "TVM214",
    "text-to-datetime-without-zone",
    Severity.WARNING,
    "{function} reads this text in the server's time zone: the same script gives other instants on another server.",
    """
parseDateTime64BestEffort(text, 3, 'UTC')
""",
)
def text_to_datetime_without_zone(program: Program) -> Iterator[Hit]:
    """parseDateTime…, or toDateTime of a text, without a zone."""
    for sql, _ in all_facts(program):
        for token, arguments in _calls(sql):
            name = token.text.upper()
            zone_at = 2 if "64" in name or name == "PARSEDATETIME" else 1
            if len(arguments) > zone_at:
                continue
            if name.startswith("PARSEDATETIME") or (name.startswith("TODATETIME") and _is_text(arguments[0])):
                yield at(place_of(token, sql), function=token.text)


def _is_text(argument: Sequence[Word]) -> bool:
    if not argument:
        return False
    return argument[0].is_text or argument[0].text.upper() in _TEXT_MAKERS


@hazard(
    "TVM215",
    "float32-target",
    Severity.WARNING,
    "Float32 keeps seven digits: {column} is not what it was before, and sums drift.",
    """
{column} Float64    -- a Float32 widens to it bit for bit
""",
)
def float32_target(program: Program) -> Iterator[Hit]:
    """Float32 in a column that the old layout has not, or toFloat32 on the way."""
    for sql, _, index in _columns(program):
        token = sql.tokens[index]
        if token.text.upper() == "FLOAT32" and token.is_text is False:
            column = _column_before(sql, index)
            if not ({(column, "Float32"), (column, "Nullable(Float32)")} & _AS_BEFORE):
                yield at(place_of(token, sql), column=column)
    for sql, done in all_facts(program):
        if _changes(done):
            yield from (at(place_of(one, sql), column="the value") for one, _ in _calls(sql) if one.text == "toFloat32")


@hazard(
    "TVM217",
    "null-becomes-a-value",
    Severity.WARNING,
    "{what} turns NULL, which says that nothing is known, into a value like any other.",
    """
eaos_score Nullable(Float64)    -- NULL stays NULL
""",
)
def null_becomes_a_value(program: Program) -> Iterator[Hit]:
    """assumeNotNull, ifNull and coalesce of a column with NULLs, or a column that loses its Nullable."""
    for sql, done in all_facts(program):
        if _changes(done):
            for token, arguments in _calls(sql):
                nullable = any(one.text in NULLABLE for one in (arguments or [[]])[0])
                name = token.text.upper()
                if name == "ASSUMENOTNULL" or (nullable and name in {"IFNULL", "COALESCE"} and len(arguments) > 1):
                    yield at(place_of(token, sql), what=token.text)
    for sql, done, index in _columns(program):
        words = upper(sql)
        name = sql.tokens[index - 1].text
        known = done.alters in {table.name for table in old.TABLES} or "comment_id" in (one.lower() for one in words)
        if name in NULLABLE and known and words[index].startswith(("FLOAT", "DECIMAL", "INT")):
            yield at(place_of(sql.tokens[index], sql), what=f"{name} {sql.tokens[index].text}")


@hazard(
    "TVM218",
    "lower-is-ascii-only",
    Severity.ERROR,
    "{function}() changes ASCII letters only: TÍCH CỰC stays as it is, and no label matches.",
    """
{function}UTF8(normalizeUTF8NFC(sentiment))
""",
)
def lower_is_ascii_only(program: Program) -> Iterator[Hit]:
    """lower() or upper() in a statement that writes rows."""
    for sql, done in all_facts(program):
        if _changes(done):
            for token, _ in _calls(sql):
                if token.text.lower() in {"lower", "upper", "lcase", "ucase"}:
                    yield at(place_of(token, sql), function={"l": "lower", "u": "upper"}[token.text.lower()[0]])


@hazard(
    "TVM219",
    "enum-reorder",
    Severity.ERROR,
    "MODIFY COLUMN {column} {type} gives labels other numbers, or leaves them to their order: stored rows may read as another "
    "label.",
    """
ALTER TABLE {table} MODIFY COLUMN {column} {type}('negative' = -1, 'neutral' = 0, 'positive' = 1)    -- the numbers it had
""",
)
def enum_reorder(program: Program) -> Iterator[Hit]:
    """MODIFY COLUMN to an Enum without numbers, or with other numbers than this program gave it."""
    given: dict[str, dict[str, str]] = {}
    for sql, done, index in _columns(program):
        token = sql.tokens[index]
        if token.text.upper() not in {"ENUM", "ENUM8", "ENUM16"}:
            continue
        column = _column_before(sql, index)
        members = _arguments(sql.tokens[index + 2 :])
        numbers = {one[0].text: "".join(word.text for word in one[2:]) for one in members if one}
        before = given.setdefault(column, numbers)
        moved = any(before.get(label, number) != number for label, number in numbers.items())
        if done.action == "MODIFY" and (moved or "" in numbers.values()):
            yield at(place_of(token, sql), table=done.alters, column=column, type=token.text)


HAZARDS = (
    datetime_without_zone,
    text_to_datetime_without_zone,
    float32_target,
    null_becomes_a_value,
    lower_is_ascii_only,
    enum_reorder,
)

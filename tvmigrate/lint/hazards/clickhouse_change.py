"""ClickHouse: tables that change hands, and rows that change in place."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.lint.hazard import Hit, Severity, at, hazard
from tvmigrate.lint.history import history
from tvmigrate.lint.statement import Program
from tvmigrate.lint.tables import OLD, all_facts, is_made_up, settings, upper

_WAITS = frozenset({"mutations_sync", "alter_sync", "lightweight_deletes_sync"})


@hazard(
    "TVM205",
    "mutation-without-wait",
    Severity.ERROR,
    "ALTER TABLE {table} {action} returns before the rows are changed: what comes next reads old rows.",
    """
ALTER TABLE {table} {action} … SETTINGS mutations_sync = 2
-- or wait until this is 0:
SELECT count() FROM system.mutations WHERE table = '{table}' AND NOT is_done
""",
)
def mutation_without_wait(program: Program) -> Iterator[Hit]:
    """A mutation without mutations_sync, and no later look at system.mutations."""
    waits = [index for index, (_, done) in enumerate(all_facts(program)) if "system.mutations" in done.reads]
    for index, (sql, done) in enumerate(all_facts(program)):
        if done.is_mutation and not (_WAITS & settings(sql)) and not any(wait > index for wait in waits):
            yield at(sql.place, table=done.alters, action=done.action)


@hazard(
    "TVM207",
    "drop-without-sync",
    Severity.WARNING,
    "DROP TABLE {table} without SYNC leaves data and replication path behind for minutes, and {table} is created again below.",
    """
DROP TABLE {table} SYNC;
""",
)
def drop_without_sync(program: Program) -> Iterator[Hit]:
    """DROP without SYNC of a name that is created or renamed to later."""
    steps = list(all_facts(program))
    for index, (sql, done) in enumerate(steps):
        if "SYNC" in upper(sql) or "NO" in upper(sql):
            continue
        later = {name for _, one in steps[index + 1 :] for name in (one.creates, *(pair[1] for pair in one.renames))}
        for table in done.drops:
            if table in later and not is_made_up(table):
                yield at(sql.place, table=table)


@hazard(
    "TVM208",
    "rename-target-exists",
    Severity.ERROR,
    "RENAME TABLE {source} TO {target} fails while {target} exists, and nothing before it moved or dropped {target}.",
    """
EXCHANGE TABLES {source} AND {target};    -- one step, and {source} then holds what {target} held
""",
)
def rename_target_exists(program: Program) -> Iterator[Hit]:
    """RENAME to a name that is in use."""
    forward = any(not sql.place.rollback for sql in program.sql)
    for sql, done, before in history(program):
        left: set[str] = set()
        for source, target in done.renames:
            there = target in before.present or (target in OLD and forward)
            if there and target not in before.left and target not in left and not is_made_up(target):
                yield at(sql.place, source=source, target=target)
            left.add(source)


@hazard(
    "TVM209",
    "multi-pair-rename",
    Severity.ERROR,
    "{verb} of several pairs is not one step: readers meet a moment with one done and the other not, an error leaves it so.",
    """
EXCHANGE TABLES {first} AND {second};    -- a single pair is atomic (database engine Atomic)
""",
)
def multi_pair_rename(program: Program) -> Iterator[Hit]:
    """RENAME or EXCHANGE with more than one pair."""
    for sql, done in all_facts(program):
        pairs = done.renames or done.exchanges
        if len(pairs) > 1:
            yield at(sql.place, verb=done.verb, first=pairs[-1][0], second=pairs[-1][1])


@hazard(
    "TVM210",
    "switch-not-atomic",
    Severity.WARNING,
    "{table} is gone from the moment it was {gone} until this statement brings it back: whoever reads or writes it fails.",
    """
EXCHANGE TABLES {other} AND {table};    -- readers see the old table or the new one, never none
""",
)
def switch_not_atomic(program: Program) -> Iterator[Hit]:
    """A table's name is taken away, and given to another table by a later statement."""
    gone: dict[str, str] = {}
    for sql, done in all_facts(program):
        if sql.place.rollback:
            continue
        if len(done.renames) == 1 and done.renames[0][1] in gone:
            source, target = done.renames[0]
            yield at(sql.place, table=target, other=source, gone=gone.pop(target))
        elif done.creates in gone:
            yield at(sql.place, table=done.creates, other=f"{done.creates}_new", gone=gone.pop(done.creates))
        gone |= dict.fromkeys((table for table in done.drops if table in OLD), "dropped")
        gone |= dict.fromkeys((source for source, _ in done.renames if source in OLD), "renamed away")


@hazard(
    "TVM212",
    "source-is-no-command",
    Severity.ERROR,
    "SOURCE is a command of MySQL's client; clickhouse-client answers with a syntax error, and no table is made.",
    """
clickhouse-client --queries-file {file}
""",
)
def source_is_no_command(program: Program) -> Iterator[Hit]:
    """SOURCE file."""
    for sql, done in all_facts(program):
        if done.verb == "SOURCE":
            yield at(sql.place, file=sql.text[len("SOURCE") :].strip())


@hazard(
    "TVM216",
    "optimize-final",
    Severity.WARNING,
    "OPTIMIZE … FINAL rewrites the whole table, needs as much free disk again, and proves nothing about the rows.",
    """
SELECT count() FROM TABLE FINAL    -- reads as if merged; the server merges by itself
""",
)
def optimize_final(program: Program) -> Iterator[Hit]:
    """OPTIMIZE TABLE FINAL."""
    return (at(sql.place) for sql, done in all_facts(program) if done.verb == "OPTIMIZE" and "FINAL" in upper(sql))


@hazard(
    "TVM222",
    "drop-column-or-partition",
    Severity.ERROR,
    "ALTER TABLE {table} {action} {what} removes data for good, and no copy of {table} was made before.",
    """
CREATE TABLE {table}_kept CLONE AS {table};    -- first; then compare count() and a digest
""",
)
def drop_column_or_partition(program: Program) -> Iterator[Hit]:
    """DROP or CLEAR of a column or partition of a table that holds old rows."""
    for sql, done, before in history(program):
        words = upper(sql)
        what = next((word for word in words if word in {"COLUMN", "PARTITION", "PART"}), "")
        if done.action in {"DROP", "CLEAR"} and what and before.last_copy(done.alters):
            yield at(sql.place, table=done.alters, action=done.action, what=what)


@hazard(
    "TVM223",
    "delete-without-backup",
    Severity.ERROR,
    "DELETE removes rows of {table} for good, and no copy of {table} was made before.",
    """
CREATE TABLE {table}_kept CLONE AS {table};    -- first; then compare count() and a digest
""",
)
def delete_without_backup(program: Program) -> Iterator[Hit]:
    """DELETE FROM, or ALTER TABLE DELETE, of a table that holds old rows."""
    for sql, done, before in history(program):
        table = done.deletes_from or (done.alters if done.action == "DELETE" else "")
        if before.last_copy(table):
            yield at(sql.place, table=table)


HAZARDS = (
    mutation_without_wait,
    drop_without_sync,
    rename_target_exists,
    multi_pair_rename,
    switch_not_atomic,
    source_is_no_command,
    optimize_final,
    drop_column_or_partition,
    delete_without_backup,
)

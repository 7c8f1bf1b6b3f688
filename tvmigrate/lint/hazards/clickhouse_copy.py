"""ClickHouse: rows that are copied, and copies that are none."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.contract import old
from tvmigrate.lint.hazard import Hit, Severity, at, hazard
from tvmigrate.lint.history import history
from tvmigrate.lint.statement import Program, Sql
from tvmigrate.lint.tables import (
    OLD,
    PARTITIONED,
    Facts,
    all_facts,
    is_made_up,
    looks_like_a_backup,
    place_of,
    settings,
    upper,
)


def _copies_whole_table(done: Facts, program: Program) -> bool:
    """Say whether an INSERT fills a table that was created AS the one it selects from: the columns are the same."""
    made = {(one.creates, one.columns_of) for _, one in all_facts(program) if one.columns_of}
    return any((done.inserts, source) in made for source in done.reads)


def _is_star(sql: Sql) -> bool:
    words = upper(sql)
    stars = (index for index, word in enumerate(words) if word == "*")
    return any(words[index - 1] in {"SELECT", "DISTINCT", ",", "."} for index in stars)


@hazard(
    "TVM201",
    "insert-select-without-columns",
    Severity.ERROR,
    "INSERT INTO {table} SELECT without a column list pairs columns by position: one column more or another order, and values "
    "land in the wrong column without an error.",
    """
INSERT INTO {table} (program_id, timestamp, …) SELECT program_id, timestamp, … FROM …
""",
)
def insert_select_without_columns(program: Program) -> Iterator[Hit]:
    """INSERT SELECT without a column list, but into a table that was created AS its source."""
    for sql, done in all_facts(program):
        if done.inserts and done.selects and not done.insert_columns and not _copies_whole_table(done, program):
            yield at(sql.place, table=done.inserts)


@hazard(
    "TVM202",
    "insert-select-star",
    Severity.WARNING,
    "SELECT * feeds {table} whatever columns the source happens to have, in their order there.",
    """
INSERT INTO {table} (comment_id, …) SELECT comment_id, … FROM …    -- name them on both sides
""",
)
def insert_select_star(program: Program) -> Iterator[Hit]:
    """SELECT * in an INSERT, but of a table's twin."""
    for sql, done in all_facts(program):
        if done.inserts and done.selects and _is_star(sql) and not _copies_whole_table(done, program):
            yield at(sql.place, table=done.inserts)


@hazard(
    "TVM203",
    "create-as-copies-no-rows",
    Severity.ERROR,
    "CREATE TABLE {table} AS {source} copies the columns and not one row: as a backup it is empty.",
    """
CREATE TABLE {table} CLONE AS {source};
-- or, on a server without CLONE AS, after the CREATE TABLE … AS:
INSERT INTO {table} SELECT * FROM {source};
SELECT (SELECT count() FROM {table}) = (SELECT count() FROM {source});
""",
)
def create_as_copies_no_rows(program: Program) -> Iterator[Hit]:
    """CREATE TABLE AS an old table, or under a backup's name, that nothing fills."""
    for sql, done in all_facts(program):
        if not done.columns_of or not (done.columns_of in OLD or looks_like_a_backup(done.creates)):
            continue
        filled = any(
            (one.inserts == done.creates and one.selects) or (one.alters == done.creates and one.copies)
            for _, one in all_facts(program)
        )
        if not filled:
            yield at(sql.place, table=done.creates, source=done.columns_of)


@hazard(
    "TVM204",
    "if-not-exists-hides-columns",
    Severity.ERROR,
    "CREATE TABLE IF NOT EXISTS does nothing where {table} is there: the old columns stay, without an error.",
    """
CREATE TABLE {table}_new (…);    -- fails if it is there
-- copy the rows, compare, then:
EXCHANGE TABLES {table}_new AND {table};
""",
)
def if_not_exists_hides_columns(program: Program) -> Iterator[Hit]:
    """CREATE TABLE IF NOT EXISTS of a name that the old layout has, or that is in use here."""
    for sql, done, before in history(program):
        if not done.if_not_exists or sql.place.rollback or done.creates in before.left:
            continue
        if done.creates in OLD or done.creates in before.present - before.made or not done.creates:
            yield at(sql.place, table=done.creates or "TABLE")


@hazard(
    "TVM220",
    "insert-over-100-partitions",
    Severity.WARNING,
    "An INSERT into {table} may touch at most 100 partitions; with more months than that it fails (error 252) after writing "
    "some of them.",
    """
INSERT INTO {table} (…) SELECT … FROM … WHERE toYYYYMM(created_at) = 202511    -- a partition at a time
""",
)
def insert_over_100_partitions(program: Program) -> Iterator[Hit]:
    """INSERT SELECT of everything into a partitioned table."""
    made = {done.creates: sql for sql, done in all_facts(program) if done.creates}
    partitioned = {name for name, sql in made.items() if "PARTITION" in upper(sql)}
    partitioned |= PARTITIONED - set(made)
    for sql, done in all_facts(program):
        whole = done.selects and "WHERE" not in upper(sql)
        if whole and done.inserts in partitioned and "max_partitions_per_insert_block" not in settings(sql):
            yield at(sql.place, table=done.inserts)


@hazard(
    "TVM224",
    "distinct-collapses-rows",
    Severity.WARNING,
    "SELECT DISTINCT drops rows that are equal: the old table may hold two on purpose, and the counts will not add up.",
    """
INSERT INTO {table} (…) SELECT … FROM …    -- every row; look for doubles before: GROUP BY comment_id HAVING count() > 1
""",
)
def distinct_collapses_rows(program: Program) -> Iterator[Hit]:
    """DISTINCT in an INSERT SELECT."""
    for sql, done in all_facts(program):
        words = upper(sql)
        if done.inserts and done.selects and "DISTINCT" in words[words.index("SELECT") : words.index("SELECT") + 2]:
            yield at(sql.place, table=done.inserts)


@hazard(
    "TVM225",
    "insert-select-limit",
    Severity.WARNING,
    "The LIMIT in this INSERT SELECT cuts the rows off, which ones is up to the server.",
    """
INSERT INTO {table} (…) SELECT … FROM … WHERE toYYYYMM(created_at) = 202511    -- parts that together are all
""",
)
def insert_select_limit(program: Program) -> Iterator[Hit]:
    """LIMIT (not LIMIT BY) at the end of an INSERT SELECT."""
    for sql, done in all_facts(program):
        words = upper(sql)
        if done.inserts and done.selects and "LIMIT" in words:
            tail = words[len(words) - words[::-1].index("LIMIT") :]
            if "BY" not in tail and ")" not in tail and tail[:1] != ["0"]:
                yield at(sql.place, table=done.inserts)


@hazard(
    "TVM206",
    "drop-without-backup",
    Severity.ERROR,
    "{table} is dropped, and nothing given here has copied its rows before.",
    """
CREATE TABLE {table}_kept CLONE AS {table};    -- before anything is changed; then compare count() and a digest
-- or, instead of dropping:
RENAME TABLE {table} TO {table}_old;
""",
)
def drop_without_backup(program: Program) -> Iterator[Hit]:
    """DROP of the only table that holds old rows."""
    for sql, done, before in history(program):
        for table in done.drops:
            if before.last_copy(table):
                yield at(sql.place, table=table)


@hazard(
    "TVM407",
    "old-table-backed-up-nowhere",
    Severity.ERROR,
    "The backup takes {saved}, but {table}, which the same migration drops or changes, is backed up nowhere.",
    """
CREATE TABLE {table}_kept CLONE AS {table};    -- beside the backup of {saved}
""",
)
def old_table_backed_up_nowhere(program: Program) -> Iterator[Hit]:
    """A backup of some tables, and another old table that is destroyed uncopied."""
    first: tuple[Sql, str] | None = None
    lost: dict[str, None] = {}
    for sql, done, before in history(program):
        taken = done.columns_of if done.columns_of in OLD else next((one for one in done.copies if one in OLD), "")
        if first is None and taken and not sql.place.rollback:
            first = (sql, taken)
        for table in (*done.drops, done.truncates, done.rewrites):
            if table in OLD and before.last_copy(table):
                lost[table] = None
    if first is not None:
        for table in lost:
            if table != first[1]:
                yield at(first[0].place, table=table, saved=first[1])


@hazard(
    "TVM221",
    "drop-database",
    Severity.ERROR,
    "DROP DATABASE {database} takes every table in it, also those that are no part of the migration.",
    """
DROP TABLE {database}.TABLE SYNC;    -- by name, what is in a verified backup
""",
)
def drop_database(program: Program) -> Iterator[Hit]:
    """DROP DATABASE, but of one that this program made or filled."""
    own: set[str] = set()
    for sql, done in all_facts(program):
        targets = (done.creates, done.inserts, done.creates_database, *(target for _, target in done.renames))
        own |= {target.partition(".")[0] for target in targets if "." in target or target == done.creates_database}
        if (
            done.drops_database
            and not is_made_up(done.drops_database)
            and done.drops_database not in own - {old.DATABASE}
        ):
            yield at(sql.place, database=done.drops_database)


@hazard(
    "TVM211",
    "truncate",
    Severity.ERROR,
    "TRUNCATE empties {table}, and no copy of its rows was made before.",
    """
CREATE TABLE {table}_kept CLONE AS {table};    -- first; then compare count() and a digest
""",
)
def truncate(program: Program) -> Iterator[Hit]:
    """TRUNCATE of a table that holds old rows."""
    for sql, done, before in history(program):
        if done.truncates and before.last_copy(done.truncates):
            yield at(sql.place, table=done.truncates)


@hazard(
    "TVM227",
    "or-zero-hides-bad-values",
    Severity.WARNING,
    "{function} turns what it cannot read into a value as good as any other: the bad record is no longer to be seen.",
    """
INSERT INTO migration_quarantine (…) SELECT … FROM … WHERE {or_null}(value) IS NULL    -- set aside, with its reason
""",
)
def or_zero_hides_bad_values(program: Program) -> Iterator[Hit]:
    """toFloat64OrZero and its like in an INSERT or ALTER."""
    for sql, done in all_facts(program):
        if not (done.selects or done.rewrites):
            continue
        for token, after in zip(sql.tokens, sql.tokens[1:], strict=False):
            if after.text == "(" and token.text.endswith(("OrZero", "OrDefault")):
                yield at(
                    place_of(token, sql),
                    function=token.text,
                    or_null=token.text.replace("OrZero", "OrNull").replace("OrDefault", "OrNull"),
                )


HAZARDS = (
    insert_select_without_columns,
    insert_select_star,
    create_as_copies_no_rows,
    if_not_exists_hides_columns,
    drop_without_backup,
    truncate,
    insert_over_100_partitions,
    drop_database,
    distinct_collapses_rows,
    insert_select_limit,
    or_zero_hides_bad_values,
    old_table_backed_up_nowhere,
)

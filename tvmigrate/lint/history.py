"""Which table holds old rows, and which names are taken, while the statements of a program run one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tvmigrate.lint.statement import Program, Sql
from tvmigrate.lint.tables import OLD, ONLY_NEW, Facts, all_facts, is_made_up


@dataclass(slots=True)
class State:
    """What is known before a statement runs."""

    made: set[str] = field(default_factory=set)  # created by the program, so without old rows
    holders: set[str] = field(default_factory=lambda: set(OLD))  # tables whose rows are the old ones
    copied: set[str] = field(default_factory=set)  # holders whose rows exist a second time
    present: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)  # names that were dropped or renamed away
    databases: set[str] = field(default_factory=set)  # created by the program

    def holds_old_rows(self, table: str) -> bool:
        """Say whether a table has rows that nobody can make again: a table of before, or what it was renamed to."""
        if table in self.holders:
            return True
        database, _, bare = table.rpartition(".")
        own = table in self.made or database in self.databases or bare in ONLY_NEW
        return not (own or table in self.left or is_made_up(table))

    def last_copy(self, table: str) -> bool:
        """Say whether old rows are in this table and nowhere else."""
        return bool(table) and self.holds_old_rows(table) and table not in self.copied

    def run(self, done: Facts) -> None:
        """Take over what a statement does."""
        self.databases.add(done.creates_database or "-")
        if done.inserts and done.inserts not in {*self.present, *self.holders}:
            self.made.add(done.inserts)  # the first that is heard of it is that rows are put into it
        for table in done.named:
            if table not in self.left:
                self.present.add(table)
        if done.verb != "RENAME":
            self.copied |= {table for table in done.copies if self.holds_old_rows(table)}
        for table in done.drops:
            self._leaves(table)
        if done.creates:
            self._appears(done.creates)
            self.made.add(done.creates)
        for source, target in done.renames:
            self._swap(source, target)
            self._leaves(source)
            self._appears(target)
        for one, other in done.exchanges:
            self._swap(one, other)

    def _appears(self, table: str) -> None:
        self.left.discard(table)
        self.present.add(table)

    def _leaves(self, table: str) -> None:
        self.present.discard(table)
        self.left.add(table)
        for kept in (self.holders, self.copied, self.made):
            kept.discard(table)

    def _swap(self, one: str, other: str) -> None:
        held = self.holds_old_rows(one), self.holds_old_rows(other) and other in self.present
        for kept, values in (
            (self.holders, (held[1], held[0])),
            (self.made, (not held[1], not held[0])),
            (self.copied, (other in self.copied, one in self.copied)),
        ):
            for table, value in zip((one, other), values, strict=True):
                (kept.add if value else kept.discard)(table)


def history(program: Program) -> Iterator[tuple[Sql, Facts, State]]:
    """Yield each ClickHouse statement with what it does and what was so before it."""
    state = State()
    for sql, done in all_facts(program):
        yield sql, done, state
        state.run(done)

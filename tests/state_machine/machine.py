"""The state machine: real commands and real V2 writes on real engines, held against the model after each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.integrity.one_set import rehearsal_on
from tests.tool.migrate.stores import Stores, different
from tvmigrate.contract import new, old
from tvmigrate.contract.policy import Policy
from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.verify.findings import Phase, State
from tvmigrate.verify.rehearsal import Rehearsal

from .model import KINDS, Findings, Model, same
from .reading import new_places, old_lines, redis_places
from .records import RECORDS, Places, write

ROOT = Path(__file__).parents[2]
POLICY = Policy(show="s")
APPLY = ("apply", "--yes", "--show", "s")
ROLLBACK = ("rollback", "--yes")
OLD, BETWEEN, BACKWARDS, NEW = "old", "between", "backwards", "new"
WHERE = {
    "Not begun": OLD, "Rolled back": OLD, "In progress": BETWEEN, "Rolling back": BACKWARDS, "Applied": NEW,
}  # fmt: skip
STEPS = 27  # that a whole run says are done, the plan's three too
GRACE_S = 60


def expect(found: object, wanted: object, about: object) -> None:
    """Fail with both unless they are equal; `about` is what else there is to read."""
    if found != wanted:
        raise AssertionError(f"found {found}\nwanted {wanted}\n{about}")


class Migration(RuleBasedStateMachine):
    """Load, apply, interrupt, resume, write through V2, verify, roll back, apply again, in any order.

    Every rule may be taken at any time and draws the same whatever the stores are like, so that a sequence can be
    played again; one that makes no sense in a state has to do nothing, and that is judged too.
    """

    endpoints: Endpoints  # of running engines; set by a subclass
    steps_taken: Counter[str]  # what was done, over all examples

    def __init__(self) -> None:
        super().__init__()
        self.opened = ExitStack()
        self.where = OLD
        self.said = ""

    def teardown(self) -> None:
        self.opened.close()

    # ------------------------------------------------------------------------------------------------------- the rules

    @initialize(names=st.sets(st.sampled_from(sorted(RECORDS)), min_size=len(RECORDS) - 6))
    def load(self, names: set[str]) -> None:
        folder = Path(self.opened.enter_context(tempfile.TemporaryDirectory()))
        self.folder, self.state = folder, folder / "state"
        self.model = Model(tuple(sorted(names)))
        dataset = write(folder / "dataset", names)
        self.rehearsal: Rehearsal = self.opened.enter_context(rehearsal_on(self.endpoints, dataset, policy=POLICY))
        self.clients = self.opened.enter_context(Clients(self.endpoints))
        self.stores = Stores(self.endpoints, self.clients, self.state)
        self.before = self.stores.picture()
        self.lines = old_lines(self.clients)
        self.old_keys = redis_places(self.clients)
        self.began_ns = time.time_ns()

    @rule()
    def apply(self) -> None:
        code = self._run(*APPLY)
        self._arrived(code, refused=self.where == BACKWARDS, at=NEW)

    @rule(steps=st.integers(0, STEPS), more_ms=st.integers(0, 200), hard=st.booleans())
    def apply_interrupted(self, steps: int, more_ms: int, hard: bool) -> None:
        self._interrupt(APPLY, steps, more_ms, hard)

    @rule()
    def roll_back(self) -> None:
        code = self._run(*ROLLBACK)
        self._arrived(code, refused=False, at=OLD)

    @rule(steps=st.integers(0, 12), more_ms=st.integers(0, 200), hard=st.booleans())
    def roll_back_interrupted(self, steps: int, more_ms: int, hard: bool) -> None:
        self._interrupt(ROLLBACK, steps, more_ms, hard)

    @rule(writes=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 9)), min_size=1, max_size=4))
    def write_through_v2(self, writes: list[tuple[str, int]]) -> None:
        """Write as an application of the new layout does; there is none before the migration is applied."""
        if self.where != NEW:
            return
        for kind, n in writes:
            before = dict(self.model.now)
            self._put(self.model.write(kind, n), before)
            self.steps_taken[f"V2 {kind}"] += 1

    @rule(backwards=st.booleans())
    def verify(self, backwards: bool) -> None:
        """Look with the checks of either phase; only the right state passes, and what is found is what V2 wrote."""
        phase = Phase.ROLLBACK if backwards else Phase.MIGRATION
        results, _ = self.rehearsal.look(phase, (self.began_ns, time.time_ns()))
        expect([result.error for result in results if result.state is State.ERROR], [], self.said)
        found: Findings = Counter(
            (result.id, str(finding.direction)) for result in results for finding in result.findings
        )
        passes = all(result.state in {State.PASS, State.EMPTY} for result in results)
        self.steps_taken[f"verify {phase} {self.where} {'pass' if passes else 'fail'}"] += 1
        if self.where == NEW and not backwards:
            expect(found, self.model.findings(), results)
        elif self.where == OLD and backwards:
            expect(found, self.model.findings_when_back(), results)
        elif passes and backwards:
            expect(different(self.before, self.stores.picture()), {}, results)
        elif passes:
            expect(same(self.model.right, new_places(self.clients)), {}, results)

    # ---------------------------------------------------------------------------------------------- what holds always

    @invariant()
    def nothing_is_lost(self) -> None:
        if self.where == NEW:
            expect(same(self.model.now, new_places(self.clients)), {}, self.said)
            expect(self._old_keys_left(), set(), self.said)
        elif self.where == OLD:
            left = {f"redis 0 {place[2].encode()!r}" for place in self.model.left}
            expect(set(different(self.before, self.stores.picture())), left, self.said)
            there = redis_places(self.clients)
            expect({place: there.get(place) for place in self.model.left}, self.model.left, self.said)
        else:
            self._every_record_is_somewhere()

    def _old_keys_left(self) -> set[str]:
        """Return old tables, and the old index, that are still under their old names."""
        tables = f"SELECT name FROM system.tables WHERE database = '{old.DATABASE}' AND name = '{old.COMMENTS.name}'"
        found = {name for (name,) in self.clients.clickhouse.query(tables).result_rows}
        alias = self.clients.elasticsearch.indices.exists_alias(name=new.ALIAS)
        return found if alias else found | {old.INDEX.name}

    def _every_record_is_somewhere(self) -> None:
        there = redis_places(self.clients)
        for name in self.model.names:
            record = RECORDS[name]
            if record.file == "redis":
                old_place = ("redis", str(record.line["db"]), record.line["key"])
                now = self.model.now  # what V2 made of it is the record too, until it is archived and taken away
                at_new = {place: now.get(place, held) for place, held in record.new.items() if place[0] == "redis"}
                apart = same(at_new, {place: there[place] for place in at_new if place in there})
                assert there.get(old_place) == self.old_keys[old_place] or not apart, f"{name} is lost: {there}"
        deadline = time.monotonic() + 10  # the server may still be at what the killed command asked for
        while not all(set(lines) <= set(old_lines(self.clients).get(file, ())) for file, lines in self.lines.items()):
            assert time.monotonic() < deadline, f"old rows or documents are lost: {old_lines(self.clients)}"
            time.sleep(0.2)

    # --------------------------------------------------------------------------------------------------------- inside

    def _start(self, *words: str) -> subprocess.Popen[str]:
        environ = {
            **os.environ,
            **self.endpoints.environ(),
            "PYTHONPATH": str(ROOT),
            "TVMIGRATE_STATE": str(self.state),
        }
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "tvmigrate", *words], env=environ, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _run(self, *words: str) -> int:
        self.steps_taken[words[0]] += 1
        process = self._start(*words)
        _, self.said = process.communicate()
        return process.returncode

    def _interrupt(self, words: tuple[str, ...], steps: int, more_ms: int, hard: bool) -> None:
        """Run a command and end it `more_ms` after it has said that so many steps are done."""
        number = signal.SIGKILL if hard else signal.SIGTERM
        process = self._start(*words)
        assert process.stderr is not None
        said = []
        while steps and (line := process.stderr.readline()):
            said.append(line)
            steps -= "done after" in line
        time.sleep(more_ms / 1000)
        process.send_signal(number)
        rest, _ = process.stderr.read(), process.wait(GRACE_S)
        process.stderr.close()
        self.said = "".join(said) + rest
        self.steps_taken[f"{words[0]} ended by {number.name}" if process.returncode else f"{words[0]} was faster"] += 1
        if process.returncode:
            refused = words == APPLY and self.where == BACKWARDS
            assert refused or process.returncode in {-signal.SIGKILL, 128 + signal.SIGTERM, -signal.SIGTERM}, self.said
        self._see_where(words)

    def _arrived(self, code: int, *, refused: bool, at: str) -> None:
        assert code == (3 if refused else 0), self.said
        self._see_where(APPLY if at == NEW else ROLLBACK)
        assert self.where == (BACKWARDS if refused else at), self.said

    def _see_where(self, words: tuple[str, ...]) -> None:
        """Ask `status` where the stores are now, and let the model go there."""
        before = self.where
        self.where = WHERE[self.stores.status().partition(":")[0]]
        allowed = {OLD, BETWEEN, BACKWARDS, NEW} if words == APPLY else {before, BACKWARDS, OLD}
        assert self.where in allowed
        if self.where == NEW and before != NEW:
            self.model.apply()
        elif self.where == OLD and before in {NEW, BACKWARDS}:
            self._came_back()

    def _came_back(self) -> None:
        """What V2 wrote is still where it was, or in files that the rollback named."""
        marks = self.model.to_save()
        files = [path for path in self.state.glob("runs/*/after_switch/**/*.ndjson") if path.is_file()]
        text = "".join(path.read_text("utf-8") for path in files)
        expect([mark for mark in marks if json.dumps(mark, ensure_ascii=False).strip('"') not in text], [], self.said)
        self.model.roll_back()
        self.model.now = dict(self.model.right)

    def _put(self, places: Places, before: Places) -> None:
        """Write to the real stores what the model holds at `places`."""
        for place, held in places.items():
            if place[0] == "redis":
                self._put_key(place[2], held, before.get(place))
            elif place[0] == "row":
                body = place[2].encode()
                self.clients.clickhouse.raw_insert(f"{new.DATABASE}.{place[1]}", insert_block=body, fmt="JSONEachRow")
            else:
                self.clients.elasticsearch.index(index=new.ALIAS, id=place[1], document=held, refresh=True)

    def _put_key(self, key: str, held: tuple, before: tuple | None) -> None:
        client, (kind, value, _) = self.clients.redis, held
        if kind == "hash":
            client.hset(
                key, mapping={name: text for name, text in value.items() if not before or text != before[1][name]}
            )
        elif kind == "zset":
            earlier = before[1] if before else {}
            for topic, score in value.items():
                if score != earlier.get(topic):
                    client.zincrby(key, score - earlier.get(topic, 0.0), topic)
        else:
            client.rpush(key, *value[len(before[1]) if before else 0 :])

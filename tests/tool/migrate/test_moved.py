"""Old data that somebody writes while a run is at work: named, and nothing of it is dropped, at whatever step."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import elasticsearch
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests import profiles
from tests.conftest import Tell
from tests.tool.migrate.stores import Stores, item
from tvmigrate.contract import new, old
from tvmigrate.engines.clients import Clients
from tvmigrate.migrate import run
from tvmigrate.migrate.errors import SourceChanged
from tvmigrate.migrate.plan import STEPS

RUN = ("source-moves", "steps before which an old writer writes")
NAMES = [step.name for step in STEPS]
BOUNDARIES = NAMES[: NAMES.index("remove.redis") + 1]
SWITCH = NAMES.index("switch.clickhouse")
PARTS = 1 if profiles.is_nightly() else len(BOUNDARIES)  # a short run takes one in so many, others with each commit
SCORE = '{"score": 0.125, "positive": 1}'
IN_REDIS = {
    "eaos:contestant_1 (another value)", "eaos:contestant_2 (another time to live)",
    "eaos:contestant_3 (of another type)", "eaos:contestant_4 (deleted)", "eaos:late (added)",
}  # fmt: skip
COMMENTS = {"k001 (changed)", "k002 (deleted)", "late (added)"}


def boundaries() -> list[str]:
    """Return the steps to write before: all, or those of the commit's turn."""
    return BOUNDARIES[profiles.turn() % PARTS :: PARTS]


def write_redis(stores: Stores) -> None:
    redis = stores.clients.redis
    redis.set("eaos:contestant_1", SCORE)
    redis.pexpire("eaos:contestant_2", 3_600_000)
    redis.delete("eaos:contestant_3", "eaos:contestant_4")
    redis.rpush("eaos:contestant_3", "a list")
    redis.set("eaos:late", SCORE)


def write_clickhouse(stores: Stores) -> None:
    table, settings = f"{old.DATABASE}.{old.COMMENTS.name}", {"mutations_sync": 2}
    command = stores.clients.clickhouse.command
    command(f"INSERT INTO {table} (comment_id, entity, sentiment) VALUES ('late', 'e', 'neutral')")
    command(f"ALTER TABLE {table} UPDATE text = 'again' WHERE comment_id = 'k001'", settings=settings)
    command(f"ALTER TABLE {table} DELETE WHERE comment_id = 'k002'", settings=settings)


def write_elasticsearch(stores: Stores) -> None:
    """Write to the old index, and open it first: whoever does that is no better than a writer."""
    client, index = stores.clients.elasticsearch, old.INDEX.name
    client.indices.put_settings(index=index, settings={"index.blocks.write": None})
    document = {"text": "again", "entity": "late", "ts": 1, "sentiment": "neutral", "score": 1}
    client.index(index=index, id="late", document=document)
    client.index(index=index, id="k001", document=document)
    client.delete(index=index, id="k002")


@dataclass
class Named:
    """What a run names of what moved, before the switch and after it."""

    before: str = ""
    after: Counter[str] = field(default_factory=Counter)


def migrate(stores: Stores, step: str, meddle: Callable[[], object]) -> tuple[run.Done, Named]:
    """Migrate with a writer just before `step`, again for as long as the run stops cleanly."""
    named = Named()
    try:
        done = stores.apply_with(step, meddle)
    except SourceChanged as changed:
        named.before += str(changed)
        for _ in range(3):
            assert stores.status().startswith("In progress: ")
            try:
                done = stores.apply(None)
                break
            except SourceChanged as again:
                named.before += str(again)
        else:
            pytest.fail(f"it never goes on: {named.before}")
    for path in sorted((stores.folder() / "moved").glob("*.list.ndjson")):
        for line in path.read_text("utf-8").splitlines():
            one = json.loads(line)
            named.after[f"{one['store']} {one['record']} ({one['what']})"] += 1
    return done, named


def expected(step: str) -> tuple[dict[str, set[str]], set[str]]:
    """Return what has to be named before the switch, by store, and what after it."""
    at = NAMES.index(step)
    stores = {"redis": IN_REDIS, "clickhouse": COMMENTS, "elasticsearch": COMMENTS}
    before: dict[str, set[str]] = {}
    after: set[str] = set()
    for store, records in stores.items():
        if at <= NAMES.index(f"backup.{store}"):
            continue
        if at < SWITCH:
            before[store] = records
        elif at <= NAMES.index("switch.elasticsearch" if store == "elasticsearch" else f"remove.{store}"):
            after |= {f"{store} {record}" for record in records}
    return before, after


@pytest.mark.parametrize("step", boundaries())
def test_what_old_writers_write_before_a_step_is_named_and_kept(stores: Stores, step: str, share: Tell) -> None:
    """Assert that before the switch the run stops, after it goes on and lists; and that all comes along in the end."""
    share(RUN, "boundaries", ran=1, of=len(BOUNDARIES), seed=None)
    at = NAMES.index(step)
    in_clickhouse = at <= NAMES.index("remove.clickhouse")
    in_elasticsearch = at <= NAMES.index("switch.elasticsearch")

    def meddle() -> None:
        write_redis(stores)
        if in_clickhouse:
            write_clickhouse(stores)
        if in_elasticsearch:
            write_elasticsearch(stores)

    done, named = migrate(stores, step, meddle)
    before, after = expected(step)
    words = {word for records in before.values() for word in records}
    assert [word for word in words if word not in named.before] == []
    assert bool(words) == bool(named.before)
    assert set(named.after) == after
    assert done.moved == len(after)
    if after:
        assert "Old data moved after they had been compared" in done.text
        stores.rollback()
        done = stores.apply()
    assert done.moved == 0
    redis = stores.clients.redis
    assert redis.hget("eaos:current:the_voice/contestant_1", "score") == b"0.125"
    assert redis.pttl("eaos:current:the_voice/contestant_2") > 0
    assert redis.exists("eaos:current:the_voice/late") == 1
    assert ("redis", "eaos:contestant_3", "wrong-type") in stores.quarantine()
    # What was deleted after the switch comes back with a rollback: rather one too many than one too few.
    assert redis.exists("eaos:current:the_voice/contestant_4") == (at >= SWITCH)
    if in_clickhouse:
        rows = stores._rows(
            f"SELECT comment_id, text FROM {new.DATABASE}.{new.RAW_COMMENTS.name}"
            " WHERE comment_id IN ('late', 'k001', 'k002') ORDER BY 1"
        )
        assert rows == [("k001", "again"), ("late", "")]
    if in_elasticsearch:
        answer = stores.clients.elasticsearch.mget(index=new.ALIAS, ids=["k001", "k002", "late"])
        assert [hit["found"] and hit["_source"]["text"] for hit in answer["docs"]] == ["again", False, "again"]


def test_what_moved_after_the_switch_is_kept_as_it_is_beside_the_list(stores: Stores) -> None:
    def meddle() -> None:
        write_redis(stores)
        write_clickhouse(stores)

    done, _ = migrate(stores, "switch.clickhouse", meddle)
    folder = stores.folder() / "moved"
    assert done.run is not None
    assert done.text == (
        f"The run {done.run.id} is applied. Its backup and journal are in {stores.folder()}. Old data moved after they "
        f"had been compared, 5 in redis, 3 in clickhouse: they are kept aside and listed in {folder}, and are not in "
        "the new layout as they are now. Stop what writes to them; to take them along, run `tvmigrate rollback`, then "
        "`tvmigrate apply`."
    )
    kept = [json.loads(line) for line in (folder / "redis.ndjson").read_text().splitlines()]
    assert {line["key"]: line["value"] for line in kept if line["key"] != "eaos:contestant_2"} == {
        "eaos:contestant_1": SCORE, "eaos:contestant_3": ["a list"], "eaos:late": SCORE,
    }  # fmt: skip
    rows = {
        name: [
            json.loads(line) for line in (folder / "clickhouse" / f"comments.{name}.ndjson").read_text().splitlines()
        ]
        for name in ("added", "deleted")
    }
    assert {(row["comment_id"], row["text"], row["copies"]) for row in rows["added"]} == {
        ("late", "", 1), ("k001", "again", 1),
    }  # fmt: skip
    assert {row["comment_id"] for row in rows["deleted"]} == {"k001", "k002"}
    again = stores.apply()
    assert (again.changed, again.moved) == (False, 8)
    assert stores.rollback().text == (
        f"The run {done.run.id} is rolled back: the old data are as its backup has them, but for 8 that moved after "
        "they had been compared: these are as they were left."
    )


def test_a_column_that_came_is_a_change_of_the_table(stores: Stores) -> None:
    add = f"ALTER TABLE {old.DATABASE}.{old.COMMENTS.name} ADD COLUMN likes UInt32 DEFAULT 7"
    with pytest.raises(SourceChanged) as stopped:
        stores.apply_with("compare.clickhouse", lambda: stores.clients.clickhouse.command(add))
    assert str(stopped.value) == (
        "The old ClickHouse table comments changed since its backup: 1, such as the columns of comments (changed). "
        "Stop what writes to it, then run `tvmigrate apply` again: it takes a new backup. The old data are as they "
        "were."
    )
    assert stores.apply(None).changed


def test_time_that_passed_before_the_switch_is_looked_at_again(stores: Stores) -> None:
    stores.killed("apply", "switch.clickhouse")
    stores.clients.redis.set("eaos:late", SCORE)
    with pytest.raises(SourceChanged, match=r"1, such as eaos:late \(added\)"):
        stores.apply(None)


class Writer(threading.Thread):
    """An old writer that goes on while a migration runs, and knows what each store acknowledged."""

    def __init__(self, stores: Stores) -> None:
        super().__init__(daemon=True)
        self._stores = stores
        self.stop = threading.Event()
        self.acknowledged: dict[str, list[int]] = {"redis": [], "list": [], "clickhouse": [], "elasticsearch": []}
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            with Clients(self._stores.endpoints) as clients:
                n = 0
                while not self.stop.wait(0.02):
                    n += 1
                    self._write(clients, n)
        except BaseException as problem:  # noqa: BLE001 - told by the test
            self.problem = problem

    def _write(self, clients: Clients, n: int) -> None:
        clients.redis.set(f"eaos:race-{n}", SCORE)
        self.acknowledged["redis"].append(n)
        clients.redis.rpush("metrics:buzz", item("race", n, n))
        self.acknowledged["list"].append(n)
        try:
            clients.clickhouse.command(
                f"INSERT INTO {old.DATABASE}.comments (comment_id, entity, sentiment)"
                f" VALUES ('race-{n}', 'e', 'neutral')"
            )
            self.acknowledged["clickhouse"].append(n)
        except DatabaseError:
            pass  # the table has its kept name by now
        try:
            document = {"text": "x", "entity": "race", "ts": 1, "sentiment": "neutral", "score": 1}
            clients.elasticsearch.index(index=old.INDEX.name, id=f"race-{n}", document=document)
            self.acknowledged["elasticsearch"].append(n)
        except elasticsearch.ApiError:
            pass  # closed to writes, or the new index, which refuses old fields


@pytest.fixture
def writer(stores: Stores) -> Iterator[Writer]:
    thread = Writer(stores)
    yield thread
    thread.stop.set()
    thread.join(30)


def test_nothing_that_a_racing_writer_was_promised_is_lost(stores: Stores, writer: Writer) -> None:
    """Assert that each write that a store acknowledged is in the new layout in the end, however it fell."""
    writer.start()
    stops = 0
    while True:
        try:
            done = stores.apply()
            break
        except SourceChanged:
            stops += 1
            if stops == 2:  # a migration against a writer that never rests never gets to its switch
                writer.stop.set()
                writer.join(30)
    writer.stop.set()
    writer.join(30)
    assert writer.problem is None
    assert stops
    if done.moved or stores.clients.redis.exists("metrics:buzz"):
        stores.rollback()
        stores.apply()
    redis = stores.clients.redis
    events = redis.lrange("events:the_voice/race:1970-01-01", 0, -1)
    found = {
        "redis": {int(key.rpartition(b"-")[2]) for key in redis.scan_iter("eaos:current:the_voice/race-*")},
        "list": {int(json.loads(event)["value"]) for event in events},
        "clickhouse": {
            int(name.rpartition("-")[2])
            for (name,) in stores._rows(
                f"SELECT comment_id FROM {new.DATABASE}.raw_comments WHERE startsWith(comment_id, 'race-')"
            )
        },
        "elasticsearch": {
            n for n in writer.acknowledged["elasticsearch"]
            if stores.clients.elasticsearch.exists(index=new.ALIAS, id=f"race-{n}")
        },
    }  # fmt: skip
    lost = {store: set(said) - found[store] for store, said in writer.acknowledged.items()}
    assert lost == {store: set() for store in lost}

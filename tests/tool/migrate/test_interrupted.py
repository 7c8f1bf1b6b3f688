"""A run that was killed, or whose stores changed under it: it goes on, or goes back, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.tool.migrate.stores import Stores, different, item, meaning
from tvmigrate.contract import new, old
from tvmigrate.contract.policy import Policy
from tvmigrate.errors import UsageError
from tvmigrate.migrate.errors import SourceChanged

# Some moments that tell much; tests/crash kills at every write.
MOMENTS = (
    "backup.elasticsearch",
    "redis_parts.carry_out#1",
    "clickhouse.fill#2",
    "elasticsearch_bulk.send#1",
    "switch.elasticsearch",
    "redis_parts.remove_batch#1",
)


@pytest.fixture(scope="module")
def migrated(endpoints: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run that nobody kills ends in."""
    from tvmigrate.engines.clients import Clients  # noqa: PLC0415

    with Clients(endpoints) as clients:
        stores = Stores(endpoints, clients, tmp_path_factory.mktemp("whole") / "state")
        stores.fill("clean")
        mixed(stores)
        stores.apply()
        return meaning(stores.picture())


def mixed(stores: Stores) -> None:
    """Add a list of which one item stays."""
    stores.clients.redis.rpush("metrics:mixed", "0.5", item("mixed", 1, 1))


@pytest.mark.parametrize("where", MOMENTS)
def test_apply_goes_on_after_a_kill_and_rollback_after_that_loses_nothing(
    stores: Stores, migrated: dict[str, Any], where: str
) -> None:
    mixed(stores)
    before = stores.picture()
    stores.killed("apply", where)
    assert stores.status().startswith("In progress: the run ")
    done = stores.apply(None)
    assert done.changed
    assert different(migrated, meaning(stores.picture())) == {}
    stores.rollback()
    assert different(before, stores.picture()) == {}


@pytest.mark.parametrize("where", MOMENTS[1::2])
def test_rollback_of_an_unfinished_run_ends_where_it_began(stores: Stores, where: str) -> None:
    mixed(stores)
    before = stores.picture()
    stores.killed("apply", where)
    assert stores.rollback().changed
    assert different(before, stores.picture()) == {}


@pytest.mark.parametrize(
    "where",
    [
        "restore.clickhouse",
        "clickhouse._give_name#2",
        "elasticsearch.clone#1",
        "clean.redis",
        "clickhouse.drop#3",
        "clean.elasticsearch",
    ],
)
def test_rollback_goes_on_after_a_kill(stores: Stores, where: str) -> None:
    mixed(stores)
    before = stores.picture()
    stores.apply()
    stores.killed("rollback", where)
    assert stores.status().startswith("Rolling back: the run ")
    stores.rollback()
    assert different(before, stores.picture()) == {}


def test_a_clone_that_a_killed_rollback_left_half_made_is_made_anew_though_somebody_dropped_the_alias(
    stores: Stores,
) -> None:
    before = stores.picture()
    stores.apply()
    stores.clients.elasticsearch.indices.delete_alias(index=new.INDEX.name, name=new.ALIAS)
    stores.killed("rollback", "elasticsearch.clone#1")
    stores.clients.elasticsearch.indices.create(index=old.INDEX.name)  # what a clone that was cut short can leave
    stores.rollback()
    assert different(before, stores.picture()) == {}


def test_an_interrupted_run_goes_on_only_with_its_own_options(stores: Stores) -> None:
    stores.killed("apply", "build.redis")
    with pytest.raises(UsageError) as refused:
        stores.apply(Policy(show="another", timezone="Asia/Ho_Chi_Minh"))
    run_id = stores.folder().name
    assert str(refused.value) == (
        f"The interrupted run {run_id} was begun with --show the_voice --timezone UTC, and now it is --show another "
        "--timezone Asia/Ho_Chi_Minh. Go on with the same options, or run `tvmigrate rollback` first."
    )


CHANGES: dict[str, tuple[str, Callable[[Stores], object]]] = {
    "redis_value": ("compare.redis", lambda s: s.clients.redis.set("eaos:contestant_1", '{"score": 0, "positive": 1}')),
    "redis_new_key": ("compare.redis", lambda s: s.clients.redis.set("eaos:late", '{"score": 0, "positive": 1}')),
    "redis_list": ("compare.redis", lambda s: s.clients.redis.rpush("metrics:buzz", item("late", 1, 1))),
    "clickhouse_row": (
        "compare.clickhouse",
        lambda s: s.clients.clickhouse.command(
            f"INSERT INTO {old.DATABASE}.comments (comment_id, entity, sentiment) VALUES ('late', 'e', 'neutral')"
        ),
    ),
    "document": (
        "build.elasticsearch",
        lambda s: s.clients.elasticsearch.index(
            index="tv_comments",
            id="late",
            document={"text": "x", "entity": "late", "ts": 1, "sentiment": "neutral", "score": 1},
        ),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_old_data_that_change_during_the_run_stop_it_and_the_next_apply_takes_them_along(
    stores: Stores, change: tuple[str, Callable[[Stores], object]]
) -> None:
    step, meddle = change
    with pytest.raises(SourceChanged, match="again"):
        stores.apply_with(step, lambda: meddle(stores))
    done = stores.apply(None)
    assert done.changed
    assert all(line.balanced for line in done.ledger)
    late = {
        "eaos:current:the_voice/late": stores.clients.redis.exists("eaos:current:the_voice/late"),
        "events:the_voice/late:1970-01-01": stores.clients.redis.exists("events:the_voice/late:1970-01-01"),
        "score": stores.clients.redis.hget("eaos:current:the_voice/contestant_1", "score") == b"0",
        "row": stores.clients.clickhouse.query(
            f"SELECT count() FROM {new.DATABASE}.raw_comments WHERE comment_id = 'late'"
        ).result_rows[0][0],
        "document": stores.clients.elasticsearch.exists(index=new.ALIAS, id="late").body,
    }
    assert sum(map(bool, late.values())) == 1


def test_stores_that_were_filled_anew_have_no_run_to_go_on_with(stores: Stores) -> None:
    first = stores.apply()
    stores.fill("clean")
    assert stores.status().startswith("Not begun: ")
    second = stores.apply()
    assert first.run is not None
    assert second.run is not None
    assert second.changed
    assert second.run.id != first.run.id

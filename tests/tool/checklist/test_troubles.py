"""The guide's four troubles: each named where an item fails for it, with a remedy that loses nothing."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.tool.migrate.stores import Stores
from tvmigrate.checklist.item import Light, Name
from tvmigrate.checklist.run import LOOKS
from tvmigrate.checklist.site import Site
from tvmigrate.checklist.trouble import (
    MAPPING_CONFLICT,
    QUERY_TIMEOUT,
    REDIS_REFUSED,
    TABLE_EXISTS,
    Trouble,
    troubles_in,
)
from tvmigrate.contract import new, old

EVERY = (TABLE_EXISTS, REDIS_REFUSED, MAPPING_CONFLICT, QUERY_TIMEOUT)


def test_an_old_table_under_a_new_name_is_named(site: Site, stores: Stores) -> None:
    client, database = stores.clients.clickhouse, new.DATABASE
    client.command(f"RENAME TABLE {database}.eaos_metrics TO {database}.right_one")
    client.command(old.EAOS_METRICS.create(database))
    with pytest.raises(ClickHouseError, match="already exists") as refused:
        client.command(new.EAOS_METRICS.create(database))
    try:
        item = LOOKS[Name.SCHEMA](site)
    finally:
        client.command(f"DROP TABLE {database}.eaos_metrics SYNC")
        client.command(f"RENAME TABLE {database}.right_one TO {database}.eaos_metrics")
    assert (item.light, item.troubles) == (Light.RED, (TABLE_EXISTS,))
    assert troubles_in([str(refused.value)]) == (TABLE_EXISTS,)


def test_a_redis_that_refuses_is_named(site: Site) -> None:
    away = replace(site, endpoints=replace(site.endpoints, redis="redis://:secret@127.0.0.1:1"))
    item = LOOKS[Name.SERVICES](away)
    assert (item.light, item.troubles) == (Light.RED, (REDIS_REFUSED,))
    assert "secret" not in str(item)
    agent = LOOKS[Name.AGENT](away)
    assert (agent.light, agent.troubles) == (Light.COULD_NOT_LOOK, (REDIS_REFUSED,))


def test_a_mapping_that_grew_by_itself_is_named(site: Site, stores: Stores) -> None:
    client = stores.clients.elasticsearch
    client.index(index="grown", document={"comment_id": "1", "timestamp": "yesterday"}, refresh=True)
    actions = [
        {"remove": {"index": new.INDEX.name, "alias": new.ALIAS}},
        {"add": {"index": "grown", "alias": new.ALIAS}},
    ]
    client.indices.update_aliases(actions=actions)
    try:
        item = LOOKS[Name.SCHEMA](site)
    finally:
        actions = [
            {"remove": {"index": "grown", "alias": new.ALIAS}},
            {"add": {"index": new.INDEX.name, "alias": new.ALIAS}},
        ]
        client.indices.update_aliases(actions=actions)
        client.indices.delete(index="grown")
    assert (item.light, item.troubles) == (Light.RED, (MAPPING_CONFLICT,))
    assert any(sentence.startswith("Field timestamp of grown is mapped as") for sentence in item.why)


def test_a_clickhouse_that_takes_too_long_is_named(site: Site, stores: Stores) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        slow = replace(site, endpoints=replace(site.endpoints, clickhouse=url), timeout=1)
        item = LOOKS[Name.SERVICES](slow)
    assert (item.light, item.troubles) == (Light.RED, (QUERY_TIMEOUT,))
    with pytest.raises(ClickHouseError) as refused:
        stores.clients.clickhouse.query(
            "SELECT sum(sleepEachRow(0.1)) FROM numbers(20) SETTINGS max_execution_time = 0.2"
        )
    assert troubles_in([str(refused.value)]) == (QUERY_TIMEOUT,)


def test_a_store_that_is_away_is_not_called_another_ones_trouble() -> None:
    told = "clickhouse at http://127.0.0.1:1 does not answer: Connection refused. elasticsearch timed out"
    assert troubles_in([told, "All three answer: redis_client_v2"]) == ()


@pytest.mark.parametrize("trouble", EVERY, ids=lambda trouble: trouble.cause)
def test_no_remedy_says_to_drop_delete_or_empty_anything(trouble: Trouble) -> None:
    """Assert that the guide's own remedies, which lose data, stand here only as what not to do."""
    for sentence in trouble.remedy.split(". "):
        for word in ("FLUSH", "DROP", "Delete the index"):
            assert word not in sentence

"""Elasticsearch indices as wholes: cloned, found behind an alias, told apart by their last change, saved."""

from __future__ import annotations

from elasticsearch import Elasticsearch

from tvmigrate.contract import new
from tvmigrate.dataset.write import DocumentsWriter, write_index
from tvmigrate.migrate import documents
from tvmigrate.migrate.errors import ShardsAway
from tvmigrate.migrate.work import Work

BLOCK = "index.blocks.write"
REPLICAS = "index.number_of_replicas"
REFRESH = "index.refresh_interval"
SHARDS = "index.number_of_shards"
NONE_ACTIVE = "0"  # an answer that comes as soon as the cluster knows of an index


def clone(work: Work, source: str, target: str) -> None:
    """Clone an index that is closed to writes, and wait until it is there."""
    begin_clone(work, source, target)
    wait_until_there(work, target)


def begin_clone(work: Work, source: str, target: str) -> None:
    """Have an index that is closed to writes cloned; what an interrupted clone left under `target` goes first.

    The number of replicas is said: a clone would have one, whatever its source has
    (https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-clone).
    """
    client = work.clients.elasticsearch
    settings = work.noted("elasticsearch.settings")
    client.options(ignore_status=404).indices.delete(index=target)
    client.indices.clone(
        index=source,
        target=target,
        settings={REPLICAS: settings[REPLICAS]},
        timeout="5m",
        wait_for_active_shards=NONE_ACTIVE,
    )


def wait_until_there(work: Work, index: str) -> None:
    """Wait until every copy of an index that was made is there."""
    work.clients.elasticsearch.cluster.health(
        index=index, wait_for_status="yellow", wait_for_no_initializing_shards=True, timeout="5m"
    )


def create_new(work: Work) -> None:
    """Make the new index empty, as it is while it is being filled: one copy, and not searched.

    https://www.elastic.co/docs/deploy-manage/production-guidance/optimize-performance/indexing-speed
    """
    client = work.clients.elasticsearch
    client.options(ignore_status=404).indices.delete(index=new.INDEX.name)
    client.indices.create(
        index=new.INDEX.name,
        mappings=dict(new.INDEX.mappings),
        settings={
            **new.INDEX.settings,
            SHARDS: work.noted("elasticsearch.settings")[SHARDS],
            REPLICAS: 0,
            REFRESH: -1,
        },
        wait_for_active_shards=NONE_ACTIVE,  # the first bulk request waits for them
    )


def open_new(work: Work) -> None:
    """Give the filled index the settings that it is to have, and wait for its copies to have every document."""
    client = work.clients.elasticsearch
    settings = {REFRESH: None, REPLICAS: work.noted("elasticsearch.settings")[REPLICAS]}
    client.indices.put_settings(index=new.INDEX.name, settings=settings)
    client.indices.refresh(index=new.INDEX.name)
    wait_until_there(work, new.INDEX.name)


def indices_behind(client: Elasticsearch, alias: str) -> list[str]:
    """Return the indices that `alias` stands for; none if it is no alias."""
    if not client.indices.exists_alias(name=alias):
        return []
    return sorted(client.indices.get_alias(name=alias))


def sequence(client: Elasticsearch, index: str) -> dict[str, int]:
    """Return the highest sequence number of each shard: another one after any write or delete.

    Raises:
        ShardsAway: a shard is away.
    """
    shards = client.indices.stats(index=index, level="shards")["indices"][index]["shards"]
    primaries = {
        number: copy["seq_no"]["max_seq_no"]
        for number, copies in shards.items()
        for copy in copies
        if copy["routing"]["primary"]
    }
    due = int(client.indices.get_settings(index=index, flat_settings=True)[index]["settings"][SHARDS])
    if len(primaries) != due:
        raise _away(index, due - len(primaries))
    return primaries


def count(client: Elasticsearch, index: str) -> int:
    """Return how many documents an index has; raises ShardsAway where a shard is away."""
    answer = client.count(index=index)
    if failed := answer["_shards"]["total"] - answer["_shards"]["successful"]:
        raise _away(index, failed)
    return int(answer["count"])


def _away(index: str, shards: int) -> ShardsAway:
    return ShardsAway(
        f"{shards} shards of {index} are away: is a node of the Elasticsearch cluster down? Bring it back, then run "
        "the command again: it goes on where it stopped."
    )


def save_changed(work: Work) -> None:
    """Write new documents that came or changed since the comparison to `after_switch`, before they go."""
    client = work.clients.elasticsearch
    before = work.noted("elasticsearch.new_sequence")
    if before is None or not client.indices.exists(index=new.INDEX.name):
        return
    client.indices.refresh(index=new.INDEX.name)
    if sequence(client, new.INDEX.name) == before:
        return
    about = client.indices.get(index=new.INDEX.name)[new.INDEX.name]
    write_index(work.after_switch, new.INDEX.name, about["settings"], about["mappings"])
    # Sequence numbers count by shard: the lowest of them takes in every change, and maybe some that are none.
    where = {"range": {"_seq_no": {"gt": min(before.values())}}}
    with (
        documents.text_client(work.endpoints.elasticsearch) as reader,
        DocumentsWriter(work.after_switch / "elasticsearch" / f"{new.INDEX.name}.ndjson") as writer,
    ):
        for page in documents.pages_of(reader, new.INDEX.name, where):
            writer.write_pairs(page)
    work.say(
        f"{new.INDEX.name} was written to after the switch; {writer.records} documents were saved in "
        f"{work.after_switch} before the index goes.",
        "warning",
    )

"""Elasticsearch's steps: the old index closed to writes and cloned, the new one built, the alias switched; and back."""

from __future__ import annotations

import hashlib

from elasticsearch import Elasticsearch

from tvmigrate.contract import new
from tvmigrate.contract.outcome import Store
from tvmigrate.contract.policy import Policy
from tvmigrate.dataset.write import DocumentsWriter, write_index
from tvmigrate.migrate import documents
from tvmigrate.migrate.backup import keep, require_digest
from tvmigrate.migrate.elasticsearch_compare import Sum, compare
from tvmigrate.migrate.elasticsearch_index import (
    BLOCK,
    REPLICAS,
    begin_clone,
    clone,
    count,
    create_new,
    indices_behind,
    open_new,
    sequence,
    wait_until_there,
)
from tvmigrate.migrate.elasticsearch_map import Tally, assess, parts, write_part
from tvmigrate.migrate.elasticsearch_moved import moved
from tvmigrate.migrate.errors import NotEqual, SourceChanged
from tvmigrate.migrate.moved import folder, told
from tvmigrate.migrate.moved import keep as keep_moved
from tvmigrate.migrate.spool import Spool
from tvmigrate.migrate.work import Found, Work

__all__ = [
    "backup", "build", "clean", "compare", "finish", "inspect", "remove", "restore", "switch"
]  # fmt: skip


def inspect(client: Elasticsearch, url: str, policy: Policy, spool: Spool | None) -> Found:
    """Look at the live index, and count what becomes of its documents into `spool`, unless that is None."""
    index = policy.layout.index
    found = Found()
    aliased = indices_behind(client, index)
    if aliased:
        found.blockers.append(
            f"{index} in Elasticsearch is an alias of {', '.join(aliased)}; expected is an index of that name. Is it "
            "migrated already? If not, clone the index behind the alias to that name."
        )
        return found
    if not client.indices.exists(index=index):
        found.blockers.append(
            f"Elasticsearch has no index {index}; point ELASTICSEARCH_URL at the cluster that holds it, or create it "
            "empty if there is nothing to migrate."
        )
        return found
    found.blockers += _in_the_way(client, index)
    found.blockers += [
        f"The layout file says nothing of the field {name} in the mapping of the Elasticsearch index {index}. Say what "
        "it means under elasticsearch.fields, or name it under elasticsearch.ignore: then it goes to the archive."
        for name in client.indices.get(index=index)[index]["mappings"].get("properties", {})
        if name not in policy.layout.document_fields and policy.layout.unnamed(Store.ELASTICSEARCH, [name])
    ]
    if client.indices.exists(index=new.INDEX.name):
        found.blockers.append(
            f"The Elasticsearch index {new.INDEX.name} is there already; the migration makes it anew. Finish or roll "
            "back the run that made it, or delete it."
        )
    own = client.indices.get_alias(index=index)[index]["aliases"]
    if own:
        found.blockers.append(
            f"The Elasticsearch index {index} has the alias {', '.join(sorted(own))}, which would go with it. Remove "
            "the alias, and point it at the new index after the migration."
        )
    routed = int(client.count(index=index, query={"exists": {"field": "_routing"}})["count"])
    if routed:
        found.blockers.append(
            f"The Elasticsearch index {index} holds documents with a routing of their own ({routed}), which the new "
            "layout has not. Index them again without it."
        )
    if spool is None:
        return found
    read = 0
    with documents.text_client(url) as reader:
        for page in documents.pages_of(reader, index):
            tally = Tally()
            assess(page, policy, tally)
            with spool.together():
                tally.keep(spool, index)
            read += len(page)
    found.counts[f"documents of {index}"] = read
    return found


def _in_the_way(client: Elasticsearch, index: str) -> list[str]:
    """Return a blocker where the alias to be is another index or alias than the old index."""
    if index == new.ALIAS or not client.indices.exists(index=new.ALIAS):
        return []
    sentence = (
        f"{new.ALIAS} is in Elasticsearch already, and is to be the alias of the new index. The layout file names "
        f"{index} as the old one: rename or delete what is called {new.ALIAS}."
    )
    return [sentence]


def backup(work: Work) -> None:
    """Write settings, mappings and every document of the old index as dataset files."""
    index = work.layout.index
    client = work.clients.elasticsearch
    about = client.indices.get(index=index)[index]
    settings = client.indices.get_settings(index=index, flat_settings=True)[index]["settings"]
    if work.noted("elasticsearch.settings") is None:
        work.note("elasticsearch.settings", settings)
    elif BLOCK not in work.noted("elasticsearch.settings"):  # the write block of an earlier try is ours
        about["settings"]["index"].pop("blocks", None)
    keep(work, write_index(work.backup, index, about["settings"], about["mappings"]))
    work.note("elasticsearch.sequence", sequence(client, index))
    client.indices.refresh(index=index)
    total = count(client, index)
    with (
        documents.text_client(work.endpoints.elasticsearch) as reader,
        DocumentsWriter(work.backup / "elasticsearch" / f"{index}.ndjson") as writer,
    ):
        for page in documents.pages_of(reader, index):
            writer.write_pairs(page)
            work.advanced("backup.elasticsearch", writer.records, total)
        if writer.records != total:
            raise SourceChanged(
                f"The Elasticsearch index {index} changed while it was being backed up ({total} documents counted, "
                f"{writer.records} read). Stop what writes to it, then run `tvmigrate apply` again."
            )
    keep(work, writer.close())
    work.note("elasticsearch.documents", total)


def build(work: Work) -> None:
    """Close the old index to writes, clone it to the kept copy, and write the new index from the backup."""
    index = work.layout.index
    client = work.clients.elasticsearch
    work.note("elasticsearch.frozen", True)
    client.indices.put_settings(index=index, settings={BLOCK: True})
    require_same(work)
    create_new(work)
    kept = new.kept_index(index, work.run.id)
    begin_clone(work, index, kept)  # while the new index is being written
    file = work.backup / "elasticsearch" / f"{index}.ndjson"
    seen = hashlib.sha256()
    read = written = digests = 0
    with work.spool.together():
        work.spool.clear(Store.ELASTICSEARCH)
        total = work.noted("elasticsearch.documents")
        due = parts(file, work.endpoints.elasticsearch, new.INDEX.name, work.policy, seen.update)
        for tally in work.workers.each(write_part, due):
            tally.keep(work.spool, index)
            read += tally.read
            written += tally.mapped
            digests += tally.digests
            work.advanced("build.elasticsearch", read, total)
    require_digest(work, file, seen.hexdigest())
    work.note("elasticsearch.written", Sum(written, digests).noted())
    open_new(work)
    wait_until_there(work, kept)


def require_same(work: Work) -> None:
    """Return if nothing was written to the old index since its backup.

    Raises:
        SourceChanged: something was; which documents, and what depends on the backup is to be done again.
    """
    index = work.layout.index
    if sequence(work.clients.elasticsearch, index) == work.noted("elasticsearch.sequence"):
        return
    words = told(moved(work, index))
    work.redo(Store.ELASTICSEARCH)
    raise SourceChanged(
        f"The Elasticsearch index {index} changed since its backup: {words}. It is closed to writes now: run "
        "`tvmigrate apply` again, it takes a new backup; `tvmigrate rollback` opens the index again."
    )


def switch(work: Work) -> None:
    """Replace the old index by the alias, in one call.

    What somebody wrote to the closed index after the comparison is in the kept copy then, and listed.
    """
    index = work.layout.index
    client = work.clients.elasticsearch
    if indices_behind(client, new.ALIAS) == [new.INDEX.name]:
        return
    client.indices.put_settings(index=index, settings={BLOCK: True})
    kept = new.kept_index(index, work.run.id)
    if sequence(client, index) != work.noted("elasticsearch.sequence"):
        clone(work, index, kept)
        keep_moved(work, Store.ELASTICSEARCH, moved(work, kept, folder(work) / "elasticsearch"))
        work.note("elasticsearch.documents", count(client, kept))
    client.indices.update_aliases(
        actions=[
            {"remove_index": {"index": index}},
            {"add": {"index": new.INDEX.name, "alias": new.ALIAS}},
        ]
    )


def remove(work: Work) -> None:
    """Say where the old index is kept: the switch has removed it under its old name."""
    index = work.layout.index
    work.say(f"Elasticsearch keeps {new.kept_index(index, work.run.id)} until finish.")


def restore(work: Work) -> None:
    """Bring the old index back under its name: from the kept copy after the switch, else by opening it again."""
    index = work.layout.index
    client = work.clients.elasticsearch
    if not work.noted("elasticsearch.frozen"):
        return
    kept = new.kept_index(index, work.run.id)
    if indices_behind(client, new.ALIAS) == [new.INDEX.name]:
        work.note("elasticsearch.alias_dropped", True)
        client.indices.delete_alias(index=new.INDEX.name, name=new.ALIAS)
    if work.noted("elasticsearch.alias_dropped") or not client.indices.exists(index=index):
        work.note("elasticsearch.alias_dropped", True)
        if not work.noted("elasticsearch.brought_back"):
            clone(work, kept, index)
            work.note("elasticsearch.brought_back", True)
    settings = work.noted("elasticsearch.settings")
    client.indices.put_settings(index=index, settings={BLOCK: settings.get(BLOCK), REPLICAS: settings[REPLICAS]})
    client.indices.refresh(index=index)
    there = count(client, index)
    due = work.noted("elasticsearch.documents")
    if there < due:
        raise NotEqual(
            f"{index} was brought back with {there} documents where the backup has {due}. {kept} and {work.backup} "
            "still hold them; nothing else was dropped. Run `tvmigrate rollback` again."
        )


def clean(work: Work) -> None:
    """Delete the new index and the kept copy: the old index is back."""
    index = work.layout.index
    if not work.noted("elasticsearch.frozen"):
        return
    client = work.clients.elasticsearch.options(ignore_status=404)
    client.indices.delete(index=new.INDEX.name)
    client.indices.delete(index=new.kept_index(index, work.run.id))


def finish(work: Work) -> None:
    """Delete the kept copy."""
    index = work.layout.index
    kept = new.kept_index(index, work.run.id)
    work.clients.elasticsearch.options(ignore_status=404).indices.delete(index=kept)

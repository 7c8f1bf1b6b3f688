"""The new index is compared, whole, with what the backup maps to before anything is switched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.tool.migrate.stores import Stores
from tvmigrate.contract import new, old
from tvmigrate.migrate.errors import NotEqual

INDEX = new.INDEX.name


def first(stores: Stores) -> Any:
    return stores.clients.elasticsearch.search(index=INDEX, size=1, sort=["comment_id"])["hits"]["hits"][0]


def change(stores: Stores) -> None:
    hit = first(stores)
    source = {**hit["_source"], "engagement_score": 0.5}
    stores.clients.elasticsearch.index(index=INDEX, id=hit["_id"], document=source, refresh=True)


def drop(stores: Stores) -> None:
    stores.clients.elasticsearch.delete(index=INDEX, id=first(stores)["_id"], refresh=True)


def copy(stores: Stores) -> None:
    stores.clients.elasticsearch.index(index=INDEX, id="another", document=first(stores)["_source"], refresh=True)


def unset(stores: Stores) -> None:
    stores.clients.elasticsearch.indices.put_settings(index=INDEX, settings={"index.refresh_interval": "-1"})


WRONG: dict[str, tuple[Callable[[Stores], None], str]] = {
    "changed": (change, f"The new document 'k001' of {INDEX} is not what was written."),
    "missing": (drop, f"{INDEX} has 59 documents where 60 are due."),
    "extra": (copy, f"The new document 'another' of {INDEX} is not what was written."),
    "settings": (unset, f"index.refresh_interval of {INDEX} is '-1', and should be None."),
}


@pytest.mark.parametrize(("meddle", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_new_index_that_is_not_what_was_written_is_named_and_not_switched_to(
    stores: Stores, meddle: Callable[[Stores], None], says: str
) -> None:
    with pytest.raises(NotEqual) as stopped:
        stores.apply_with("compare.elasticsearch", lambda: meddle(stores))
    assert str(stopped.value) == f"{says} Nothing was switched; run `tvmigrate rollback`."
    assert not stores.clients.elasticsearch.indices.exists_alias(name=new.ALIAS)


def test_a_backup_that_changes_before_it_is_built_from_stops_the_run(stores: Stores) -> None:
    def meddle() -> None:
        path = stores.folder() / "backup" / "elasticsearch" / f"{old.INDEX.name}.ndjson"
        path.write_bytes(b"".join(sorted(path.read_bytes().splitlines(keepends=True), reverse=True)))

    with pytest.raises(NotEqual, match="is no longer what was written: it has the sha256"):
        stores.apply_with("build.elasticsearch", meddle)


def test_a_built_index_is_searched_and_copied_as_the_old_one_was(stores: Stores) -> None:
    stores.apply()
    settings = stores.clients.elasticsearch.indices.get_settings(index=INDEX, flat_settings=True)[INDEX]["settings"]
    assert settings["index.number_of_replicas"] == "0"
    assert "index.refresh_interval" not in settings

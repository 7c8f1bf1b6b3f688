"""What Elasticsearch refuses to take stops a run, and is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.migrate.documents import write_all
from tvmigrate.migrate.errors import MigrationError

INDEX = "only_numbers"


@pytest.fixture
def clients(endpoints: Endpoints) -> Iterator[Clients]:
    """Clients of engines that have an index which takes documents with a number `n`, and no others."""
    with Clients(endpoints) as clients:
        indices = clients.elasticsearch.indices
        clients.elasticsearch.options(ignore_status=404).indices.delete(index=INDEX)
        indices.create(index=INDEX, mappings={"dynamic": "strict", "properties": {"n": {"type": "integer"}}})
        yield clients
        indices.delete(index=INDEX)


def test_a_document_that_is_refused_is_named_with_the_reason(clients: Clients) -> None:
    documents = [("one", '{"n": 1}'), ("odd", '{"m": 2}'), ("three", '{"n": 3}')]
    with pytest.raises(MigrationError) as refused:
        list(write_all(clients.elasticsearch, INDEX, documents))
    assert str(refused.value) == (
        "Elasticsearch refused the document 'odd' of only_numbers: strict_dynamic_mapping_exception: [1:7] mapping set "
        "to strict, dynamic introduction of [m] within [_doc] is not allowed. Nothing was switched; run `tvmigrate "
        "rollback`, and report the document: the contract should have set it aside."
    )

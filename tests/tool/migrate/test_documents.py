"""What Elasticsearch refuses to take stops a run, and is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tvmigrate.engines.clients import Clients
from tvmigrate.engines.endpoints import Endpoints
from tvmigrate.migrate.elasticsearch_bulk import Bulk
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
    bulk = Bulk(clients.elasticsearch, INDEX)
    for name, source in ((b'"one"', b'{"n": 1}'), (b'"odd"', b'{"m": 2}'), (b'"three"', b'{"n": 3}')):
        bulk.add(name, source)
    with pytest.raises(MigrationError) as refused:
        bulk.close()
    assert str(refused.value) == (
        "Elasticsearch refused the document 'odd' of only_numbers: strict_dynamic_mapping_exception: [1:7] mapping set "
        "to strict, dynamic introduction of [m] within [_doc] is not allowed. Nothing was switched; run `tvmigrate "
        "rollback`, and report the document: the contract should have set it aside."
    )


def test_many_documents_in_many_requests_are_all_there(clients: Clients) -> None:
    filler = b'{"n": 1}' + b" " * (64 << 10)
    with Bulk(clients.elasticsearch, INDEX) as bulk:
        for number in range(100):
            bulk.add(b'"%d"' % number, filler)
    clients.elasticsearch.indices.refresh(index=INDEX)
    assert clients.elasticsearch.count(index=INDEX)["count"] == 100

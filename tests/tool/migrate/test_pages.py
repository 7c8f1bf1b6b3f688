from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tvmigrate.migrate import documents

# What a _source may hold that looks like the marks between two hits.
MARKS = (
    ',"sort":[1]},{"_index":"tv","_id":"b","_score":null,"_source":{}',
    ',"sort":[0]},{"_index":"tv","_id":"b","_score":null,"_source":{',
    '"_source":{',
    '"hits":[',
    "]}}",
    "\\",
    '"',
)
TEXTS = st.lists(st.sampled_from(MARKS) | st.text(max_size=4), max_size=3).map("".join)
VALUES = st.recursive(
    TEXTS | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS | st.sampled_from(("sort", "_source")), inner),
    max_leaves=5,
)
SOURCES = st.dictionaries(TEXTS | st.sampled_from(("sort", "_source", "hits")), VALUES, max_size=3)
# A search's answer kept as a document, with just the marks of the answer that it comes in.
KEPT = {"hits": [{"_index": "tv", "_id": "a", "_score": None, "_source": {}, "sort": [0]}]}
KEPT["hits"].append({"_index": "tv", "_id": "b", "_score": None, "_source": {}, "sort": [1]})


def answer(hits: list[tuple[str, str, list[str]]]) -> bytes:
    """Write hits (id, text of the source, names of ignored fields) as Elasticsearch does."""
    written = []
    for position, (name, source, ignored) in enumerate(hits):
        left_out = f'"_ignored":{json.dumps(ignored, separators=(",", ":"))},' if ignored else ""
        doc_id = json.dumps(name, ensure_ascii=False)
        written.append(
            f'{{"_index":"tv","_id":{doc_id},"_score":null,{left_out}"_source":{source},"sort":[{position}]}}'
        )
    head = '{"pit_id":"x==","took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},'
    return f'{head}"hits":{{"max_score":null,"hits":[{",".join(written)}]}}}}'.encode()


def compact(source: object) -> str:
    return json.dumps(source, ensure_ascii=False, separators=(",", ":"))


HITS = st.lists(
    st.tuples(
        st.sampled_from(("a", "b", 'q"', "\\", "đ")),
        SOURCES.map(compact)
        | SOURCES.map(json.dumps)
        | st.sampled_from(('{"n":1.50}', '{"n":1e400}', '{"a":"\\ud83d"}')),
        st.lists(st.sampled_from(("text", "a.b")), max_size=2, unique=True),
    ),
    max_size=4,
)


@given(HITS)
@example([])
@example([("a", compact(KEPT), []), ("b", "{}", [])])
def test_a_page_cut_at_its_marks_is_the_page_read_with_care(hits: list[tuple[str, str, list[str]]]) -> None:
    quick, careful = documents._quick_page(answer(hits)), documents._careful_page(answer(hits))
    assert [(json.loads(name), source.decode()) for name, source in careful.pairs] == [hit[:2] for hit in hits]
    if quick is not None:
        assert quick.pairs == careful.pairs
        assert quick.after == careful.after
        assert quick.envelope["_shards"] == careful.envelope["_shards"]


def test_an_ordinary_page_is_cut_at_its_marks() -> None:
    page = documents._quick_page(answer([("a", '{"n":1.50}', []), ("b", '{"t":"x"}', ["t"])]))
    assert page is not None
    assert page.pairs == [(b'"a"', b'{"n":1.50}'), (b'"b"', b'{"t":"x"}')]
    assert page.after == [1]


@pytest.mark.parametrize("source", ['{"t":"half \\ud83d"}', '{"n":1e400}', '{"a":1,"a":2}'])
def test_a_document_that_only_a_store_takes_does_not_have_its_page_read_with_care(source: str) -> None:
    """Assert it of what the quick parser refuses: one such document made all of its page slow."""
    page = documents._quick_page(answer([("a", '{"n":1}', []), ("b", source, [])]))
    assert page is not None
    assert page.pairs[1] == (b'"b"', source.encode())

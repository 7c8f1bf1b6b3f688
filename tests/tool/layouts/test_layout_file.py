"""A layout file says all of what a site calls its old data, or is refused in a whole sentence that names the place."""

from __future__ import annotations

import pickle
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tvmigrate.contract import old
from tvmigrate.contract.old_layout import CONTRACT
from tvmigrate.errors import UsageError
from tvmigrate.old_layout import read_old_layout
from tvmigrate.old_layout_document import document_of, parse

OTHER = Path(__file__).parents[3] / "fixtures" / "other" / "layout.toml"
COMMENTS = {name: name for name in old.COMMENTS.column_names}


def whole(**changes: Any) -> dict[str, Any]:
    return {"clickhouse": {"comments": {"columns": COMMENTS} | changes}}


def test_an_empty_document_is_the_contracts_layout_and_refuses_what_it_does_not_name() -> None:
    layout = parse({}, "x")
    assert document_of(layout) == document_of(parse(document_of(layout) or {}, "x"))
    assert layout.from_file
    assert layout.eaos_ignored == ()
    assert layout.comments.read() == CONTRACT.comments.read() == "`tv_analytics`.`comments`"


def test_a_layout_comes_back_from_its_document_and_from_another_process() -> None:
    layout = read_old_layout(OTHER)
    assert parse(document_of(layout) or {}, "x") == layout
    assert pickle.loads(pickle.dumps(layout)) == layout  # noqa: S301 - of our own making
    assert document_of(CONTRACT) is None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param(
            {"redis": {"eoas": {}}},
            "x: redis.eoas is unknown; expected are redis.eaos, redis.trend, redis.metrics.",
            id="unknown key",
        ),
        pytest.param({"redis": 3}, "x: redis is 3; expected is a table with eaos, trend, metrics.", id="no table"),
        pytest.param(
            whole(columns=COMMENTS | {"body": "text"}),
            "x: clickhouse.comments.columns.text and clickhouse.comments.columns.body both mean 'text'; only one can.",
            id="two columns of one meaning",
        ),
        pytest.param(
            whole(columns={name: name for name in COMMENTS if name != "username"}),
            "x: nothing under clickhouse.comments.columns means 'username', which is needed. Say which of theirs does, "
            "or name it under clickhouse.comments.absent.",
            id="a column that may be absent",
        ),
        pytest.param(
            whole(columns={name: name for name in COMMENTS if name != "text"}),
            "x: nothing under clickhouse.comments.columns means 'text', which is needed. Say which of theirs does.",
            id="a column that is needed",
        ),
        pytest.param(
            whole(absent=["text"]),
            "x: clickhouse.comments.absent names 'text', without which no record can be mapped; username, engagement, "
            "topics, eaos_score may be absent.",
            id="absent, and needed",
        ),
        pytest.param(
            {"clickhouse": {"eaos_metrics": {"absent": ["comment_count"]}}},
            "x: clickhouse.eaos_metrics.absent names 'comment_count', without which no record can be mapped; none here "
            "may be absent.",
            id="nothing may be absent",
        ),
        pytest.param(
            whole(absent=["topics"]),
            "x: clickhouse.comments.columns.topics is 'topics', and clickhouse.comments.absent says that there is "
            "none.",
            id="absent, and there",
        ),
        pytest.param(
            whole(absent=["colour"]),
            "x: clickhouse.comments.absent names 'colour', which is no meaning; expected is one of comment_id, entity, "
            "text, username, created_at, sentiment, sentiment_score, engagement, topics, eaos_score.",
            id="absent, and unknown",
        ),
        pytest.param(
            {"redis": {"metrics": {"fields": {"who": "wer"}}}},
            "x: redis.metrics.fields.who is 'wer', which is no meaning; expected is one of entity, value, timestamp.",
            id="no meaning",
        ),
        pytest.param(
            {"redis": {"metrics": {"fields": ["who"]}}},
            "x: redis.metrics.fields is ['who']; expected is a table, their name = meaning.",
            id="no table of meanings",
        ),
        pytest.param(
            {"redis": {"metrics": {"fields": {'w"ho': "entity"}}}},
            "x: redis.metrics.fields has the name 'w\"ho', which no field can have here.",
            id="a name that none can be",
        ),
        pytest.param(
            {"elasticsearch": {"ignore": ["text"]}},
            "x: 'text' has a meaning in elasticsearch, and elasticsearch.ignore says it has none.",
            id="a meaning, and ignored",
        ),
        pytest.param(
            {"elasticsearch": {"ignore": ["a", "a"]}},
            "x: elasticsearch.ignore names 'a' twice; once is enough.",
            id="ignored twice",
        ),
        pytest.param(
            {"elasticsearch": {"ignore": "lang"}},
            "x: elasticsearch.ignore is 'lang'; expected is a list of names.",
            id="no list",
        ),
        pytest.param(
            {"redis": {"trend": {"prefix": ""}}},
            "x: redis.trend.prefix is ''; expected is a text, not empty.",
            id="an empty prefix",
        ),
        pytest.param(
            {"redis": {"trend": {"prefix": "a*"}}},
            "x: redis.trend.prefix is 'a*'; a prefix with * cannot be searched for in Redis.",
            id="a pattern",
        ),
        pytest.param(
            {"redis": {"trend": {"prefix": "eaos:x"}}},
            "x: redis.eaos.prefix 'eaos:' and redis.trend.prefix 'eaos:x' begin alike, so that a key may be of both. "
            "Give each the part that tells them apart.",
            id="two prefixes alike",
        ),
        pytest.param(
            {"redis": {"metrics": {"prefix": "events:"}}},
            "x: redis.metrics.prefix 'events:' and the new layout's 'events:' begin alike, so that nobody could tell "
            "old keys from new ones. Rename the old keys first.",
            id="a new prefix",
        ),
        pytest.param(
            {"clickhouse": {"comments": {"table": "raw_comments"}}},
            "x: clickhouse.comments.table is 'raw_comments', which is the name of a new table in tv_analytics. Rename "
            "the old table first.",
            id="a new table",
        ),
        pytest.param(
            {"clickhouse": {"database": "a", "comments": {"table": "b"}, "eaos_metrics": {"table": "b"}}},
            "x: clickhouse.comments.table and clickhouse.eaos_metrics.table are both 'b'; they are two tables.",
            id="one table",
        ),
        pytest.param(
            {"clickhouse": {"database": "a.b"}},
            "x: clickhouse.database is 'a.b'; expected is a name of letters, digits and _ that ClickHouse or "
            "Elasticsearch takes, and that leaves room for the ending of a kept copy.",
            id="no name",
        ),
        pytest.param(
            {"elasticsearch": {"index": "tv_comments_v2"}},
            "x: elasticsearch.index is 'tv_comments_v2', which is the name of the new index. Clone the old index to "
            "another name first.",
            id="the new index",
        ),
    ],
)
def test_a_mistake_is_said_with_its_place(document: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(document, "x")
    assert str(raised.value) == message


def test_two_fields_cannot_both_be_a_comments_id() -> None:
    document = tomllib.loads(OTHER.read_text("utf-8"))
    document["elasticsearch"]["fields"]["key"] = "comment_id"
    with pytest.raises(UsageError) as raised:
        parse(document, "x")
    assert str(raised.value) == (
        "x: elasticsearch.fields.postId and elasticsearch.fields.key both mean 'comment_id'; only one can."
    )


def test_a_file_that_cannot_be_read_or_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_old_layout(tmp_path / "none.toml")
    assert str(raised.value) == (
        f"The layout file {tmp_path / 'none.toml'} cannot be read: No such file or directory. `tvmigrate inspect "
        "--output FILE` writes one."
    )
    (tmp_path / "twice.toml").write_text("[redis]\n[redis]\n")
    with pytest.raises(UsageError) as raised:
        read_old_layout(tmp_path / "twice.toml")
    assert str(raised.value) == (
        f"The layout file {tmp_path / 'twice.toml'} is not TOML: Cannot declare ('redis',) twice (at line 2, column 7)."
    )

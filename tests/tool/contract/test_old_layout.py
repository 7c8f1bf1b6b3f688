"""A site's names stand where the contract's stood, and only its names: the contract's own layout changes nothing."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest

from tvmigrate.contract import old
from tvmigrate.contract.keys import HASH, LIST, STRING, ZSET, NewKey, OldKey, UnrelatedKey, WrongTypeKey, classify
from tvmigrate.contract.old_layout import (
    ABSENT,
    ABSENT_COLUMNS,
    CONTRACT,
    At,
    EaosFields,
    ItemFields,
    OldLayout,
    OldTable,
    fields_of,
    of_contract,
)
from tvmigrate.contract.outcome import Mapped, Quarantined, Rule, Store
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.rules import clickhouse_comment, elasticsearch_document, redis_eaos, redis_metric, redis_trend

COMMENTS = {name: name for name in old.COMMENTS.column_names}
POSTS = OldTable(
    old.COMMENTS,
    "live",
    "posts",
    {name: f"x_{name}" for name in COMMENTS if name not in ABSENT_COLUMNS} | {"username": "text"},
    ("entity", "lang"),
)
HISTORY = replace(of_contract(old.EAOS_METRICS, "live"), name="history")
THEIRS = OldLayout(
    comments=POSTS,
    eaos_metrics=HISTORY,
    eaos_prefix=b"mood:",
    trend_prefix=b"hot:",
    trend_suffix=b"min",
    metrics_prefix=b"series:",
    eaos=EaosFields("moodScore", "meta", "pos", "neg", "neu", "all", "updatedAt", "seenAt"),
    item=ItemFields("who", "reading", "at"),
    eaos_ignored=("editor",),
    index="posts",
    spellings={name: (f"x_{name}",) for name in old.SPELLINGS} | {"text": ("body", "message"), "topics": ()},
    document_id="key",
    document_ignored=("device",),
    from_file=True,
)
POLICY = Policy(keep_entities=True, layout=THEIRS)


def test_the_contracts_own_tables_are_read_as_they_are() -> None:
    assert [(table.name, table.database, table.read(), table.place) for table in CONTRACT.tables] == [
        ("comments", "tv_analytics", "`tv_analytics`.`comments`", "`tv_analytics`.`comments`"),
        ("eaos_metrics", "tv_analytics", "`tv_analytics`.`eaos_metrics`", "`tv_analytics`.`eaos_metrics`"),
    ]
    assert CONTRACT.comments.read("somewhere") == "somewhere"
    assert CONTRACT.comments.theirs == COMMENTS
    assert CONTRACT.comments.alias("entity") == "entity"
    assert (CONTRACT.eaos_ignored, CONTRACT.document_ignored, CONTRACT.from_file) == (None, None, False)
    assert OldLayout() == CONTRACT
    assert not CONTRACT.own_values
    assert CONTRACT.spellings == old.SPELLINGS
    assert (CONTRACT.eaos, CONTRACT.item) == (
        EaosFields("score", "metadata", "positive", "negative", "neutral", "total", "updated_at", "timestamp"),
        ItemFields("entity", "value", "timestamp"),
    )


def test_a_table_of_other_names_is_read_under_the_meanings() -> None:
    meant = (
        "t.`x_comment_id` AS `comment_id`, t.`x_entity` AS `entity`, t.`x_text` AS `text`, t.`text` AS `username`, "
        "t.`x_created_at` AS `created_at`, t.`x_sentiment` AS `sentiment`, t.`x_sentiment_score` AS `sentiment_score`, "
        "toFloat32(0) AS `engagement`, '' AS `topics`, CAST(NULL, 'Nullable(Float32)') AS `eaos_score`, "
        "t.`entity` AS `__theirs_entity`, t.`lang` AS `lang`"
    )
    assert POSTS.read() == f"(SELECT {meant} FROM `live`.`posts` AS t)"
    assert POSTS.read("f(x)", {"lang": "z"}) == f"(SELECT {meant}, t.`lang` AS `z` FROM f(x) AS t)"
    assert replace(POSTS, theirs=COMMENTS).read() == "`live`.`posts`"
    without = {name: name for name in COMMENTS if name != "username"}
    assert "'' AS `username`" in replace(POSTS, theirs=without, ignored=()).read()
    also = replace(POSTS, theirs=COMMENTS, ignored=()).read(also={"text": "z"})
    assert also.endswith("t.`eaos_score` AS `eaos_score`, t.`text` AS `z` FROM `live`.`posts` AS t)")


def test_a_table_knows_what_its_columns_are() -> None:
    assert (POSTS.at, str(POSTS.at), POSTS.at.place) == (At("live", "posts"), "live.posts", "`live`.`posts`")
    assert (POSTS.rule, POSTS.instant, POSTS.is_comments) == (Rule.CLICKHOUSE_COMMENTS, "created_at", True)
    assert (HISTORY.rule, HISTORY.instant, HISTORY.is_comments) == (Rule.CLICKHOUSE_EAOS_METRICS, "recorded_at", False)
    assert (POSTS.columns, POSTS.column_names) == (old.COMMENTS.columns, old.COMMENTS.column_names)
    assert POSTS.order_by == ("x_entity", "x_created_at")
    assert [POSTS.their(name) for name in ("text", "topics")] == ["x_text", "topics"]
    assert [POSTS.read_as(name) for name in ("text", "x_text", "entity", "lang")] == [
        "username", "text", "__theirs_entity", "lang",
    ]  # fmt: skip
    assert POSTS.meaningless(["lang", "x_text", "text", "entity"]) == ["lang", "entity"]


def test_a_layout_knows_its_sources_and_what_it_had_to_name() -> None:
    assert THEIRS.database == "live"
    assert THEIRS.tables == (POSTS, HISTORY)
    assert THEIRS.sources == {
        Rule.REDIS_EAOS: "mood",
        Rule.REDIS_TREND: "hot",
        Rule.REDIS_METRIC: "series",
        Rule.CLICKHOUSE_COMMENTS: "posts",
        Rule.CLICKHOUSE_EAOS_METRICS: "history",
        Rule.ELASTICSEARCH_COMMENTS: "posts",
    }
    assert THEIRS.unnamed(Store.REDIS, ["editor", "meta.editor", "meta.x", "x"]) == ["meta.x", "x"]
    assert THEIRS.unnamed(Store.ELASTICSEARCH, ["device", "lang"]) == ["lang"]
    assert THEIRS.unnamed(Store.CLICKHOUSE, ["lang"]) == []
    assert CONTRACT.unnamed(Store.REDIS, ["x"]) == CONTRACT.unnamed(Store.ELASTICSEARCH, ["x"]) == []
    assert THEIRS.private == {"x_text", "text", "body", "message", "x_username", "entity", "lang", "editor", "device"}
    assert THEIRS.own_values
    assert OldLayout(item=ItemFields("who")).own_values
    assert {"key", "body", "message", "x_timestamp"} <= THEIRS.document_fields
    assert THEIRS.document_fields - {"key"} == {name for names in THEIRS.spellings.values() for name in names}
    assert fields_of(ItemFields("who", ABSENT)) == {"entity": "who", "timestamp": "timestamp"}
    assert pickle.loads(pickle.dumps(THEIRS)) == THEIRS  # noqa: S301 - of our own making


@pytest.mark.parametrize(
    ("key", "kind", "expected"),
    [
        (b"mood:x", STRING, OldKey(Rule.REDIS_EAOS, b"x")),
        (b"mood:x", LIST, WrongTypeKey(Rule.REDIS_EAOS, STRING)),
        (b"hot:5min", ZSET, OldKey(Rule.REDIS_TREND, b"5min")),
        (b"series:a", LIST, OldKey(Rule.REDIS_METRIC, b"a")),
        (b"eaos:x", STRING, UnrelatedKey()),
        (b"eaos:current:x", HASH, NewKey(Rule.REDIS_EAOS)),
        (b"eaos:current:x", STRING, WrongTypeKey(Rule.REDIS_EAOS, HASH)),
        (b"trend:5m", ZSET, UnrelatedKey()),
        (b"metrics:a", LIST, UnrelatedKey()),
    ],
)
def test_a_key_of_the_contracts_own_names_is_unrelated_to_a_site_with_others(
    key: bytes, kind: str, expected: object
) -> None:
    assert classify(0, key, kind, THEIRS) == expected


def test_records_are_mapped_by_their_own_names() -> None:
    value = b'{"moodScore": 0.5, "meta": {"pos": 1, "neg": 2, "neu": 3, "updatedAt": 1763000000, "editor": 1}, "x": 2}'
    eaos = redis_eaos(b"x", value, POLICY, 0)
    assert isinstance(eaos, Mapped)
    assert dict(eaos.value.fields) == {
        "score": "0.5", "positive": "1", "negative": "2", "neutral": "3", "total": "6",
        "updated_at": "2025-11-13T02:13:20Z",
    }  # fmt: skip
    assert dict(eaos.archived) == {"x": 2, "meta.editor": 1}
    assert redis_trend(b"5min", THEIRS) == Mapped("trends:top:5min")
    event = redis_metric(b"m", 0, b'{"who": "x", "reading": 1, "at": 0, "value": 3}', POLICY)
    assert isinstance(event, Mapped)
    assert event.value.body.endswith('"value":1,"data":{"value":3}}')
    source = {f"x_{name}": "1" for name in old.SPELLINGS} | {"body": "b", "x_sentiment": "positive", "key": "d", "z": 1}
    document = elasticsearch_document("d", source | {"x_timestamp": 0, "x_sentiment_score": 1}, POLICY)
    assert isinstance(document, Mapped)
    assert (document.value.source["text"], document.value.source["topics"], document.filled) == ("b", [], ("topics",))
    assert dict(document.archived) == {"x_topics": "1", "x_text": "1", "z": 1}


def test_what_cannot_be_mapped_is_told_in_the_sites_own_words() -> None:
    row: dict[str, Any] = dict.fromkeys(COMMENTS, "x") | {"eaos_score": None}
    told = [
        redis_eaos(b"x", b'{"score": 1}', POLICY, 0),
        redis_eaos(b"x", b'{"moodScore": 1}', POLICY, 0),
        redis_eaos(b"x", b'{"moodScore": 1, "meta": 3}', POLICY, 0),
        redis_metric(b"m", 0, b'{"reading": 1}', POLICY),
        redis_metric(b"m", 0, b'{"who": "x"}', POLICY),
        redis_metric(b"m", 0, b'{"who": "x", "reading": 1}', POLICY),
        redis_trend(b"5m", THEIRS),
        clickhouse_comment(row | {"text": b"\xff"}, POLICY),
        clickhouse_comment(row | {"comment_id": ""}, POLICY),
        elasticsearch_document("x", {"key": "y"}, POLICY),
        elasticsearch_document("x", {"x_text": "x"}, POLICY),
    ]
    assert [one.detail for one in told if isinstance(one, Quarantined)] == [
        "no moodScore",
        "none of pos, neg, neu",
        "meta is not an object",
        "no who, and no show to stand in for it",
        "no reading",
        "no at",
        "window '5m' is not a number of minutes followed by min",
        "column x_text: \\xff is not UTF-8",
        "the x_comment_id is empty",
        "key says 'y', _id says 'x'",
        "none of body, message",
    ]


def test_a_policy_of_another_layout_needs_the_path_of_its_file() -> None:
    with pytest.raises(ValueError, match=r"^a policy with an old layout needs the path of its file$"):
        POLICY.environ()
    assert POLICY.environ(old_layout_path="f.toml")["TVMIGRATE_OLD_LAYOUT"] == "f.toml"
    assert "TVMIGRATE_OLD_LAYOUT" not in Policy(keep_entities=True).environ()

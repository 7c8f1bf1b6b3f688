"""The documents of tv_comments into tv_comments_v2, by plain HTTP; refused ones into $ASIDE/refused_documents.ndjson."""

import json
import os
from decimal import Decimal
from urllib.request import Request, urlopen

import rules

URL = os.environ["ELASTICSEARCH_URL"]
PAGE = 1000


def ask(method, path, body="", kind="application/json"):
    request = Request(f"{URL}/{path}", body.encode() or None, {"Content-Type": kind}, method=method)
    with urlopen(request, timeout=300) as answer:
        return json.loads(answer.read(), parse_float=Decimal)


def pages():
    point = ask("POST", "tv_comments/_pit?keep_alive=10m")["id"]
    search = {"pit": {"id": point}, "size": PAGE, "sort": ["_shard_doc"]}
    while hits := ask("POST", "_search", json.dumps(search))["hits"]["hits"]:
        yield hits
        search["search_after"] = hits[-1]["sort"]
    ask("DELETE", "_pit", json.dumps({"id": point}))


def one(source, rule, *spellings, missing=rules.Bad("missing-field")):
    return rules.agreed((rule(source[name]) for name in spellings if source.get(name) is not None), missing)


def text(value):
    if not isinstance(value, str):
        raise rules.Bad("bad-json")
    return value


def keyword(value):
    if len(text(value).encode()) > 32766:
        raise rules.Bad("too-large")
    return value


def single(value):
    if abs(rules.number(value)) > 3.4028235e38:
        raise rules.Bad("too-large")
    return rules.number(value)


def engagement(value):
    if isinstance(value, str):
        if not rules.re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", value):
            raise rules.Bad("bad-number")
        value = float(value)
    return single(value)


def document(key, old):
    if old.get("comment_id") not in (None, key):
        raise rules.Bad("conflicting-fields")
    return {
        "comment_id": keyword(key),
        "program_id": one(old, lambda v: keyword(rules.program(v)), "entity", "program", "program_id"),
        "username": one(old, keyword, "username", "user", "author", missing=""),
        "text": one(old, text, "text", "content", "comment_text"),
        "timestamp": rules.utc(one(old, rules.nanoseconds, "timestamp", "created_at", "ts")),
        "sentiment": one(old, rules.sentiment, "sentiment", "sentiment_label"),
        "sentiment_score": one(old, single, "sentiment_score", "score"),
        "engagement_score": one(old, engagement, "engagement_score", "engagement", missing=0),
        "topics": one(old, lambda v: list(map(keyword, rules.topics(v))), "topics", "tags", missing=[]),
    }


with open(os.path.join(os.environ["ASIDE"], "refused_documents.ndjson"), "w") as refused:
    for hits in pages():
        lines = []
        for hit in hits:
            try:
                json.dumps(hit["_source"], ensure_ascii=False, default=str).encode()
                new = document(hit["_id"], hit["_source"])
            except (rules.Bad, UnicodeError) as why:
                print(json.dumps({"_id": hit["_id"], "why": str(why), "_source": hit["_source"]}, default=str), file=refused)
                continue
            lines += [json.dumps({"create": {"_id": hit["_id"]}}), json.dumps(new)]
        if lines and ask("POST", "tv_comments_v2/_bulk", "\n".join(lines) + "\n", "application/x-ndjson")["errors"]:
            raise SystemExit("Elasticsearch refused a document that maps.")
ask("POST", "tv_comments_v2/_refresh")

"""Faults of Elasticsearch after the migration: one field of one document, each by a mistake of its own."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any

from tvmigrate.contract import values
from tvmigrate.contract.new import INDEX
from tvmigrate.verify.faults.elasticsearch_site import (
    Document,
    changed,
    client,
    documents,
    instant_ns,
    put,
    told_alike,
)
from tvmigrate.verify.faults.model import Finds, Plant, after_migration
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_MISSING, _EXTRA, _CHANGED = Direction.MISSING, Direction.EXTRA, Direction.CHANGED
_VIETNAMESE = {"positive": "tích cực", "negative": "tiêu cực", "neutral": "trung lập"}


def _field(name: str, direction: Direction = _CHANGED) -> Finds:
    return Finds("elasticsearch.comments", direction, name)


def _across(name: str) -> Finds:
    return Finds("cross.values", _CHANGED, name)


def _victim(site: Site, field: str, what: str, wrong: Callable[[Any], Any]) -> tuple[Document, Any]:
    """Return the first document whose `field` the mistake changes, and what it makes of it; None: it leaves it."""
    return first(_candidates(site, field, wrong), what)


def _candidates(site: Site, field: str, wrong: Callable[[Any], Any]) -> Iterator[tuple[Document, Any]]:
    for document in documents(site):
        value = document[1][field]
        instead = wrong(value)
        if instead is not None and instead != value:
            yield document, instead


@after_migration(_field("text"), incident="UTF-8 that is read as Latin-1 and written as UTF-8 again: mojibake.")
def text_decoded_as_latin_1(site: Site) -> Plant:
    """The text of one document was read in the wrong encoding, `Giá»ng` for `Giọng`."""
    victim, text = _victim(site, "text", "text beyond ASCII", lambda text: text.encode().decode("latin-1"))
    with changed(site, victim, text=text) as name:
        yield [name]


@after_migration(_field("topics"), incident="Elasticsearch takes one value where a list belongs, and says nothing.")
def topics_as_one_string(site: Site) -> Plant:
    """The topics of one document are one text with commas, not a list."""
    victim, topics = _victim(site, "topics", "document with topics", lambda topics: ", ".join(topics) or None)
    with changed(site, victim, topics=topics) as name:
        yield [name]


@after_migration(_field("topics", _MISSING), incident="`list(set(topics))` drops what is there twice.")
def repeated_topic_collapsed(site: Site) -> Plant:
    """A topic that one document names twice is there once."""
    victim, topics = _victim(site, "topics", "document that names a topic twice", lambda t: list(dict.fromkeys(t)))
    with changed(site, victim, topics=topics) as name:
        yield [name]


@after_migration(_field("topics", _EXTRA), incident='`"show, ".split(",")` has two items, the second one blank.')
def blank_topic_kept(site: Site) -> Plant:
    """The topics of one document end in a blank one, which stood behind the last comma."""
    victim, topics = _victim(site, "topics", "document with topics", lambda topics: [*topics, ""] if topics else None)
    with changed(site, victim, topics=topics) as name:
        yield [name]


@after_migration(_field("sentiment"), _across("sentiment"))
def label_left_in_vietnamese(site: Site) -> Plant:
    """The sentiment of one document still is the old label, tích cực for positive."""
    victim, label = _victim(site, "sentiment", "document", _VIETNAMESE.get)
    alike = told_alike(site, victim, "sentiment")
    with changed(site, victim, sentiment=label) as name:
        yield [name, alike]


@after_migration(
    _field("timestamp"),
    incident="`strftime('%Y-%m-%dT%H:%M:%SZ')` leaves the fraction of the second away.",
)
def milliseconds_cut_off(site: Site) -> Plant:
    """The timestamp of one document lost the fraction of its second."""
    victim, instant = _victim(
        site, "timestamp", "instant with a fraction of a second", lambda text: re.sub(r"\.\d*[1-9]\d*Z$", "Z", text)
    )
    with changed(site, victim, timestamp=instant) as name:
        yield [name]


@after_migration(
    _across("timestamp"),
    _field("timestamp"),
    incident="`datetime.fromtimestamp` without a zone gives the clock on the wall; a Z behind it is a lie.",
)
def local_time_called_utc(site: Site) -> Plant:
    """The timestamp of one document is Vietnam's clock with a Z behind it, seven hours late, in one store alone."""
    victim, instant = first(
        (
            (d, late)
            for d, late in _candidates(site, "timestamp", _seven_hours_late)
            if told_alike(site, d, "timestamp")
        ),
        "comment whose instant both stores have alike",
    )
    with changed(site, victim, timestamp=instant) as name:
        yield [name, name]


def _seven_hours_late(text: str) -> str | None:
    instant = instant_ns(text) + int(dt.timedelta(hours=7).total_seconds()) * values.NS_PER_S
    return values.rfc3339(instant) if 0 < instant < values.NS_PER_S * 10**10 else None


@after_migration(_field("sentiment_score"), _across("sentiment_score"))
def score_rounded(site: Site) -> Plant:
    """The sentiment score of one document is rounded to one decimal, as a report shows it."""
    victim, score = _victim(
        site, "sentiment_score", "score of two decimals",
        # More than what a Float32 leaves away.
        lambda score: round(score, 1) if abs(score - round(score, 1)) > 0.005 else None,
    )  # fmt: skip
    alike = told_alike(site, victim, "sentiment_score")
    with changed(site, victim, sentiment_score=score) as name:
        yield [name, alike]


@after_migration(
    _field("engagement_score"),
    incident="Elasticsearch indexes a numeric text as a number and gives back the text: `coerce` is on unless said.",
)
def engagement_left_as_text(site: Site) -> Plant:
    """The engagement of one document still is a text, `"12.5"` for 12.5."""
    victim, text = _victim(site, "engagement_score", "document", str)
    with changed(site, victim, engagement_score=text) as name:
        yield [name]


@after_migration(_field("engagement_score", _MISSING))
def absent_engagement_left_absent(site: Site) -> Plant:
    """A document without engagement has none in the new index, where the rule fills in 0."""
    victim = first(((n, s) for n, s in documents(site) if s["engagement_score"] == 0), "document of no engagement")
    with changed(site, victim, engagement_score=None) as name:
        yield [name]


@after_migration(_field("username"))
def username_not_read(site: Site) -> Plant:
    """The username of one document is empty, because its writer's spelling of the field was not known."""
    victim, nobody = _victim(site, "username", "document with a username", lambda _: "")
    with changed(site, victim, username=nobody) as name:
        yield [name]


@after_migration(
    _field("program_id"),
    _across("program_id"),
    incident="Names are slugged by a library on the way, and two programs may become one.",
)
def program_id_slugged(site: Site) -> Plant:
    """The program id of one document has underscores for all that is no letter or digit."""
    victim, slug = _victim(site, "program_id", "program id to be slugged", lambda name: re.sub(r"\W+", "_", name))
    alike = told_alike(site, victim, "program_id")
    with changed(site, victim, program_id=slug) as name:
        yield [name, alike]


@after_migration(_field("comment_id"))
def comment_id_of_another(site: Site) -> Plant:
    """The comment_id of one document is that of another, and not its _id."""
    every = documents(site)
    victim = first(every, "document")
    other, _ = first(every, "second document")
    with changed(site, victim, comment_id=other) as name:
        yield [name]


@after_migration(
    _field("content", _EXTRA),
    incident='`"dynamic": false` lets unknown fields in and finds none of them.',
)
def old_spelling_kept_beside(site: Site) -> Plant:
    """One document has its text twice, as `text` and under its old spelling `content`."""
    name, source = first(documents(site), "document")
    client(site).indices.put_mapping(index=INDEX.name, dynamic="false")
    put(site, name, {**source, "content": source["text"]})
    client(site).indices.put_mapping(index=INDEX.name, dynamic="strict")
    yield [name]
    put(site, name, source)

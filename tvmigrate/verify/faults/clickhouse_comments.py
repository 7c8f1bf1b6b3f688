"""Faults of ClickHouse after the migration: one field of one comment, each wrong in its own way."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.contract import new
from tvmigrate.contract.layout import literal
from tvmigrate.verify.faults.clickhouse_tables import Victim, kept, number_of, victims
from tvmigrate.verify.faults.clickhouse_told import in_both, told_alike
from tvmigrate.verify.faults.model import Finds, Plant, after_migration
from tvmigrate.verify.faults.site import Site, first
from tvmigrate.verify.findings import Direction

_CHANGED, _MISSING = Direction.CHANGED, Direction.MISSING
_COMMENTS = new.RAW_COMMENTS
_WRAP_S = 2**32  # seconds in which a DateTime comes round


def _of_comment(field: str) -> Finds:
    return Finds("clickhouse.comments", _CHANGED, field)


@after_migration(
    _of_comment("text"),
    incident="A client that takes UTF-8 for Latin-1 and writes it as UTF-8 again: 'Hay quá' becomes 'Hay quÃ¡'.",
)
def comment_text_mis_decoded(site: Site) -> Plant:
    """The text of one comment is UTF-8 that was read as Latin-1."""
    victim = first(victims(site, _COMMENTS, "match(text, '[^\\x01-\\x7f]')"), "comment with a letter beyond ASCII")
    with kept(site, _COMMENTS.name) as table:
        text = str(victim.values["text"]).encode().decode("latin-1")
        table.change(victim.where, text=literal(text))
        yield [victim.name]


@after_migration(_of_comment("username"), incident="A document field that is named otherwise in one writer's records.")
def comment_without_its_user(site: Site) -> Plant:
    """One comment has lost its user."""
    victim = first(victims(site, _COMMENTS, "username != ''"), "comment with a user")
    with kept(site, _COMMENTS.name) as table:
        table.change(victim.where, username="''")
        yield [victim.name]


@after_migration(
    _of_comment("timestamp"),
    Finds("cross.values", _CHANGED, "timestamp"),
    incident="A ClickHouse DateTime is 32 bits without a sign: what is taken off 1970-01-01 comes round in 2106.",
)
def comment_time_came_round(site: Site) -> Plant:
    """A comment of the first hours of 1970 was moved to local time in a DateTime, and is of 2106 now."""
    where = "timestamp < toDateTime64('1970-01-01 07:00:00', 3, 'UTC')"
    victim = first(victims(site, _COMMENTS, where), "comment of the first seven hours of 1970")
    with kept(site, _COMMENTS.name) as table:
        moved = f"toDateTime64(toUnixTimestamp(timestamp) - 7 * 3600 + {_WRAP_S}, 3, 'UTC')"
        table.change(victim.where, timestamp=moved)
        yield [victim.name, told_alike(site, victim, "timestamp")]


@after_migration(
    _of_comment("sentiment"),
    Finds("cross.values", _CHANGED, "sentiment"),
    incident="transform(label, […], […], 'neutral') makes neutral of every label that it does not know, "
    "such as an NFD 'tích cực'.",
)
def comment_sentiment_guessed(site: Site) -> Plant:
    """A comment that is not neutral is neutral now."""
    victim = first(victims(site, _COMMENTS, "sentiment != 'neutral'"), "comment that is not neutral")
    with kept(site, _COMMENTS.name) as table:
        table.change(victim.where, sentiment="'neutral'")
        yield [victim.name, told_alike(site, victim, "sentiment")]


@after_migration(
    _of_comment("sentiment_score"),
    incident="A Float32 that goes through JSON or CSV is printed with the fewest digits that give the same Float32, "
    "and those read as a Float64 are another number.",
)
def comment_score_by_way_of_decimals(site: Site) -> Plant:
    """The score of one comment was printed as a Float32 and read as a Float64."""
    printed = "toFloat64(toString(toFloat32(sentiment_score)))"
    victim = first(victims(site, _COMMENTS, f"{printed} != sentiment_score"), "score that decimals change")
    with kept(site, _COMMENTS.name) as table:
        table.change(victim.where, sentiment_score=printed)
        yield [victim.name]


@after_migration(
    _of_comment("engagement_score"),
    incident="cityHash64(*) of a row with a NULL is NULL, and aggregates skip it: a digest sees no change there.",
)
def changed_only_beside_a_null(site: Site) -> Plant:
    """In a row whose eaos_score is NULL the engagement has the other sign."""
    where = "eaos_score IS NULL AND engagement_score != 0"
    victim = first(victims(site, _COMMENTS, where), "comment with engagement and without an eaos_score")
    with kept(site, _COMMENTS.name) as table:
        table.change(victim.where, engagement_score="-engagement_score")
        yield [victim.name]


@after_migration(
    _of_comment("topics"), incident="A set in the writer's code, or arrayDistinct, where a list was meant."
)
def comment_topics_collapsed(site: Site) -> Plant:
    """Of a topic that a comment names twice only one is left."""
    where = "length(arrayDistinct(topics)) < length(topics)"
    victim = first(victims(site, _COMMENTS, where), "comment that names a topic twice")
    with kept(site, _COMMENTS.name) as table:
        table.change(victim.where, topics="arrayDistinct(topics)")
        yield [victim.name]


@after_migration(
    _of_comment("eaos_score"),
    incident="An INSERT into a column that is not Nullable writes 0 for a NULL (input_format_null_as_default).",
)
def null_score_written_as_zero(site: Site) -> Plant:
    """A comment without an eaos_score has the score 0."""
    victim = first(victims(site, _COMMENTS, "eaos_score IS NULL"), "comment without an eaos_score")
    with kept(site, _COMMENTS.name) as table:
        table.change(victim.where, eaos_score="0")
        yield [victim.name]


@after_migration(
    _of_comment("program_id"),
    Finds("cross.values", _CHANGED, "program_id"),
    incident="Half of a batch was written by workers that had not got the show's name.",
)
def comment_program_without_its_show(site: Site) -> Plant:
    """One comment's program has lost the show in front of it."""
    victim = first(victims(site, _COMMENTS, "position(program_id, '/') > 1"), "program id with a show in front")
    with kept(site, _COMMENTS.name) as table:
        table.change(victim.where, program_id="substring(program_id, position(program_id, '/') + 1)")
        yield [victim.name, told_alike(site, victim, "program_id")]


@after_migration(
    _of_comment("comment_id"),
    Finds("cross.ids", _MISSING, "comment_id"),
    incident="MySQL outside its strict mode cuts what is longer than a VARCHAR, with no more than a warning.",
)
def comment_id_cut(site: Site) -> Plant:
    """The id of one comment has lost its last character."""
    victim = first(_cuttable(site), "comment whose id without its last character is no other's")
    name = str(victim.values["comment_id"])
    with kept(site, _COMMENTS.name) as table:
        table.change(victim.where, comment_id=literal(name[:-1]))
        yield [victim.named(comment_id=name[:-1]), frozenset({name[:-1]} | _names(in_both(site, victim)))]


def _cuttable(site: Site) -> Iterator[Victim]:
    for victim in victims(site, _COMMENTS, "lengthUTF8(comment_id) > 1"):
        cut = str(victim.values["comment_id"])[:-1]
        if not number_of(site, _COMMENTS.name, f"comment_id = {literal(cut)}"):
            yield victim


def _names(key: object) -> set[str]:
    return {key} if isinstance(key, str) else set()

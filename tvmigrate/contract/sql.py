"""The ClickHouse rules as SQL for the server that holds the rows; proved equal to `rules` by a property test.

SQL decides which rows map and what they become; the reason of a row that does not map comes from `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tvmigrate.contract import new, old
from tvmigrate.contract.exact_json import ABSURD_EXPONENT
from tvmigrate.contract.layout import Table, literal, quoted
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.rules import BUCKET_S
from tvmigrate.contract.unicode import WHITE_SPACE_RANGES
from tvmigrate.contract.values import MAX_COUNT, SENTIMENTS, Sentiment

_WHITE = "[" + "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in WHITE_SPACE_RANGES) + "]+"


@dataclass(frozen=True, slots=True)
class TableRule:
    """How rows of `source` become rows of `target`.

    `mapped` is an SQL condition over the old columns, true for a row that maps; `select` has, in the target's column
    order, the expression of each new column, over the old columns and those of `derived`, which is computed once a row.
    """

    source: Table
    target: Table
    mapped: str
    select: Mapping[str, str]
    derived: Mapping[str, str] = field(default_factory=dict)

    def query(self, source: str, where: str = "") -> str:
        """Return the SELECT that yields the mapped rows of `source` (a quoted `db`.`table`), new columns in order.

        `where` narrows it further, for instance to one partition.
        """
        columns = ",\n    ".join(f"{expression} AS {quoted(name)}" for name, expression in self.select.items())
        condition = f"({self.mapped})" + (f" AND ({where})" if where else "")
        # A subquery: an alias such as `topics` would otherwise replace the old column of that name in `where`.
        derived = [f"{expression} AS {quoted(name)}" for name, expression in self.derived.items()]
        old_columns = ", ".join([*map(quoted, self.source.column_names), *derived])
        return f"SELECT\n    {columns}\nFROM (SELECT {old_columns} FROM {source} WHERE {condition})"

    def unmapped(self, source: str, where: str = "") -> str:
        """Return the SELECT that yields every column of the rows that do not map, as they are."""
        condition = f"NOT ({self.mapped})" + (f" AND ({where})" if where else "")
        return f"SELECT * FROM {source} WHERE {condition}"


def trim(text: str) -> str:
    """Return the SQL of `unicode.trim`."""
    return f"replaceRegexpAll({text}, {literal(f'^{_WHITE}|{_WHITE}$')}, '')"


def sentiment(label: str) -> str:
    """Return the SQL of `values.sentiment`; '' where it is unknown."""
    # toValidUTF8, since normalizeUTF8NFC throws on bytes that are not UTF-8 even in a branch that is not taken.
    folded = f"lowerUTF8({trim(f'normalizeUTF8NFC(toValidUTF8({label}))')})"
    known = ", ".join(map(literal, SENTIMENTS))
    meaning = ", ".join(literal(label.value) for label in SENTIMENTS.values())
    return f"transform({folded}, [{known}], [{meaning}], '')"


def program_id(entity: str, policy: Policy) -> str:
    """Return the SQL of `values.program_id` for an entity that is not blank."""
    plain = entity
    if policy.show is not None:
        plain = f"if(position({entity}, '/') > 0, {entity}, concat({literal(policy.show + '/')}, {entity}))"
    if not policy.entity_map:
        return plain
    olds = ", ".join(map(literal, policy.entity_map))
    news = ", ".join(map(literal, policy.entity_map.values()))
    return f"transform({entity}, [{olds}], [{news}], {plain})"


def split_topics(topics: str) -> str:
    """Return the SQL of `values.split_topics`."""
    return f"arrayFilter(topic -> topic != '', arrayMap(topic -> {trim('topic')}, splitByChar(',', {topics})))"


def _instant(column: str) -> str:
    return f"toDateTime64({column}, 3, 'UTC')"


def _not_blank(text: str) -> str:
    return f"{trim(text)} != ''"


def _all_utf8(table: Table) -> list[str]:
    return [f"isValidUTF8({quoted(c.name)})" for c in table.columns if c.type == "String"]


def comments(policy: Policy) -> TableRule:
    """Return the rule `clickhouse.comments` in SQL."""
    mapped = [
        *_all_utf8(old.COMMENTS),
        "comment_id != ''",
        _not_blank("entity"),
        f"{sentiment('sentiment')} != ''",
        "isFinite(sentiment_score)",
        "isFinite(engagement)",
        "(eaos_score IS NULL OR ifNull(isFinite(eaos_score), 0))",
    ]
    select = {
        "comment_id": "comment_id",
        "program_id": program_id("entity", policy),
        "text": "text",
        "username": "username",
        "timestamp": _instant("created_at"),
        "sentiment": sentiment("sentiment"),
        "sentiment_score": "toFloat64(sentiment_score)",
        "engagement_score": "toFloat64(engagement)",
        "topics": split_topics("topics"),
        "eaos_score": "toFloat64(eaos_score)",
    }
    return TableRule(old.COMMENTS, new.RAW_COMMENTS, " AND ".join(mapped), select)


def _count_of(raw: str, kind: str) -> str:
    """Return the SQL of `values.count` for a raw JSON value of JSONType `kind`, as Nullable(UInt128); a null is 0.

    The kind cannot be asked of `raw`: ClickHouse writes values anew, and 1.0 as 1.
    """
    digits = f"replaceRegexpOne(JSONExtractString({raw}), '^0+', '')"
    text = (
        f"if(match(JSONExtractString({raw}), '^[0-9]+$') AND length({digits}) <= 19, toUInt128OrZero({digits}), NULL)"
    )
    double = f"toFloat64OrZero({raw})"
    fraction = (
        f"if({double} >= 0 AND {double} < 9223372036854775808. AND floor({double}) = {double},"
        f" toUInt128({double}), NULL)"
    )
    whole = f"if(startsWith({raw}, '-') AND {raw} != '-0', NULL, toUInt128OrZero({raw}))"
    return (
        f"multiIf({kind} IN ('Int64', 'UInt64'), {whole}, {kind} = 'String', {text}, {kind} = 'Double', {fraction},"
        f" {kind} = 'Null', toUInt128(0), NULL)"
    )


_ALL_COUNTS = f"arrayAll(number -> ifNull(number <= {MAX_COUNT}, 0), counts)"


def eaos_metrics(policy: Policy) -> TableRule:
    """Return the rule `clickhouse.eaos_metrics` in SQL."""
    breakdown = "sentiment_breakdown"
    pairs = f"JSONExtractKeysAndValuesRaw({breakdown})"
    # A key said twice alike is one: the same name, kind of value and value.
    members = (
        f"arrayDistinct(arrayMap((pair, place) -> (pair.1, pair.2, toString(JSONType({breakdown}, place))),"
        f" {pairs}, arrayEnumerate({pairs})))"
    )
    # Each name is bound by a lambda over one element, since a text in its place would be analysed wherever it stands.
    labels = f"arrayMap(member -> {sentiment('member.1')}, members)"
    counts = f"arrayMap(member -> {_count_of('member.2', 'member.3')}, members)"
    names = "arrayMap(member -> member.1, members)"

    def sum_of(label: Sentiment) -> str:
        chosen = f"if(label = {literal(label.value)}, ifNull(number, 0), 0)"
        return f"arraySum((label, number) -> {chosen}, labels, counts)"

    sums = f"[{', '.join(map(sum_of, Sentiment))}]"
    known = f"length(names) = length(arrayDistinct(names)) AND NOT has(labels, '') AND {_ALL_COUNTS}"
    bound = f"arrayMap((names, labels, counts) -> if({known}, {sums}, []), [{names}], [{labels}], [{counts}])[1]"
    # The three counts in the order of Sentiment, or none where a label or a count is not one.
    by_label = f"arrayMap(members -> {bound}, [{members}])[1]"

    mapped = [
        *_all_utf8(old.EAOS_METRICS),
        _not_blank("entity"),
        "isFinite(eaos_score)",
        f"isValidJSON({breakdown})",
        # simdjson skips a byte order mark, which is no JSON (RFC 8259, section 8.1).
        rf"NOT startsWith({breakdown}, '\xEF\xBB\xBF')",
        f"NOT match({breakdown}, {literal(ABSURD_EXPONENT)})",
        f"toString(JSONType({breakdown})) = 'Object'",
        f"arrayMap(sums -> notEmpty(sums) AND arrayAll(sum -> sum <= {MAX_COUNT}, sums), [{by_label}])[1]",
    ]
    places = {label: f"by_label[{place}]" for place, label in enumerate(Sentiment, 1)}
    select = {
        "program_id": program_id("entity", policy),
        "timestamp": _instant("recorded_at"),
        "score": "toFloat64(eaos_score)",
        "positive_count": f"toUInt64({places[Sentiment.POSITIVE]})",
        "negative_count": f"toUInt64({places[Sentiment.NEGATIVE]})",
        "neutral_count": f"toUInt64({places[Sentiment.NEUTRAL]})",
        "total_comments": "toUInt64(comment_count)",
    }
    return TableRule(old.EAOS_METRICS, new.EAOS_METRICS, " AND ".join(mapped), select, {"by_label": by_label})


def _exact_sum(score: str) -> str:
    """Return the SQL of the sum of doubles that were Float32, right to a few units in the last place.

    No sum of floats is, where scores cancel out. As integers they add up exactly: a Float32 is a multiple of 2^-149,
    one from 2^20 on is a multiple of 2^-3. The two sums are added as integers too, unless that would overflow; the
    large one then is so large that the small one cannot cancel it.
    """

    def power_of_two(exponent: int) -> str:
        return f"toFloat64(bitShiftLeft(toInt256(1), {exponent}))"

    is_large = f"abs({score}) >= {2**20}"
    large = f"sumIf(toInt256({score} * 8), {is_large})"
    small = f"sumIf(toInt256({score} * {power_of_two(149)}), NOT ({is_large}))"
    together = f"toFloat64({large} * bitShiftLeft(toInt256(1), 146) + {small}) / {power_of_two(149)}"
    apart = f"toFloat64({large}) / 8 + toFloat64({small}) / {power_of_two(149)}"
    return f"if(abs({large}) < bitShiftLeft(toInt256(1), 100), {together}, {apart})"


def aggregates(policy: Policy, source: str, where: str = "") -> str:
    """Return the SELECT of `comment_aggregates`' rows, computed from the old comments in `source`.

    `where` may narrow it to whole 5-minute buckets only (a month is: both are UTC).
    """
    rule = comments(policy)
    bucket = f"toDateTime(intDiv(toUnixTimestamp(timestamp), {BUCKET_S}) * {BUCKET_S}, 'UTC')"
    return (
        "SELECT program_id, bucket AS timestamp, topic, count() AS count,"
        f" {_exact_sum('sentiment_score')} / count() AS avg_sentiment\n"
        f"FROM (SELECT program_id, {bucket} AS bucket, arrayJoin(arrayDistinct(topics)) AS topic, sentiment_score"
        f" FROM ({rule.query(source, where)}))\n"
        "GROUP BY program_id, bucket, topic"
    )

"""The ClickHouse rules as SQL for the server that holds the rows; proved equal to `rules` by a property test.

SQL decides which rows map and what they become; the reason of a row that does not map comes from `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tvmigrate.contract import new
from tvmigrate.contract.exact_json import ABSURD_EXPONENT
from tvmigrate.contract.layout import Table, literal, quoted
from tvmigrate.contract.old_layout import OldTable
from tvmigrate.contract.policy import Policy
from tvmigrate.contract.rules import BUCKET_S
from tvmigrate.contract.unicode import WHITE_SPACE_RANGES
from tvmigrate.contract.values import MAX_COUNT, SENTIMENTS, Sentiment

_WHITE = "[" + "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in WHITE_SPACE_RANGES) + "]+"
# Names that no column has: aliases under which `mapped` computes something that `select` needs too.
_LABEL, _BY_LABEL = "__tvmigrate_label", "__tvmigrate_by_label"
# Scores below 2^10 in magnitude whose lowest bit is 2^-40 or above are added as integers of 64 bits.
_FINE = 40


@dataclass(frozen=True, slots=True)
class TableRule:
    """How rows of `source` become rows of `target`.

    `mapped` is an SQL condition over the old columns, true for a row that maps; `select` has, in the target's column
    order, the expression of each new column, over the old columns and those of `derived`: aliases within `mapped`, so
    that what both need is computed once a row.
    """

    source: OldTable
    target: Table
    mapped: str
    select: Mapping[str, str]
    derived: tuple[str, ...] = ()

    def query(self, source: str, where: str = "") -> str:
        """Return the SELECT that yields the mapped rows of `source` (of `OldTable.read`), new columns in order.

        `where` narrows it further, for instance to one partition.
        """
        columns = ",\n    ".join(f"{expression} AS {quoted(name)}" for name, expression in self.select.items())
        condition = f"({self.mapped})" + (f" AND ({where})" if where else "")
        # A subquery: an alias such as `topics` would otherwise replace the old column of that name in `where`.
        old_columns = ", ".join(map(quoted, (*self.source.column_names, *self.derived)))
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
    return _meaning(f"lowerUTF8({trim(f'normalizeUTF8NFC(toValidUTF8({label}))')})")


def _meaning(folded: str) -> str:
    known = ", ".join(map(literal, SENTIMENTS))
    meaning = ", ".join(literal(label.value) for label in SENTIMENTS.values())
    return f"transform({folded}, [{known}], [{meaning}], '')"


def _few(column: str) -> str:
    """Return SQL of `column`, of few values: what is made of it is then made once a value of a block, not once a row.

    https://clickhouse.com/docs/sql-reference/data-types/lowcardinality
    """
    return f"toLowCardinality({column})"


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
    without = f"replaceRegexpAll({topics}, {literal(f'{_WHITE}(,|$)')}, '\\\\1')"
    trimmed = f"replaceRegexpAll({without}, {literal(f'(^|,){_WHITE}')}, '\\\\1')"
    return f"arrayFilter(topic -> topic != '', splitByChar(',', {trimmed}))"


def _instant(column: str) -> str:
    return f"toDateTime64({column}, 3, 'UTC')"


def _not_blank(text: str) -> str:
    return f"{trim(text)} != ''"


def _all_utf8(table: OldTable, few: tuple[str, ...]) -> list[str]:
    names = [c.name for c in table.columns if c.type == "String"]
    return [f"isValidUTF8({_few(quoted(name)) if name in few else quoted(name)})" for name in names]


def comments(policy: Policy) -> TableRule:
    """Return the rule `clickhouse.comments` in SQL."""
    mapped = [
        *_all_utf8(policy.layout.comments, ("entity", "sentiment")),
        "comment_id != ''",
        _not_blank(_few("entity")),
        f"({sentiment(_few('sentiment'))} AS {_LABEL}) != ''",
        "isFinite(sentiment_score)",
        "isFinite(engagement)",
        "(eaos_score IS NULL OR ifNull(isFinite(eaos_score), 0))",
    ]
    select = {
        "comment_id": "comment_id",
        "program_id": program_id(_few("entity"), policy),
        "text": "text",
        "username": "username",
        "timestamp": _instant("created_at"),
        "sentiment": _LABEL,
        "sentiment_score": "toFloat64(sentiment_score)",
        "engagement_score": "toFloat64(engagement)",
        "topics": split_topics(_few("topics")),
        "eaos_score": "toFloat64(eaos_score)",
    }
    return TableRule(policy.layout.comments, new.RAW_COMMENTS, " AND ".join(mapped), select, (_LABEL,))


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


def _plain_counts(breakdown: str) -> tuple[str, str]:
    """Return the SQL of whether a breakdown is as most writers write it, and of its counts, in a tenth of the time.

    It is an object of known labels as they are, none of them twice, and whole numbers of up to 17 digits.
    """
    label, number = f'"(?:{"|".join(SENTIMENTS)})"', "(?:0|[1-9][0-9]{0,16})"
    pattern = literal(rf"^\{{{label}: ?{number}(?:, ?{label}: ?{number})*\}}$")
    names = f'extractAll({breakdown}, \'"([^"]+)"\')'
    is_plain = f"match({breakdown}, {pattern}) AND length({names}) = length(arrayDistinct({names}))"
    labels = {meaning: [name for name, its in SENTIMENTS.items() if its is meaning] for meaning in Sentiment}
    counts = [
        " + ".join(f"toUInt128(JSONExtractUInt({breakdown}, {literal(name)}))" for name in labels[meaning])
        for meaning in Sentiment
    ]
    return is_plain, f"[{', '.join(counts)}]"


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
    as_it_is = _meaning("member.1")
    labels = f"arrayMap(member -> if({as_it_is} != '', {as_it_is}, {sentiment('member.1')}), members)"
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
    plain, plainly = _plain_counts(breakdown)

    can_be_read = [
        f"isValidJSON({breakdown})",
        # simdjson skips a byte order mark, which is no JSON (RFC 8259, section 8.1).
        rf"NOT startsWith({breakdown}, '\xEF\xBB\xBF')",
        f"NOT match({breakdown}, {literal(ABSURD_EXPONENT)})",
        f"toString(JSONType({breakdown})) = 'Object'",
    ]
    mapped = [
        *_all_utf8(policy.layout.eaos_metrics, ("entity",)),
        _not_blank(_few("entity")),
        "isFinite(eaos_score)",
        f"notEmpty(multiIf({plain}, {plainly}, {' AND '.join(can_be_read)}, {by_label}, []) AS {_BY_LABEL})",
        f"arrayAll(sum -> sum <= {MAX_COUNT}, {_BY_LABEL})",
    ]
    places = {label: f"{_BY_LABEL}[{place}]" for place, label in enumerate(Sentiment, 1)}
    select = {
        "program_id": program_id(_few("entity"), policy),
        "timestamp": _instant("recorded_at"),
        "score": "toFloat64(eaos_score)",
        "positive_count": f"toUInt64({places[Sentiment.POSITIVE]})",
        "negative_count": f"toUInt64({places[Sentiment.NEGATIVE]})",
        "neutral_count": f"toUInt64({places[Sentiment.NEUTRAL]})",
        "total_comments": "toUInt64(comment_count)",
    }
    return TableRule(policy.layout.eaos_metrics, new.EAOS_METRICS, " AND ".join(mapped), select, (_BY_LABEL,))


def _exact_sum(score: str) -> str:
    """Return the SQL of the sum of doubles that were Float32, right to a few units in the last place.

    No sum of floats is, where scores cancel out. As integers they add up exactly: an ordinary score is a multiple of
    2^-40 and fits 64 bits. Of a group that has others too all are gathered: a Float32 is a multiple of 2^-149, one from
    2^20 on is a multiple of 2^-3. The two sums are added as integers too, unless that would overflow; the large one
    then is so large that the small one cannot cancel it.
    """
    scaled = f"({score} * {2**_FINE})"
    ordinary = f"(abs({score}) < {2**10} AND trunc({scaled}) = {scaled})"
    fine = f"sum(toInt128(if({ordinary}, toInt64({scaled}), 0)))"
    others = f"groupArrayIf({score}, NOT {ordinary})"

    def power_of_two(exponent: int) -> str:
        return f"toFloat64(bitShiftLeft(toInt256(1), {exponent}))"

    def added(condition: str, term: str) -> str:
        return f"arrayReduce('sum', arrayMap(x -> toInt256({term}), arrayFilter(x -> {condition}, {others})))"

    large = added(f"abs(x) >= {2**20}", "x * 8")
    small = added(f"abs(x) < {2**20}", f"x * {power_of_two(149)}")
    small = f"({small} + bitShiftLeft(toInt256({fine}), {149 - _FINE}))"
    together = f"toFloat64({large} * bitShiftLeft(toInt256(1), 146) + {small}) / {power_of_two(149)}"
    apart = f"toFloat64({large}) / 8 + toFloat64({small}) / {power_of_two(149)}"
    summed = f"if(abs({large}) < bitShiftLeft(toInt256(1), 100), {together}, {apart})"
    return f"if(empty({others}), toFloat64({fine}) / {2**_FINE}, {summed})"


def aggregates(policy: Policy, source: str, where: str = "") -> str:
    """Return the SELECT of `comment_aggregates`' rows, computed from the old comments in `source` (`OldTable.read`).

    `where` may narrow it to whole 5-minute buckets only (a month is: both are UTC).
    """
    return aggregates_of(comments(policy).query(source, where))


def aggregates_of(mapped: str) -> str:
    """Return the SELECT of `comment_aggregates`' rows, computed from a query's rows of `raw_comments`."""
    bucket = f"toDateTime(intDiv(toUnixTimestamp(timestamp), {BUCKET_S}) * {BUCKET_S}, 'UTC')"
    return (
        "SELECT program_id, bucket AS timestamp, topic, count() AS count,"
        f" {_exact_sum('sentiment_score')} / count() AS avg_sentiment\n"
        # Plain texts: rows are grouped by them in less time than by LowCardinality ones beside others.
        f"FROM (SELECT CAST(program_id AS String) AS program_id, {bucket} AS bucket,"
        f" arrayJoin(arrayDistinct(topics)) AS topic, sentiment_score FROM ({mapped}))\n"
        "GROUP BY program_id, bucket, topic"
    )

"""Whether `comment_aggregates` is what the old comments add up to, without making the aggregates anew.

A group has a random number, the product of one of its program and bucket and one of its topic. Summed over the comments
of the reference, once a topic, and over the table's rows times their counts, they come to the same; likewise times the
score, and times the sum that a row's mean and count give. Both sums are whole numbers modulo 2^128, so that other
counts, means or groups come to the same with a chance below 2^-50, if no group has two rows. The reference's sums are
made in the scan that digests the comments.

What this does not prove is compared row by row (`clickhouse_rows.compare_rows`), which alone says what differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clickhouse_connect.driver.client import Client as ClickHouse

from tvmigrate.contract import new
from tvmigrate.contract.rules import BUCKET_S

_ODD = 0x9E3779B97F4A7C15
_OTHER = 0x61C8864680B583EB
_SCALE = 2**40  # of scores below 2^10 in magnitude, as Float32 mostly are multiples of 2^-40
_MOST = 2**10
_MOST_SUM = 2**21
# Half of what the contract allows a mean to be off.
_TOLERANCE = "5e-13"
_MODULUS = 2**128


def _place(bucket: str) -> str:
    return f"intHash64(xxHash64(program_id) + {_ODD} * toUInt64({bucket}))"


def _topic(topic: str) -> str:
    # 56 bits: those of a comment's topics add up without a carry lost.
    return f"bitShiftRight(intHash64(xxHash64({topic}) + {_OTHER}), 8)"


def of_comments() -> tuple[str, ...]:
    """Return the SQL of what is summed of a comment in its new columns: for counts, for means, and how many are odd.

    An odd one has a score that is no multiple of 2^-40, or is large: with one of those nothing is proved.
    """
    bucket = f"intDiv(toUnixTimestamp(timestamp), {BUCKET_S}) * {BUCKET_S}"
    groups = f"toInt128({_place(bucket)}) * toInt128(arraySum(topic -> {_topic('topic')}, arrayDistinct(topics)))"
    scaled = f"sentiment_score * {_SCALE}"
    ordinary = f"abs(sentiment_score) < {_MOST} AND trunc({scaled}) = {scaled}"
    return (groups, f"{groups} * toInt64(if({ordinary}, {scaled}, 0))", f"toUInt64(NOT ({ordinary}))")


def _of_rows(table: str) -> str:
    group = f"toInt128({_place('toUnixTimestamp(timestamp)')}) * toInt128({_topic('topic')})"
    total = "avg_sentiment * count"
    whole = f"toInt64(round(if(abs({total}) < {_MOST_SUM}, {total}, 0) * {_SCALE}))"
    # Of a row that counts nothing the quotient is no number, which is not close to anything.
    exact = (
        f"abs({total}) < {_MOST_SUM}"
        f" AND abs({whole} / {_SCALE} / count - avg_sentiment) <= {_TOLERANCE} * abs(avg_sentiment)"
    )
    named = f"intHash64({_place('toUnixTimestamp(timestamp)')} + {_ODD} * {_topic('topic')})"
    return (
        f"SELECT count(), toString(sum(toInt128(count) * {group})), toString(sum({whole} * {group})),"
        f" countIf(NOT ({exact})), uniqExact({named}) FROM {table}"
    )


def proved_rows(client: ClickHouse, table: str, types: Mapping[str, str], sums: Sequence[int]) -> int | None:
    """Return how many rows `table` (quoted) has, if it is proved to be what `sums` are the sums of; else None.

    `types` are those of its columns, `sums` those of `of_comments` over the reference.
    """
    counts, means, odd = sums
    if odd or any(types.get(column.name) != column.type for column in new.COMMENT_AGGREGATES.columns):
        return None
    ((rows, live_counts, live_means, off, groups),) = client.query(_of_rows(table)).result_rows
    same = (counts - int(live_counts)) % _MODULUS == 0 == (means - int(live_means)) % _MODULUS
    return int(rows) if same and not off and groups == rows else None

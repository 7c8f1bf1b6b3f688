"""Rows of the old `eaos_metrics` as SQL."""

from __future__ import annotations

from tvmigrate.contract.layout import literal
from tvmigrate.dataset.generate.comments import DAY_MS, EPISODES, FIRST_MS
from tvmigrate.dataset.generate.draw import Draw, entity, switch, texts
from tvmigrate.dataset.generate.size import Recipe

ROW_COLUMNS = ("entity", "eaos_score", "sentiment_breakdown", "comment_count", "recorded_at")
_LABELS = (
    ("tích cực", "tiêu cực", "trung lập"), ("positive", "negative", "neutral"), ("Tích cực", "TIÊU CỰC", "Neutral"),
)  # fmt: skip
_BAD = ("tích cực: 120", '{"vui vẻ": 7}', '{"positive": -1}', '{"positive": NaN}', '{"positive": 1, "positive": 2}')


def rows(recipe: Recipe, start: int, count: int) -> str:
    """Return the SELECT of `count` rows of the old `eaos_metrics`, from number `start`."""
    draw = Draw(recipe.seed)
    span = 7 * EPISODES * DAY_MS // 1000

    counted = ", ', ', ".join(
        f"""'"', {texts([labels[place] for labels in _LABELS])}[1 + writer], '": ', toString({count})"""
        for place, count in enumerate("pmz")
    )
    return f"""
        WITH {draw.wrong("metric row", len(_BAD) + 3, recipe.bad_in_a_million)} AS wrong,
            {draw.below("positive", 300)} AS p, {draw.below("negative", 100)} AS m, {draw.below("neutral", 200)} AS z,
            {draw.below("writer", len(_LABELS))} AS writer
        SELECT
            multiIf(wrong = {len(_BAD)}, '\u00a0', wrong = {len(_BAD) + 1}, unhex({literal("74C3FF")}),
                {entity(draw.zipf("metric entity", recipe.size.programs))}) AS entity,
            toFloat32(if(wrong = {len(_BAD) + 2}, nan, {draw.below("eaos score", 1000)} / 1000)) AS eaos_score,
            multiIf(wrong >= 0 AND wrong < {len(_BAD)}, {switch("wrong", list(map(literal, _BAD)))},
                {draw.chance("two labels", 20)}, concat('{{"positive": ', toString(p), ', "tích cực": 2}}'),
                {draw.chance("counts as text", 20)}, concat('{{"positive": "', toString(p), '", "neutral": null}}'),
                concat('{{', {counted}, '}}')) AS sentiment_breakdown,
            toUInt32(p + m + z) AS comment_count,
            toDateTime({FIRST_MS // 1000} + {draw.below("recorded", span)}) AS recorded_at
        FROM (SELECT number AS n FROM numbers({start}, {count}))"""

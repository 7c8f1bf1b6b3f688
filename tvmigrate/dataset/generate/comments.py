"""Comments as SQL: what one is, its row in ClickHouse, its document in one of the writers' dialects."""

from __future__ import annotations

from tvmigrate.contract.layout import literal
from tvmigrate.contract.old import SPELLINGS
from tvmigrate.dataset.generate import words
from tvmigrate.dataset.generate.draw import Draw, entity, padded, switch, texts, time_forms
from tvmigrate.dataset.generate.size import Recipe

# Shows are live on 36 Saturdays, from 2025-03-01 13:00 UTC for three hours; a tenth of the comments come at any time.
FIRST_MS = 1_740_787_200_000
DAY_MS = 86_400_000
EPISODES = 36
LIVE_MS = 3 * 3_600_000
LIVE_FROM_MS = 13 * 3_600_000

ROW_COLUMNS = (
    "comment_id", "entity", "text", "username", "created_at", "sentiment", "sentiment_score", "engagement", "topics",
    "eaos_score",
)  # fmt: skip
# What stands before, between and after a document's `_id` and source: as a dataset, and as a bulk request has them.
AS_LINES = ('{"_id":', ',"_source":', "}")
AS_BULK = ('{"create":{"_id":', "}}\n", "")
_BAD_ROWS = 8
_BAD_DOCUMENTS = 11


def rows(recipe: Recipe, start: int, count: int) -> str:
    """Return the SELECT of `count` rows of the old `comments`, from number `start`."""
    draw = Draw(recipe.seed)
    label = f"{texts(words.LABELS)}[1 + tone * {words.LABELS_OF_ONE} + {draw.below('row label', words.LABELS_OF_ONE)}]"
    joined = f"if({draw.chance('separator', 200)}, arrayStringConcat(about, ','), arrayStringConcat(about, ', '))"
    bytes_not_utf8 = f"unhex({literal('C3FF')})"
    return f"""
        WITH {_comment(recipe)}, {draw.wrong("row", _BAD_ROWS, recipe.bad_in_a_million)} AS wrong
        SELECT
            if(wrong = 0, '', id) AS comment_id,
            if(wrong = 1, ' \u3000', who) AS entity,
            if(wrong = 2, concat(words, {bytes_not_utf8}), words) AS text,
            user AS username,
            toDateTime(intDiv(millis, 1000)) AS created_at,
            if(wrong = 3, {draw.one("unknown row label", words.UNKNOWN_LABELS)}, {label}) AS sentiment,
            toFloat32(if(wrong = 4, nan, thousandths / 1000)) AS sentiment_score,
            toFloat32(if(wrong = 5, -inf, hundredths / 100)) AS engagement,
            concat({joined}, if(wrong = 6, {bytes_not_utf8}, '')) AS topics,
            multiIf(wrong = 7, toFloat32(inf), {draw.chance("no eaos", 400)}, NULL,
                toFloat32({draw.below("eaos", 1000)} / 1000)) AS eaos_score
        FROM (SELECT number AS n FROM numbers({start}, {count}))"""


def documents(recipe: Recipe, start: int, count: int, around: tuple[str, str, str] = AS_LINES) -> str:
    """Return the SELECT of `count` documents, one text each: `_id` and source as JSON, `around` them what is given."""
    before, between, after = around
    draw = Draw(recipe.seed)
    label = (
        f"{texts(words.LABELS)}[1 + tone * {words.LABELS_OF_ONE} + {draw.below('document label', words.LABELS_OF_ONE)}]"
    )
    names = {field: draw.one(f"spelling of {field}", spellings) for field, spellings in SPELLINGS.items()}
    time_form = draw.below("time form", 7)
    score = "toString(thousandths / 1000)"
    engagement = "toString(hundredths / 100)"
    as_list = "concat('[', arrayStringConcat(arrayMap(t -> toJSONString(t), about), ', '), ']')"
    as_text = "toJSONString(arrayStringConcat(about, ', '))"
    user = f"""multiIf(wrong = 3, concat(', "', {names["username"]}, '": ["', id, '"]'),
        {draw.chance("no user", 30)}, '',
        concat(', "', {names["username"]}, '": ', toJSONString(user)))"""
    return f"""
        WITH {_comment(recipe)}, {draw.wrong("document", _BAD_DOCUMENTS, recipe.bad_in_a_million)} AS wrong,
            {names["timestamp"]} AS time_name, {time_form} AS time_form, {names["sentiment_score"]} AS score_name,
            {switch("time_form", time_forms("millis"))} AS moment,
            concat(
                '"', if(wrong = 0, 'caption', {names["text"]}), '": ',
                if(wrong = 1, concat('"nửa \\\\ud83d ', substring(toJSONString(words), 2)), toJSONString(words)),
                ', "', {names["program_id"]}, '": ', if(wrong = 2, '"\u00a0 \\\\t"', toJSONString(who)),
                multiIf(wrong = 4, '', wrong = 5, concat(', "', time_name, '": "hôm qua"'),
                    concat(', "', time_name, '": ', moment)),
                if(time_name != 'ts' AND time_form < 6 AND wrong < 4 AND {draw.chance("two times", 30)},
                    concat(', "ts": ', toString(millis)), ''),
                ', "', {names["sentiment"]}, '": ',
                toJSONString(if(wrong = 6, {draw.one("unknown document label", words.UNKNOWN_LABELS)}, {label})),
                ', "', score_name, '": ', if(wrong = 7, concat('"', {score}, '"'), {score}),
                if(wrong = 8, concat(', "', if(score_name = 'score', 'sentiment_score', 'score'), '": 7.25'), ''),
                multiIf(wrong = 9, ', "engagement": "1e400"', wrong = 10, ', "engagement_score": -1e39',
                    {draw.chance("no engagement", 50)}, '',
                    {draw.chance("engagement as text", 250)},
                    concat(', "', {names["engagement_score"]}, '": "', {engagement}, '"'),
                    concat(', "', {names["engagement_score"]}, '": ', {engagement})),
                {user},
                multiIf({draw.chance("no topics", 40)}, '', {draw.chance("topics null", 10)}, ', "topics": null',
                    concat(', "', {names["topics"]}, '": ',
                        if({draw.chance("topics as text", 300)}, {as_text}, {as_list}))),
                if({draw.chance("lang", 50)}, ', "lang": "vi"', ''),
                if({draw.chance("likes", 50)}, concat(', "likes": ', toString({draw.below("liked", 500)})), ''),
                if({draw.chance("device", 30)}, ', "device": {{"os": "ios", "app": "4.2.1"}}', ''),
                if({draw.chance("own id", 200)}, concat(', "comment_id": "', id, '"'), '')
            ) AS fields
        SELECT concat({literal(before)}, '"', id, '"', {literal(between)}, '{{', fields, '}}', {literal(after)}) AS line
        FROM (SELECT number AS n FROM numbers({start}, {count}))"""


def _comment(recipe: Recipe) -> str:
    """Return the WITH expressions of comment `n`, before any store's dialect: both stores hold the same."""
    draw = Draw(recipe.seed)
    live = f"{draw.zipf('episode', EPISODES)} * {7 * DAY_MS} + {LIVE_FROM_MS} + {draw.below('live', LIVE_MS)}"
    any_time = draw.below("any time", 7 * EPISODES * DAY_MS)
    ring = texts((*words.TOPICS, *words.TOPICS[:3]))
    return f"""
        concat('c', {padded("n", 9)}) AS id,
        {entity(draw.zipf("entity", recipe.size.programs))} AS who,
        toUInt8([0, 0, 1, 2][1 + {draw.below("tone", 4)}]) AS tone,
        toInt32(300 - 500 * toInt32(tone)) + toInt32({draw.below("score", 700)}) AS thousandths,
        {draw.below("engagement", 20_000)} AS hundredths,
        arraySlice({ring}, 1 + {draw.zipf("topic", len(words.TOPICS))}, {draw.below("topics", 4)}) AS about,
        concat({draw.one("user", words.USERS)}, toString({draw.zipf("user number", 100_000)})) AS user,
        {FIRST_MS} + if({draw.chance("not live", 100)}, {any_time}, {live}) AS millis,
        concat({draw.one("opening", words.OPENINGS)}, ' ',
            if(empty(about), 'tiết mục này', arrayStringConcat(about, ' và ')), ' ',
            {texts(words.PHRASES)}[1 + tone * {words.PHRASES_OF_ONE} + {draw.below("phrase", words.PHRASES_OF_ONE)}],
            {draw.one("ending", words.ENDINGS)}) AS words"""

"""Redis keys as SQL: lines of `redis.ndjson`, a query for each kind of key."""

from __future__ import annotations

from collections.abc import Iterator

from tvmigrate.contract.layout import literal
from tvmigrate.dataset.generate import words
from tvmigrate.dataset.generate.comments import FIRST_MS
from tvmigrate.dataset.generate.draw import Draw, clock, entity, padded, switch, texts, time_forms
from tvmigrate.dataset.generate.size import Recipe

HOUR_MS = 3_600_000
KEYS_A_QUERY = 20_000
ITEMS_A_QUERY = 20_000
_METRICS = ("viewers", "buzz", "engagement", "watch_time", "votes", "shares", "tempo", "đề cập")
_BAD_EAOS = 11
_EMPTY_ENTITY, _WRONG_TYPE = 9, 10
_METRIC_DAYS = 14


def queries(recipe: Recipe) -> Iterator[str]:
    """Yield the SELECTs of all keys, each as a line of `redis.ndjson`, in the order of the file."""
    size = recipe.size
    for start in range(0, size.entities, KEYS_A_QUERY):
        count = min(KEYS_A_QUERY, size.entities - start)
        yield _eaos(recipe, start, count)
        if recipe.bad:
            yield _eaos_of_wrong_type(recipe, start, count)
    for start, count in _few(3 + size.sorted_sets, size.members):
        yield _sorted_sets(recipe, start, count)
    if recipe.bad and size.members:
        yield _unknown_windows(recipe)
    for start, count in _few(size.lists, size.list_items):
        yield _lists(recipe, start, count)
    for kind, (value, share) in _unrelated(Draw(recipe.seed)).items():
        count = size.unrelated * share // 100
        for start in range(0, count, KEYS_A_QUERY):
            n = min(KEYS_A_QUERY, count - start)
            yield _line(f"concat('session:{kind}:', toString(n))", kind, "NULL", value, start, n)


def _few(keys: int, items: int) -> Iterator[tuple[int, int]]:
    if items:
        step = max(ITEMS_A_QUERY // items, 1)
        for start in range(0, keys, step):
            yield start, min(step, keys - start)


def _line(  # noqa: PLR0913, PLR0917 - the columns of a line, and which numbers
    key: str, kind: str, ttl_ms: str, value: str, start: int, count: int, where: str = ""
) -> str:
    return f"""
        SELECT 0 AS db, {key} AS key, {literal(kind)} AS type, {ttl_ms} AS ttl_ms, {value} AS value
        FROM (SELECT number AS n FROM numbers({start}, {count})){f" WHERE {where}" if where else ""}"""


def _ttl(draw: Draw, what: str, in_a_thousand: int) -> str:
    lives = f"{24 * HOUR_MS} + {draw.below(f'{what} lives', 240 * HOUR_MS)}"
    return f"if({draw.chance(f'{what} ends', in_a_thousand)}, {lives}, NULL)"


def _wrong_eaos(recipe: Recipe) -> str:
    return Draw(recipe.seed).wrong("eaos", _BAD_EAOS, recipe.bad_in_a_million)


def _eaos(recipe: Recipe, start: int, count: int) -> str:
    """Return eaos keys; by far most are the newer writer's, who indents: some 200 bytes."""
    draw = Draw(recipe.seed)
    # Blanks, a different text for every number: its binary digits.
    blank = "arrayStringConcat(arrayMap(bit -> if(bitTest(n, bit), ' ', '\u00a0'), range(24)))"
    value = f"""multiIf(
            wrong = 0, substring(newer, 1, 60),
            wrong = 1, replaceOne(newer, '"score"', '"điểm"'),
            wrong = 2, concat('{{"score": ', score, ', "total": 12, "timestamp": 1763618700}}'),
            wrong = 3, replaceOne(newer, '{{', concat('{{"positive": ', toString(p + 1), ', ')),
            wrong = 4, replaceOne(newer, score, concat('"', score, '"')),
            wrong = 5, replaceOne(newer, score, {draw.one("not finite", ("NaN", "-Infinity", "1e400"))}),
            wrong = 6, replaceOne(newer, '"positive": ', '"positive": -1'),
            wrong = 7, replaceOne(newer, ':', concat(': ', score, ', "timestamp": "hôm qua", "điểm": ')),
            wrong = 8, replaceOne(newer, '{{', '{{"note": "\\\\ud83d", '),
            {draw.chance("older", 120)}, older, newer)"""
    return f"""
        WITH {_wrong_eaos(recipe)} AS wrong,
            {draw.below("p", 2_000_000)} AS p, {draw.below("m", 900_000)} AS m, {draw.below("z", 900_000)} AS z,
            toString({draw.below("score", 1_000_000_000_000)} / 1000000000000) AS score,
            {FIRST_MS} + {draw.below("updated", 20_000_000_000)} AS millis,
            if({
        draw.chance("more", 100)
    }, concat('"model": "phobert-v2",', '\n    "runs": ', toString(p), ',\n    '), '')
                AS more,
            if({draw.chance("no total", 30)}, '', concat('"total": ', toString(p + m + z), ',\n    ')) AS total,
            if({draw.chance("no neutral", 20)}, '', concat('"neutral": ', toString(z), ',\n    ')) AS neutral,
            concat('{{\n  "score": ', score, ',\n  "metadata": {{\n    "positive": ', toString(p),
                ',\n    "negative": ', toString(m), ',\n    ', neutral, total, more, '"updated_at": "',
                {clock("intDiv(millis, 1000) + 25200")}, '.', {
        padded(draw.below("microseconds", 1_000_000), 6)
    }, '+07:00"\n  }}\n}}') AS newer,
            {switch(draw.below("eaos time form", 7), time_forms("millis"))} AS moment,
            concat('{{"score": ', score, ', "positive": ', if({draw.chance("count as text", 100)},
                concat('"', toString(p), '"'), toString(p)), ', "negative": ', toString(m), ', "neutral": ',
                toString(z), ', "total": ', toString(p + m + z),
                if({draw.chance("no time", 50)}, '', concat(', "timestamp": ', moment)), '}}') AS older
        {
        _line(
            f"concat('eaos:', if(wrong = {_EMPTY_ENTITY}, {blank}, {entity('n')}))",
            "string",
            _ttl(draw, "eaos", 100),
            value,
            start,
            count,
            f"wrong != {_WRONG_TYPE}",
        )
    }"""


def _eaos_of_wrong_type(recipe: Recipe, start: int, count: int) -> str:
    line = _line(
        f"concat('eaos:', {entity('n')})", "list", "NULL", "['0.82', toString(n)]", start, count,
        f"wrong = {_WRONG_TYPE}",
    )  # fmt: skip
    return f"WITH {_wrong_eaos(recipe)} AS wrong {line}"


def _gathered(recipe: Recipe, kind: str, key: str, elements: str) -> str:
    """Return keys of many elements; `elements` is a SELECT of `owner`, which numbers the keys, and `element`."""
    return f"""
        SELECT 0 AS db, {key} AS key, {literal(kind)} AS type, {_ttl(Draw(recipe.seed, "owner"), kind, 250)} AS ttl_ms,
            elements AS value
        FROM (SELECT owner, groupArray(element) AS elements FROM ({elements}) GROUP BY owner)
        ORDER BY owner"""


def _scored(recipe: Recipe, owner: str, start: int, count: int) -> str:
    draw = Draw(recipe.seed)
    return f"""
        SELECT {owner} AS owner, tuple(
            concat({draw.one("topic of a trend", words.TOPICS)}, ' #', toString(n % {recipe.size.members})),
            multiIf({draw.chance("infinite", 1)}, inf, {draw.chance("whole", 200)},
                toFloat64({draw.zipf("whole score", 1_000_000)}), {draw.below("points", 10_000_000)} / 10007)) AS element
        FROM (SELECT number AS n FROM numbers({start}, {count})) ORDER BY n"""


def _sorted_sets(recipe: Recipe, start: int, count: int) -> str:
    """Return the three trends, then unrelated sorted sets."""
    size = recipe.size.members
    names = texts(("trend:5m", "trend:15m", "trend:60m"))
    return _gathered(
        recipe,
        "zset",
        f"if(owner < 3, {names}[1 + owner], concat('leaderboard:', toString(owner)))",
        _scored(recipe, f"intDiv(n, {size})", start * size, count * size),
    )


def _unknown_windows(recipe: Recipe) -> str:
    members = min(max(round(3 * recipe.size.members * recipe.bad), 1), recipe.size.members)
    return _gathered(recipe, "zset", "'trend:30m'", _scored(recipe, "0", 0, members))


def _lists(recipe: Recipe, start: int, count: int) -> str:
    """Return metrics lists: items in the order of their time, of the most popular thousand entities."""
    draw = Draw(recipe.seed)
    items = recipe.size.list_items
    step = max(_METRIC_DAYS * 24 * HOUR_MS // items, 1)
    number = draw.below("value", 10_000)
    wrong = (
        "toString(value)",
        """concat('{"entity": ', who, ', "value": ', value, '}')""",
        """concat('{"entity": ', who, ', "value": ', value)""",
        """concat('{"entity": ', who, ', "timestamp": ', moment, '}')""",
        """concat('{"entity": ', who, ', "value": "', value, '", "timestamp": ', moment, '}')""",
        """concat('{"entity": ', who, ', "value": NaN, "timestamp": ', moment, '}')""",
        """concat('{"entity": ', who, ', "value": ', value, ', "timestamp": "20/11/2025 13:05"}')""",
        """concat('{"entity": " ", "value": ', value, ', "timestamp": ', moment, '}')""",
        """concat('{"value": -1, "entity": ', who, ', "value": ', value, ', "timestamp": ', moment, '}')""",
        """concat('{"entity": ', who, ', "note": "\\\\ud83d", "value": ', value, ', "timestamp": ', moment, '}')""",
    )
    elements = f"""
        WITH {draw.wrong("item", len(wrong), recipe.bad_in_a_million)} AS wrong,
            toJSONString({entity(draw.zipf("item entity", min(recipe.size.programs, 1000)))}) AS who,
            if({draw.chance("whole value", 500)}, toString({number}), toString({number} / 1000)) AS value,
            {FIRST_MS} + (n % {items}) * {step} + {draw.below("item time", step)} AS millis,
            {switch(draw.below("item time form", 7), time_forms("millis"))} AS moment
        SELECT intDiv(n, {items}) AS owner,
            if(wrong < 0, concat('{{"entity": ', who, ', "value": ', value, ', "timestamp": ', moment,
                if({draw.chance("window", 200)}, ', "window": "5m"', ''), '}}'), {switch("wrong", wrong)}) AS element
        FROM (SELECT number AS n FROM numbers({start * items}, {count * items})) ORDER BY n"""
    names = f"{texts(_METRICS)}[1 + owner % {len(_METRICS)}]"
    return _gathered(recipe, "list", f"concat('metrics:', {names}, '_', toString(owner))", elements)


def _unrelated(draw: Draw) -> dict[str, tuple[str, int]]:
    """Return by type the value of a key that the migration must not touch, and its share in a hundred."""
    return {
        "string": (f"concat('đăng nhập ', toString({draw.below('login', 10_000)}))", 60),
        "hash": ("map('theme', 'tối', 'volume', toString(n))", 20),
        "list": ("[concat('c', toString(n)), 'c1', 'c1']", 10),
        "set": ("['Trấn Thành', 'Mỹ Tâm', toString(n)]", 10),
    }

"""The tools over comments: search (Elasticsearch), and the topics of a program (ClickHouse)."""

from __future__ import annotations

import contextlib

from src.agent.errors import InvalidArguments, Problem
from src.agent.stores import CLICKHOUSE, ELASTICSEARCH, Stores
from src.agent.tools.parameters import MAX_HITS, PERIOD, PROGRAM_ID, SENTIMENT, limit, offset
from src.agent.tools.period import read_period
from src.agent.tools.programs import require_known, unknown_program
from src.agent.tools.tool import Answer, Arguments, Tool
from src.errors import StoreError
from tvmigrate.contract.new import MAX_KEYWORD_BYTES

SORTS = ("relevance", "newest", "oldest")
_MOST = 100


async def _search(stores: Stores, arguments: Arguments) -> Answer:
    size, first, program = arguments["limit"], arguments["offset"], arguments.get("program_id")
    if first + size > MAX_HITS:
        allowed = f"at most {MAX_HITS - size}, since Elasticsearch gives {MAX_HITS} comments by their position"
        raise InvalidArguments(
            "search_comments", [Problem("offset", allowed, first, hint="A period gives the others.")]
        )
    period = read_period("search_comments", arguments)
    query, sentiment, topic = arguments.get("query"), arguments.get("sentiment"), arguments.get("topic")
    found = await stores.elasticsearch(
        lambda client: client.search_comments(
            program,
            query,
            sentiment=sentiment,
            topic=topic,
            start=period.start,
            end=period.end,
            size=size,
            offset=first,
            sort=arguments["sort"],
        )
    )
    total = await stores.elasticsearch(
        lambda client: client.count_comments(
            program, query, sentiment=sentiment, topic=topic, start=period.start, end=period.end
        )
    )
    if not total and program is not None:
        await _require_comments(stores, program)
    notes = [f"{len(found)} of {total} comments that match." if total else "No comment matches."]
    if total > first + len(found) and first + len(found) < MAX_HITS:
        notes.append(f"There are more: offset={first + len(found)} gives those after these.")
    return Answer([dict(comment) for comment in found], notes)


async def _require_comments(stores: Stores, program: str) -> None:
    """Return if there are comments of the program, or ClickHouse knows it; else raise UnknownProgram."""
    if await stores.elasticsearch(lambda client: client.count_comments(program)):
        return
    known: list[str] | None = None
    with contextlib.suppress(StoreError):  # it was not asked for: that it is away matters to nobody here
        known = await stores.clickhouse(lambda client: client.programs())
    if known is None or program not in known:
        raise unknown_program(program, ELASTICSEARCH, "comments", known)


async def _topics(stores: Stores, arguments: Arguments) -> Answer:
    program = arguments["program_id"]
    period = read_period("topics", arguments)
    found = await stores.clickhouse(
        lambda client: client.get_topics(program, period.start, period.end, limit=arguments["limit"])
    )
    if not found:
        await require_known(stores, program, CLICKHOUSE, "topics")
    return Answer([dict(row) for row in found], [] if found else [f"{program} has no topics in that period."])


SEARCH_COMMENTS = Tool(
    name="search_comments",
    description="Search viewers' comments by words of their text, and by program, sentiment, topic and time; all that "
    "are given have to fit. From Elasticsearch. The note says how many match in all.",
    parameters={
        "query": {
            "type": "string",
            "minLength": 1,
            "description": "Words to look for in the text, in the language of the comments (mostly Vietnamese). "
            "Without it, all comments that the other arguments let through.",
        },
        "program_id": PROGRAM_ID,
        "sentiment": SENTIMENT,
        "topic": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_KEYWORD_BYTES,
            "description": "Only comments of this topic, spelled as topics and top_trends give it.",
        },
        **PERIOD,
        "sort": {
            "type": "string",
            "enum": list(SORTS),
            "default": "relevance",
            "description": "Which comments come first: those that fit the query best, the newest or the oldest.",
        },
        "limit": limit(10, _MOST, "comments"),
        "offset": offset(MAX_HITS - 1, "comments"),
    },
    required=(),
    run=_search,
    example='search_comments program_id=the_voice/contestant_1 query="hát hay" sentiment=positive',
)
TOPICS = Tool(
    name="topics",
    description="Give the topics that a program's comments speak of, most frequent first, with the number of comments "
    "and their mean sentiment from -1 to 1. From ClickHouse. For topics over all programs take top_trends.",
    parameters={"program_id": PROGRAM_ID, **PERIOD, "limit": limit(20, 1_000, "topics")},
    required=("program_id",),
    run=_topics,
    example="topics program_id=the_voice/contestant_1 last=24h",
)

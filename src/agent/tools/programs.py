"""The tool `list_programs`, and what is said of a program that no store knows."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from src.agent.nearest import nearest
from src.agent.stores import CLICKHOUSE, REDIS, Stores
from src.agent.tools.parameters import MAX_ROWS, limit, offset
from src.agent.tools.tool import Answer, Arguments, Tool
from src.errors import StoreError, UnknownProgram


async def _list(stores: Stores, arguments: Arguments) -> Answer:
    known, away = await known_programs(stores)
    wanted = arguments.get("contains", "").casefold()
    found = sorted(program for program in known if wanted in program.casefold())
    first = arguments["offset"]
    shown = found[first : first + arguments["limit"]]
    notes = [f"{error} Programs that {error.store} alone knows are not in this list." for error in away]
    if len(found) > len(shown):
        notes.append(f"{len(shown)} of {len(found)} programs are shown; offset passes over the first ones.")
    rows = [{"program_id": program, "stores": known[program]} for program in shown]
    return Answer(rows, notes, [error.store for error in away])


async def known_programs(stores: Stores) -> tuple[dict[str, list[str]], list[StoreError]]:
    """Return the stores that know each program, and the errors of those that did not answer.

    Raises:
        StoreError: neither Redis nor ClickHouse answered.
    """
    asked = (stores.redis(lambda client: client.programs()), stores.clickhouse(lambda client: client.programs()))
    known: dict[str, list[str]] = {}
    away: list[StoreError] = []
    for store, answer in zip((REDIS, CLICKHOUSE), await asyncio.gather(*asked, return_exceptions=True), strict=True):
        if isinstance(answer, StoreError):
            away.append(answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            for program in answer:
                known.setdefault(program, []).append(store)
    if len(away) == len(asked):
        raise away[0]
    return known, away


async def require_known(stores: Stores, program_id: str, store: str, what: str) -> None:
    """Return if `store` (Redis or ClickHouse) knows the program: what was asked for is then only not there.

    Raises:
        UnknownProgram: it does not; programs of a like name are named.
        StoreError: the store does not answer.
    """
    if store == REDIS:
        known = await stores.redis(lambda client: client.programs())
    else:
        known = await stores.clickhouse(lambda client: client.programs())
    if program_id not in known:
        raise unknown_program(program_id, store, what, known)


def unknown_program(program_id: str, store: str, what: str, known: Collection[str] | None) -> UnknownProgram:
    """Return the error that says that `store` has no `what` of the program, and which of the `known` are near.

    `known` is None where the programs that there are could not be learned.
    """
    alike = nearest(program_id, known or ())
    if known is None:
        hint = "See list_programs for how it is spelled."
    elif alike:
        hint = f"Nearest: {', '.join(alike)}."
    elif known:
        hint = "list_programs gives the programs that there are."
    else:
        hint = "It knows no program at all: nothing was written to it yet."
    return UnknownProgram(f"{store} has no {what} of program {program_id!r}. {hint}")


LIST_PROGRAMS = Tool(
    name="list_programs",
    description="List the programs that the stores know, in order of their names, and which stores: redis (it has a "
    "current EAOS) and clickhouse (it has a history). Take it first to learn how a program is spelled.",
    parameters={
        "contains": {
            "type": "string",
            "description": "Only programs whose name holds this text, in upper or lower case; a show's name gives its "
            "contestants and segments.",
        },
        "limit": limit(100, MAX_ROWS, "programs"),
        "offset": offset(1_000_000, "programs"),
    },
    required=(),
    run=_list,
    example="list_programs contains=the_voice",
)

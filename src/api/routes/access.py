"""How an endpoint comes by the stores, and how it says that a program is unknown."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from src.api.stores import CLICKHOUSE, Stores
from src.errors import UnknownProgram
from src.storage.clickhouse_client_v2 import ClickHouseClientV2


async def stores_of(request: Request) -> Stores:
    """Return the stores of the app that got `request`."""
    stores: Stores = request.app.state.stores
    return stores


StoresOf = Annotated[Stores, Depends(stores_of)]


def unknown_program(store: str, program_id: str, of_what: str) -> UnknownProgram:
    """Return the error that `store` holds nothing, named in `of_what`, of a program."""
    return UnknownProgram(
        f"{store} holds no {of_what} of the program {program_id!r}. GET /v2/programs lists those there are."
    )


async def require_known_to_clickhouse(stores: Stores, program_id: str | None) -> None:
    """Return where ClickHouse holds anything of the program; asked only when a page came out empty.

    Raises:
        UnknownProgram: it does not.
    """
    if program_id is not None and program_id not in await stores.clickhouse.ask(ClickHouseClientV2.programs):
        raise unknown_program(CLICKHOUSE, program_id, "record")
